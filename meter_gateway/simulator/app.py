"""The simulator as a program: `python -m meter_gateway simulator …`."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import random
import resource
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from meter_gateway.simulator.breaks import BREAKS
from meter_gateway.simulator.control import ControlPort
from meter_gateway.simulator.flash import FlashDirectory, FlashFailed
from meter_gateway.simulator.fleet import Fleet, build_units
from meter_gateway.simulator.http import serve
from meter_gateway.simulator.load import LoadFileError, read_households
from meter_gateway.simulator.roster import FleetFileError, read_fleet
from meter_gateway.simulator.snapshot import FlashUnreadable
from meter_gateway.simulator.unit import Unit

SHIPPED_LOAD = Path(__file__).with_name("data") / "load_halfhour_dev.csv"
_CONTROL = ("127.0.0.1", 6451)
_SPARE_FILES = 64


class StartError(Exception):
    """The simulator cannot start; the message is one sentence."""


def main(argv: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT, then bring every meter to flash and return 0.

    What prevents the start, or a disk that refuses later on, is one sentence on stderr and status 1. Once
    the control port listens, one line on stdout says where.
    """
    try:
        options = _options(argv)
        flash = FlashDirectory(options.flash)
        entries = read_fleet(options.fleet)
        flaw = BREAKS[options.break_] if options.break_ else None
        units = build_units(entries, read_households(options.load), flash, now=_clock(), flaw=flaw)
        _allow_open_files(len(units))
        asyncio.run(_run(units, options))
    except (StartError, FleetFileError, LoadFileError, FlashUnreadable, FlashFailed, OSError) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


async def _run(units: dict[str, Unit], options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    host, port = options.control
    try:
        server = await asyncio.start_server(serve(ControlPort(units, clock=_clock).answer), host, port)
    except OSError as problem:
        raise StartError(f"The control port {host}:{port} cannot be opened: {problem.strerror}.") from None
    async with server:
        where = server.sockets[0].getsockname()
        sys.stdout.write(f"simulator: {len(units)} meters, control port http://{where[0]}:{where[1]}\n")
        sys.stdout.flush()
        fleet = Fleet(units, options.gateway, clock=_clock, dice=random.Random())
        try:
            await fleet.run(stop)
        except* FlashFailed as failures:
            raise _first(failures) from None


def _clock() -> datetime:
    return datetime.now(UTC)


class _OneSentence(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise StartError(f"{self.prog}: {message}.")


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = _OneSentence(prog="python -m meter_gateway simulator", description="Simulated prepaid meters.")
    parser.add_argument("--fleet", type=Path, required=True, help="JSON file with the meters")
    parser.add_argument("--gateway", type=_host_and_port, required=True, help="HOST:PORT the meters dial")
    parser.add_argument("--control", type=_loopback, default=_CONTROL, help="HOST:PORT, loopback only")
    parser.add_argument("--flash", type=Path, required=True, help="directory that outlives the process")
    parser.add_argument("--load", type=Path, default=SHIPPED_LOAD, help="CSV with half-hour loads")
    parser.add_argument(
        "--break", dest="break_", choices=sorted(BREAKS), metavar="CLAUSE", help="plant a flaw"
    )
    return parser.parse_args(argv)


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdecimal()) or int(port) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _loopback(text: str) -> tuple[str, int]:
    host, port = _host_and_port(text)
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise argparse.ArgumentTypeError(f"{host} is not a loopback address")
    return host, port


def _allow_open_files(meters: int) -> None:
    """One socket a meter; raises `StartError` where the machine does not allow so many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = meters + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise StartError(f"{meters} meters need {needed} open files and this machine allows {hard}.")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _first(failures: ExceptionGroup[FlashFailed]) -> FlashFailed:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first
