"""A few dozen worlds in every run of the suite; thousands with `make simulate`."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter

import pytest

from tests.simulation.faults import Fault
from tests.simulation.mutants import MUTANTS, plant
from tests.simulation.progress import FOLDER, ROOT
from tests.simulation.world import World

SEEDS = 40


def test_nothing_is_violated_in_forty_worlds_and_many_kinds_of_faults_really_fired() -> None:
    fired: Counter[Fault] = Counter()
    checked: Counter[str] = Counter()
    orders = 0
    for seed in range(SEEDS):
        finding = World(seed).run()
        assert not finding.violation, f"seed {seed}: {finding.violation}"
        fired += finding.fired
        checked += finding.checked
        orders += finding.orders
    assert len(fired) >= 30
    assert orders > 200
    assert set(checked) == {f"I{number}" for number in range(4, 17)}


def test_one_seed_has_one_history_and_two_seeds_have_two() -> None:
    first, again, other = World(7).run(), World(7).run(), World(8).run()
    assert first.digest == again.digest
    assert first.digest != other.digest


def test_an_error_of_the_product_ends_its_world_as_a_finding_of_that_seed() -> None:
    world = World(7)

    def broken(_name: str, _kwargs: object) -> None:
        raise KeyError("nobody")

    world.broker.run_task = broken
    assert re.fullmatch(r"KeyError: 'nobody' \(test_simulation\.py:\d+\)", world.run().violation)


def test_a_history_can_be_read() -> None:
    lines: list[str] = []
    World(7, on_trace=lines.append).run()
    text = "\n".join(lines)
    assert all(word in text for word in ("paid", "letter 1", "→ DONE", "CREDITED", "peace"))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_planted_mistake_still_fits_the_code(mutant, tmp_path) -> None:
    for name, _, _ in mutant.changes:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "apps/income/migrations").mkdir(parents=True, exist_ok=True)
    (tmp_path / "apps/income/migrations/0001_initial.py").touch()
    plant(mutant, tmp_path)
    assert all((tmp_path / name).read_text() != (ROOT / name).read_text() for name, _, _ in mutant.changes)


@pytest.mark.thorough
def test_ctrl_c_ends_a_long_run_and_its_workers_at_once() -> None:
    many = [sys.executable, "-m", "tests.simulation", "--seeds", "900", "--from", "9000", "--store", "memory"]
    with subprocess.Popen(
        many, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as run:
        assert run.stdout is not None
        first = run.stdout.readline()
        os.killpg(run.pid, signal.SIGINT)
        # What the workers still had open would keep this from its end.
        rest = run.stdout.read()
    for path in FOLDER.glob("memory-9000-900-*"):
        path.unlink()
    assert first.startswith("seeds 9000–9099: 0 violations")
    assert (run.returncode, rest.splitlines()[-1]) == (
        130,
        "ended; the same command goes on after the last line above",
    )
    assert "seeds 9800–" not in rest


@pytest.mark.thorough
def test_a_seed_has_one_history_on_postgresql_in_whatever_order_it_gives_the_rows() -> None:
    """Seed 4: two meters log in with one word of the gateway's, and each takes its turn."""
    replay = [sys.executable, "-m", "tests.simulation", "--seed", "4", "--store", "postgres"]
    ran = subprocess.run(replay, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "nothing violated" in ran.stdout
