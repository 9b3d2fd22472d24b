"""The demo as a person runs it: a process of its own, in a directory of its own, on free ports."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
_OURS = ("DATABASE_URL", "OWNER_DATABASE_URL", "BROKER_URL", "SECRET_KEY")
_ROLES = ("WEB", "GATEWAY", "SIMULATOR", "SANDBOX", "POSTGRES", "VALKEY")
_SETTINGS = {f"DEMO_{role}_PORT": "0" for role in _ROLES} | {"DEMO_FSYNC": "no"}
_Found = TypeVar("_Found")


def wait_until(condition: Callable[[], _Found | None], *, within_s: float = 10.0) -> _Found:
    """Poll until the condition holds and return what it gave; fail when it does not hold in time."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.02)
    return found


def processes_in(directory: Path) -> dict[int, str]:
    """Every living process that works in the directory or has a file of it open: logs, data, lock."""
    found = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with suppress(OSError):
            links = [process / "cwd", *(process / "fd").iterdir()]
            if any(_leads_into(link, directory) for link in links):
                found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
    found.pop(os.getpid(), None)
    return found


def _leads_into(link: Path, directory: Path) -> bool:
    with suppress(OSError):
        return Path(os.readlink(link)).is_relative_to(directory)
    return False


@dataclass
class DemoRuns:
    """Starts demos in `var` with free ports and nothing of the caller's database settings."""

    var: Path
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        inherited = {name: value for name, value in os.environ.items() if name not in _OURS}
        process = subprocess.Popen(
            [sys.executable, "-m", "config.demo", "--var", str(self.var), *arguments],
            cwd=ROOT,
            env={**inherited, **_SETTINGS, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.running.append(process)
        return process

    def start_servers(self) -> subprocess.Popen[str]:
        """Start the two servers and return once `demo.json` says so."""
        process = self.start("--only", "db,broker")
        wait_until(lambda: self.is_described() or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        return process

    def is_described(self) -> bool:
        return (self.var / "demo.json").exists()

    def pids(self) -> dict[str, int]:
        pids: dict[str, int] = json.loads((self.var / "demo.json").read_text())["pids"]
        return pids

    def end(self, process: subprocess.Popen[str], number: int) -> int:
        """Send the signal to the demo alone, wait for its end and return its status."""
        process.send_signal(number)
        process.communicate(timeout=20)
        self.running.remove(process)
        return process.returncode

    def end_all(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)


@pytest.fixture
def no_servers_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of somebody who set free ports and no server."""
    for name in _OURS:
        monkeypatch.delenv(name, raising=False)
    for name, value in _SETTINGS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def demos(tmp_path: Path) -> Iterator[DemoRuns]:
    runs = DemoRuns(tmp_path / "var")
    yield runs
    runs.end_all()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoRuns]:
    """Servers that run already, for tests that leave them running."""
    runs = DemoRuns(tmp_path_factory.mktemp("demo") / "var")
    runs.start_servers()
    yield runs
    runs.end_all()
