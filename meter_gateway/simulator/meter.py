"""A prepaid meter: what it counts, when it trips, what it accepts. No sockets, no clock, no frames.

The rules are those of public meter firmware and of the certification bench (reference: DL/T 645 prepaid
extension, remote recharge cases). The meter acts alone: it trips at zero and closes again after a recharge
whether or not any link is up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from meter_gateway.simulator import clock, contact, peaks, purse
from meter_gateway.simulator.load import Demand
from meter_gateway.simulator.purse import HIGHEST_COUNT, Bringing, CreditOutcome
from meter_gateway.simulator.state import (
    FREEZES_KEPT,
    NO_EVENTS,
    SETTLEMENTS_KEPT,
    Flash,
    Freeze,
    MeterState,
    counted_kwh,
    left_kwh,
    pulses_of,
)
from meter_gateway.simulator.torn import AFTER_ENERGY, interrupted

__all__ = ["HIGHEST_COUNT", "CreditOutcome", "Meter", "PowerLost", "RelayMoved"]

_MICROSECOND = timedelta(microseconds=1)
_REGISTER_END_KWH = 1_000_000


@dataclass(frozen=True, slots=True)
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
    it has something to bring to disk. `flash_order` is how a credit gets there (see `torn`);
    `cut_at_byte` lets the power go in the middle of the next one. `grid_v` is what the grid brings, None for
    the nominal voltage.
    """

    def __init__(
        self, state: MeterState, demand: Demand, *, pulses_per_kwh: int, atomic_flash: bool = True
    ) -> None:
        if pulses_per_kwh % 100:
            raise ValueError("pulses_per_kwh must be a multiple of 100, or 0.01 kWh is not whole pulses")
        self.pulses_per_kwh = pulses_per_kwh
        self.demand = demand
        self.state = clock.drifting(state, state.as_of)
        self.flash_order = "atomic" if atomic_flash else "energy_first"
        self.cut_at_byte: int | None = None
        self.cut_power_in_next_credit = False
        self.flash_writes = 0
        self.power_cuts = 0
        self.grid_v: Decimal | None = None
        self.moves: list[RelayMoved] = []
        self._movements: tuple[datetime, ...] = ()
        self._settle_relay(state.as_of, by_itself=True)
        self.flash: Flash = self.state

    @classmethod
    def from_flash(cls, flash: Flash, demand: Demand, *, pulses_per_kwh: int, now: datetime) -> Meter:
        """A meter that comes back to power at `now`; the time without power is never counted."""
        return cls(replace(flash, as_of=now), demand, pulses_per_kwh=pulses_per_kwh)

    # What it shows

    @property
    def atomic_flash(self) -> bool:
        """All of a credit or nothing; false is the cheap firmware that writes the energy first."""
        return self.flash_order == "atomic"

    @atomic_flash.setter
    def atomic_flash(self, atomic: bool) -> None:
        self.flash_order = "atomic" if atomic else "energy_first"

    @property
    def total_kwh(self) -> Decimal:
        """The counter starts again at zero after 999999.99, as its register does."""
        return counted_kwh(self.state.total_pulses, self.pulses_per_kwh) % _REGISTER_END_KWH

    @property
    def remaining_kwh(self) -> Decimal:
        return left_kwh(self.state.remaining_pulses, self.pulses_per_kwh)

    @property
    def overdraft_kwh(self) -> Decimal:
        return counted_kwh(self.state.overdraft_pulses, self.pulses_per_kwh)

    @property
    def purchased_kwh(self) -> Decimal:
        return counted_kwh(self.state.purchased_pulses, self.pulses_per_kwh) % _REGISTER_END_KWH

    @property
    def lamp_on(self) -> bool:
        """The alarm lamp: below the first alarm threshold, on at zero, or as a command forced it."""
        if self.state.lamp_forced:
            return self.state.lamp_forced == "on"
        return self.state.balance_pulses < self.state.alarm_1_pulses or self.empty

    @property
    def empty(self) -> bool:
        """Nothing left to draw: the balance has reached the overdraft limit (zero by default)."""
        return self.state.empty

    def clock(self, now: datetime) -> datetime:
        """What the meter's own clock shows at `now`: local wall time, naive, whole seconds."""
        return clock.shown(self.state, now)

    def power_kw(self, now: datetime) -> Fraction:
        """What flows through the relay at `now`."""
        return self.demand.power_kw(now) if self.state.relay_closed else Fraction(0)

    # What happens to it

    def advance(self, now: datetime) -> None:
        """Count consumption up to `now`, freezing at each midnight of the meter's own clock; demand by quarters.

        An earlier instant changes nothing. Advancing in one step or in many ends in the same state.
        """
        while now > self.state.as_of:
            instant, midnight = clock.next_midnight(self.state)
            self._pass_quarters(min(instant, now))
            quarter = peaks.next_end(self.state.as_of)
            if min(instant, quarter) > now:
                break
            self._draw(min(instant, quarter))
            if quarter <= instant:
                self.state = peaks.ended(self.state, clock.shown(self.state, quarter))
            if instant <= quarter:
                self._freeze(midnight)
        self._draw(now)

    def set_demand(self, demand: Demand, now: datetime) -> None:
        """The household changes what it draws, from `now` on."""
        self.advance(now)
        self.demand = demand

    def credit(
        self, energy_kwh: Decimal, *, purchase_count: int, customer_no: str, now: datetime
    ) -> CreditOutcome:
        """Apply a recharge if it is the next one for this customer; see `bring`."""
        energy = pulses_of(energy_kwh, self.pulses_per_kwh)
        return self.bring(Bringing(energy, purchase_count, customer_no), now)

    def bring(self, credit: Bringing, now: datetime) -> CreditOutcome:
        """Apply a credit or opening of any layout if every rule of `purse` allows it, else change nothing.

        A meter that tripped at zero closes again; one forced off stays off. Raises `PowerLost` where a cut is
        armed: what is kept then is what `torn` says of this meter's flash.
        """
        self.advance(now)
        outcome = purse.judge(self.state, credit)
        if outcome is CreditOutcome.APPLIED:
            self._take(purse.credited(self.state, credit, self.clock(now)), now)
        return outcome

    def give_back(self, energy_kwh: Decimal, order_no: str, now: datetime) -> CreditOutcome:
        """Take energy out again (070108FF), once for each order number; the meter may trip by it."""
        self.advance(now)
        energy = pulses_of(energy_kwh, self.pulses_per_kwh)
        outcome = purse.judge_void(self.state, energy, order_no)
        if outcome is CreditOutcome.APPLIED:
            self._take(purse.voided(self.state, energy, order_no), now)
        return outcome

    def init_purse(self, energy_kwh: Decimal, now: datetime) -> CreditOutcome:
        """Forget every purchase and start with this much (070103FF); the count is 0 afterwards."""
        self.advance(now)
        energy = pulses_of(energy_kwh, self.pulses_per_kwh)
        if energy > self.state.hoarding_limit_pulses:
            return CreditOutcome.OVER_LIMIT
        self._take(purse.initialised(self.state, energy), now)
        return CreditOutcome.APPLIED

    def trip(self, now: datetime) -> bool:
        """Open the relay and keep it open until a close; refused (False) while power is kept."""
        self.advance(now)
        if self.state.keep_power:
            return False
        return self._switch(now, forced_off=True)

    def close(self, now: datetime) -> bool:
        """End a forced off. With nothing left the relay stays open and closes at the next recharge."""
        self.advance(now)
        return self._switch(now, forced_off=False)

    def keep(self, now: datetime) -> bool:
        """Close the relay and let nothing open it; energy drawn below zero is counted as overdraft."""
        self.advance(now)
        return self._switch(now, forced_off=False, keep_power=True)

    def release(self, now: datetime) -> bool:
        """End keep-power; a meter with nothing left trips at once."""
        self.advance(now)
        return self._switch(now, keep_power=False)

    def force_lamp(self, on: bool, now: datetime) -> bool:
        """Alarm on or off by command, until the next recharge."""
        self.advance(now)
        self.change(now, lamp_forced="on" if on else "off")
        return True

    def hear_time(self, local: datetime, now: datetime) -> None:
        """A broadcast of the time (naive local); see `clock.believes` for when it is taken."""
        self.advance(now)
        if clock.believes(self.state, local, now):
            self.state = replace(clock.put_to(self.state, local, now), clock_heard_on=local.date())
            self._count_clock_set()
            self.commit(now)

    def set_time(self, local: datetime, now: datetime) -> None:
        """The clock written with a password, by any amount."""
        self.advance(now)
        self.state = clock.put_to(self.state, local, now)
        self._count_clock_set()
        self.commit(now)

    def clear(self, now: datetime) -> None:
        """Function 1AH: energy, demand, freezes and events to zero. Purse, relay, wear and settings stay."""
        self.change(
            now,
            total_pulses=0,
            residue_pulse=Fraction(0),
            interval_from_pulses=None,
            peak_pulses=0,
            peak_at=None,
            freezes=(),
            settlements=(),
            events=NO_EVENTS,
            meter_clears=self.state.meter_clears + 1,
        )

    def clear_demand(self, now: datetime) -> None:
        """Function 19H: the highest demand to nothing; the interval under way counts from here."""
        self.change(now, interval_from_pulses=self.state.total_pulses, peak_pulses=0, peak_at=None)

    def clear_events(self, now: datetime) -> None:
        """Function 1BH: the events to zero."""
        self.change(now, events=NO_EVENTS, event_clears=self.state.event_clears + 1)

    def put_remaining(self, energy_kwh: Decimal, now: datetime) -> None:
        """Set the remaining energy as a test bench does, outside any recharge."""
        self.change(now, balance_pulses=pulses_of(energy_kwh, self.pulses_per_kwh))

    def put_purchased(self, energy_kwh: Decimal, now: datetime) -> None:
        """Set the cumulative purchased energy, which nothing but a purchase should move."""
        self.change(now, purchased_pulses=pulses_of(energy_kwh, self.pulses_per_kwh))

    def change(self, now: datetime, **changes: Any) -> None:
        """Settings written, or a bench's hand on the registers: the relay settles, flash has it."""
        self.advance(now)
        self.state = replace(self.state, **changes)
        self._settle_relay(now, by_itself=False)
        self.commit(now)

    def commit(self, now: datetime) -> Flash:
        """Bring the registers as of `now` to flash, all of them or none."""
        self.advance(now)
        self._write_flash()
        return self.flash

    def power_cut(self, now: datetime) -> None:
        """Power goes and comes back at `now`: what was only in RAM is lost."""
        events = replace(self.flash.events, power_downs=self.flash.events.power_downs + 1)
        self.state = replace(self.flash, as_of=now, events=events)
        self.power_cuts += 1
        self.moves.clear()
        self._movements = ()
        self._settle_relay(now, by_itself=True)
        self._write_flash()

    # How it does it

    def _pass_quarters(self, until: datetime) -> None:
        """Whole quarters at once while the power stays the same: a week would be a step for each of 672."""
        power = self.demand.steady_kw if self.state.relay_closed else Fraction(0)
        if power is not None:
            quarters = peaks.whole_quarters(self.state, until, power, self.pulses_per_kwh)
            if quarters > 1:
                self.state = peaks.passed(self.state, quarters, power, self.pulses_per_kwh, self.clock)

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
        runs_out = pulses >= allowed and contact.can_trip(state)
        emptied_at = until
        if runs_out:
            emptied_at = self._drawn_by(allowed, until)
            pulses, residue = allowed, Fraction(0)
        self.state = replace(
            state,
            as_of=until,
            residue_pulse=residue,
            total_pulses=state.total_pulses + pulses,
            balance_pulses=state.balance_pulses - pulses,
        )
        if runs_out and self._settle_relay(emptied_at, by_itself=True):
            self._write_flash()

    def _drawn_by(self, pulses: int, until: datetime) -> datetime:
        """The first microsecond at which so many pulses have been drawn since `as_of`."""
        state = self.state
        enough = (pulses - state.residue_pulse) / self.pulses_per_kwh
        early, late = 0, (until - state.as_of) // _MICROSECOND
        while early < late:
            middle = (early + late) // 2
            if self.demand.energy_kwh(state.as_of, state.as_of + middle * _MICROSECOND) >= enough:
                late = middle
            else:
                early = middle + 1
        return state.as_of + late * _MICROSECOND

    def _freeze(self, midnight: datetime) -> None:
        """The daily freeze, and on the first of a month the settlement, from which demand counts anew."""
        state = self.state
        freezes = (Freeze(midnight, state.total_pulses), *state.freezes)[:FREEZES_KEPT]
        if midnight.day == 1:
            settlements = (state.total_pulses, *state.settlements)[:SETTLEMENTS_KEPT]
            state = replace(state, settlements=settlements, peak_pulses=0, peak_at=None)
        self.state = replace(state, freezes=freezes)

    def _take(self, after: MeterState, now: datetime) -> None:
        """A change of the purse on its way to flash; the power may go under it."""
        self._write_flash()
        cut = self._armed_cut()
        if cut is not None:
            self.cut_at_byte, self.cut_power_in_next_credit = None, False
            self.flash = interrupted(self.flash, after, self.flash_order, cut)
            self.power_cut(now)
            raise PowerLost
        self.state = after
        self._settle_relay(now, by_itself=True)
        self.commit(now)

    def _armed_cut(self) -> int | None:
        if self.cut_at_byte is None and self.cut_power_in_next_credit:
            return AFTER_ENERGY
        return self.cut_at_byte

    def _switch(self, now: datetime, **changes: bool) -> bool:
        """A relay command; refused where the contact flapped lately and would have to move again."""
        after = replace(self.state, **changes)  # type: ignore[arg-type]
        moves = contact.wants_closed(after) != after.relay_closed
        if moves and contact.flaps(self._movements, now):
            return False
        self.change(now, **changes)
        return True

    def _settle_relay(self, at: datetime, *, by_itself: bool) -> bool:
        """Move the contact to where the meter wants it; whether it moved."""
        settled = contact.moved(self.state, clock.shown(self.state, at))
        if settled is self.state:
            return False
        self.state = settled
        self.moves.append(RelayMoved(at=at, closed=settled.relay_closed, by_itself=by_itself))
        self._movements = (at, *self._movements)[: contact.FLAP_MOVES]
        return True

    def _count_clock_set(self) -> None:
        events = self.state.events
        self.state = replace(self.state, events=replace(events, clock_sets=events.clock_sets + 1))

    def _write_flash(self) -> None:
        self.flash = self.state
        self.flash_writes += 1
