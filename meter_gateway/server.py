"""Sockets, signals and clocks: the edges around ``sessions``."""

import asyncio
import logging
import resource
import signal
import uuid
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import cast

from meter_gateway.bridge import Bridge, hello
from meter_gateway.protocol.profiles import load_profile
from meter_gateway.publisher import Publisher
from meter_gateway.questions import Now
from meter_gateway.sessions import Sessions
from meter_gateway.settings import GatewaySettings
from meter_gateway.tray import Kind, instant

log = logging.getLogger(__name__)

WRITE_HIGH_WATER = 8 * 1024
BACKLOG = 4096
SPARE_DESCRIPTORS = 128
LAST_ANSWER_SECONDS = 3.0
FLUSH_SECONDS = 3.0
SOURCES_REMEMBERED = 10_000
FIGURES_SECONDS = 60.0


class StartupError(Exception):
    """The gateway cannot start; the text is one sentence for the person who started it."""


class MeterSocket(asyncio.Protocol):
    """One accepted socket: the line of a session, with a bounded write buffer."""

    __slots__ = ("_gateway", "_transport")

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        peer = self._transport.get_extra_info("peername") or ("unknown", 0)
        self._gateway.opened(self, str(peer[0]), f"{peer[0]}:{peer[1]}")

    def data_received(self, data: bytes) -> None:
        self._gateway.received(self, data)

    def pause_writing(self) -> None:
        # A meter that does not read is of no use; what it was asked counts as unanswered.
        self._gateway.lost(self, "does_not_read")
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gateway.lost(self, "disconnected")
        self._transport = None

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size():
            # Closing politely would wait for a peer that may never read.
            self._transport.abort()
        else:
            self._transport.close()


class AcceptRate:
    """How many connections one source network may open per second; 0 lets everybody in."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._seconds: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def allows(self, address: str, now: float) -> bool:
        if not self._per_second:
            return True
        source, second = _network(address), int(now)
        counted_second, count = self._seconds.get(source, (second, 0))
        count = count + 1 if counted_second == second else 1
        self._seconds[source] = (second, count)
        self._seconds.move_to_end(source)
        if len(self._seconds) > SOURCES_REMEMBERED:
            self._seconds.popitem(last=False)
        return count <= self._per_second


class Timer:
    """One timer that fires at the earliest time it was set to; setting it again later changes nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fire: Callable[[], None]) -> None:
        self._loop = loop
        self._fire = fire
        self._handle: asyncio.Handle | None = None
        # Kept here, because uvloop's handle of a time already past cannot tell it.
        self._due = 0.0

    def set(self, due: float | None) -> None:
        """Fire at ``due`` on the loop's clock, at once if that is past; None leaves it as it is."""
        if due is None or (self._handle is not None and self._due <= due):
            return
        self.cancel()
        self._handle, self._due = self._loop.call_at(due, self._now), due

    def cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _now(self) -> None:
        self._handle = None
        self._fire()


