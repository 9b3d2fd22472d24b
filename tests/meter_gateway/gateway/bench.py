"""A registry of sessions without sockets or clock, and meters at the other end of its lines."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from meter_gateway.letters import Ask, Grant, parse_letter
from meter_gateway.protocol.answers import answer_address, answer_read, refuse
from meter_gateway.protocol.connection import Connection, Role
from meter_gateway.protocol.frames import Frame, Function
from meter_gateway.protocol.openings import registration_frame
from meter_gateway.protocol.profiles import load_profile
from meter_gateway.protocol.reads import read_request
from meter_gateway.protocol.stream import FrameSeen
from meter_gateway.questions import Now
from meter_gateway.sessions import Sessions
from meter_gateway.tray import Item, Kind

SERIAL = "000000219998"
OTHER_SERIAL = "000000219999"
PROFILE = "dtsy-4g-ble"
REMAINING = "00900100"
TOTAL = "00010000"
START = datetime(2026, 11, 23, 6, 0, 0, tzinfo=UTC)


def at(seconds: float) -> Now:
    """The bench's clock: so many seconds after its start."""
    return Now(1000.0 + seconds, START + timedelta(seconds=seconds))


@dataclass(eq=False)
class MeterEnd:
    """A meter and the line between it and the gateway; what the gateway writes waits until it is answered."""

    serial: str = SERIAL
    answers_read_address: bool = True
    closed: bool = False
    heard: list[Frame] = field(default_factory=list)
    registers: dict[str, Any] = field(
        default_factory=lambda: {REMAINING: Decimal("12.40"), TOTAL: Decimal("1520.25")}
    )

    def __post_init__(self) -> None:
        self.connection = Connection(Role.METER)

    # the gateway's side: a line

    def write(self, data: bytes) -> None:
        assert not self.closed, "written to a closed line"
        self.heard += [e.frame for e in self.connection.receive(data) if isinstance(e, FrameSeen)]

    def close(self) -> None:
        self.closed = True

    # the meter's side

    def next_question(self) -> Frame:
        return self.heard.pop(0)

    def answer(self, question: Frame) -> bytes:
        if question.function == Function.READ_ADDRESS:
            return self.connection.send(answer_address(question, self.serial))
        if question.di in self.registers:
            return self.connection.send(answer_read(question, self.registers[question.di]))
        return self.connection.send(refuse(question, "no_such_data"))


class Bench:
    """Sessions with a recording way up; meters are asked for their clock only where told so."""

    def __init__(self, *, unproven_limit: int = 4096, asks_clocks: bool = False) -> None:
        self.up: list[tuple[Kind, dict[str, Any]]] = []
        self._ids = count(1)
        self.sessions = Sessions(
            self,
            new_id=lambda: f"session-{next(self._ids)}",
            load_profile=load_profile,
            unproven_limit=unproven_limit,
            asks_clocks=asks_clocks,
        )

    def put(self, kind: Kind, item: Item) -> None:
        self.up.append((kind, dict(item)))

    def went_up(self, kind: Kind) -> list[dict[str, Any]]:
        return [item for sent, item in self.up if sent is kind]

    def answers(self) -> list[tuple[str, str, list[str | None]]]:
        return [(a["command"], a["outcome"], a["replies"]) for a in self.went_up(Kind.ANSWER)]

    def connect(self, meter: MeterEnd, now: Now) -> None:
        self.sessions.opened(meter, "192.0.2.7:40000", now)

    def send(self, meter: MeterEnd, data: bytes | Frame, now: Now) -> None:
        raw = meter.connection.send(data) if isinstance(data, Frame) else data
        self.sessions.received(meter, raw, now)

    def answer_next(self, meter: MeterEnd, now: Now) -> Frame:
        question = meter.next_question()
        self.send(meter, meter.answer(question), now)
        return question

    def prove(self, meter: MeterEnd, now: Now) -> None:
        self.connect(meter, now)
        self.send(meter, registration_frame(meter.serial), now)
        self.answer_next(meter, now)

    def log_in(self, meter: MeterEnd, now: Now, epoch: int = 3) -> str:
        """Connected, proven, on the map and granted; returns the session's id."""
        self.prove(meter, now)
        self.sessions.mapped(meter.serial, PROFILE, now)
        session: str = self.went_up(Kind.LOGIN)[-1]["session"]
        self.sessions.letter(Grant(meter.serial, session, epoch), now)
        return session

    def pass_time(self, now: Now) -> None:
        """Every deadline up to now, at its own time, as a server's timer would do it."""
        while (due := self.sessions.next_deadline()) is not None and due <= now.mono:
            self.sessions.pass_time(at(due - 1000.0))
        self.sessions.pass_time(now)


def ask(
    command: str = "c1",
    *,
    dis: tuple[str, ...] = (REMAINING,),
    serial: str = SERIAL,
    epoch: int = 3,
    attempt: int = 1,
    expires: float = 600,
    timeout_s: float = 8,
) -> Ask:
    letter = parse_letter(ask_text(**{**locals(), "expires_at": at(expires).utc.isoformat()}))
    assert isinstance(letter, Ask)
    return letter


def ask_text(**fields: Any) -> str:
    frames = [read_request(fields["serial"], di).encode().hex().upper() for di in fields["dis"]]
    names = ("command", "attempt", "serial", "epoch", "expires_at", "timeout_s")
    wanted: Mapping[str, Any] = {name: fields[name] for name in names}
    return json.dumps({"kind": "ask", **wanted, "frames": frames})
