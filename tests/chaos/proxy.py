"""The network between the meters and the gateway on its worst day: a TCP proxy that hurts what it carries.

    meters ──► proxy ──► gateway        every piece of bytes meets one fault, or none, drawn from a seed

A piece is what one read brought: nearly always one frame, since a meter and its gateway take turns.
"""

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass, field

PIECE_BYTES = 2048
# What a piece meets, out of 1,000.
FATES = {
    "": 880,
    "late": 50,
    "stall": 10,
    "split": 20,
    "trickle": 10,
    "double": 15,
    "reset": 10,
    "half_open": 5,
}
LATE_S = (0.1, 1.5)
STALL_S = (4.0, 12.0)
TRICKLE_S = 0.005


@dataclass(eq=False)
class _Pair:
    """One meter's socket and the one to the gateway that stands for it."""

    meter: asyncio.StreamWriter
    gateway: asyncio.StreamWriter
    is_dead: bool = False

    def reset(self) -> None:
        for writer in (self.meter, self.gateway):
            # Without lingering a close is an RST, as a carrier's box sends it, not an orderly end.
            carried = writer.get_extra_info("socket")
            if carried is not None and carried.fileno() >= 0:
                carried.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


@dataclass
class FaultProxy:
    """Runs in a thread of its own; `start` returns its port, `heal` ends all faults, also those that last."""

    gateway_port: int
    seed: int
    fired: Counter[str] = field(default_factory=Counter)
    is_healed: bool = False
    _pairs: set[_Pair] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)

    def start(self) -> int:
        self._thread.start()
        listening = asyncio.start_server(self._carry, "127.0.0.1", 0, backlog=1024)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def heal(self) -> None:
        """From now on carry everything at once; connections that had gone silent are reset, as a carrier does."""
        self._loop.call_soon_threadsafe(self._heal)

    def stop(self) -> None:
        """End every link and the thread; may be repeated."""
        if self._loop.is_closed():
            return
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        mine = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not mine]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        for pair in list(self._pairs):
            pair.reset()
        await asyncio.sleep(0)

    def _heal(self) -> None:
        self.is_healed = True
        for pair in [pair for pair in self._pairs if pair.is_dead]:
            pair.reset()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward, gateway = await asyncio.open_connection("127.0.0.1", self.gateway_port)
        except OSError:
            writer.transport.abort()
            return
        pair = _Pair(meter=writer, gateway=gateway)
        self._pairs.add(pair)
        try:
            await asyncio.gather(self._pump(pair, reader, gateway), self._pump(pair, onward, writer))
        finally:
            self._pairs.discard(pair)
            pair.reset()

    async def _pump(self, pair: _Pair, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while piece := await source.read(PIECE_BYTES):
                if pair.is_dead:
                    continue
                await self._pass_on(pair, piece, sink)
        except OSError:
            pass
        if not pair.is_dead:
            pair.reset()

    async def _pass_on(self, pair: _Pair, piece: bytes, sink: asyncio.StreamWriter) -> None:
        fate = "" if self.is_healed else self._chance.choices(list(FATES), list(FATES.values()))[0]
        if fate:
            self.fired[fate] += 1
        match fate:
            case "late":
                await asyncio.sleep(self._chance.uniform(*LATE_S))
            case "stall":
                await asyncio.sleep(self._chance.uniform(*STALL_S))
            case "split":
                cut = self._chance.randrange(len(piece))
                sink.write(piece[:cut])
                await asyncio.sleep(0.05)
                piece = piece[cut:]
            case "trickle":
                for byte in piece[:-1]:
                    sink.write(bytes((byte,)))
                    await asyncio.sleep(TRICKLE_S)
                piece = piece[-1:]
            case "double":
                piece = piece * 2
            case "reset":
                pair.reset()
                return
            case "half_open":
                pair.is_dead = True
                return
        sink.write(piece)
        await sink.drain()
