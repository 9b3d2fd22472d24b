"""The other end: as many meters as asked for, in one process, over real sockets of this machine."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import cast

from meter_gateway.protocol.answers import answer_address, push
from meter_gateway.protocol.connection import Connection, Role
from meter_gateway.protocol.frames import Function
from meter_gateway.protocol.openings import registration_frame
from meter_gateway.protocol.stream import FrameSeen

TOTAL_DI = "00010000"


def serials(count: int) -> list[str]:
    return [f"{100_000 + number:012d}" for number in range(count)]


class Meter(asyncio.Protocol):
    """Registers and answers the question that proves it; ``ended`` once the other side has read everything."""

    def __init__(self, serial: str, proved: Callable[[], None]) -> None:
        self.serial = serial
        self._proved = proved
        self._connection: Connection | None = Connection(Role.METER)
        self.transport: asyncio.Transport | None = None
        self.ended: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(registration_frame(self.serial).encode())

    def data_received(self, data: bytes) -> None:
        if self._connection is None:
            return
        for event in self._connection.receive(data):
            if isinstance(event, FrameSeen) and event.frame.function == Function.READ_ADDRESS:
                assert self.transport is not None
                self.transport.write(answer_address(event.frame, self.serial).encode())
                self._connection = None
                self._proved()
                return

    def connection_lost(self, exc: Exception | None) -> None:
        if self.ended is not None and not self.ended.done():
            self.ended.set_result(None)


async def dial(port: int, names: list[str], *, at_once: int = 500, logs_in: bool = True) -> list[Meter]:
    """Open one socket per serial; with ``logs_in`` returns when every one has answered its question."""
    loop = asyncio.get_running_loop()
    left = len(names)
    done = asyncio.Event()

    def proved() -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    gate = asyncio.Semaphore(at_once)
    meters: list[Meter] = []

    async def one(serial: str) -> None:
        async with gate:
            _, meter = await loop.create_connection(lambda: Meter(serial, proved), "127.0.0.1", port)
            meters.append(meter)

    await asyncio.gather(*(one(serial) for serial in names))
    if logs_in:
        await done.wait()
    return meters


async def pour(meters: list[Meter], frames_each: int, *, reports: bool) -> float:
    """Send so many frames on every socket as fast as they are read; seconds until all were."""
    loop = asyncio.get_running_loop()
    portions = [
        (report if reports else keepalive) * frames_each
        for meter in meters
        for report in [push(meter.serial, TOTAL_DI, Decimal("1520.25")).encode()]
        for keepalive in [registration_frame(meter.serial).encode()]
    ]
    for meter in meters:
        meter.ended = loop.create_future()
    started = loop.time()
    for meter, portion in zip(meters, portions, strict=True):
        assert meter.transport is not None
        meter.transport.write(portion)
        meter.transport.write_eof()
    # The other side closes when it has read the end, so whoever is closed has been read.
    await asyncio.gather(*(meter.ended for meter in meters if meter.ended is not None))
    return loop.time() - started


async def trickle(meters: list[Meter], rounds: int, pause_s: float) -> None:
    """One keep-alive on every socket, a pause, and again: every frame is a read of its own."""
    keepalives = [(meter.transport, registration_frame(meter.serial).encode()) for meter in meters]
    for _ in range(rounds):
        for transport, raw in keepalives:
            assert transport is not None
            transport.write(raw)
        await asyncio.sleep(pause_s)
