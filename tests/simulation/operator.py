"""A person who looks after frozen meters: probes them, and takes one of the ways out that the evidence allows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from apps.meters.states import Way
from tests.simulation.faults import Fault, Faults
from tests.simulation.virtual_time import VirtualTime

LOOK_S = 20
TRIES = 4
PROBES = 25


class Desk(Protocol):
    """What the operator's page offers; in memory, or the product's own services."""

    def frozen_meters(self) -> list[str]: ...

    def ask_probe(self, serial: str) -> None: ...

    def ways_of(self, serial: str) -> list[Way] | None:
        """The open ways, None while there is no fresh answer of the meter."""

    def resolve(self, serial: str, way: Way) -> bool:
        """Take a way; True if a credit was open whose body ended by it."""


class Operator:
    """Comes to most of the worlds. A meter is attended to a few times; then it stays frozen."""

    def __init__(
        self,
        time: VirtualTime,
        dice: random.Random,
        faults: Faults,
        desk: Desk,
        trace: Callable[[str, str, str], None],
    ) -> None:
        self._time = time
        self._dice = dice
        self._faults = faults
        self._desk = desk
        self._trace = trace
        self._tries: Counter[str] = Counter()
        self._probes: Counter[str] = Counter()
        self.is_here = dice.random() < 0.7
        if self.is_here:
            time.after(dice.uniform(1, LOOK_S), self._look)

    def is_idle(self) -> bool:
        """Whether nothing frozen is left that would be tried."""
        return not self.is_here or not any(self._may_try(serial) for serial in self._desk.frozen_meters())

    def _may_try(self, serial: str) -> bool:
        return self._tries[serial] < TRIES and self._probes[serial] < PROBES

    def _look(self) -> None:
        self._time.after(self._dice.uniform(1, LOOK_S), self._look)
        for serial in self._desk.frozen_meters():
            if self._may_try(serial):
                self._attend(serial)

    def _attend(self, serial: str) -> None:
        ways = self._desk.ways_of(serial)
        if ways is None:
            self._probes[serial] += 1
            self._desk.ask_probe(serial)
            return
        self._tries[serial] += 1
        if not ways:
            self._trace("no_way_out", serial, "")
            return
        way = self._dice.choice(ways)
        self._trace("resolve", serial, str(way))
        self._faults.count(Fault.RESOLVED)
        if self._desk.resolve(serial, way):
            self._faults.count(Fault.EPOCH_IN_CREDIT)
