"""What stands before a test begins: people and things built once, and given to one test after another.

Building a street through its services takes longer than most tests that walk along it. So its rows stay in a
transaction around the tests: each test starts from a savepoint on top of them and is undone back to it. What stands is
taken down as soon as a test comes that wants something else, or nothing, or real commits.
"""

import copy
import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection, transaction

# The clock that tests and pages ask goes on while things stand; what was said "now" must not grow old.
LASTS_S = 40.0


@dataclass(frozen=True)
class _Plan:
    """How a layer is built, and on which other one."""

    under: str | None
    build: Callable[..., Any]


@dataclass(frozen=True)
class _Layer:
    name: str
    savepoint: transaction.Atomic
    value: Any
    built_at: float


_plans: dict[str, _Plan] = {}


def standing(build: Callable[..., Any]) -> Any:
    """Make a fixture of a builder; its one parameter, if any, names the layer it builds on.

    Every test gets a copy of its own of what was returned, and may change it.
    """
    below = list(inspect.signature(build).parameters)
    assert len(below) < 2, "a layer stands on one other"
    name = build.__name__
    assert name not in _plans
    _plans[name] = _Plan(below[0] if below else None, build)

    @pytest.fixture(name=name)
    def given(ground: "Ground", db: None) -> Any:
        return ground.given(name)

    return given


class Ground:
    """The layers that stand now, in one open transaction of this process's connection."""

    def __init__(self) -> None:
        self._layers: list[_Layer] = []
        self._raw: Any = None
        self._copies: dict[str, Any] = {}

    def stand(self, fixtures: list[str]) -> None:
        """Leave standing exactly what a test of these fixtures begins with; build what is missing."""
        wanted = _tower([name for name in fixtures if name in _plans])
        kept = 0
        if self._is_whole():
            for layer, name in zip(self._layers, wanted, strict=False):
                if layer.name != name or time.monotonic() - layer.built_at > LASTS_S:
                    break
                kept += 1
        self._take_down_to(kept)
        for name in wanted[kept:]:
            self._build(name)
        # One copy of all, so that what is shared between layers stays shared.
        self._copies = copy.deepcopy({layer.name: layer.value for layer in self._layers})

    def given(self, name: str) -> Any:
        return self._copies[name]

    def take_down(self) -> None:
        self._take_down_to(0)

    def _is_whole(self) -> bool:
        """Whether no test has closed or left the connection that all this stands on."""
        is_open = connection.connection is self._raw and not connection.closed_in_transaction
        return is_open and len(connection.atomic_blocks) == len(self._layers)

    def _build(self, name: str) -> None:
        plan = _plans[name]
        savepoint = transaction.atomic()
        # As Django marks its own tests' transactions: what must not be nested may be nested in these.
        savepoint._from_testcase = True  # type: ignore[attr-defined]
        savepoint.__enter__()
        try:
            value = plan.build(*(layer.value for layer in self._layers if layer.name == plan.under))
        except BaseException:
            self._undo(savepoint)
            raise
        self._raw = connection.connection
        self._layers.append(_Layer(name, savepoint, value, time.monotonic()))

    def _take_down_to(self, height: int) -> None:
        while len(self._layers) > height:
            self._undo(self._layers.pop().savepoint)

    def _undo(self, savepoint: transaction.Atomic) -> None:
        if connection.in_atomic_block:
            transaction.set_rollback(True)
            savepoint.__exit__(None, None, None)


def _tower(names: list[str]) -> list[str]:
    """The layers under the highest of these, lowest first."""
    towers = []
    for name in names:
        tower = [name]
        while (below := _plans[tower[0]].under) is not None:
            tower.insert(0, below)
        towers.append(tower)
    highest = max(towers, key=len, default=[])
    assert set(names) <= set(highest), "a test stands on one tower"
    return highest
