"""A prepaid meter: what it counts, when it trips, what it accepts. No sockets, no clock, no frames.

The rules are those of public meter firmware and of the certification bench (reference: DL/T 645 prepaid
extension, remote recharge cases). The meter acts alone: it trips at zero and closes again after a recharge
whether or not any link is up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

from meter_gateway.simulator.load import SITE_ZONE, Demand
from meter_gateway.simulator.state import (
    FREEZES_KEPT,
    RECORDS_KEPT,
    Flash,
    Freeze,
    MeterState,
    Purchase,
    counted_kwh,
    from_flash,
    left_kwh,
    pulses_of,
    to_flash,
)

HIGHEST_COUNT = 9999
"""The count register 03320201 is two BCD bytes; no firmware can show more."""

CLOCK_SYNC_LIMIT = timedelta(minutes=5)
"""A broadcast moves a meter's clock by no more than this (DL/T 645-2007, function 08H)."""


class CreditOutcome(Enum):
    """What a meter makes of a recharge; the refusals are bits of SERR."""

    APPLIED = "applied"
    REPEATED = "repeated recharge"
    WRONG_CUSTOMER = "customer number mismatch"
    WRONG_COUNT = "count error"
    OVER_LIMIT = "over hoarding limit"


@dataclass(frozen=True)
class RelayMoved:
    """The relay changed its state by the meter's own decision or by a command."""

    at: datetime
    closed: bool
    by_itself: bool


class PowerLost(Exception):
    """The power went in the middle of a command; the meter is back from flash and answers nothing."""


