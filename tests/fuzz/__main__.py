"""``python -m tests.fuzz [N] [SEED]``: N inputs through the stream parser and the codec, on every core.

Prints how many inputs ran, how many broke something (with the first few as hexadecimal digits), the worst
time for 512 bytes, and how the memory grew. Status 1 if anything broke. A tenth as many again, at most
100,000, are guided by coverage, where there is the package ``atheris`` (requirements/fuzz.in; ``make fuzz``
installs it where it can).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from importlib.util import find_spec
from multiprocessing import get_context

from tests.fuzz.campaign import run
from tests.fuzz.inputs import LONGEST

_CRASHES_SHOWN = 5
_MOST_GUIDED = 100_000


def _guided(count: int) -> str:
    """What the coverage-guided part says of itself; "" when it broke something."""
    if find_spec("atheris") is None:
        return "left out, atheris is not installed"
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.guided", f"-atheris_runs={count}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stdout.write(done.stdout + done.stderr)
        return ""
    return f"{count} inputs, no crash"


def main(arguments: list[str]) -> int:
    """Run and report; the exit status."""
    count = int(arguments[0]) if arguments else 100_000
    seed = int(arguments[1]) if len(arguments) > 1 else random.SystemRandom().randrange(2**32)
    cores = min(os.cpu_count() or 1, max(1, count // 10_000))
    share = [count // cores + (core < count % cores) for core in range(cores)]
    sys.stdout.write(f"seed {seed}, {cores} processes\n")
    sys.stdout.flush()
    started = time.monotonic()
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        outcomes = list(pool.map(run, share, range(seed, seed + cores)))
    took = time.monotonic() - started
    worst = max(outcomes, key=lambda outcome: outcome.worst_ms)
    crashes = [crash for outcome in outcomes for crash in outcome.crashes]
    guided = _guided(min(max(1, count // 10), _MOST_GUIDED))
    sys.stdout.write(
        f"inputs         {sum(o.count for o in outcomes)} in {took:.0f} s, {sum(o.events for o in outcomes)} events\n"
        f"crashes        {len(crashes)}\n"
        f"worst          {worst.worst_ms:.3f} ms of CPU for {LONGEST} bytes ({worst.worst[:24].hex()}...)\n"
        f"memory growth  {max(o.grown_blocks for o in outcomes)} blocks alive, "
        f"{max(o.grown_kib for o in outcomes)} KiB resident\n"
        f"guided         {guided or 'crashed'}\n"
    )
    for crash in crashes[:_CRASHES_SHOWN]:
        sys.stdout.write(f"  {crash}\n")
    return 1 if crashes or not guided else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
