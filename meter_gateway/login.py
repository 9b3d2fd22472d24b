"""From an opening to a proven meter number on one line; pure, with `now` in monotonic seconds.

An opening is a claim, not a proof: the meter is asked for its address (13H), and a model that stays silent on
that is asked for its remaining energy (00900100) instead. Either answer proves that who sits on the line
answers to the claimed number. It is no protection against an impostor: DL/T 645 has no secret.
"""

from collections.abc import Callable
from enum import StrEnum

from meter_gateway.protocol.bcd import InvalidBcd, decode_address
from meter_gateway.protocol.frames import Frame, Function
from meter_gateway.protocol.reads import read_address_request, read_request
from meter_gateway.protocol.replies import matches

LOGIN_SECONDS = 30.0
PROOF_ANSWER_SECONDS = 5.0

REMAINING_ENERGY = "00900100"
_ADDRESS_ANSWERED = 0x93


class LoginFailure(StrEnum):
    """Why a line was not let in; also the reason in the log."""

    TIMEOUT = "login_timeout"
    ADDRESS_MISMATCH = "address_mismatch"


class Login:
    """The login of one line. ``serial`` is set once proven, ``failure`` once it can no longer succeed."""

    __slots__ = (
        "_answers_read_address",
        "_ask",
        "_opened_at",
        "_question",
        "_question_until",
        "claim",
        "failure",
        "serial",
    )

    def __init__(self, ask: Callable[[Frame], None], opened_at: float) -> None:
        self._ask = ask
        self._opened_at = opened_at
        self._answers_read_address = True
        self._question: Frame | None = None
        self._question_until = 0.0
        self.claim: str | None = None
        self.serial: str | None = None
        self.failure: LoginFailure | None = None

    @property
    def deadline(self) -> float | None:
        """When something must happen next; None once the login has ended either way."""
        if self.serial is not None or self.failure is not None:
            return None
        ends_at = self._opened_at + LOGIN_SECONDS
        return min(ends_at, self._question_until) if self._question else ends_at

    def announced(self, token: str, now: float) -> None:
        """The line said who it is: a meter number, or an IMEI or the like."""
        if self.serial is not None or self.failure is not None:
            return
        if _is_meter_number(token):
            self._claimed(token, now)
        elif self._question is None:
            self._put(read_address_request(), now)

    def heard(self, frame: Frame, now: float) -> bool:
        """A frame of the meter: the first one claims its address, the answer to the question proves it.

        True when the frame was that answer and has said all it had to say.
        """
        if self.serial is not None or self.failure is not None or not _is_meter_number(frame.address):
            return False
        if self._question is None or not self._proves(frame):
            self._claimed(frame.address, now)
            return False
        if self.claim in (None, frame.address):
            self.claim = self.serial = frame.address
        else:
            self.failure = LoginFailure.ADDRESS_MISMATCH
        return True

    def knows_model(self, answers_read_address: bool, now: float) -> None:
        """The model became known: one that never answers 13H is asked the other way at once."""
        if not answers_read_address and self.deadline is not None and self.claim is not None:
            self._answers_read_address = False
            if self._question == read_address_request():
                self._put(read_request(self.claim, REMAINING_ENERGY), now)

    def pass_time(self, now: float) -> None:
        """Ask in the other way when the question stayed unanswered; fail when the time is over."""
        if (deadline := self.deadline) is None or now < deadline:
            return
        if now >= self._opened_at + LOGIN_SECONDS:
            self.failure = LoginFailure.TIMEOUT
        elif self.claim is not None and (
            self._question == read_address_request() or not self._answers_read_address
        ):
            self._put(read_request(self.claim, REMAINING_ENERGY), now)
        else:
            self._put(read_address_request(), now)

    def _claimed(self, address: str, now: float) -> None:
        if self.claim is None:
            self.claim = address
            if self._question is None:
                self._put(read_address_request(), now)
        elif self.claim != address:
            self.failure = LoginFailure.ADDRESS_MISMATCH

    def _put(self, question: Frame, now: float) -> None:
        self._question = question
        self._question_until = now + PROOF_ANSWER_SECONDS
        self._ask(question)

    def _proves(self, frame: Frame) -> bool:
        if frame.control == _ADDRESS_ANSWERED:
            try:
                return decode_address(frame.data) == frame.address
            except InvalidBcd:
                return False
        return (
            self._question is not None
            and self._question.function == Function.READ
            and matches(self._question, frame)
        )


def _is_meter_number(text: str) -> bool:
    return len(text) == 12 and text.isascii() and text.isdigit()
