"""What can be made to go wrong on a meter's 4G link."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Faults:
    """Faults of one 4G link; zero means healthy. The Bluetooth end has none.

    * `mute_answers`: the next n questions are worked on and their answers dropped;
    * `delay_answers_s`: every answer leaves this much later;
    * `drop_after_credit`: the next n credits are applied and the socket is cut instead of answering;
    * `hold_after_credit_s`: a credit is answered at once, and for this long afterwards nothing else is;
    * `repeat_answers`: the next n answers are sent twice.
    """

    mute_answers: int = 0
    delay_answers_s: float = 0.0
    drop_after_credit: int = 0
    hold_after_credit_s: float = 0.0
    repeat_answers: int = 0

    def as_json(self) -> dict[str, int | float]:
        """As the control port shows them."""
        return asdict(self)


COUNTED = ("mute_answers", "drop_after_credit", "repeat_answers")
TIMED = ("delay_answers_s", "hold_after_credit_s")
