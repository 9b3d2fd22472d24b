"""What counts as caught: an invariant that the witness names, and nothing else."""

import pytest

from tests.simulation.hunting import hunt
from tests.simulation.mutants import CREDIT, MUTANTS, Mutant

pytestmark = pytest.mark.thorough

JUDGES = "    verdict = judge(command, evidence)\n"


def test_a_mistake_that_breaks_an_invariant_is_caught_by_its_seed() -> None:
    (known,) = [mutant for mutant in MUTANTS if mutant.name == "renumber-on-retry"]
    catch = hunt(known, 20)
    assert catch.found.startswith(f"seed {catch.seeds - 1}: I4: ")


def test_a_mistake_that_only_stops_the_worlds_is_not_caught() -> None:
    stops = Mutant(
        "stops", "an answer about a credit is an error", ((CREDIT, JUDGES, "    raise KeyError\n"),)
    )
    catch = hunt(stops, 2)
    assert (catch.found, catch.errors) == ("", 2)
    assert catch.first_error.startswith("seed 0: KeyError")


def test_a_tree_that_cannot_be_imported_ends_the_hunt() -> None:
    torn = Mutant(
        "torn", "a module that is not there", ((CREDIT, "from uuid import UUID\n", "import nowhere\n"),)
    )
    with pytest.raises(RuntimeError, match="No module named 'nowhere'"):
        hunt(torn, 2)
