"""``make bench``: what the gateway, a simulated fleet and a payment cost, as ratios to floors measured in the same run.

Absolute figures say more about the machine than about the programs; the load before the run is printed so
that a row from a busy machine is not taken for one from a quiet one.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable

import uvloop

from bench.load import Meter, dial, pour, serials, trickle
from bench.rows import missed, row
from bench.servers import Cloud, Gateway, cpu_seconds, floor_server, wait_until
from bench.simulated import simulated

RATIO_GOAL = 0.30
MEMORY_GOAL_KB = 8.0
LOGIN_GOAL_S = 10.0
FLEET = 10_000
SOCKETS = 50
FRAMES_EACH = 1500
ROUNDS = 3
TRICKLE_SOCKETS = 200
TRICKLE_ROUNDS = 250
TRICKLE_PAUSE_S = 0.01


async def _granted(gateway: Gateway, count: int) -> list[Meter]:
    meters = await dial(gateway.port, serials(count))
    await asyncio.to_thread(wait_until, lambda: gateway.figure('connections{state="granted"}') == count)
    return meters


async def _pour(meters: list[Meter], *, reports: bool = False) -> float:
    return SOCKETS * FRAMES_EACH / await pour(meters, FRAMES_EACH, reports=reports)


async def _trickle_us(meters: list[Meter], process_id: int) -> float:
    """The server's processor time per frame, in microseconds."""
    before = cpu_seconds(process_id)
    await trickle(meters, TRICKLE_ROUNDS, TRICKLE_PAUSE_S)
    spent = cpu_seconds(process_id) - before
    for meter in meters:
        if meter.transport is not None:
            meter.transport.abort()
    return spent * 1e6 / (TRICKLE_ROUNDS * len(meters))


async def _throughput(gateway: Gateway, floor_port: int, floor_id: int) -> None:
    floors, fulls, reports = [], [], []
    for _ in range(ROUNDS):
        floors.append(await _pour(await dial(floor_port, serials(SOCKETS), logs_in=False)))
        before = gateway.figure("frames_in_total")
        fulls.append(await _pour(await _granted(gateway, SOCKETS)))
        reports.append(await _pour(await _granted(gateway, SOCKETS), reports=True))
        if gateway.figure("frames_in_total") - before < 2 * SOCKETS * FRAMES_EACH:
            raise AssertionError("the gateway did not take every frame")
    floor, full, report = max(floors), max(fulls), max(reports)
    row("floor: bare uvloop, same core, frames/s", f"{floor:,.0f}")
    row("gateway, full path, frames/s", f"{full:,.0f}")
    row("  ratio to the floor", f"{full / floor:.2f}", f">= {RATIO_GOAL}", full / floor >= RATIO_GOAL)
    row("gateway, reports handed up to Valkey, frames/s", f"{report:,.0f}")
    row("  ratio to the floor", f"{report / floor:.2f}")
    bare_us = await _trickle_us(await dial(floor_port, serials(TRICKLE_SOCKETS), logs_in=False), floor_id)
    full_us = await _trickle_us(await _granted(gateway, TRICKLE_SOCKETS), gateway.process.pid)
    row("floor, a frame a read, processor time in us", f"{bare_us:.1f}")
    row("gateway, a frame a read, processor time in us", f"{full_us:.1f}")
    ratio = bare_us / full_us
    row("  ratio to the floor", f"{ratio:.2f}", f">= {RATIO_GOAL}", ratio >= RATIO_GOAL)


def throughput(run: asyncio.Runner) -> None:
    cloud = Cloud(serials(TRICKLE_SOCKETS))
    gateway = Gateway(cloud, unbridled=True)
    try:
        with floor_server() as (port, process_id):
            run.run(_throughput(gateway, port, process_id))
    finally:
        gateway.stop()
        cloud.stop()


async def _log_in(gateway: Gateway, fleet: list[str]) -> tuple[float, list[Meter]]:
    started = time.perf_counter()
    meters = await dial(gateway.port, fleet, at_once=2000)
    await asyncio.to_thread(wait_until, lambda: gateway.figure('connections{state="granted"}') == len(fleet))
    return time.perf_counter() - started, meters


def fleet(run: asyncio.Runner) -> None:
    names = serials(FLEET)
    cloud = Cloud(names)
    gateway = Gateway(cloud)
    try:
        empty_kb, spent_s = gateway.resident_kb(), cpu_seconds(gateway.process.pid)
        seconds, meters = run.run(_log_in(gateway, names))
        spent_s = cpu_seconds(gateway.process.pid) - spent_s
        run.run(asyncio.sleep(2))
        each_kb = (gateway.resident_kb() - empty_kb) / FLEET
        away = gateway.figure('refusals_total{reason="unproven_limit"}')
        row(
            f"{FLEET:,} logins from one address, s",
            f"{seconds:.1f}",
            f"<= {LOGIN_GOAL_S:g}",
            seconds <= LOGIN_GOAL_S,
        )
        row("  the gateway's processor time for them, s", f"{spent_s:.1f}")
        row("  sent away meanwhile", f"{away:.0f}", "0", away == 0)
        row(
            f"memory per idle session at {FLEET:,}, kB",
            f"{each_kb:.1f}",
            f"<= {MEMORY_GOAL_KB:g}",
            each_kb <= MEMORY_GOAL_KB,
        )
        for meter in meters:
            if meter.transport is not None:
                meter.transport.abort()
        run.run(asyncio.sleep(0.5))
    finally:
        gateway.stop()
        cloud.stop()


def settling(_run: asyncio.Runner) -> None:
    # Django, its settings and its servers stay in a process of their own.
    if subprocess.run([sys.executable, "-m", "bench.settling"]).returncode:
        missed.append("settling")


PARTS: dict[str, tuple[Callable[[asyncio.Runner], None], ...]] = {
    "gateway": (throughput, fleet),
    "simulator": (simulated,),
    "settling": (settling,),
}


def main(names: list[str]) -> int:
    """Measure the parts of these names, all of them if none is named; status 1 if a goal was missed."""
    if not set(names) <= set(PARTS):
        sys.stderr.write(f"bench: there are {', '.join(PARTS)}.\n")
        return 2
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0]
    row(f"machine: {cores} cores, load before the run", f"{load:.2f}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as run:
        for name in names or PARTS:
            for measure in PARTS[name]:
                measure(run)
    if load > cores / 2:
        sys.stdout.write(
            "Others were at work on this machine: believe the ratio of processor times, not the rates.\n"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
