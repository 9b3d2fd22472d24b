"""A kit that nods at everything is worth nothing: each planted flaw turns exactly its own clause red."""

from functools import cache

import pytest

from meter_gateway.conformance.catalogue import NAMES
from meter_gateway.conformance.clause import Mark
from meter_gateway.conformance.simulated import examine_simulated
from meter_gateway.protocol.profiles import load_profile, names
from meter_gateway.simulator.breaks import BREAKS

FIRST = ("dtsy-4g-ble", "ddsy-4g-order", "ddsy-4g-write")
"""Between them these models have every clause."""


@cache
def sound(name: str) -> dict[str, Mark]:
    return marks(name)


def marks(name: str, clause: str | None = None) -> dict[str, Mark]:
    flaw = BREAKS[clause] if clause else None
    return {found.clause.name: found.mark for found in examine_simulated(load_profile(name), flaw)}


def test_every_clause_has_a_flaw_and_every_flaw_a_clause():
    assert set(BREAKS) == set(NAMES)
    assert len({flaw.words for flaw in BREAKS.values()}) == len(BREAKS)


@pytest.mark.parametrize("clause", BREAKS)
def test_a_flaw_turns_its_own_clause_red_and_no_other(clause):
    name = next(name for name in FIRST if sound(name)[clause] is Mark.PASSED)
    assert marks(name, clause) == sound(name) | {clause: Mark.FAILED}


@pytest.mark.thorough
@pytest.mark.parametrize("name", names())
def test_in_every_model_a_flaw_turns_its_own_clause_red_and_no_other(name):
    for clause in BREAKS:
        if sound(name)[clause] is Mark.PASSED:
            assert marks(name, clause) == sound(name) | {clause: Mark.FAILED}, clause
