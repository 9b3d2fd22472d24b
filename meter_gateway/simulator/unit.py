"""One simulated device: the meter, its two ends, its flash file and what the household is doing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from meter_gateway.protocol.profiles import Profile
from meter_gateway.simulator import clock, contact
from meter_gateway.simulator.faults import HEALTHY, OF_BLUETOOTH, Fate, Way, fate, pieces
from meter_gateway.simulator.flash import FlashDirectory
from meter_gateway.simulator.load import Demand, SteadyLoad
from meter_gateway.simulator.meter import Meter, RelayMoved
from meter_gateway.simulator.port import Answer, Port

_KW_STEP = Decimal("0.0001")


NB_AWAKE_S = 30.0
"""How long a sleeping module listens after it spoke or heard something (assumed)."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What a phone hears of its write: notifications of at most the profile's chunk, after `wait_s`."""

    notifications: tuple[bytes, ...]
    wait_s: float = 0.0

    @property
    def raw(self) -> bytes:
        return b"".join(self.notifications)


class Unit:
    """Meter, 4G port and Bluetooth port. Nothing leaves it before flash has what it says. ``end`` makes
    the ports, one with a flaw where one is to be planted.

    Not thread-safe: one event loop owns all units. Every method raises `FlashFailed` if the disk refuses.
    """

    def __init__(
        self,
        meter: Meter,
        profile: Profile,
        household: Demand,
        flash: FlashDirectory,
        *,
        end: Callable[[Meter, Profile], Port] = Port,
    ) -> None:
        self.meter = meter
        self.profile = profile
        self.faults = HEALTHY
        self.ble_faults = HEALTHY
        self.faults_met: Counter[str] = Counter()
        self.awake_s = NB_AWAKE_S if profile.bearer == "NB-IoT" else 0.0
        self.asleep = False
        self.link_up = True
        self.ble_up = True
        self.connected = False
        self.on_link_change: Callable[[], None] = lambda: None
        self._household = household
        self._flash = flash
        self._saved_writes = meter.flash_writes
        self._end = end
        self.cellular = end(meter, profile)
        self._bluetooth = end(meter, profile) if profile.ble else None
        self._kept_back: list[bytes] = []
        flash.save(self.serial, meter.flash, durable=False)

    @property
    def serial(self) -> str:
        return self.meter.state.serial

    def asked(self, data: bytes, now: datetime) -> list[Answer]:
        """Bytes from the 4G link."""
        return self._hear(self.cellular, data, now)

    @property
    def ble_chunk(self) -> int:
        """The largest write and notification of the first service, 0 for a model without Bluetooth."""
        return self.profile.ble[0].chunk if self.profile.ble else 0

    def carried(self, data: bytes, now: datetime) -> Carried:
        """Bytes from a phone beside the meter, in portions of any size; nothing while nothing is to be said.

        The 4G link plays no part. Out of range (`ble_up` false) and a model without Bluetooth raise
        `OutOfRange`.
        """
        if not self.ble_up or self._bluetooth is None:
            raise OutOfRange
        answers = self._hear(self._bluetooth, data, now)
        leaving: list[bytes] = []
        wait_s = 0.0
        for answer in answers:
            if not answer.raw:
                continue
            met, self.ble_faults = fate(self.ble_faults, credited=answer.credited)
            self.faults_met.update(f"ble.{name}" for name in met.met)
            if met.way is Way.KEPT_BACK:
                self._kept_back.append(answer.raw)
            elif met.way is Way.SENT:
                leaving += [*self._kept_back, *(answer.raw,) * met.times]
                self._kept_back.clear()
                wait_s = max(wait_s, met.wait_s)
        return Carried(tuple(piece for raw in leaving for piece in pieces(raw, self.ble_chunk)), wait_s)

    def _hear(self, port: Port, data: bytes, now: datetime) -> list[Answer]:
        """A port's answers, once flash has what they say; a cut in the middle takes both links with it."""
        cuts = self.meter.power_cuts
        answers = port.receive(data, now)
        self.save()
        if self.meter.power_cuts != cuts:
            self._wake()
        return answers

    def meets_fault(self, *, credited: bool) -> Fate:
        """What the next answer on the 4G link meets; counted."""
        met, self.faults = fate(self.faults, credited=credited)
        self.faults_met.update(met.met)
        return met

    def pass_time(self, now: datetime) -> list[RelayMoved]:
        """Count up to `now`; returns the relay's movements since the last call."""
        self.meter.advance(now)
        self.save()
        moves, self.meter.moves = self.meter.moves, []
        return moves

    def set_load(self, load_kw: Decimal | None, now: datetime) -> None:
        """A constant load instead of the household's curve; None goes back to the curve."""
        self.meter.set_demand(self._household if load_kw is None else SteadyLoad(load_kw), now)
        self.save()

    def set_remaining(self, energy_kwh: Decimal, now: datetime) -> None:
        """As a test bench does, outside any recharge."""
        self.meter.put_remaining(energy_kwh, now)
        self.save()

    def set_purchased(self, energy_kwh: Decimal, now: datetime) -> None:
        """As a meter does whose firmware counts wrong: energy on its books that nobody bought."""
        self.meter.put_purchased(energy_kwh, now)
        self.save()

    def set_clock(self, *, ahead_s: int | None, drift_s_a_day: Decimal | None, now: datetime) -> None:
        """A clock that is wrong, or goes wrong by so much a day; None leaves that as it is."""
        state = self.meter.state
        if ahead_s is None:
            ahead_s = round(clock.ahead(state, now).total_seconds())
        drift = state.clock_drift_s_a_day if drift_s_a_day is None else drift_s_a_day
        self.meter.change(now, clock_ahead_s=ahead_s, clock_drift_s_a_day=drift, clock_set_at=now)
        self.save()

    def set_relay_operations(self, operations: int, now: datetime) -> None:
        """An older contact than it is."""
        self.meter.change(now, relay_operations=operations)
        self.save()

    def set_link(self, up: bool) -> None:
        """Cut or mend the 4G link; the meter goes on by itself."""
        self.link_up = up
        self.on_link_change()

    def power_cut(self, now: datetime) -> None:
        """Mains go and come back: RAM and both connections are lost, flash stays."""
        self.meter.power_cut(now)
        self.save()
        self._wake()

    def _wake(self) -> None:
        self.cellular = self._end(self.meter, self.profile)
        self._bluetooth = self._end(self.meter, self.profile) if self.profile.ble else None
        self._kept_back.clear()
        self.on_link_change()

    def remember(self, now: datetime) -> None:
        """Let the meter bring its registers to its flash; the file follows with the next `commit` or `save`."""
        self.save()
        self.meter.commit(now)
        self._saved_writes = self.meter.flash_writes

    def commit(self, now: datetime) -> None:
        """Bring the registers to the flash file, atomically, without waiting for the disk."""
        self.remember(now)
        self._flash.save(self.serial, self.meter.flash, durable=False)

    def save(self) -> None:
        """Bring to disk, durably, what the meter wrote to its flash since the last time."""
        if self.meter.flash_writes != self._saved_writes:
            self._flash.save(self.serial, self.meter.flash, durable=True)
            self._saved_writes = self.meter.flash_writes

    def show(self, now: datetime) -> dict[str, Any]:
        """The registers as of `now`, as the control port tells them; energies are texts."""
        self.pass_time_quietly(now)
        meter, state = self.meter, self.meter.state
        return {
            "serial": state.serial,
            "profile": self.profile.name,
            "customer_no": state.customer_no,
            "total_kwh": str(meter.total_kwh),
            "remaining_kwh": str(meter.remaining_kwh),
            "overdraft_kwh": str(meter.overdraft_kwh),
            "purchase_count": state.purchase_count,
            "purchased_kwh": str(meter.purchased_kwh),
            "relay": "closed" if state.relay_closed else "open",
            "forced_off": state.forced_off,
            "keep_power": state.keep_power,
            "relay_operations": state.relay_operations,
            "lamp": "on" if meter.lamp_on else "off",
            "trip_count": state.events.trip_count,
            "relay_worn": contact.is_worn(state),
            "account": "open" if state.account_open else "none",
            "load_kw": _kw(meter.demand.power_kw(now)),
            "power_kw": _kw(meter.power_kw(now)),
            "grid_v": str(self.profile.un_v if meter.grid_v is None else meter.grid_v),
            "clock": meter.clock(now).isoformat(),
            "clock_ahead_s": round(clock.ahead(state, now).total_seconds(), 3),
            "clock_drift_s_a_day": str(state.clock_drift_s_a_day),
            "freezes": len(state.freezes),
            "flash": meter.flash_order,
            "cut_at_byte": meter.cut_at_byte,
            "power_cuts": meter.power_cuts,
            "link": "up" if self.link_up else "down",
            "connected": self.connected,
            "asleep": self.asleep,
            "ble": "none" if self._bluetooth is None else "up" if self.ble_up else "down",
            "ble_chunk": self.ble_chunk,
            "faults": self.faults.as_json(),
            "ble_faults": {name: getattr(self.ble_faults, name) for name in OF_BLUETOOTH},
            "faults_met": dict(self.faults_met),
        }

    def pass_time_quietly(self, now: datetime) -> None:
        """Count up to `now` and leave the relay's movements for `pass_time` to tell."""
        self.meter.advance(now)
        self.save()


class OutOfRange(Exception):
    """No phone is near the meter, or it has no Bluetooth."""


def _kw(power: Fraction) -> str:
    return str((Decimal(power.numerator) / power.denominator).quantize(_KW_STEP))
