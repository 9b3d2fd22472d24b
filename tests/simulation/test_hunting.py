"""What counts as caught: an invariant that the witness names, and nothing else."""

from dataclasses import replace

import pytest

from tests.simulation.hunting import hunt, run
from tests.simulation.mutants import CREDIT, MUTANTS, Mutant

pytestmark = pytest.mark.thorough

FAULTS = "tests/simulation/faults.py"
COUNT = "    def count(self, fault: Fault) -> None:\n"
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


def test_a_catch_in_worlds_where_no_fault_ever_fired_proves_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (known,) = [mutant for mutant in MUTANTS if mutant.name == "two-at-once"]
    calm = (
        (FAULTS, "        return self._dice.random() < self.rates[fault]\n", "        return False\n"),
        (FAULTS, COUNT, f"{COUNT}        return\n"),
    )
    assert run([replace(known, changes=(*known.changes, *calm))], 20) == 1
    said = capsys.readouterr().out
    assert "two-at-once                NO FAULT FIRED" in said
    assert "No fault ever fired in 1 of the hunts" in said
