"""Start one process, wait until it serves, stop it: what the supervisor and the tests' servers share."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

_LAUNCH = Path(__file__).with_name("launch.py")

RunsAs = Literal["self", "namespace", "nobody"]


class CannotStart(Exception):
    """The demo cannot go on; the message is one sentence for the person who started it."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A process that runs until it is stopped.

    `ready` gets the process id and answers at once, without raising; `stop_signal` asks for an orderly end,
    for which `grace_s` seconds are given.
    """

    name: str
    command: tuple[str, ...]
    ready: Callable[[int], bool] = field(default=lambda pid: True)
    environment: Mapping[str, str] | None = None
    runs_as: RunsAs = "self"
    stop_signal: signal.Signals = signal.SIGTERM
    ready_within_s: float = 30.0
    grace_s: float = 8.0


def launched(
    command: tuple[str, ...], *, runs_as: RunsAs = "self", death_signal: int = signal.SIGTERM
) -> list[str]:
    """The command line that runs `command` as asked and ends it when this very process dies.

    The kernel watches the thread that starts it, not the process: start it from the main thread.
    """
    return [
        sys.executable,
        "-I",
        "-S",
        str(_LAUNCH),
        str(os.getpid()),
        str(int(death_signal)),
        runs_as,
        "--",
        *command,
    ]


def start(service: Service, log_directory: Path) -> subprocess.Popen[bytes]:
    """Start the service in a session of its own, its output at the end of `<name>.log`; does not wait."""
    log_directory.mkdir(parents=True, exist_ok=True)
    with (log_directory / f"{service.name}.log").open("ab") as log:
        return subprocess.Popen(
            launched(service.command, runs_as=service.runs_as, death_signal=service.stop_signal),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=None if service.environment is None else dict(service.environment),
            start_new_session=True,
        )


def wait_ready(
    process: subprocess.Popen[bytes],
    service: Service,
    log_directory: Path,
    *,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Return when the service serves; `meanwhile` is called at every turn of the wait and may raise.

    :raises CannotStart: if it ended or is not ready in its time; the last line of its log is quoted.
    """
    deadline = time.monotonic() + service.ready_within_s
    while not service.ready(process.pid):
        if process.poll() is not None:
            raise CannotStart(
                f"{service.name} ended before it was ready{last_words(service.name, log_directory)}"
            )
        if time.monotonic() > deadline:
            raise CannotStart(
                f"{service.name} was not ready within {service.ready_within_s:g} s"
                f"{last_words(service.name, log_directory)}"
            )
        meanwhile()
        time.sleep(0.02)


def stop(process: subprocess.Popen[bytes], service: Service) -> None:
    """Ask the service to end, wait out its grace, then end its whole session by force; safe to repeat."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(service.stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(service.grace_s)
    kill_session(process.pid)
    process.wait()


def kill_session(leader: int) -> None:
    """End by force whatever is left of the process group that `leader` leads or led."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def last_words(name: str, log_directory: Path) -> str:
    """The end of a sentence that says what `<name>.log` said last, and where to read on."""
    path = log_directory / f"{name}.log"
    with contextlib.suppress(OSError):
        said = [line.strip() for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]
        if said:
            return f": {said[-1][:200]} (more in {path})"
    return f" (see {path})"