class Meter:
    """One meter. Every method that takes `now` first counts what was drawn up to it.

    `flash` is what a power cut leaves: credits and relay changes are on it before the method returns,
    consumption only since the last `commit`. `flash_writes` grows with each write, so an edge can tell that
    it has something to bring to disk.
    """

    def __init__(
        self, state: MeterState, demand: Demand, *, pulses_per_kwh: int, atomic_flash: bool = True
    ) -> None:
        if pulses_per_kwh % 100:
            raise ValueError("pulses_per_kwh must be a multiple of 100, or 0.01 kWh is not whole pulses")
        self.pulses_per_kwh = pulses_per_kwh
        self.demand = demand
        self.state = state
        self.atomic_flash = atomic_flash
        self.cut_power_in_next_credit = False
        self.flash_writes = 0
        self.moves: list[RelayMoved] = []
        self._settle_relay(by_itself=True)
        self.flash: Flash = to_flash(self.state)

    @classmethod
    def from_flash(
        cls, flash: Mapping[str, Any], demand: Demand, *, pulses_per_kwh: int, now: datetime
    ) -> Meter:
        """A meter that comes back to power at `now`; the time without power is never counted."""
        return cls(replace(from_flash(flash), as_of=now), demand, pulses_per_kwh=pulses_per_kwh)

    # What it shows

    @property
    def total_kwh(self) -> Decimal:
        return counted_kwh(self.state.total_pulses, self.pulses_per_kwh)

    @property
    def remaining_kwh(self) -> Decimal:
        return left_kwh(self.state.remaining_pulses, self.pulses_per_kwh)

    @property
    def overdraft_kwh(self) -> Decimal:
        return counted_kwh(self.state.overdraft_pulses, self.pulses_per_kwh)

    @property
    def purchased_kwh(self) -> Decimal:
        return counted_kwh(self.state.purchased_pulses, self.pulses_per_kwh)

    @property
    def lamp_on(self) -> bool:
        """The alarm lamp: below the first alarm threshold, off at zero, or as a command forced it."""
        if self.state.lamp_forced:
            return self.state.lamp_forced == "on"
        return self.state.balance_pulses < self.state.alarm_1_pulses or self.empty

    @property
    def empty(self) -> bool:
        """Nothing left to draw: the balance has reached the overdraft limit (zero by default)."""
        return self.state.balance_pulses <= -self.state.overdraft_limit_pulses

    def clock(self, now: datetime) -> datetime:
        """What the meter's own clock shows at `now`: local wall time, naive, whole seconds."""
        shown = now.astimezone(SITE_ZONE) + timedelta(seconds=self.state.clock_ahead_s)
        return shown.replace(tzinfo=None, microsecond=0)

    def power_kw(self, now: datetime) -> Fraction:
        """What flows through the relay at `now`."""
        return self.demand.power_kw(now) if self.state.relay_closed else Fraction(0)

    # What happens to it

    def advance(self, now: datetime) -> None:
        """Count consumption up to `now`, freezing at each local midnight; an earlier instant changes nothing.

        Advancing in one step or in many ends in the same state.
        """
        while (midnight := _midnight_after(self.state.as_of)) <= now:
            self._draw(midnight)
            freeze = Freeze(at=midnight, total_pulses=self.state.total_pulses)
            self.state = replace(self.state, freezes=(freeze, *self.state.freezes)[:FREEZES_KEPT])
        self._draw(now)

    def set_demand(self, demand: Demand, now: datetime) -> None:
        """The household changes what it draws, from `now` on."""
        self.advance(now)
        self.demand = demand

    def credit(
        self, energy_kwh: Decimal, *, purchase_count: int, customer_no: str, now: datetime
    ) -> CreditOutcome:
        """Apply a recharge if it is the next one for this customer; anything else changes nothing.

        The overdraft is paid off first. A meter that tripped at zero closes again; one forced off stays off.
        Raises `PowerLost` when `cut_power_in_next_credit` is set: with atomic flash nothing of the credit is
        kept, with `atomic_flash=False` (cheap firmware) the balance is kept and the count is not.
        """
        self.advance(now)
        state = self.state
        if customer_no != state.customer_no:
            return CreditOutcome.WRONG_CUSTOMER
        if purchase_count == state.purchase_count:
            return CreditOutcome.REPEATED
        if purchase_count != state.purchase_count + 1 or purchase_count > HIGHEST_COUNT:
            return CreditOutcome.WRONG_COUNT
        energy = pulses_of(energy_kwh, self.pulses_per_kwh)
        if state.balance_pulses + energy > state.hoarding_limit_pulses:
            return CreditOutcome.OVER_LIMIT
        purchase = Purchase(
            at=self.clock(now),
            count=purchase_count,
            energy_pulses=energy,
            before_pulses=state.remaining_pulses,
            after_pulses=max(state.balance_pulses + energy, 0),
            cumulative_pulses=state.purchased_pulses + energy,
        )
        self.state = replace(
            state,
            balance_pulses=state.balance_pulses + energy,
            purchased_pulses=state.purchased_pulses + energy,
        )
        if self.cut_power_in_next_credit:
            self.cut_power_in_next_credit = False
            if not self.atomic_flash:
                self._write_flash()
            self.power_cut(now)
            raise PowerLost
        self.state = replace(
            self.state,
            purchase_count=purchase_count,
            purchases=(purchase, *state.purchases)[:RECORDS_KEPT],
            lamp_forced="",
        )
        self._settle_relay(by_itself=True)
        self.commit(now)
        return CreditOutcome.APPLIED

    def trip(self, now: datetime) -> bool:
        """Open the relay and keep it open until a close; refused (False) while power is kept."""
        self.advance(now)
        if self.state.keep_power:
            return False
        return self._command(now, forced_off=True)

    def close(self, now: datetime) -> bool:
        """End a forced off. With nothing left the relay stays open and closes at the next recharge."""
        self.advance(now)
        return self._command(now, forced_off=False)

    def keep(self, now: datetime) -> bool:
        """Close the relay and let nothing open it; energy drawn below zero is counted as overdraft."""
        self.advance(now)
        return self._command(now, forced_off=False, keep_power=True)

    def release(self, now: datetime) -> bool:
        """End keep-power; a meter with nothing left trips at once."""
        self.advance(now)
        return self._command(now, keep_power=False)

    def force_lamp(self, on: bool, now: datetime) -> bool:
        """Alarm on or off by command, until the next recharge."""
        self.advance(now)
        return self._command(now, lamp_forced="on" if on else "off")

    def hear_time(self, local: datetime, now: datetime) -> None:
        """A broadcast of the time (naive local); believed only when within `CLOCK_SYNC_LIMIT`."""
        self.advance(now)
        if abs(local - self.clock(now)) <= CLOCK_SYNC_LIMIT:
            right = now.astimezone(SITE_ZONE).replace(tzinfo=None, microsecond=0)
            self.state = replace(self.state, clock_ahead_s=int((local - right).total_seconds()))
            self.commit(now)

    def put_remaining(self, energy_kwh: Decimal, now: datetime) -> None:
        """Set the remaining energy as a test bench does, outside any recharge."""
        self.advance(now)
        self._command(now, balance_pulses=pulses_of(energy_kwh, self.pulses_per_kwh))

    def commit(self, now: datetime) -> Flash:
        """Bring the registers as of `now` to flash, all of them or none."""
        self.advance(now)
        self._write_flash()
        return self.flash

    def power_cut(self, now: datetime) -> None:
        """Power goes and comes back at `now`: what was only in RAM is lost."""
        self.state = replace(from_flash(self.flash), as_of=now)
        self.moves.clear()
        self._settle_relay(by_itself=True)

    # How it does it

    def _draw(self, until: datetime) -> None:
        state = self.state
        if until <= state.as_of:
            return
        if not state.relay_closed:
            self.state = replace(state, as_of=until)
            return
        drawn = self.demand.energy_kwh(state.as_of, until) * self.pulses_per_kwh + state.residue_pulse
        pulses, residue = divmod(drawn, 1)
        allowed = max(state.balance_pulses + state.overdraft_limit_pulses, 0)
        if not state.keep_power and pulses >= allowed:
            pulses, residue = allowed, Fraction(0)
        self.state = replace(
            state,
            as_of=until,
            residue_pulse=residue,
            total_pulses=state.total_pulses + pulses,
            balance_pulses=state.balance_pulses - pulses,
        )
        if self.empty and not state.keep_power:
            self._settle_relay(by_itself=True)
            self._write_flash()

    def _command(self, now: datetime, **changes: Any) -> bool:
        self.state = replace(self.state, **changes)
        self._settle_relay(by_itself=False)
        self.commit(now)
        return True

    def _settle_relay(self, *, by_itself: bool) -> None:
        """Keep-power beats forced off beats the balance; inside the overdraft allowance nothing moves."""
        state = self.state
        if state.keep_power:
            closed = True
        elif state.forced_off or self.empty:
            closed = False
        elif state.balance_pulses > 0:
            closed = True
        else:
            closed = state.relay_closed
        if closed != state.relay_closed:
            operations = state.relay_operations + 1
            self.state = replace(state, relay_closed=closed, relay_operations=operations)
            self.moves.append(RelayMoved(at=state.as_of, closed=closed, by_itself=by_itself))

    def _write_flash(self) -> None:
        self.flash = to_flash(self.state)
        self.flash_writes += 1


def _midnight_after(at: datetime) -> datetime:
    """The first local midnight strictly after an instant."""
    tomorrow = at.astimezone(SITE_ZONE).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), tzinfo=SITE_ZONE)
