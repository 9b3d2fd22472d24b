"""The kit against the simulated meter, in one process and on a time of its own: milliseconds a clause."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from meter_gateway.conformance.bench import Bench
from meter_gateway.conformance.catalogue import CLAUSES
from meter_gateway.conformance.clause import Clause, Finding, Trial
from meter_gateway.conformance.talk import Heard, Listen, Operation
from meter_gateway.protocol.profiles import Profile
from meter_gateway.simulator.flaw import Break, FlawedPort
from meter_gateway.simulator.load import SteadyLoad
from meter_gateway.simulator.meter import Meter
from meter_gateway.simulator.port import Port
from meter_gateway.simulator.roster import Entry, first_day

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
SERIAL, CUSTOMER_NO = "000000219998", "000000000001"
LONGEST_PART = 16
"""Bytes of a value in one frame of this meter, so that its blocks need follow-up frames."""

_LOAD_KW = Decimal("0.8")
_ON_THE_WAY = timedelta(milliseconds=40)
_WATCHED_EVERY = timedelta(milliseconds=500)
_ENTRY = {
    "start_total_kwh": Decimal("1520.25"),
    "start_remaining_kwh": Decimal("42.40"),
    "start_purchase_count": 3,
    "start_purchased_kwh": Decimal("160.00"),
    "alarm_1_kwh": Decimal("10.00"),
    "alarm_2_kwh": Decimal("5.00"),
    "hoarding_limit_kwh": Decimal("1000.00"),
    "overdraft_limit_kwh": Decimal("0.00"),
    "load_factor": Decimal(1),
}


def simulated_meter(profile: Profile, now: datetime, *, account_open: bool = True) -> Meter:
    """A meter of this model with a small steady load; fresh from the bench where no account is open."""
    demand = SteadyLoad(_LOAD_KW)
    entry = Entry(
        serial=SERIAL,
        profile=profile.name,
        household="steady",
        customer_no=CUSTOMER_NO if account_open else "000000000000",
        relay_closed=True,
        account_open=account_open,
        **_ENTRY,  # type: ignore[arg-type]
    )
    state = first_day(entry, demand, pulses_per_kwh=profile.pulses_per_kwh, now=now)
    return Meter(state, demand, pulses_per_kwh=profile.pulses_per_kwh)


class SimulatedLink:
    """Bytes to the meter and back; time passes only while the kit waits."""

    def __init__(self, meter: Meter, port: Port, profile: Profile, now: datetime) -> None:
        self.now = now
        self._meter = meter
        self._port = port
        self._beat = timedelta(seconds=profile.heartbeat_s)
        self._next_beat = now + self._beat
        self._leaving = b""

    def do(self, operation: Operation) -> Heard:
        if isinstance(operation, Listen):
            return Heard(self._hear(operation.seconds), self.now)
        self._pass(_ON_THE_WAY)
        for answer in self._port.receive(operation.raw, self.now):
            self._leaving += answer.raw
        return Heard(b"", self.now)

    def _hear(self, seconds: float) -> bytes:
        until = self.now + timedelta(seconds=seconds)
        while not self._leaving and self.now < until:
            self._report_movements()
            if not self._leaving:
                self._pass(min(_WATCHED_EVERY, until - self.now))
        heard, self._leaving = self._leaving, b""
        return heard

    def _pass(self, time: timedelta) -> None:
        self.now += time
        self._meter.advance(self.now)
        if self.now >= self._next_beat:
            self._leaving += self._port.heartbeat()
            self._next_beat = self.now + self._beat

    def _report_movements(self) -> None:
        if self._meter.moves:
            self._meter.moves = []
            self._leaving += self._port.report(self.now)


def examine_simulated(
    profile: Profile,
    flaw: Break | None = None,
    clauses: Iterable[Clause] = CLAUSES,
    *,
    may_change: bool = True,
) -> list[Finding]:
    """All findings about a simulated meter of this model, with one flaw planted or none.

    The same every time: clock, load and numbers are fixed.
    """
    clauses = tuple(clauses)
    opens = "open_account" in profile.abilities and any(clause.name == "account.first" for clause in clauses)
    meter = simulated_meter(profile, NOON, account_open=not opens)
    port = Port(meter, profile) if flaw is None else FlawedPort(meter, profile, flaw)
    port.answering.part = LONGEST_PART
    link = SimulatedLink(meter, port, profile, NOON)
    bench = Bench(
        profile, SERIAL, NOON, may_change, patience_s=3 * profile.heartbeat_s, customer_no=CUSTOMER_NO
    )
    bench.link_came_up(port.opening())
    findings = []
    for clause in clauses:
        trial = Trial(clause, bench)
        while trial.operation is not None:
            trial.hear(link.do(trial.operation))
        assert trial.finding is not None
        findings.append(trial.finding)
    return findings
