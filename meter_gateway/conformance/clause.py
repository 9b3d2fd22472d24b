"""What a clause is, and how one is walked through: no sockets, no clock.

A clause is a generator. It yields what is to be done on the link (:mod:`~meter_gateway.conformance.talk`), is sent
what was heard, and ends: silently when the meter keeps it, by an exception when not. Whoever drives it owns
the link and the time, so the same clause runs over a socket and, in microseconds, against a meter in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from meter_gateway.conformance.bench import Bench
from meter_gateway.conformance.talk import Failed, Heard, NotApplicable, Operation, Said, Talk, Unjudged


class Mark(Enum):
    """What became of a clause."""

    PASSED = "pass"
    FAILED = "FAIL"
    NOT_APPLICABLE = "n/a"
    UNJUDGED = "not run"


@dataclass(frozen=True, slots=True)
class Clause:
    """One demand on a meter.

    ``source`` is where it comes from. ``destructive``: credits, switches, sets or clears something, so it is
    asked only of a meter that may be changed.
    """

    name: str
    demand: str
    source: str
    talk: Callable[[Bench], Talk[None]]
    destructive: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one clause, with every byte that passed."""

    clause: Clause
    mark: Mark
    reason: str = ""
    said: tuple[Said, ...] = ()


@dataclass
class Trial:
    """Walks one clause: take :attr:`operation`, do it, tell :meth:`hear`, until there is a finding."""

    clause: Clause
    bench: Bench
    finding: Finding | None = None
    operation: Operation | None = None
    _talk: Talk[None] = field(init=False)

    def __post_init__(self) -> None:
        self.bench.said.clear()
        if self.clause.destructive and not self.bench.may_change:
            self._found(Mark.UNJUDGED, "changes the meter; allowed with --destructive")
            return
        self._talk = self.clause.talk(self.bench)
        self._step(None)

    def hear(self, heard: Heard) -> None:
        """What came of :attr:`operation`."""
        self._step(heard)

    def _step(self, heard: Heard | None) -> None:
        try:
            self.operation = next(self._talk) if heard is None else self._talk.send(heard)
        except StopIteration:
            self._found(Mark.PASSED)
        except Failed as problem:
            self._found(Mark.FAILED, str(problem))
        except NotApplicable as reason:
            self._found(Mark.NOT_APPLICABLE, str(reason))
        except Unjudged as reason:
            self._found(Mark.UNJUDGED, str(reason))

    def _found(self, mark: Mark, reason: str = "") -> None:
        self.operation = None
        self.finding = Finding(self.clause, mark, reason, tuple(self.bench.said))


class Chapter:
    """Clauses of one kind, in the order in which they are asked."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.clauses: list[Clause] = []

    def clause(
        self, name: str, demand: str, source: str, *, destructive: bool = False
    ) -> Callable[[Callable[[Bench], Talk[None]]], Callable[[Bench], Talk[None]]]:
        """Enter a generator under ``prefix.name``."""

        def enter(talk: Callable[[Bench], Talk[None]]) -> Callable[[Bench], Talk[None]]:
            self.clauses.append(Clause(f"{self.prefix}.{name}", demand, source, talk, destructive))
            return talk

        return enter
