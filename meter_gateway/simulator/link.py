"""The 4G module of one meter: it dials the gateway, announces itself, answers, and dials again."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from meter_gateway.simulator.port import Answer
from meter_gateway.simulator.unit import Unit

CONNECT_TIMEOUT_S = 10.0
STABLE_AFTER_S = 5.0
FIRST_PAUSE_S = 0.2
SILENT_BEATS = 3
_READ_AT_ONCE = 4096
_LOOK_UP_S = 0.05


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
            self.unit.cellular.hang_up()
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        beat_s = float(self.unit.profile.heartbeat_s)
        last_heard = self._now()
        next_beat = last_heard + beat_s
        while True:
            try:
                async with asyncio.timeout(max(next_beat - self._now(), 0)):
                    data = await reader.read(_READ_AT_ONCE)
            except TimeoutError:
                if self.unit.cellular.expects_heartbeat_answer and (
                    self._now() - last_heard > SILENT_BEATS * beat_s
                ):
                    return
                writer.write(self.unit.cellular.heartbeat())
                await writer.drain()
                next_beat = self._now() + beat_s
                continue
            if not data:
                return
            last_heard = self._now()
            for answer in self.unit.asked(data, self._clock()):
                if not await self._send(answer, reader, writer):
                    return

    async def _send(self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Send one answer through the faults in force; False when the connection is to end."""
        faults = self.unit.faults
        if answer.credited and faults.drop_after_credit:
            self.unit.faults = replace(faults, drop_after_credit=faults.drop_after_credit - 1)
            return False
        if not answer.raw:
            return True
        if faults.mute_answers:
            self.unit.faults = replace(faults, mute_answers=faults.mute_answers - 1)
            return True
        wait_s = max(faults.delay_answers_s, self._held_until - self._now())
        if answer.credited:
            wait_s = faults.delay_answers_s
            self._held_until = self._now() + faults.hold_after_credit_s
        if wait_s > 0 and not await self._wait(wait_s, reader):
            return False
        writer.write(answer.raw)
        if faults.repeat_answers:
            self.unit.faults = replace(self.unit.faults, repeat_answers=self.unit.faults.repeat_answers - 1)
            writer.write(answer.raw)
        await writer.drain()
        return True

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
