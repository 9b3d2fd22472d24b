"""What a fleet of simulated meters costs in one process, links and real load curves included."""

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

from bench.load import serials
from bench.rows import row
from bench.servers import wait_until
from meter_gateway.protocol.profiles import names
from meter_gateway.simulator.app import SHIPPED_LOAD
from meter_gateway.simulator.load import read_households

METERS = 2_000
FEW = 20
MEMORY_GOAL_KB = 20.0


class Listener(asyncio.Protocol):
    """A gateway that says nothing; it only counts who has dialled."""

    connected = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Listener.connected += 1

    def connection_lost(self, exc: Exception | None) -> None:
        Listener.connected -= 1


async def _fleet_kb(count: int) -> tuple[int, float]:
    """Resident memory of the simulator with so many meters on the line, and the seconds until all had dialled."""
    server = await asyncio.get_running_loop().create_server(Listener, "127.0.0.1", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    profiles, households = cycle(names()), cycle(read_households(SHIPPED_LOAD))
    entries = [
        {"serial": serial, "profile": next(profiles), "household": next(households)}
        | {"start_remaining_kwh": "500.00"}
        for serial in serials(count)
    ]
    with tempfile.TemporaryDirectory() as folder:
        fleet = Path(folder, "fleet.json")
        fleet.write_text(json.dumps(entries))
        arguments = ["--fleet", str(fleet), "--flash", f"{folder}/flash", "--control", "127.0.0.1:0"]
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "meter_gateway",
                "simulator",
                *arguments,
                "--gateway",
                f"127.0.0.1:{port}",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            await asyncio.to_thread(process.stdout.readline)
            started = time.perf_counter()
            await asyncio.to_thread(wait_until, lambda: Listener.connected == count, 180)
            took_s = time.perf_counter() - started
            # Every meter has its midnights and has been to flash once.
            await asyncio.sleep(10)
            status = Path(f"/proc/{process.pid}/status").read_text()
            return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]), took_s
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 60)
            server.close()
            await asyncio.to_thread(wait_until, lambda: Listener.connected == 0)


def simulated(run: asyncio.Runner) -> None:
    few_kb, _ = run.run(_fleet_kb(FEW))
    all_kb, took_s = run.run(_fleet_kb(METERS + FEW))
    each_kb = (all_kb - few_kb) / METERS
    row(f"simulator, {METERS + FEW:,} meters in one process, MB", f"{all_kb / 1024:.0f}")
    row("  all dialled (200 a second, by intent), s", f"{took_s:.1f}")
    row(
        "  memory per meter, its link and curve, kB",
        f"{each_kb:.1f}",
        f"<= {MEMORY_GOAL_KB:g}",
        each_kb <= MEMORY_GOAL_KB,
    )