class Gateway:
    """One gateway process: a listening socket, its sessions, the bridge and the publisher.

    ``start`` raises StartupError when the port cannot be had; Valkey may be away at any time, the start
    included. ``stop`` lets questions in flight be answered, then closes everything and flushes the publisher.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        self.name = f"{settings.node}-{uuid.uuid4().hex}"
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._publisher = Publisher(settings.broker_url, self.name)
        self.sessions = Sessions(
            self._publisher,
            new_id=lambda: str(uuid.uuid4()),
            load_profile=load_profile,
            on_unmapped=lambda: self._bridge.want_map(),
            unproven_limit=settings.unproven_limit,
        )
        self._bridge = Bridge(
            settings.broker_url,
            self.name,
            on_letter=lambda letter: self._act(lambda now: self.sessions.letter(letter, now)),
            unmapped=self.sessions.unmapped,
            on_mapped=lambda serial, profile: self._act(
                lambda now: self.sessions.mapped(serial, profile, now)
            ),
            say_hello=self._say_hello,
        )
        self._rate = AcceptRate(settings.accepts_per_second)
        self._server: asyncio.Server | None = None
        self._timer = Timer(self._loop, lambda: self._act(self.sessions.pass_time))
        self._bridge_task: asyncio.Task[None] | None = None
        self._figures_task: asyncio.Task[None] | None = None
        self._socket_limit = _raise_descriptor_limit() - SPARE_DESCRIPTORS

    @property
    def port(self) -> int:
        """The port that is listened on, also when 0 was asked for."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else 0

    async def start(self) -> None:
        host, port = self._settings.host, self._settings.port
        try:
            self._server = await self._loop.create_server(
                lambda: MeterSocket(self), host, port, backlog=BACKLOG, reuse_address=True
            )
        except OSError as error:
            raise StartupError(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from None
        self._publisher.start()
        self._bridge_task = self._loop.create_task(self._bridge.run())
        self._figures_task = self._loop.create_task(self._log_figures())
        log.info("gateway %s listens on %s:%d", self.name, host, self.port)

    async def run_until(self, stopping: asyncio.Event) -> None:
        """Until told to stop, or until a part of the gateway died of an error of its own, which is raised."""
        assert self._bridge_task is not None, "start() comes first"
        waiting = self._loop.create_task(stopping.wait())
        await asyncio.wait({waiting, self._bridge_task}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._bridge_task.done():
            self._bridge_task.result()

    async def stop(self) -> None:
        """Stop accepting, let questions in flight be answered (≤ 3 s), close, flush (≤ 3 s)."""
        if self._server is not None:
            self._server.close()
        self._act(self.sessions.drain)
        ends_at = self._loop.time() + LAST_ANSWER_SECONDS
        while self.sessions.busy and self._loop.time() < ends_at:
            await asyncio.sleep(0.02)
        self._act(lambda now: self.sessions.end_all("gateway_stopped", now))
        self._timer.cancel()
        tasks = [task for task in (self._bridge_task, self._figures_task) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        flushed = await asyncio.to_thread(self._publisher.stop, FLUSH_SECONDS)
        log.info("gateway %s stopped%s", self.name, "" if flushed else ", with letters unsent")

    def opened(self, line: MeterSocket, source: str, peer: str) -> None:
        if len(self.sessions) >= self._socket_limit or not self._rate.allows(source, self._loop.time()):
            self.sessions.counters["connections_refused"] += 1
            line.close()
            return
        self._act(lambda now: self.sessions.opened(line, peer, now))

    def received(self, line: MeterSocket, data: bytes) -> None:
        self.sessions.received(line, data, self._now())
        self._set_timer()

    def lost(self, line: MeterSocket, reason: str) -> None:
        self.sessions.lost(line, self._now(), reason)

    def _act(self, event: Callable[[Now], None]) -> None:
        event(self._now())
        self._set_timer()

    def _now(self) -> Now:
        return Now(self._loop.time(), datetime.now(UTC))

    def _set_timer(self) -> None:
        self._timer.set(self.sessions.next_deadline())

    def _say_hello(self) -> None:
        at = instant(datetime.now(UTC))
        self._publisher.put(Kind.HELLO, hello(self.name, self._settings.node, at))

    async def _log_figures(self) -> None:
        while True:
            await asyncio.sleep(FIGURES_SECONDS)
            counted = " ".join(f"{name}={count}" for name, count in sorted(self.sessions.counters.items()))
            log.info(
                "sockets=%d online=%d dropped_letters=%d %s",
                len(self.sessions),
                self.sessions.online,
                self._publisher.dropped,
                counted,
            )


async def serve(settings: GatewaySettings) -> None:
    """Run one gateway until SIGTERM or SIGINT; raises StartupError."""
    gateway = Gateway(settings)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await gateway.start()
    try:
        await gateway.run_until(stopping)
    finally:
        await gateway.stop()


def _network(address: str) -> str:
    try:
        host = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ip_network((host, 24 if host.version == 4 else 48), strict=False))


def _raise_descriptor_limit() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft if soft != resource.RLIM_INFINITY else 1_000_000
