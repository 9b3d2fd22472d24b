"""Start services in order, start again what ends by itself, stop all in reverse, leave nothing behind."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from config.demo.processes import (
    CannotStart,
    Service,
    kill_session,
    last_words,
    launched,
    start,
    stop,
    wait_ready,
)

_GUARD = Path(__file__).with_name("guard.py")
_FIRST_DELAY_S = 0.2
_LONGEST_DELAY_S = 5.0
_SOUND_AFTER_S = 10.0
_PULSE_S = 0.05


class Interrupted(Exception):
    """Somebody asked the demo to end: Ctrl-C, SIGTERM, or a closed terminal."""


@dataclass
class _Running:
    service: Service
    process: subprocess.Popen[bytes]
    started_at: float
    delay_s: float = _FIRST_DELAY_S
    again_at: float | None = None


class Supervisor:
    """Keeps services alive from one thread, the main one.

    `tell` gets a sentence for the person at the terminal; `pids_changed` is called whenever a service was
    started again. Every wait of this class notices signals and the death of services within 50 ms.
    """

    def __init__(
        self,
        log_directory: Path,
        *,
        lock: int,
        tell: Callable[[str], None],
        pids_changed: Callable[[], None],
        guard_grace_s: float = 6.0,
    ) -> None:
        self._log_directory = log_directory
        self._tell = tell
        self._pids_changed = pids_changed
        self._running: list[_Running] = []
        self._asked_to_end = False
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_GUARD), str(guard_grace_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            pass_fds=(lock,),
        )

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each service, by name."""
        return {running.service.name: running.process.pid for running in self._running}

    @contextlib.contextmanager
    def listening_to_signals(self) -> Iterator[None]:
        """Turn SIGINT, SIGTERM, SIGHUP into `Interrupted` at the next wait; at the end, stop everything."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._note_signal) for number in numbers}
        try:
            yield
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    def start(self, service: Service) -> None:
        """Start the service and return when it is ready; from then on it is kept alive.

        :raises CannotStart: if it does not get ready.
        """
        self._pulse()
        (self._log_directory / f"{service.name}.log").unlink(missing_ok=True)
        process = start(service, self._log_directory)
        self._tell_guard("+", process.pid)
        self._running.append(_Running(service, process, time.monotonic()))
        wait_ready(process, service, self._log_directory, meanwhile=lambda: self._pulse(but=service.name))

    def run(
        self, name: str, command: tuple[str, ...], environment: Mapping[str, str], *, on_screen: bool = False
    ) -> int:
        """Run a program to its end and return its status, keeping the services alive meanwhile.

        Its output goes to the screen or to `<name>.log`.
        """
        self._pulse()
        self._log_directory.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as opened:
            log = None
            if not on_screen:
                log = opened.enter_context((self._log_directory / f"{name}.log").open("wb"))
            process = subprocess.Popen(
                launched(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log and subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
            )
        self._tell_guard("+", process.pid)
        try:
            while (status := process.poll()) is None:
                self._pulse()
                time.sleep(_PULSE_S)
            return status
        finally:
            stop(process, Service(name=name, command=command, grace_s=2.0))
            self._tell_guard("-", process.pid)

    def must_run(self, name: str, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
        """Run a program to its end.

        :raises CannotStart: if its status is not 0; the last line of its log is quoted.
        """
        if self.run(name, command, environment) != 0:
            raise CannotStart(f"The step {name!r} failed{last_words(name, self._log_directory)}")

    def watch(self, until: Callable[[], bool] = lambda: False) -> None:
        """Keep the services alive until the condition holds; for ever without one.

        :raises Interrupted: as soon as somebody asks for the end.
        """
        while not until():
            self._pulse()
            time.sleep(_PULSE_S)

    def stop(self) -> None:
        """Stop all services in reverse order of their start; safe to repeat."""
        while self._running:
            running = self._running[-1]
            stop(running.process, running.service)
            self._tell_guard("-", running.process.pid)
            self._running.pop()
        if self._guard.stdin and not self._guard.stdin.closed:
            with contextlib.suppress(OSError):
                self._guard.stdin.close()
        self._guard.wait()

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        self._asked_to_end = True

    def _pulse(self, *, but: str = "") -> None:
        """Notice signals, and start again what has ended, except the service named `but`."""
        if self._asked_to_end:
            raise Interrupted
        for running in self._running:
            if running.service.name != but:
                self._keep_alive(running)

    def _keep_alive(self, running: _Running) -> None:
        now = time.monotonic()
        if running.again_at is None:
            if running.process.poll() is None:
                return
            kill_session(running.process.pid)
            self._tell_guard("-", running.process.pid)
            if now - running.started_at > _SOUND_AFTER_S:
                running.delay_s = _FIRST_DELAY_S
            running.again_at = now + running.delay_s
            running.delay_s = min(running.delay_s * 2, _LONGEST_DELAY_S)
            self._tell(
                f"{running.service.name} {_how_it_ended(running.process.returncode)}; starting it again."
            )
        if now >= running.again_at:
            running.process = start(running.service, self._log_directory)
            self._tell_guard("+", running.process.pid)
            running.started_at, running.again_at = now, None
            self._pids_changed()

    def _tell_guard(self, sign: str, pid: int) -> None:
        if self._guard.stdin:
            with contextlib.suppress(OSError, ValueError):
                self._guard.stdin.write(f"{sign}{pid}\n")
                self._guard.stdin.flush()


def _how_it_ended(status: int) -> str:
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-status).name}"
    return f"ended by itself with status {status}"
