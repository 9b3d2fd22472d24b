"""A meter that is not ours: the package `dlt645` in a process of its own, and the shim that lets it dial in.

The package listens and so does the gateway; the shim is the 4G module between them, as transparent as one.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator

SERIAL = "123456789012"
TOTAL_KWH, REMAINING_KWH = "1234.56", "88.88"

_METER = """
import copy, sys, time
from dlt645 import MeterServerService
from loguru import logger

logger.remove()
meter = MeterServerService.new_tcp_server("127.0.0.1", 0, 0.2)
meter.set_address("129078563412")  # in the order of the wire
meter.set_password("02000000")
for di, value in ((0x00000000, 1234.56), (0x00010000, 1234.56)):
    meter.set_00(di, value)
for di, value in ((0x02010100, 220.1), (0x02020100, 1.234), (0x02030100, 0.25), (0x02030000, 0.25)):
    meter.set_02(di, value)
meter.set_04(0x04000503, "0010")
remaining = copy.copy(meter.data_map[0x00010000])
remaining.di, remaining.value = 0x00900100, 88.88
meter.data_map[0x00900100] = remaining
meter.server.start()
print(meter.server.port, flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def peer() -> Iterator[int]:
    """The port of a running peer. What it does not have it refuses; remaining energy is put in by hand."""
    process = subprocess.Popen(
        [sys.executable, "-c", _METER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


async def dial_in(gateway_port: int, peer_port: int, first_words: bytes, *, heartbeat: bytes = b"") -> None:
    """Dial both, say the opening to the gateway, and carry bytes both ways until one of them hangs up."""
    from_gateway, to_gateway = await asyncio.open_connection("127.0.0.1", gateway_port)
    from_peer, to_peer = await asyncio.open_connection("127.0.0.1", peer_port)
    to_gateway.write(first_words)
    ways = [
        asyncio.ensure_future(_carry(from_gateway, to_peer)),
        asyncio.ensure_future(_carry(from_peer, to_gateway)),
    ]
    if heartbeat:
        ways.append(asyncio.ensure_future(_beat(to_gateway, heartbeat)))
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for writer in (to_gateway, to_peer):
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()


async def _beat(writer: asyncio.StreamWriter, heartbeat: bytes) -> None:
    while True:
        await asyncio.sleep(0.1)
        writer.write(heartbeat)
