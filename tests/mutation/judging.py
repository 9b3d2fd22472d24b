"""A pytest plugin that judges all mutants in one session, on one database: `-p tests.mutation.judging`.

A mutant is chosen when its function is called, so nothing has to be imported or made anew for the next one. Every
test passes first without a mutant. Then each mutant meets the tests until one fails, those that killed lately first.
"""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

# A mutant that waits for ever is noticed too.
LONGEST_S = 120


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Judge the mutants named in the file MUTANTS; what became of each goes to the file FATES."""
    mutants = json.loads(Path(os.environ["MUTANTS"]).read_text("utf-8"))
    tests = list(session.items)
    for item in tests:
        if why := _failure(item, ""):
            pytest.exit(f"{item.nodeid} fails without a mutant:\n{why}", returncode=1)
    if not any(_failure(item, "fail") for item in tests):
        pytest.exit("no test reaches what is to be changed", returncode=1)
    fates: dict[str, str] = {}
    for mutant in mutants:
        killer = next((item for item in tests if _failure(item, mutant)), None)
        fates[mutant] = "survived" if killer is None else f"killed by {killer.nodeid}"
        if killer is not None:
            tests.remove(killer)
            tests.insert(0, killer)
        Path(os.environ["FATES"]).write_text(json.dumps(fates, indent=1), "utf-8")
    os.environ["MUTANT_UNDER_TEST"] = ""
    session._setupstate.teardown_exact(None)
    return True


def _failure(item: pytest.Item, mutant: str) -> str:
    """Run one test, keep what serves the whole session, and return why it failed; empty if it passed."""
    os.environ["MUTANT_UNDER_TEST"] = mutant
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(LONGEST_S)
    try:
        # What follows is the session itself: all but its own fixtures are torn down.
        following: Any = item.session
        reports = runtestprotocol(item, log=False, nextitem=following)
        return next((f"{report.when}: {report.longrepr}" for report in reports if not report.passed), "")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _too_long(*_: Any) -> None:
    raise TimeoutError(f"over {LONGEST_S} s")
