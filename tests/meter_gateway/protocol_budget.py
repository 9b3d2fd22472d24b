"""``make protocol``: the wire core's own tests enter each of its branches, and run in under two seconds.

They need neither Django nor any plugin of pytest, and are run without. The time is pytest's own span, from the
start of the session to its summary, in processor time: on a quiet machine that is the figure pytest prints, and on
a busy one the work of others is not counted.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MEASURED = "meter_gateway/protocol"
SECONDS = 2.0
_PLUGIN = "tests.meter_gateway.protocol_budget"
_RUNS = 3
_PYTEST = (
    *("-m", "pytest", "-c", os.devnull, "--rootdir", str(ROOT), "-q", "-p", "no:cacheprovider"),
    *("-p", _PLUGIN, f"tests/{MEASURED}"),
)
_began = 0.0


def pytest_sessionstart() -> None:
    """Called by pytest, whose plugin this module is."""
    global _began
    _began = time.process_time()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"processor time {time.process_time() - _began:.2f} s")


@dataclass(frozen=True)
class Outcome:
    """``missing`` are the lines of coverage's report that are not complete."""

    branches_percent: int
    branches: int
    missing: tuple[str, ...]
    tests: int
    processor_s: float
    wall_s: float


def measure() -> Outcome:
    """Run the tests once under coverage, and then bare: the best of a few runs.

    :raises AssertionError: a test failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        data = f"--data-file={folder}/coverage"
        _run("-m", "coverage", "run", data, "--branch", f"--source={MEASURED}", *_PYTEST)
        report = _run("-m", "coverage", "report", data, "--show-missing", "--skip-covered", "--precision=2")
    total = re.search(r"^TOTAL +\d+ +\d+ +(\d+) +\d+ +(\d+)\.(\d+)%", report, re.MULTILINE)
    assert total, report
    runs = [_figures(_run(*_PYTEST)) for _ in range(_RUNS)]
    tests, processor_s, wall_s = min(runs, key=lambda run: run[1])
    return Outcome(
        branches_percent=int(total[2]),
        branches=int(total[1]),
        missing=tuple(line for line in report.splitlines() if line.startswith(MEASURED)),
        tests=tests,
        processor_s=processor_s,
        wall_s=wall_s,
    )


def _figures(told: str) -> tuple[int, float, float]:
    processor = re.search(r"processor time ([\d.]+) s", told)
    passed = re.search(r"(\d+) passed in ([\d.]+)s", told)
    assert processor, told
    assert passed, told
    return int(passed[1]), float(processor[1]), float(passed[2])


def _run(*arguments: str) -> str:
    # The bytecode of the tests is kept, as in any second run.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def main() -> int:
    """Print the figures; status 1 if one is missed."""
    outcome = measure()
    sys.stdout.write(
        f"branches   {outcome.branches_percent} % of {outcome.branches}, every line with them\n"
        f"time       {outcome.processor_s:.2f} s of processor time for {outcome.tests} tests, "
        f"{outcome.wall_s:.2f} s by pytest's clock\n"
    )
    sys.stdout.write("".join(f"  {line}\n" for line in outcome.missing))
    return 1 if outcome.missing or outcome.processor_s >= SECONDS else 0


if __name__ == "__main__":
    sys.exit(main())
