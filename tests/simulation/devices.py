"""A simulated meter with its module: it dials, speaks, loses power, and a phone may stand beside it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from meter_gateway.protocol.profiles import Profile
from meter_gateway.simulator.load import SITE_ZONE, SteadyLoad
from meter_gateway.simulator.meter import CreditOutcome, Meter, PowerLost
from meter_gateway.simulator.port import Port
from meter_gateway.simulator.state import Freeze, MeterState, pulses_of
from meter_gateway.simulator.torn import CREDIT_BYTES
from tests.simulation.faults import Fault, Faults
from tests.simulation.gateways import GatewayProcess
from tests.simulation.links import Connection
from tests.simulation.virtual_time import START, VirtualTime

SILENT_BEATS = 3
MIDNIGHT = START.astimezone(SITE_ZONE).replace(hour=0)


@dataclass(frozen=True)
class Application:
    """One time the registers took energy in. `torn`: not by all of it, or the count did not move by one."""

    number: int
    energy_kwh: Decimal
    torn: bool
    by: str


class WatchedMeter(Meter):
    """The simulator's meter, with a witness who compares its registers before and after each credit."""

    def __init__(self, state: MeterState, load_kw: str, *, pulses_per_kwh: int, atomic_flash: bool) -> None:
        self.applied: list[Application] = []
        self.outcomes: list[CreditOutcome] = []
        self.lost_power = False
        self.was_full = False
        self.through = "4g"
        self._undone: Callable[[], None] | None = None
        self.was_torn = False
        self.purse_made_of: tuple[int, Decimal] | None = None
        self.applied_before_purse = 0
        super().__init__(
            state, SteadyLoad(Decimal(load_kw)), pulses_per_kwh=pulses_per_kwh, atomic_flash=atomic_flash
        )

    def credit(
        self, energy_kwh: Decimal, *, purchase_count: int, customer_no: str, now: datetime
    ) -> CreditOutcome:
        count, pulses = self.state.purchase_count, self.state.purchased_pulses
        records, undone = self.state.purchases, self._undoing()
        try:
            outcome = super().credit(
                energy_kwh, purchase_count=purchase_count, customer_no=customer_no, now=now
            )
            self.outcomes.append(outcome)
            self.was_full = self.was_full or outcome is CreditOutcome.OVER_LIMIT
            return outcome
        except PowerLost:
            self.lost_power = True
            raise
        finally:
            grown = self.state.purchased_pulses - pulses
            moved = self.state.purchase_count - count
            done = (Decimal(grown) / self.pulses_per_kwh, moved)
            torn = any(done) and done != (energy_kwh, 1)
            lost_record = any(done) and self.state.purchases == records
            self.was_torn = self.was_torn or torn or lost_record
            if grown:
                grown_kwh = Decimal(grown) / self.pulses_per_kwh
                self.applied.append(Application(purchase_count, grown_kwh, torn, self.through))
                self._undone = undone

    def init_purse(self, energy_kwh: Decimal, now: datetime) -> CreditOutcome:
        before, undone = (self.state.purchase_count, self.purchased_kwh), self._undoing()
        try:
            return super().init_purse(energy_kwh, now)
        except PowerLost:
            self.lost_power = True
            raise
        finally:
            after = (self.state.purchase_count, self.purchased_kwh)
            if after != before:
                self.purse_made_of, self.applied_before_purse = after, len(self.applied)
                self.was_torn = self.was_torn or after != (0, 0)
                self._undone = undone

    def forget_last_change(self, now: datetime) -> None:
        """Lose power before the last credit, or the last new purse, is on flash, though it was acknowledged."""
        assert self._undone is not None
        self._undone()
        self._undone = None
        self.power_cut(now)

    def _undoing(self) -> Callable[[], None]:
        """What brings flash and witness back to this moment."""
        flash, purse, taken = self.flash, self.purse_made_of, len(self.applied)
        before_purse, torn = self.applied_before_purse, self.was_torn

        def undo() -> None:
            self.flash, self.purse_made_of, self.applied_before_purse = flash, purse, before_purse
            self.was_torn = torn
            del self.applied[taken:]

        return undo


