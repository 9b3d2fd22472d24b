"""One simulated meter behind a naughty line, and the real decisions, in one thread and on virtual time."""

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from apps.common.ids import uuid7
from apps.meters import deciding as d
from apps.meters.memory_store import MemoryStore
from apps.meters.services.delivery import take_turn
from apps.meters.states import POWER_KINDS, CommandKind, CommandState, Outcome, Purpose
from meter_gateway.protocol.profiles import Profile, load_profile
from tests.meter_gateway.simulator.bench import NOON, SERIAL, meter_on_bench, port_on_bench

PROFILE = load_profile("dtsy-4g-ble")


@dataclass
class Line:
    """What may happen to one frame, as chances from 0 to 1."""

    lose_question: float = 0
    lose_answer: float = 0
    double_question: float = 0
    cut_power: float = 0
    lose_letter: float = 0
    double_report: float = 0
    late_report: float = 0
    relogin: float = 0


NAUGHTY_LINE = Line(
    lose_question=0.15,
    lose_answer=0.2,
    double_question=0.2,
    cut_power=0.05,
    lose_letter=0.1,
    double_report=0.2,
    late_report=0.1,
    relogin=0.02,
)


@dataclass
class StreetOfOne:
    """The meter, the store and the post between them; every choice comes from one seed."""

    seed: int = 0
    line: Line = field(default_factory=Line)
    atomic_flash: bool = True
    remaining_kwh: str = "12.40"
    profile: Profile = PROFILE
    meter_is: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.now: datetime = NOON
        self.meter = meter_on_bench(
            load_kw="0", remaining_kwh=self.remaining_kwh, atomic_flash=self.atomic_flash, **self.meter_is
        )
        self.port = port_on_bench(self.meter, self.profile)
        self.store = MemoryStore()
        self.meter_id: UUID = uuid7()
        self.epoch = 1
        self.post: list[d.SendLetter] = []
        self.reports: list[tuple[datetime, d.SendLetter, Outcome, tuple[str | None, ...]]] = []
        self.frames_issued: list[str] = []
        self.opening_kwh = self.meter.purchased_kwh
        self.store.meters[self.meter_id] = d.MeterState(
            serial=SERIAL,
            profile=self.profile,
            device_epoch=1,
            count=None,
            purchased_kwh=None,
            customer_no="",
            frozen="",
            wish_version=0,
            wished_on=None,
            session=d.Session("gw", 1),
            letter=None,
            commands=(),
        )

    # The post, as the services see it.
    def ask(self, serial: str, letter: d.SendLetter) -> None:
        self.post.append(letter)

    @property
    def state(self) -> d.MeterState:
        return self.store.meters[self.meter_id]

    def happen(self, event: d.Event) -> None:
        take_turn(store=self.store, post=self, meter_id=self.meter_id, event=event)  # type: ignore[arg-type]

    def know_count(self) -> "StreetOfOne":
        """Take over what the meter shows, as after a first read."""
        self.store.meters[self.meter_id] = replace(
            self.state, count=self.meter.state.purchase_count, purchased_kwh=self.meter.purchased_kwh
        )
        return self

    def want(self, kind: CommandKind, energy_kwh: str | None = None, life_s: int | None = None) -> UUID:
        command_id = uuid7()
        version = None
        if kind in POWER_KINDS:
            version = self.state.wish_version + 1
            self.store.meters[self.meter_id] = replace(self.state, wish_version=version)
        self.store.queue(
            self.meter_id,
            d.OpenCommand(
                id=command_id,
                kind=kind,
                state=CommandState.QUEUED,
                next_at=self.now,
                expires_at=self.now + timedelta(seconds=life_s) if life_s else None,
                energy_kwh=Decimal(energy_kwh) if energy_kwh else None,
                wish_version=version,
            ),
        )
        self.happen(d.Rung(self.now))
        return command_id

    def chance(self, probability: float) -> bool:
        return probability > 0 and self.dice.random() < probability

    def carry_post(self) -> None:
        """Bring every posted letter to the meter and what it answered back, as well as the line allows."""
        letters, self.post = self.post, []
        for letter in letters:
            if letter.purpose is Purpose.DELIVER:
                self.frames_issued.append(letter.frames[0])
            if self.chance(self.line.lose_letter):
                continue
            replies = self._ask_meter(letter.frames)
            outcome = Outcome.ANSWERED if all(replies) else Outcome.NO_ANSWER
            copies = 2 if self.chance(self.line.double_report) else 1
            for _ in range(copies):
                delay_s = self.dice.choice((30, 90)) if self.chance(self.line.late_report) else 0
                self.reports.append((self.now + timedelta(seconds=delay_s), letter, outcome, replies))

    def _ask_meter(self, frames: tuple[str, ...]) -> tuple[str | None, ...]:
        replies: list[str | None] = []
        for frame in frames:
            if self.chance(self.line.lose_question):
                break
            if self.chance(self.line.cut_power):
                self.meter.cut_power_in_next_credit = True
            answer = b"".join(a.raw for a in self.port.receive(bytes.fromhex(frame), self.now))
            if self.chance(self.line.double_question):
                self.port.receive(bytes.fromhex(frame), self.now)
            if not answer or self.chance(self.line.lose_answer):
                break
            replies.append(answer.hex().upper())
        return tuple(replies + [None] * (len(frames) - len(replies)))

    def hear_reports(self) -> None:
        due = [r for r in self.reports if r[0] <= self.now]
        self.reports = [r for r in self.reports if r[0] > self.now]
        for _at, letter, outcome, replies in due:
            self.happen(
                d.Answered(
                    now=self.now,
                    command_id=letter.command_id,
                    attempt=letter.attempt,
                    epoch=letter.epoch,
                    purpose=letter.purpose,
                    frames=letter.frames,
                    outcome=outcome,
                    replies=replies,
                )
            )

    def second(self) -> None:
        """One second of the street."""
        self.carry_post()
        self.hear_reports()
        if self.chance(self.line.relogin):
            self.log_in_again()
        self.now += timedelta(seconds=1)
        self.happen(d.Rung(self.now))

    def log_in_again(self) -> None:
        self.epoch += 1
        self.store.meters[self.meter_id] = replace(self.state, session=d.Session("gw", self.epoch))
        self.happen(d.LoggedIn(self.now))

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.second()

    def run_until_quiet(self, limit_s: int = 3_000) -> None:
        """Let time pass until nothing is open or the queue is frozen."""
        for _ in range(limit_s):
            if not self.state.commands or (self.state.frozen and self.state.letter is None):
                return
            self.second()
        raise AssertionError(f"seed {self.seed}: still open after {limit_s} s: {self.state.commands}")
