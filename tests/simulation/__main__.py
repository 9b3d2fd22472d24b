"""`python -m tests.simulation`: run worlds by their seeds, or replay one with its history."""

import argparse
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.faults import Fault
from tests.simulation.world import Finding, World

TWO_PROCESSES_FROM = 200
PORTION = 100
ALL_FAULTS_FROM = 200


def live(seed: int) -> Finding:
    return World(seed).run()


def live_portion(seeds: range) -> tuple[list[Finding], float]:
    """Run worlds; also the processor time they took, in seconds."""
    started = time.process_time()
    return [live(seed) for seed in seeds], time.process_time() - started


def portions(seeds: range) -> Iterator[tuple[list[Finding], float]]:
    parts = [seeds[start : start + PORTION] for start in range(0, len(seeds), PORTION)]
    if len(seeds) < TWO_PROCESSES_FROM:
        yield from map(live_portion, parts)
        return
    with ProcessPoolExecutor(max_workers=2) as pool:
        yield from pool.map(live_portion, parts)


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def replay(seed: int, *, traced: bool) -> int:
    finding = World(seed, on_trace=say if traced else None).run()
    again = live(seed)
    say(f"seed {seed}: {finding.orders} orders, {finding.events} events, history {finding.digest}")
    if again.digest != finding.digest:
        say(f"seed {seed}: NOT DETERMINISTIC: {again.digest} the second time")
        return 1
    say(finding.violation or "nothing violated")
    return int(bool(finding.violation))


def run(seeds: range) -> int:
    """Run all, say what was found; 1 if an invariant fell or a fault that should have fired did not."""
    fired: Counter[Fault] = Counter()
    checked: Counter[str] = Counter()
    bad: list[Finding] = []
    rests: list[float] = []
    orders = frozen = events = done = 0
    processor_s = 0.0
    for findings, seconds in portions(seeds):
        processor_s += seconds
        for finding in findings:
            fired += finding.fired
            checked += finding.checked
            orders, frozen, events = orders + finding.orders, frozen + finding.frozen, events + finding.events
            rests.append(finding.rest_after_s)
            if finding.violation:
                bad.append(finding)
                say(f"seed {finding.seed}: {finding.violation}")
        done += len(findings)
        say(
            f"seeds {findings[0].seed}–{findings[-1].seed}: {len(bad)} violations, {done / processor_s:.1f} seeds/s"
        )
    say()
    for fault in Fault:
        say(f"{fired[fault]:>9}  {fault.name:<19} {fault.words}")
    say()
    for invariant, times in sorted(checked.items(), key=lambda item: int(item[0][1:])):
        say(f"{times:>9}  {invariant} held")
    rests.sort()
    say()
    say(f"{orders} orders, {events} events, {frozen} meters frozen with a reason")
    say(
        f"rest after the faults: median {rests[len(rests) // 2]:.0f} s, longest {rests[-1]:.0f} s of virtual time"
    )
    say(f"{len(seeds)} seeds in {processor_s:.0f} s of processor time, {len(bad)} violations")
    silent = [fault.name for fault in Fault if not fired[fault]]
    if silent and len(seeds) >= ALL_FAULTS_FROM:
        say("faults that never fired: " + ", ".join(silent))
    if bad:
        say(f"first violation: seed {bad[0].seed}; python -m tests.simulation --seed {bad[0].seed} --trace")
    return int(bool(bad) or not fired or (bool(silent) and len(seeds) >= ALL_FAULTS_FROM))


def first_violation(seeds: range) -> int:
    for seed in seeds:
        try:
            violation = live(seed).violation
        except Exception as error:  # noqa: BLE001 - a mistake may also show as an exception
            violation = f"{type(error).__name__}: {error}"
        if violation:
            say(f"seed {seed}: {violation}")
            return 1
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="replay this one, twice, and compare")
    parser.add_argument("--trace", action="store_true", help="with its history")
    parser.add_argument("--seeds", type=int, default=2_000, help="how many")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first of them")
    parser.add_argument("--first-violation", action="store_true", help="stop at the first, say only that")
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    if asked.seed is not None:
        return replay(asked.seed, traced=asked.trace)
    seeds = range(asked.first, asked.first + asked.seeds)
    return first_violation(seeds) if asked.first_violation else run(seeds)


if __name__ == "__main__":
    sys.exit(main())
