"""`make mutation`: mutmut changes the money rules one operator at a time, and the tests must notice.

Two rounds, each in a copy of the tree under var/: the pure rules, judged by pure tests alone, and the one way in of
a payment's result, judged on a real database. Status 1 if fewer than 85 % of the mutants of any file die. What
mutmut leaves alone (what stands outside of functions, such as the sets of states) is judged by the default suite.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from mutmut.stats import status_by_exit_code

from config.demo.testing import start_test_servers

ROOT = Path(__file__).resolve().parents[2]
GOAL_PERCENT = 85
COPIED = ("apps", "config", "meter_gateway", "static", "templates", "tests")
DIED = ("killed", "timeout")


@dataclass(frozen=True)
class Round:
    """Files to mutate and the tests that judge them; with `functions` only the mutants of these count."""

    name: str
    files: tuple[str, ...]
    tests: tuple[str, ...]
    has_database: bool = False
    functions: tuple[str, ...] = ("*",)


ROUNDS = (
    Round(
        "pure",
        ("apps/tariffs/pricing.py", "apps/income/postings.py", "apps/income/states.py"),
        ("tests/tariffs/test_pricing.py", "tests/income/test_postings.py", "tests/income/test_states.py"),
    ),
    Round(
        "payments",
        ("apps/income/services/payments.py",),
        ("tests/income/test_what_a_result_does.py", "tests/income/test_apply_payment_result.py"),
        True,
        tuple(
            f"apps.income.services.payments.x_{name}__mutmut_*"
            for name in ("apply_payment_result", "_paid", "_disagreement", "_review")
        ),
    ),
)


def main() -> int:
    wanted = sys.argv[1:]
    servers = start_test_servers(ROOT / "var")
    try:
        environment = os.environ | {
            "RENTMETER_TEST_SERVERS": "1",
            "DATABASE_URL": servers.app_url,
            "OWNER_DATABASE_URL": servers.owner_url,
            "BROKER_URL": servers.broker_url,
            "RENTMETER_TEST_SUPERUSER_URL": servers.superuser_url,
        }
        short = [_play(one, environment) for one in ROUNDS if not wanted or one.name in wanted]
        return int(any(short))
    finally:
        servers.stop()


def _play(one: Round, environment: dict[str, str]) -> bool:
    """Run one round and print it; say whether a file fell short."""
    started = time.monotonic()
    folder = ROOT / "var" / "mutation" / one.name
    shutil.rmtree(folder, ignore_errors=True)
    _copy(one, folder)
    if one.has_database:
        _judge_in_one_session(one, folder, environment)
    else:
        # -P: what is imported is the changed copy, never what stands beside it.
        run = [sys.executable, "-P", "-m", "mutmut", "run", "--max-children", "1", *one.functions]
        _run("mutmut", run, folder, environment)
    short = [_tell(folder, path, one.functions) for path in one.files]
    sys.stdout.write(f"{one.name}: {time.monotonic() - started:.0f} s\n")
    sys.stdout.flush()
    return any(short)


def _judge_in_one_session(one: Round, folder: Path, environment: dict[str, str]) -> None:
    """Have mutmut write the mutants and one pytest judge them: a database and its street for each would take hours."""
    _run("planting", [sys.executable, "-m", "tests.mutation.planting"], folder, environment)
    mutants, fates = folder / "mutants.json", folder / "fates.json"
    wanted = [name for path in one.files for name in _planted(folder, path, one.functions)]
    mutants.write_text(json.dumps(wanted), "utf-8")
    judge = [sys.executable, "-m", "pytest", "-n", "0", "-q", "--create-db", "-p", "tests.mutation.judging"]
    judge += ["-p", "no:randomly", "-p", "no:cacheprovider", *one.tests]
    files = {"MUTANTS": str(mutants), "FATES": str(fates)}
    _run("judging", judge, folder / "mutants", environment | files)
    found = json.loads(fates.read_text("utf-8"))
    for path in one.files:
        meta = folder / "mutants" / f"{path}.meta"
        known = json.loads(meta.read_text("utf-8"))
        for name in known["exit_code_by_key"]:
            if name in found:
                known["exit_code_by_key"][name] = 0 if found[name] == "survived" else 1
        meta.write_text(json.dumps(known), "utf-8")


def _planted(folder: Path, path: str, functions: tuple[str, ...]) -> dict[str, int | None]:
    """Return the exit code of each mutant of a file that counts; None where it was not tried."""
    found = json.loads((folder / "mutants" / f"{path}.meta").read_text("utf-8"))["exit_code_by_key"]
    return {
        name: code for name, code in found.items() if any(fnmatch(name, function) for function in functions)
    }


def _copy(one: Round, folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "manage.py", folder)
    settings = [
        (ROOT / "pyproject.toml").read_text("utf-8"),
        "[tool.mutmut]",
        f"source_paths = {_listed(('apps', 'config', 'meter_gateway'))}",
        f"only_mutate = {_listed(one.files)}",
        f"also_copy = {_listed(('static', 'templates', 'manage.py'))}",
        f"pytest_add_cli_args = {_listed(('-n', '0', '-p', 'no:cacheprovider'))}",
        f"pytest_add_cli_args_test_selection = {_listed(one.tests)}",
        "do_not_mutate_patterns = ['log\\.\\w+\\(']",
        "use_git_change_detection = false",
    ]
    (folder / "pyproject.toml").write_text("\n".join(settings) + "\n", "utf-8")


def _listed(values: Iterable[str]) -> str:
    return json.dumps(list(values))


def _run(name: str, program: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run it in the copy, its output in a file beside it.

    :raises SystemExit: with the end of that output, if it failed.
    """
    log = folder / f"{name}.log"
    with log.open("w") as output:
        ended = subprocess.run(program, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
    if ended.returncode:
        raise SystemExit(f"mutation: {name} failed:\n{log.read_text('utf-8')[-3000:]}")


def _tell(folder: Path, path: str, functions: tuple[str, ...]) -> bool:
    """Print what became of one file's mutants; say whether too few died."""
    fates = {name: status_by_exit_code[code] for name, code in _planted(folder, path, functions).items()}
    died = sum(fate in DIED for fate in fates.values())
    percent = 100 * died // max(len(fates), 1)
    mark = "ok" if percent >= GOAL_PERCENT else "MISSED"
    sys.stdout.write(
        f"{path:<40} {died:>4} of {len(fates):>4} killed  {percent} %  >= {GOAL_PERCENT}  {mark}\n"
    )
    for name, fate in fates.items():
        if fate not in DIED:
            sys.stdout.write(f"  {fate}: {name}\n")
    sys.stdout.flush()
    return percent < GOAL_PERCENT


if __name__ == "__main__":
    sys.exit(main())
