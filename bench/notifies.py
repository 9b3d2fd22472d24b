"""Notifies over HTTP at the web of a server with two processors: an even pace that waits for nobody, timed from when
each is due.

The web has the demo's command and a process for each processor; PostgreSQL waits for the disk at each commit. The
sender only writes bytes that were signed before and reads the answers, a connection each, so that it takes little of
the machine.
"""

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from django.db import connection

from bench.rows import row
from bench.servers import cpu_seconds, free_port, wait_until
from config.demo.plan import web_command
from config.demo.testing import TestServers

PACE_PER_S = 50
PACED = 600
VIEW_RATIO_GOAL = 0.12
P99_GOAL_MS = 100.0
# Up to here the machine counts as left alone.
QUIET_PROCESSORS = 0.25
WARM = 200
STEP_PER_S = 10
STEP_LASTS_S = 6
FASTEST_PER_S = 200
WEB_PROCESSES = 2


@dataclass(frozen=True)
class Web:
    """The web under measurement: its port and the processes it consists of."""

    port: int
    process_ids: tuple[int, ...]

    def spent_s(self) -> float:
        """The processor time of the web and of the database's processes that serve it."""
        return sum(map(cpu_seconds, self.process_ids)) + sum(map(_cpu_of_one_that_may_end, _backends()))


class Machine:
    """What the machine did from here on, in processors kept busy."""

    def __init__(self) -> None:
        self._began_s, self._busy_s = time.perf_counter(), self._busy()

    @staticmethod
    def _busy() -> float:
        told = Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()
        user, nice, system, _idle, _waiting, irq, soft_irq = map(int, told[1:8])
        return (user + nice + system + irq + soft_irq) / os.sysconf("SC_CLK_TCK")

    def others(self, ours_s: float) -> float:
        """How many processors were busy with something else than these seconds of ours."""
        return max(self._busy() - self._busy_s - ours_s, 0) / (time.perf_counter() - self._began_s)


def _backends() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return [process_id for (process_id,) in cursor.fetchall()]


def _cpu_of_one_that_may_end(process_id: int) -> float:
    try:
        return cpu_seconds(process_id)
    except FileNotFoundError:
        return 0.0


def _family(process_id: int) -> tuple[int, ...]:
    """A process and all it started, and what those started."""
    children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text("ascii").split()
    return (process_id, *(one for child in children for one in _family(int(child))))


@contextlib.contextmanager
def serving(servers: TestServers, log: Path) -> Iterator[Web]:
    """The web on the database of this run, with the settings of a developer's machine."""
    described = connection.get_connection_params()
    port = free_port()
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.dev",
        "DATABASE_URL": servers.app_url.rpartition("/")[0] + f"/{described['dbname']}",
        "BROKER_URL": servers.broker_url,
    }
    environment.pop("OWNER_DATABASE_URL", None)
    with log.open("wb") as output:
        process = subprocess.Popen(
            web_command(port, processes=WEB_PROCESSES),
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: process.poll() is not None or _answers(port))
        if process.poll() is not None:
            raise AssertionError(log.read_text("utf-8", "replace")[-2000:])
        yield Web(port, _family(process.pid))
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


def _requests(scene: Any, count: int) -> list[bytes]:
    """So many signed notifies of as many orders, whole as they go over the wire."""
    made = []
    for no in scene.orders(count):
        headers, body = scene.notify(no)
        told = {**headers, "Host": "127.0.0.1", "Content-Length": str(len(body)), "Connection": "close"}
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        made.append(f"POST /pay/notify/wechat/{scene.account.pk}/ HTTP/1.1\r\n{head}\r\n".encode() + body)
    return made


async def _deliver(port: int, request: bytes, due: float) -> float:
    """Send one when it is due; the milliseconds from then until its answer was read."""
    await asyncio.sleep(max(due - time.perf_counter(), 0))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    took_ms = (time.perf_counter() - due) * 1000
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200"):
        raise AssertionError(answer[:500])
    return took_ms


def send(port: int, requests: list[bytes], pace_per_s: float) -> list[float]:
    """Deliver them by the clock, whatever became of those before; the milliseconds each took, sorted."""

    async def deliver_all() -> list[float]:
        begins = time.perf_counter() + 0.2
        dues = (begins + number / pace_per_s for number in range(len(requests)))
        took = (_deliver(port, request, due) for request, due in zip(requests, dues, strict=True))
        return await asyncio.gather(*took)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as run:
        return sorted(run.run(deliver_all()))


def p99(took_ms: list[float]) -> float:
    return took_ms[int(len(took_ms) * 0.99)]


def paced(scene: Any, servers: TestServers, floor_ms: float, log: Path) -> None:
    """The rows of notifies over HTTP; a limit in milliseconds is held against a machine that others leave alone only,
    the processor time of a notify against the floor's always.
    """
    with serving(servers, log) as web:
        # Every thread of every process has its connection and has read the account's keys.
        send(web.port, _requests(scene, WARM), PACE_PER_S / 2)
        requests = _requests(scene, PACED)
        machine, web_s, sender_s = Machine(), -web.spent_s(), -time.process_time()
        took_ms = send(web.port, requests, PACE_PER_S)
        sender_s += time.process_time()
        web_s += web.spent_s()
        others = machine.others(web_s + sender_s)
        spent_ms = web_s * 1000 / PACED
        ratio = floor_ms / spent_ms
        row("notify over HTTP, processor time, ms", f"{spent_ms:.1f}")
        row("  ratio to the floor", f"{ratio:.2f}", f">= {VIEW_RATIO_GOAL}", ratio >= VIEW_RATIO_GOAL)
        row(f"the same at {PACE_PER_S}/s, median, ms", f"{statistics.median(took_ms):.1f}")
        quiet = others <= QUIET_PROCESSORS
        goal = f"<= {P99_GOAL_MS:g}" if quiet else ""
        row("  99 of 100 within, ms", f"{p99(took_ms):.1f}", goal, p99(took_ms) <= P99_GOAL_MS or not quiet)
        row("  processors busy with other work meanwhile", f"{others:.2f}")
        row("  processors the sender kept busy", f"{sender_s * PACE_PER_S / PACED:.2f}")
        if quiet:
            most = _most_per_s(scene, web.port, holds=p99(took_ms) <= P99_GOAL_MS)
            row(f"largest pace with 99 of 100 within {P99_GOAL_MS:g} ms, /s", str(most))
        else:
            sys.stdout.write("The times are not held against their limit: others were at work meanwhile.\n")


def _most_per_s(scene: Any, port: int, *, holds: bool) -> int:
    """The largest pace, in steps, that the limit holds at: up from the one that was measured, or down from it."""
    pace_per_s = PACE_PER_S
    while 0 < pace_per_s < FASTEST_PER_S:
        next_per_s = pace_per_s + (STEP_PER_S if holds else -STEP_PER_S)
        if next_per_s == 0:
            return 0
        took_ms = send(port, _requests(scene, next_per_s * STEP_LASTS_S), next_per_s)
        if (p99(took_ms) <= P99_GOAL_MS) != holds:
            return pace_per_s if holds else next_per_s
        pace_per_s = next_per_s
    return pace_per_s
