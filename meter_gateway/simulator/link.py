"""The 4G module of one meter: it dials the gateway, announces itself, answers, and dials again."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Callable
from datetime import datetime

from meter_gateway.simulator.faults import Way, pieces
from meter_gateway.simulator.port import Answer
from meter_gateway.simulator.unit import Unit

CONNECT_TIMEOUT_S = 10.0
STABLE_AFTER_S = 5.0
FIRST_PAUSE_S = 0.2
SILENT_BEATS = 3
_READ_AT_ONCE = 4096
_LOOK_UP_S = 0.05
_BETWEEN_PIECES_S = 0.005
MOST_FORGOTTEN = 4
"""Half-open connections a module leaves behind before the oldest is closed."""


class Link:
    """Keeps one connection to the gateway for as long as the unit's link is up.

    Pauses between attempts double from `FIRST_PAUSE_S` to `longest_pause_s`, each shortened by up to half at
    random so that a fleet does not come back in one burst; a connection that lasted `STABLE_AFTER_S` starts
    them anew. `first_pause_s` spreads the first dialling of a large fleet.
    """

    def __init__(
        self,
        unit: Unit,
        gateway: tuple[str, int],
        *,
        clock: Callable[[], datetime],
        dice: random.Random,
        longest_pause_s: float = 10.0,
        first_pause_s: float = 0.0,
    ) -> None:
        self.unit = unit
        self._gateway = gateway
        self._clock = clock
        self._dice = dice
        self._longest_pause_s = longest_pause_s
        self._first_pause_s = first_pause_s
        self._attempts = 0
        self._changed = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._held_until = 0.0
        self._awake_until = 0.0
        self._kept_back: list[bytes] = []
        self._forgotten: list[asyncio.StreamWriter] = []
        unit.on_link_change = self._cut

    async def run(self) -> None:
        """Never returns by itself; cancel it. Raises `FlashFailed` when the disk refuses."""
        await self._pause(self._dice.uniform(0, self._first_pause_s))
        while True:
            self._changed.clear()
            if not self.unit.link_up:
                await self._changed.wait()
                self._attempts = 0
                continue
            started = self._now()
            # A gateway that is away, full or rude is what a 4G module lives with: it dials again.
            with contextlib.suppress(OSError):
                await self._one_connection()
            if self._now() - started >= STABLE_AFTER_S:
                self._attempts = 0
            await self._pause(self._next_pause())

    def push(self, raw: bytes) -> None:
        """Send something nobody asked for; quietly nothing without a connection."""
        if self._writer is not None and raw and not self._writer.is_closing():
            self._writer.write(raw)

    async def _one_connection(self) -> None:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(*self._gateway)
        self._writer, self.unit.connected = writer, True
        if not self.unit.link_up:
            writer.transport.abort()
        try:
            writer.write(self.unit.cellular.opening())
            await writer.drain()
            await self._talk(reader, writer)
        finally:
            self._writer, self.unit.connected = None, False
            self._kept_back = []
            self.unit.cellular.hang_up()
            if writer in self._forgotten:
                self._close_forgotten(all_but=MOST_FORGOTTEN)
            else:
                writer.transport.abort()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    def close(self) -> None:
        """Give back the sockets of connections that were forgotten half-open."""
        self._close_forgotten(all_but=0)

    def _close_forgotten(self, *, all_but: int) -> None:
        while len(self._forgotten) > all_but:
            writer = self._forgotten.pop(0)
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        beat_s = float(self.unit.profile.heartbeat_s)
        last_heard = self._now()
        next_beat = last_heard + beat_s
        self._awake_until = last_heard + self.unit.awake_s
        while True:
            try:
                async with asyncio.timeout(max(next_beat - self._now(), 0)):
                    data = await self._hear(reader)
            except TimeoutError:
                if self.unit.cellular.expects_heartbeat_answer and (
                    self._now() - last_heard > SILENT_BEATS * beat_s
                ):
                    return
                for raw in (*self._overdue(), self.unit.cellular.heartbeat()):
                    writer.write(raw)
                await writer.drain()
                self._awake_until = self._now() + self.unit.awake_s
                next_beat = self._now() + beat_s
                continue
            if not data:
                return
            last_heard = self._now()
            self._awake_until = last_heard + self.unit.awake_s
            for answer in self.unit.asked(data, self._clock()):
                if not await self._send(answer, reader, writer):
                    return

    async def _hear(self, reader: asyncio.StreamReader) -> bytes:
        """What the gateway says; a module that sleeps hears it when it wakes for its next heartbeat."""
        if not self.unit.awake_s:
            return await reader.read(_READ_AT_ONCE)
        try:
            async with asyncio.timeout(max(self._awake_until - self._now(), 0)):
                return await reader.read(_READ_AT_ONCE)
        except TimeoutError:
            self.unit.asleep = True
            try:
                await asyncio.Event().wait()
            finally:
                self.unit.asleep = False
        return b""

    async def _send(self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Send one answer through the faults in force; False when the connection is to end."""
        if not answer.raw:
            return True
        met = self.unit.meets_fault(credited=answer.credited)
        match met.way:
            case Way.CUT:
                return False
            case Way.RESET:
                _reset(writer)
                return False
            case Way.FORGOTTEN:
                self._forgotten.append(writer)
                return False
            case Way.LOST:
                return True
            case Way.KEPT_BACK:
                self._kept_back.append(answer.raw)
                return True
        wait_s = met.wait_s if answer.credited else max(met.wait_s, self._held_until - self._now())
        if met.hold_s:
            self._held_until = self._now() + met.hold_s
        if wait_s > 0 and not await self._wait(wait_s, reader):
            return False
        for raw in (*self._overdue(), *(answer.raw,) * met.times):
            await self._write(raw, met.piece, writer)
        return True

    async def _write(self, raw: bytes, piece: int, writer: asyncio.StreamWriter) -> None:
        parts = pieces(raw, piece)
        for part in parts:
            writer.write(part)
            await writer.drain()
            if part is not parts[-1]:
                await asyncio.sleep(_BETWEEN_PIECES_S)

    def _overdue(self) -> list[bytes]:
        """What was kept back and leaves now."""
        overdue, self._kept_back = self._kept_back, []
        return overdue

    def _cut(self) -> None:
        self._changed.set()
        self._attempts = 0
        if self._writer is not None:
            self._writer.transport.abort()

    def _next_pause(self) -> float:
        pause_s = min(self._longest_pause_s, FIRST_PAUSE_S * float(1 << min(self._attempts, 16)))
        self._attempts += 1
        return pause_s * self._dice.uniform(0.5, 1.0)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not past a change of the link."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()

    async def _wait(self, seconds: float, reader: asyncio.StreamReader) -> bool:
        """Wait before an answer; False as soon as the link is cut or the gateway has hung up."""
        until = self._now() + seconds
        while not (self._changed.is_set() or reader.at_eof() or reader.exception()):
            left_s = until - self._now()
            if left_s <= 0:
                return True
            await asyncio.sleep(min(left_s, _LOOK_UP_S))
        return False

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN: whatever was on its way is lost."""
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
