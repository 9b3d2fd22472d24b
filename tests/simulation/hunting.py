"""`python -m tests.simulation.hunting [NAME …]`: plant each known mistake, and have the simulation find it.

A mistake is caught when the witness names an invariant that fell. A refusal of the store or an error ends its world
and is no catch. First the tree is hunted as it is: a hunt that finds something where nothing is planted proves
nothing. Two mutants are hunted at a time. What this very code has caught is remembered until all have been hunted, so
that a run may be ended and goes on.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.arguments import at_least
from tests.simulation.mutants import MUTANTS, Mutant, plant
from tests.simulation.progress import FOLDER, ROOT, code_digest

SEEDS = 1_000
NAMED = re.compile(r"I\d+: ")
FIRED = "faults fired: "
UNHARMED = (
    (Mutant("nothing-in-memory", "nothing is planted", ()), 100),
    (Mutant("nothing-on-postgres", "nothing is planted", (), "postgres"), 2),
)


@dataclass(frozen=True)
class Catch:
    """What a hunt brought: the first violation as "seed s: I6: …", or nothing; and how it went."""

    found: str
    seeds: int
    took_s: float
    errors: int
    first_error: str
    fired: int


def look(store: str, seeds: int) -> Iterator[str]:
    """Live worlds until an invariant falls; yields what became of each that did not come to rest, then the faults."""
    # Late: an import that fails in a mutant's tree must be an error of the hunt, not of its command line.
    from tests.simulation.world import World

    fired = 0
    for seed in range(seeds):
        world = None
        try:
            world = World(seed, store=store)
            violation = world.run().violation
        except Exception as error:  # noqa: BLE001 - the mistake may stop a world in any way
            violation = f"{type(error).__name__}: {error}"
        fired += world.faults.fired.total() if world is not None else 0
        if violation:
            yield f"seed {seed}: {' '.join(violation.split())}"
            if NAMED.match(violation):
                break
    yield f"{FIRED}{fired}"


def hunt(mutant: Mutant, seeds: int) -> Catch:
    """Let a process of its own look through the seeds, in a copy of the tree with the mistake in it.

    :raises RuntimeError: if the hunt itself ended in an error.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        _copy_tree(Path(folder))
        plant(mutant, Path(folder))
        hunter = [sys.executable, "-m", "tests.simulation.hunting", "--look", mutant.store, str(seeds)]
        ran = subprocess.run(
            hunter,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    if ran.returncode:
        raise RuntimeError(f"{mutant.name}: {ran.stderr[-2_000:]}")
    *lines, fired = ran.stdout.splitlines()
    *errors, last = lines or [""]
    found = last if NAMED.match(last.partition(": ")[2]) else ""
    errors += [last] if last and not found else []
    lived = int(found.split()[1][:-1]) + 1 if found else seeds
    took_s, first = time.monotonic() - started, errors[0] if errors else ""
    return Catch(found, lived, took_s, len(errors), first, int(fired.removeprefix(FIRED)))


def _copy_tree(to: Path) -> None:
    leave = shutil.ignore_patterns("__pycache__", "static", "templates", "node_modules", "var")
    for name in ("apps", "config", "meter_gateway", "tests"):
        shutil.copytree(ROOT / name, to / name, ignore=leave)


class Known:
    """What this very code has caught so far; forgotten when a whole run is over."""

    def __init__(self) -> None:
        self._path = FOLDER / f"mutants-{code_digest()}.jsonl"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        self.catches = {name: Catch(**facts) for name, facts in map(json.loads, lines)}

    def add(self, name: str, catch: Catch) -> None:
        self.catches[name] = catch
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, vars(catch)]) + "\n")

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.hunting", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="these mutants alone")
    parser.add_argument("--seeds", type=at_least(1), default=SEEDS, help="how many a mutant may live through")
    parser.add_argument("--look", nargs=2, metavar=("STORE", "SEEDS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.look:
        logging.disable(logging.WARNING)
        for line in look(asked.look[0], int(asked.look[1])):
            say(line)
        return 0
    unknown = set(asked.names) - {mutant.name for mutant in MUTANTS}
    if unknown:
        parser.error(f"no such mutant: {', '.join(sorted(unknown))}")
    try:
        return run([m for m in MUTANTS if not asked.names or m.name in asked.names], asked.seeds)
    except KeyboardInterrupt:
        say("ended; the same command goes on after the last line above")
        return 128 + signal.SIGINT


def run(wanted: list[Mutant], seeds: int) -> int:
    """Hunt, a line for each in their order; 1 if one lives, no fault fired, or something was found where nothing is."""
    known, alive, wrong, calm, began = Known(), [], 0, 0, time.monotonic()
    planned = [*(UNHARMED if len(wanted) == len(MUTANTS) else ()), *((mutant, seeds) for mutant in wanted)]
    pool = ThreadPoolExecutor(max_workers=2)
    try:
        hunts = {m.name: pool.submit(hunt, m, n) for m, n in planned if m.name not in known.catches}
        for mutant, lives in planned:
            catch = known.catches.get(mutant.name) or hunts[mutant.name].result()
            is_planted = bool(mutant.changes)
            if mutant.name not in known.catches and catch.fired and (catch.found or not is_planted):
                known.add(mutant.name, catch)
            if is_planted and not catch.found:
                alive.append(mutant.name)
            calm += not catch.fired
            wrong += not is_planted and bool(catch.found or catch.errors)
            say(f"{mutant.name:<26} {_result(catch, is_planted, lives)} ({catch.took_s:.0f} s)")
    finally:
        # Whoever is stopped by Ctrl-C begins no other hunt.
        pool.shutdown(cancel_futures=True)
    took_s = time.monotonic() - began
    say(f"{len(wanted)} mutants, {len(alive)} alive{': ' if alive else ''}{', '.join(alive)}; {took_s:.0f} s")
    if wrong:
        say("Something was found where nothing is planted: no catch counts.")
    if calm:
        say(f"No fault ever fired in {calm} of the hunts: what they caught proves nothing.")
    failed = bool(alive or wrong or calm)
    if planned[0] is UNHARMED[0] and not failed:
        known.forget()
    return int(failed)


def _result(catch: Catch, is_planted: bool, seeds: int) -> str:
    if not catch.fired:
        return "NO FAULT FIRED"
    if catch.found:
        before = f"; {catch.errors} worlds before it ended in an error" if catch.errors else ""
        return catch.found[:140] + before
    if catch.errors:
        return f"{catch.errors} of {seeds} worlds ended in an error, no invariant fell; {catch.first_error[:140]}"
    return (
        f"LIVES after {seeds} seeds"
        if is_planted
        else f"nothing was found in {seeds} worlds, as it should be"
    )


if __name__ == "__main__":
    sys.exit(main())
