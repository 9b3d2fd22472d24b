"""Many meters in one process: their links, their flash files, and time passing for all of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial

from meter_gateway.protocol.profiles import UnknownProfile, load_profile
from meter_gateway.simulator.flash import FlashDirectory
from meter_gateway.simulator.flaw import Break, FlawedPort
from meter_gateway.simulator.link import Link
from meter_gateway.simulator.load import HouseholdLoad, Recording
from meter_gateway.simulator.meter import Meter
from meter_gateway.simulator.port import Port
from meter_gateway.simulator.roster import Entry, FleetFileError, first_day
from meter_gateway.simulator.unit import Unit

TICK_S = 0.5
TICKS_A_COMMIT = 8
METERS_A_SECOND = 4000
"""So many meters are looked at in a second at most; a larger fleet is looked at less often."""
FILES_A_SECOND = 200
"""Flash files written without need; a credit and a relay movement are always written at once."""
DIALS_A_SECOND = 200
_UNITS_AT_ONCE = 100

Households = Mapping[str, Recording]


def build_units(
    entries: Iterable[Entry],
    households: Households,
    flash: FlashDirectory,
    *,
    now: datetime,
    flaw: Break | None = None,
) -> dict[str, Unit]:
    """serial → unit, each from its flash if it has any, else as the fleet file starts it, and with the flaw.

    Raises `FleetFileError` for an unknown profile or household, `FlashUnreadable` for a damaged flash file.
    """
    return {entry.serial: _unit(entry, households, flash, now=now, flaw=flaw) for entry in entries}


def _unit(
    entry: Entry, households: Households, flash: FlashDirectory, *, now: datetime, flaw: Break | None
) -> Unit:
    try:
        profile = load_profile(entry.profile)
        recording = households[entry.household]
    except UnknownProfile as problem:
        raise FleetFileError(f"Meter {entry.serial}: {problem}.") from None
    except KeyError:
        raise FleetFileError(f"Meter {entry.serial}: no household {entry.household} has a load.") from None
    demand = HouseholdLoad(recording, factor=entry.load_factor)
    pulses = profile.pulses_per_kwh
    snapshot = flash.load(entry.serial)
    if snapshot is None:
        meter = Meter(first_day(entry, demand, pulses_per_kwh=pulses, now=now), demand, pulses_per_kwh=pulses)
    else:
        meter = Meter.from_flash(snapshot, demand, pulses_per_kwh=pulses, now=now)
    meter.flash_order = entry.flash_order
    return Unit(meter, profile, demand, flash, end=partial(FlawedPort, flaw=flaw) if flaw else Port)


class Fleet:
    """Runs the links of all units and lets time pass for them until told to stop."""

    def __init__(
        self,
        units: Mapping[str, Unit],
        gateway: tuple[str, int],
        *,
        clock: Callable[[], datetime],
        dice: random.Random,
        longest_pause_s: float = 10.0,
    ) -> None:
        self._clock = clock
        spread_s = len(units) / DIALS_A_SECOND
        self._links = [
            Link(
                unit,
                gateway,
                clock=clock,
                dice=dice,
                longest_pause_s=longest_pause_s,
                first_pause_s=spread_s if len(units) > 1 else 0.0,
            )
            for unit in units.values()
        ]

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then every connection is cut and every register is on flash.

        Raises `FlashFailed` (in an exception group) when the disk refuses.
        """
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(link.run()) for link in self._links]
            tasks.append(group.create_task(self._keep_time()))
            await stop.wait()
            for task in tasks:
                task.cancel()
        for link in self._links:
            link.close()
            link.unit.commit(self._clock())

    async def _keep_time(self) -> None:
        """Let every meter notice what happened, and bring some of them to disk in each round.

        A meter knows by itself when it tripped, so a slower round of a large fleet only reports it later.
        """
        tick_s = max(TICK_S, len(self._links) / METERS_A_SECOND)
        saves = min(int(FILES_A_SECOND * tick_s), -(-len(self._links) // TICKS_A_COMMIT))
        tick = first = 0
        while True:
            for place, link in enumerate(self._links):
                now = self._clock()
                if link.unit.pass_time(now):
                    link.push(link.unit.cellular.report(now))
                if (place - first) % len(self._links) < saves:
                    link.unit.commit(now)
                elif (place + tick) % TICKS_A_COMMIT == 0:
                    link.unit.remember(now)
                if place % _UNITS_AT_ONCE == _UNITS_AT_ONCE - 1:
                    await asyncio.sleep(0)
            tick += 1
            first = (first + saves) % len(self._links) if self._links else 0
            await asyncio.sleep(tick_s)
