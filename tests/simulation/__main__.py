"""`python -m tests.simulation`: run worlds by their seeds, or replay one with its history."""

import argparse
import logging
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

from config.demo.launch import die_with
from tests.arguments import at_least
from tests.simulation.faults import OF_PEOPLES_MONEY, Fault
from tests.simulation.progress import Portion, Progress
from tests.simulation.world import Finding, World

TWO_PROCESSES_FROM = 200
PORTION = 100
# So many seeds for which each kind has to fire once: a hundred times in 20,000.
A_FAULT_IN = 200
# The kinds that need real payments come in these worlds only.
MONEY_FAULTS_FROM = 2_000
POSTGRES_EVERY = 50
TWICE_ON_POSTGRES_EVERY = 1_000


def live(seed: int, store: str = "memory", *, is_backwards: bool = False) -> Finding:
    return World(seed, store=store, is_backwards=is_backwards).run()


def live_portion(seeds: range, store: str = "both") -> Portion:
    """Run worlds. The first of them is lived twice: one seed has one history."""
    started = time.process_time()
    portion = Portion(seeds[0], len(seeds), 0.0)
    if store != "postgres":
        _live_all(portion, list(seeds), "memory", is_twice=True)
    if store != "memory":
        real = [seed for seed in seeds if store == "postgres" or not seed % POSTGRES_EVERY]
        is_twice = store == "postgres" or not seeds[0] % TWICE_ON_POSTGRES_EVERY
        _live_all(portion, real, "postgres", is_twice=is_twice)
        portion.on_postgres = len(real)
    portion.cpu_s = time.process_time() - started
    return portion


def _live_all(portion: Portion, seeds: list[int], store: str, *, is_twice: bool) -> None:
    where = "" if store == "memory" else "on PostgreSQL: "
    findings = [live(seed, store) for seed in seeds]
    if is_twice and seeds:
        again = live(seeds[0], store, is_backwards=True)
        portion.checked["same seed, same history"] += 1
        if again.digest != findings[0].digest:
            digests = f"{findings[0].digest}, then {again.digest}"
            portion.violations.append((seeds[0], f"{where}not deterministic: {digests}"))
    for finding in findings:
        portion.fired.update({fault.name: times for fault, times in finding.fired.items()})
        portion.checked.update(finding.checked)
        portion.orders += finding.orders
        portion.frozen += finding.frozen
        portion.events += finding.events
        portion.rests.append(round(finding.rest_after_s))
        if finding.violation:
            portion.violations.append((finding.seed, where + finding.violation))