class Device:
    """Meter, 4G module and Bluetooth end."""

    def __init__(
        self,
        time: VirtualTime,
        dice: random.Random,
        faults: Faults,
        *,
        serial: str,
        profile: Profile,
        gateways: list[GatewayProcess],
        remaining_kwh: str,
        load_kw: str,
        flash_order: str,
        trace: Callable[[str, str, str], None],
    ) -> None:
        self._time = time
        self._dice = dice
        self._faults = faults
        self._gateways = gateways
        self._trace = trace
        self.serial = serial
        self.profile = profile
        pulses = profile.pulses_per_kwh
        state = MeterState(
            serial=serial,
            customer_no=serial[-6:].rjust(12, "0"),
            as_of=START,
            total_pulses=pulses_of(Decimal("1520.25"), pulses),
            balance_pulses=pulses_of(Decimal(remaining_kwh), pulses),
            purchased_pulses=pulses_of(Decimal("160.00"), pulses),
            purchase_count=dice.choice((0, 3, 17, 255, 9_000)),
            hoarding_limit_pulses=pulses_of(Decimal(1000), pulses),
            freezes=(Freeze(MIDNIGHT, pulses_of(Decimal("1519.00"), pulses)),),
            clock_ahead_s=dice.choice((0, 0, 0, 75, -75)),
        )
        self.meter = WatchedMeter(state, load_kw, pulses_per_kwh=pulses, atomic_flash=True)
        self.meter.flash_order = flash_order
        self._opening = (state.purchase_count, self.meter.purchased_kwh)
        self.blocked_until = 0.0
        self.is_away = False
        self.connection: Connection | None = None
        self._power_on()
        self._generation = 0
        self._time.after(dice.uniform(0, 2), self.dial, 0)

    @property
    def opening_count(self) -> int:
        """The count before our first credit; a purse that was made as new begins at 0."""
        return (self.meter.purse_made_of or self._opening)[0]

    @property
    def opening_kwh(self) -> Decimal:
        return (self.meter.purse_made_of or self._opening)[1]

    def _power_on(self) -> None:
        self.cellular = Port(self.meter, self.profile)
        self.bluetooth = Port(self.meter, self.profile)
        self._heard_at = self._time.now
        self._answers_until = 0.0

    # The module

    def dial(self, generation: int, to: GatewayProcess | None = None) -> None:
        if generation != self._generation or self.connection is not None or self.is_away:
            return
        gateway = to or self._dice.choice(self._gateways)
        if self._time.now < self.blocked_until or not gateway.is_alive:
            self._time.after(self._dice.uniform(1, 3), self.dial, generation)
            return
        connection = Connection(self._time, self._dice, self._faults, self, gateway)
        self.connection = connection
        self._heard_at = self._time.now
        gateway.opened(connection)
        self._trace("dial", self.serial, gateway.name)
        connection.meter_writes(self.cellular.opening())
        self._time.after(self.profile.heartbeat_s, self._beat, connection)

    def take_away(self) -> None:
        """The device is unscrewed and never dials again."""
        if self.connection is not None:
            self.connection.meter_hangs_up(silently=True)
        self._hang_up()
        self.is_away = True

    def connection_ended(self, connection: Connection) -> None:
        if connection is self.connection:
            self._hang_up()
            self._time.after(self._dice.uniform(0.2, 4), self.dial, self._generation)

    def leave_silently(self, to: GatewayProcess | None = None) -> None:
        """The module dials anew; nobody tells the old socket's other end."""
        if self.connection is not None:
            self.connection.meter_hangs_up(silently=True)
            self._hang_up()
            self._time.after(self._dice.uniform(0.1, 2), self.dial, self._generation, to)

    def _hang_up(self) -> None:
        self.connection = None
        self._generation += 1
        self.cellular.hang_up()

    def _beat(self, connection: Connection) -> None:
        if connection is not self.connection:
            return
        silent_s = self._time.now - self._heard_at
        if self.cellular.expects_heartbeat_answer and silent_s > SILENT_BEATS * self.profile.heartbeat_s:
            connection.meter_hangs_up(silently=False)
            self.connection_ended(connection)
            return
        connection.meter_writes(self.cellular.heartbeat())
        self._time.after(self.profile.heartbeat_s, self._beat, connection)

    def heard(self, connection: Connection, data: bytes) -> None:
        """Bytes from the gateway."""
        if connection is not self.connection:
            return
        self._heard_at = self._time.now
        self.meter.through = "4g"
        self._arm_cut()
        for answer in self.cellular.receive(data, self._time.utc()):
            if self.meter.lost_power:
                break
            if answer.raw:
                self._answers_until = max(self._answers_until, self._time.now + self._dice.uniform(0.02, 0.2))
                if answer.credited and self.meter.atomic_flash and self._faults.hits(Fault.ACK_FORGOTTEN):
                    self._trace("ack_forgotten", self.serial, "")
                    connection.meter_writes(answer.raw)
                    self.meter.forget_last_change(self._time.utc())
                    self._power_went()
                    return
                self._time.at(self._answers_until, connection.meter_writes, answer.raw)
        self._after_credit()

    def brought_by_phone(self, data: bytes) -> None:
        """Bytes from a phone beside the meter."""
        self.asked_by_phone(data)

    def asked_by_phone(self, data: bytes) -> str:
        """Bytes from a phone beside the meter; returns what it heard, as hex."""
        self.meter.through = "phone"
        heard = b"".join(answer.raw for answer in self.bluetooth.receive(data, self._time.utc()))
        self._after_credit()
        return heard.hex()

    def credited_by_somebody_else(self, energy_kwh: Decimal) -> bool:
        self.meter.through = "foreign"
        state = self.meter.state
        outcome = self.meter.credit(
            energy_kwh,
            purchase_count=state.purchase_count + 1,
            customer_no=state.customer_no,
            now=self._time.utc(),
        )
        return outcome is CreditOutcome.APPLIED

    # Power

    def cut_power(self) -> None:
        self.meter.power_cut(self._time.utc())
        self._power_went()

    def _arm_cut(self) -> None:
        kind = Fault.CUT_IN_CREDIT if self.meter.atomic_flash else Fault.TORN_FLASH
        if self._faults.strikes(kind):
            anywhere = self._dice.randrange(CREDIT_BYTES + 1)
            whole = self.meter.atomic_flash and self._dice.random() < 0.5
            self.meter.cut_at_byte = CREDIT_BYTES if whole else anywhere

    def _after_credit(self) -> None:
        self.meter.cut_at_byte = None
        if self.meter.lost_power:
            self.meter.lost_power = False
            self._faults.count(Fault.CUT_IN_CREDIT if self.meter.atomic_flash else Fault.TORN_FLASH)
            self._trace("cut_in_credit", self.serial, "")
            self._power_went()
        if CreditOutcome.OVER_LIMIT in self.meter.outcomes:
            self._faults.count(Fault.OVER_LIMIT)
        self.meter.outcomes.clear()

    def _power_went(self) -> None:
        if self.connection is not None:
            self.connection.meter_hangs_up(silently=True)
        self._hang_up()
        self._power_on()
        self._time.after(self._dice.uniform(2, 15), self.dial, self._generation)
