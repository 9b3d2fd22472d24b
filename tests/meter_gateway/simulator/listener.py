"""A listener that only listens and asks, and one meter of a fleet that dials it."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from meter_gateway.protocol.connection import Connection, Role
from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.openings import OpeningSeen
from meter_gateway.protocol.reads import read_request
from meter_gateway.protocol.stream import FrameSeen
from meter_gateway.simulator.flash import FlashDirectory
from meter_gateway.simulator.fleet import Fleet
from meter_gateway.simulator.load import SteadyLoad
from meter_gateway.simulator.unit import Unit
from tests.meter_gateway.simulator.bench import PROFILE, SERIAL, meter_on_bench

PATIENCE_S = 5.0
READ = read_request(SERIAL, "03320201")


class Caller:
    """One accepted connection, seen from the gateway's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._connection = Connection(Role.PLATFORM)
        self._seen: list[Any] = []

    async def next(self, patience_s: float = PATIENCE_S) -> Any:
        """The next opening or frame; None when the meter hung up; raises `TimeoutError` on silence."""
        async with asyncio.timeout(patience_s):
            while not self._seen:
                data = await self._reader.read(1000)
                if not data:
                    return None
                self._seen += self._connection.receive(data)
        return self._seen.pop(0)

    def put(self, frame: Frame) -> None:
        self._writer.write(self._connection.send(frame))

    async def ask(self, frame: Frame, patience_s: float = PATIENCE_S) -> Frame | None:
        self.put(frame)
        seen = await self.next(patience_s)
        if seen is None:
            return None
        assert isinstance(seen, FrameSeen)
        return seen.frame

    def hang_up(self) -> None:
        self._writer.transport.abort()


class Gateway:
    """Accepts meters and hands them out in the order they called."""

    def __init__(self) -> None:
        self._callers: asyncio.Queue[Caller] = asyncio.Queue()
        self._all: list[Caller] = []

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caller = Caller(reader, writer)
        self._all.append(caller)
        self._callers.put_nowait(caller)

    async def caller(self) -> Caller:
        """The next connection, its opening still unread."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._callers.get()

    async def logged_in(self) -> Caller:
        """The next connection, after its opening."""
        caller = await self.caller()
        assert isinstance(await caller.next(), OpeningSeen)
        return caller

    def hang_up(self) -> None:
        for caller in self._all:
            caller.hang_up()


def now() -> datetime:
    return datetime.now(UTC)


def unit_on_bench(directory: Path, **changes: Any) -> Unit:
    load = SteadyLoad(Decimal(0))
    heartbeat_s = changes.pop("heartbeat_s", 60)
    bearer = changes.pop("bearer", "4G")
    meter = meter_on_bench(demand=load, now=now(), **changes)
    return Unit(
        meter, replace(PROFILE, heartbeat_s=heartbeat_s, bearer=bearer), load, FlashDirectory(directory)
    )


@asynccontextmanager
async def running(unit: Unit) -> AsyncIterator[Gateway]:
    gateway, stop = Gateway(), asyncio.Event()
    server = await asyncio.start_server(gateway.accept, "127.0.0.1", 0)
    fleet = Fleet({SERIAL: unit}, server.sockets[0].getsockname(), clock=now, dice=random.Random(1))
    task = asyncio.create_task(fleet.run(stop))
    try:
        yield gateway
    finally:
        stop.set()
        await task
        gateway.hang_up()
        server.close()
        await server.wait_closed()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


def play(unit: Unit, story: Callable[[Gateway], Awaitable[None]]) -> None:
    async def run() -> None:
        async with running(unit) as gateway:
            await story(gateway)

    asyncio.run(run())
