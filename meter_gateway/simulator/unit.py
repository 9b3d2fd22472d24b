"""One simulated device: the meter, its two ends, its flash file and what the household is doing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from meter_gateway.protocol.profiles import Profile
from meter_gateway.simulator.faults import Faults
from meter_gateway.simulator.flash import FlashDirectory
from meter_gateway.simulator.load import Demand, SteadyLoad
from meter_gateway.simulator.meter import Meter, RelayMoved
from meter_gateway.simulator.port import Answer, Port

_KW_STEP = Decimal("0.0001")


class Unit:
    """Meter, 4G port and Bluetooth port. Nothing leaves it before flash has what it says.

    Not thread-safe: one event loop owns all units. Every method raises `FlashFailed` if the disk refuses.
    """

    def __init__(self, meter: Meter, profile: Profile, household: Demand, flash: FlashDirectory) -> None:
        self.meter = meter
        self.profile = profile
        self.faults = Faults()
        self.link_up = True
        self.ble_up = True
        self.connected = False
        self.power_cuts = 0
        self.on_link_change: Callable[[], None] = lambda: None
        self._household = household
        self._flash = flash
        self._saved_writes = meter.flash_writes
        self.cellular = Port(meter, profile)
        self._bluetooth = Port(meter, profile)
        flash.save(self.serial, meter.flash, durable=False)

    @property
    def serial(self) -> str:
        return self.meter.state.serial

    def asked(self, data: bytes, now: datetime) -> list[Answer]:
        """Bytes from the 4G link."""
        answers = self.cellular.receive(data, now)
        self.save()
        return answers

    def carried(self, data: bytes, now: datetime) -> bytes:
        """Bytes from a phone beside the meter, in portions of any size; b"" while nothing is to be said.

        The 4G link plays no part. Out of range (`ble_up` false) raises `OutOfRange`.
        """
        if not self.ble_up:
            raise OutOfRange
        answers = self._bluetooth.receive(data, now)
        self.save()
        return b"".join(answer.raw for answer in answers)

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

    def set_link(self, up: bool) -> None:
        """Cut or mend the 4G link; the meter goes on by itself."""
        self.link_up = up
        self.on_link_change()

    def power_cut(self, now: datetime) -> None:
        """Mains go and come back: RAM and both connections are lost, flash stays."""
        self.meter.power_cut(now)
        self.power_cuts += 1
        self.cellular = Port(self.meter, self.profile)
        self._bluetooth = Port(self.meter, self.profile)
        self.on_link_change()

    def commit(self, now: datetime) -> None:
        """Bring the registers to the flash file, atomically, without waiting for the disk."""
        self.meter.commit(now)
        self._flash.save(self.serial, self.meter.flash, durable=False)
        self._saved_writes = self.meter.flash_writes

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
            "load_kw": _kw(meter.demand.power_kw(now)),
            "power_kw": _kw(meter.power_kw(now)),
            "clock": meter.clock(now).isoformat(),
            "link": "up" if self.link_up else "down",
            "connected": self.connected,
            "ble": "up" if self.ble_up else "down",
            "faults": self.faults.as_json(),
        }

    def pass_time_quietly(self, now: datetime) -> None:
        """Count up to `now` and leave the relay's movements for `pass_time` to tell."""
        self.meter.advance(now)
        self.save()


class OutOfRange(Exception):
    """No phone is near the meter."""


def _kw(power: Fraction) -> str:
    return str((Decimal(power.numerator) / power.denominator).quantize(_KW_STEP))