def portions(seeds: range, progress: Progress, store: str) -> Iterator[Portion]:
    """All portions in their order, those of an earlier run first."""
    size = PORTION // 10 if store == "postgres" else PORTION
    parts = [seeds[start : start + size] for start in range(0, len(seeds), size)]
    left = [part for part in parts if (part[0], len(part)) not in progress.done]
    yield from (progress.done[(part[0], len(part))] for part in parts if part not in left)
    if len(seeds) < TWO_PROCESSES_FROM:
        for part in left:
            portion = live_portion(part, store)
            progress.add(portion)
            yield portion
        return
    pool = ProcessPoolExecutor(max_workers=2, initializer=_belong_to, initargs=(os.getpid(),))
    try:
        for portion in pool.map(live_portion, left, repeat(store)):
            progress.add(portion)
            yield portion
    except BaseException:
        for worker in multiprocessing.active_children():
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _belong_to(parent: int) -> None:
    """End with the parent, and only then: a worker would take Ctrl-C for the end of one portion, and begin the next."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with(parent, signal.SIGTERM)


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def replay(seed: int, *, store: str, traced: bool) -> int:
    finding = World(seed, store=store, on_trace=say if traced else None).run()
    again = live(seed, store, is_backwards=True)
    say(f"seed {seed}: {finding.orders} orders, {finding.events} events, history {finding.digest}")
    if again.digest != finding.digest:
        say(f"seed {seed}: NOT DETERMINISTIC: {again.digest} the second time")
        return 1
    say(finding.violation or "nothing violated")
    return int(bool(finding.violation))


def run(seeds: range, store: str) -> int:
    """Run all, say what was found; 1 if an invariant fell or a fault that should have fired did not."""
    progress = Progress(f"{store}-{seeds[0]}-{len(seeds)}")
    whole = Portion(seeds[0], len(seeds), 0.0)
    done = 0
    for portion in portions(seeds, progress, store):
        whole.cpu_s += portion.cpu_s
        whole.fired.update(portion.fired)
        whole.checked.update(portion.checked)
        whole.violations += portion.violations
        whole.rests += portion.rests
        whole.orders += portion.orders
        whole.frozen += portion.frozen
        whole.events += portion.events
        whole.on_postgres += portion.on_postgres
        done += portion.count
        for seed, violation in portion.violations:
            say(f"seed {seed}: {violation}")
        say(
            f"seeds {portion.first}–{portion.first + portion.count - 1}: "
            f"{len(whole.violations)} violations, {done / whole.cpu_s:.1f} seeds/s"
        )
    outcome = tell(whole, store)
    progress.finish()
    return outcome


def tell(whole: Portion, store: str) -> int:
    """Say the figures of a run; 1 if it proves nothing good."""
    say()
    for fault in Fault:
        say(f"{whole.fired[fault.name]:>9}  {fault.name:<19} {fault.words}")
    say()
    for invariant, times in sorted(whole.checked.items(), key=_by_number):
        say(f"{times:>9}  {invariant} held")
    rests = sorted(whole.rests)
    say()
    say(f"{whole.orders} orders, {whole.events} events, {whole.frozen} meters frozen with a reason")
    say(
        f"rest after the faults: median {rests[len(rests) // 2]:.0f} s, longest {rests[-1]:.0f} s of virtual time"
    )
    say(
        f"{whole.count} seeds, {whole.on_postgres} of them on PostgreSQL, in {whole.cpu_s:.0f} s of processor "
        f"time, {len(whole.violations)} violations"
    )
    silent = rare_faults(whole.fired, whole.count, store)
    if silent:
        say(f"faults that fired less than once in {A_FAULT_IN} seeds: " + ", ".join(silent))
    if whole.violations:
        seed, said = min(whole.violations)
        on = " --store postgres" if said.startswith("on PostgreSQL") else ""
        say(f"first violation: seed {seed}; python -m tests.simulation --seed {seed}{on} --trace")
    return int(bool(whole.violations) or not whole.fired or bool(silent))


def rare_faults(fired: Counter[str], seeds: int, store: str) -> list[str]:
    """Return the kinds that a run of so many seeds proves too little about."""
    is_excused = store == "memory" or seeds < MONEY_FAULTS_FROM
    not_here = OF_PEOPLES_MONEY if is_excused and store != "postgres" else ()
    wanted = seeds // A_FAULT_IN
    return [fault.name for fault in Fault if fired[fault.name] < wanted and fault not in not_here]


def _by_number(item: tuple[str, int]) -> int:
    name = item[0]
    return int(name[1:]) if name[1:].isdigit() else 99


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=at_least(0), help="replay this one, twice, and compare")
    parser.add_argument(
        "--store", choices=("both", "memory", "postgres"), default="both", help="where rows are"
    )
    parser.add_argument("--trace", action="store_true", help="with its history")
    parser.add_argument("--seeds", type=at_least(1), default=2_000, help="how many")
    parser.add_argument("--from", type=at_least(0), default=0, dest="first", help="the first of them")
    asked = parser.parse_args()
    if asked.trace and asked.seed is None:
        parser.error("argument --trace: needs the --seed whose history is wanted")
    logging.disable(logging.WARNING)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if asked.seed is not None:
        store = "memory" if asked.store == "both" else asked.store
        return replay(asked.seed, store=store, traced=asked.trace)
    try:
        return run(range(asked.first, asked.first + asked.seeds), asked.store)
    except KeyboardInterrupt:
        say("ended; the same command goes on after the last line above")
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
