"""All clauses in the order in which a meter is asked: what changes nothing first, what clears last."""

from __future__ import annotations

from collections.abc import Iterable

from meter_gateway.conformance.clause import Clause
from meter_gateway.conformance.crediting import ACCOUNT, CREDITS
from meter_gateway.conformance.framing import FRAMES
from meter_gateway.conformance.linking import LINK, TIME
from meter_gateway.conformance.reading import READS
from meter_gateway.conformance.switching import PURSE, RELAY
from meter_gateway.conformance.writing import CLEARING, WRITES

CHAPTERS = (LINK, FRAMES, READS, TIME, WRITES, ACCOUNT, CREDITS, PURSE, RELAY, CLEARING)
CLAUSES: tuple[Clause, ...] = tuple(clause for chapter in CHAPTERS for clause in chapter.clauses)
NAMES = tuple(clause.name for clause in CLAUSES)


class UnknownClause(LookupError):
    """There is no clause, and no chapter, of that name."""


def clauses_named(wanted: Iterable[str]) -> tuple[Clause, ...]:
    """The clauses of these names, a chapter's name standing for all of its own; in the usual order.

    :raises UnknownClause: a name is neither.
    """
    names = set(wanted)
    for name in names:
        if name not in NAMES and name not in {chapter.prefix for chapter in CHAPTERS}:
            raise UnknownClause(f"no clause {name!r}")
    return tuple(clause for clause in CLAUSES if clause.name in names or clause.name.split(".")[0] in names)
