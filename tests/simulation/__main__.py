"""`python -m tests.simulation`: run worlds by their seeds, or replay one with its history."""

import argparse
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.faults import OF_PEOPLES_MONEY, Fault
from tests.simulation.progress import Portion, Progress
from tests.simulation.world import Finding, World

TWO_PROCESSES_FROM = 200
PORTION = 100
ALL_FAULTS_FROM = 200


def live(seed: int, store: str = "memory") -> Finding:
    return World(seed, store=store).run()


def live_portion(seeds: range, store: str = "memory") -> Portion:
    """Run worlds. The first of them is lived twice: one seed has one history."""
    started = time.process_time()
    findings = [live(seed, store) for seed in seeds]
    portion = Portion(seeds[0], len(seeds), 0.0)
    again = live(seeds[0], store)
    portion.checked["same seed, same history"] += 1
    if again.digest != findings[0].digest:
        portion.violations.append((seeds[0], f"not deterministic: {findings[0].digest}, then {again.digest}"))
    for finding in findings:
        portion.fired.update({fault.name: times for fault, times in finding.fired.items()})
        portion.checked.update(finding.checked)
        portion.orders += finding.orders
        portion.frozen += finding.frozen
        portion.events += finding.events
        portion.rests.append(round(finding.rest_after_s))
        if finding.violation:
            portion.violations.append((finding.seed, finding.violation))
    portion.cpu_s = time.process_time() - started
    return portion


def portions(seeds: range, progress: Progress, store: str) -> Iterator[Portion]:
    """All portions in their order, those of an earlier run first."""
    size = PORTION if store == "memory" else PORTION // 10
    parts = [seeds[start : start + size] for start in range(0, len(seeds), size)]
    left = [part for part in parts if (part[0], len(part)) not in progress.done]
    yield from (progress.done[(part[0], len(part))] for part in parts if part not in left)
    if len(seeds) < TWO_PROCESSES_FROM or store != "memory":
        for part in left:
            portion = live_portion(part, store)
            progress.add(portion)
            yield portion
        return
    with ProcessPoolExecutor(max_workers=2) as pool:
        for portion in pool.map(live_portion, left):
            progress.add(portion)
            yield portion


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def replay(seed: int, *, store: str, traced: bool) -> int:
    finding = World(seed, store=store, on_trace=say if traced else None).run()
    again = live(seed, store)
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
    say(f"{whole.count} seeds in {whole.cpu_s:.0f} s of processor time, {len(whole.violations)} violations")
    silent = silent_faults(whole.fired, store) if whole.count >= ALL_FAULTS_FROM else []
    if silent:
        say("faults that never fired: " + ", ".join(silent))
    if whole.violations:
        seed = min(seed for seed, _ in whole.violations)
        say(f"first violation: seed {seed}; python -m tests.simulation --seed {seed} --trace")
    return int(bool(whole.violations) or not whole.fired or bool(silent))


def silent_faults(fired: Counter[str], store: str = "memory") -> list[str]:
    """Return the kinds that never fired: a run of some length without them has proved nothing about them."""
    not_here = OF_PEOPLES_MONEY if store == "memory" else ()
    return [fault.name for fault in Fault if not fired[fault.name] and fault not in not_here]


def _by_number(item: tuple[str, int]) -> int:
    name = item[0]
    return int(name[1:]) if name[1:].isdigit() else 99


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay this one, twice, and compare")
    parser.add_argument("--store", choices=("memory", "postgres"), default="memory", help="where rows are")
    parser.add_argument("--trace", action="store_true", help="with its history")
    parser.add_argument("--seeds", type=int, default=2_000, help="how many")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first of them")
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    if asked.seed is not None:
        return replay(asked.seed, store=asked.store, traced=asked.trace)
    seeds = range(asked.first, asked.first + asked.seeds)
    return run(seeds, asked.store)


if __name__ == "__main__":
    sys.exit(main())
