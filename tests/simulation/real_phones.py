"""People with phones at a meter, through the product's own doors: what they carry, keep, forge and tell again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from apps.common.errors import Refused
from apps.meters import frames
from apps.meters.post import ValkeyPost
from apps.meters.services import phone
from apps.meters.states import Errand
from tests.simulation.faults import Fault
from tests.simulation.people import People, forged


class RealPhones(People):
    """Sessions are the service's; what a phone says of them comes late, in parts, or is a lie."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._phones: list[tuple[UUID, list[phone.Said]]] = []

    def _come_for_it(self, serial: str, fault: Fault) -> None:
        if self._faults.is_awake(fault) and self.come(serial, fault):
            self._faults.count(fault)

    def come(self, serial: str, fault: Fault) -> bool:
        errand = Errand.READ if self._dice.random() < 0.25 else Errand.RECHARGE

        def open_session(now: datetime) -> phone.Errands:
            with self._office.scope():
                return phone.open_session(
                    post=ValkeyPost(),
                    meter=self._office.meter(serial),
                    errand=errand,
                    command_id=None,
                    by_id=None,
                    keeps_readings=errand is Errand.READ,
                    now=now,
                )

        errands = self._asked("phone", open_session)
        if not isinstance(errands, phone.Errands):
            return False
        self._carry(serial, fault, errands)
        return True

    def _carry(self, serial: str, fault: Fault, errands: phone.Errands) -> None:
        """Bring what was handed out, or keep it and lie; tell of it, sooner or later, perhaps in two parts."""
        state = self._office.state(serial)
        head = state.head_credit
        hexes = tuple(frame for _, frame in errands.frames)
        if fault is Fault.PHONE_LIES and head is not None and head.number is not None:
            questions = head.frames + frames.proof_reads(state.profile, serial)
            by_frame = dict(zip(questions, forged(head, state.profile, questions), strict=True))
            heard = [by_frame.get(frame, "") for frame in hexes]
        else:
            heard = [self._devices[serial].asked_by_phone(bytes.fromhex(frame)) for frame in hexes]
            if self._dice.random() < 0.15:
                heard = ["" if self._dice.random() < 0.7 else one for one in heard]
        said = [phone.Said(seq, text) for (seq, _), text in zip(errands.frames, heard, strict=True)]
        self._phones.append((errands.session.pk, said))
        cut = self._dice.randrange(len(said) + 1)
        after_s = self._dice.uniform(0, 200)
        for part, late_s in ((said[:cut], 0), (said[cut:], self._dice.uniform(0, 30))):
            if part:
                self._time.after(after_s + late_s, self._tell, serial, fault, errands.session.pk, part)
        if self._dice.random() < 0.2:
            nonsense = [phone.Said(99, ""), phone.Said(1, "zz"), phone.Said(1, "68")]
            self._time.after(after_s, self._told, errands.session.pk, [self._dice.choice(nonsense)])

    def _tell(self, serial: str, fault: Fault, session_id: UUID, said: list[phone.Said]) -> None:
        errands = self._told(session_id, said)
        if isinstance(errands, phone.Errands) and errands.frames and errands.frames[0][0] > said[-1].seq:
            self._carry(serial, fault, errands)

    def _told(self, session_id: UUID, said: list[phone.Said], after: timedelta = timedelta()) -> Any:
        def tell(now: datetime) -> phone.Errands:
            with self._office.scope():
                return phone.take_answers(
                    post=ValkeyPost(), session_id=session_id, said=said, now=now + after
                )

        return self._asked("phone", tell)

    def tell_again(self, after: timedelta) -> None:
        """Each phone tells all of it once more, long after its session has ended."""
        for session_id, said in self._phones:
            self._told(session_id, said, after)

    def _asked(self, name: str, act: Any) -> Any:
        """Do it in a process; a refusal is returned, None is a process that died."""

        def polite(now: datetime) -> Any:
            try:
                return act(now)
            except Refused as refusal:
                return refusal

        return self._office.work(name, polite)
