"""Sockets, signals and clocks: the edges around ``sessions``."""

import asyncio
import logging
import resource
import signal
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from meter_gateway.arrivals import Arrivals
from meter_gateway.bridge import Bridge, hello
from meter_gateway.capture import Capture
from meter_gateway.metrics import LOOPBACK, Figures, serve_metrics
from meter_gateway.protocol.connection import Event
from meter_gateway.protocol.profiles import load_profile
from meter_gateway.publisher import Publisher
from meter_gateway.questions import Now
from meter_gateway.session import Line
from meter_gateway.sessions import Sessions
from meter_gateway.settings import GatewaySettings
from meter_gateway.timer import Timer
from meter_gateway.tray import Kind, instant

log = logging.getLogger(__name__)

WRITE_HIGH_WATER = 8 * 1024
BACKLOG = 4096
SPARE_DESCRIPTORS = 256
LAST_WORD_SECONDS = 1.0
LAST_ANSWER_SECONDS = 3.0
FLUSH_SECONDS = 3.0
FIGURES_SECONDS = 60.0


class StartupError(Exception):
    """The gateway cannot start; the text is one sentence for the person who started it."""


class MeterSocket(asyncio.Protocol):
    """One accepted socket: the line of a session, with a bounded write buffer."""

    __slots__ = ("_gateway", "_transport", "source")

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._transport: asyncio.Transport | None = None
        self.source = "unknown"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        peer = self._transport.get_extra_info("peername") or ("unknown", 0)
        self.source = str(peer[0])
        self._gateway.opened(self, f"{peer[0]}:{peer[1]}")

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
            self._gateway.writes(self, data)
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size():
            # What was said last is still let out, but not to a peer that never reads.
            asyncio.get_running_loop().call_later(LAST_WORD_SECONDS, self._transport.abort)
        self._transport.close()


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
            on_proven=self._proved,
            on_event=self._captured if settings.capture_dir else None,
            unproven_limit=settings.unproven_limit,
            asks_clocks=settings.asks_clocks,
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
        self._arrivals = Arrivals(settings.accepts_per_second)
        self._capture: Capture | None = None
        self._server: asyncio.Server | None = None
        self._metrics_server: asyncio.Server | None = None
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
        await self._start_extras()
        self._publisher.start()
        self._bridge_task = self._loop.create_task(self._bridge.run())
        self._figures_task = self._loop.create_task(self._log_figures())
        log.info("gateway %s listens on %s:%d", self.name, host, self.port)

    async def _start_extras(self) -> None:
        settings = self._settings
        if settings.capture_dir:
            try:
                self._capture = Capture(Path(settings.capture_dir), self.name, self._loop.time())
            except OSError as error:
                raise StartupError(f"GATEWAY_CAPTURE_DIR cannot be used: {error.strerror}.") from None
        if settings.metrics_port:
            try:
                self._metrics_server = await serve_metrics(settings.metrics_port, self._figures)
            except OSError as error:
                where = f"{LOOPBACK}:{settings.metrics_port}"
                raise StartupError(f"Cannot show figures on {where}: {error.strerror or error}.") from None

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
        if self._metrics_server is not None:
            self._metrics_server.close()
        if self._capture is not None:
            self._capture.close()
        flushed = await asyncio.to_thread(self._publisher.stop, FLUSH_SECONDS)
        log.info("gateway %s stopped%s", self.name, "" if flushed else ", with letters unsent")

    def opened(self, line: MeterSocket, peer: str) -> None:
        reason = None
        if not self._arrivals.allows(line.source, self._loop.time()):
            reason = "accept_rate"
        elif len(self.sessions) >= self._socket_limit and not self.sessions.make_room(self._now()):
            reason = "no_descriptors"
        if reason is not None:
            self.sessions.counters[f"ended_{reason}"] += 1
            line.close()
            return
        self._act(lambda now: self.sessions.opened(line, peer, now))

    def received(self, line: MeterSocket, data: bytes) -> None:
        self.sessions.received(line, data, self._now())
        self._set_timer()

    def lost(self, line: MeterSocket, reason: str) -> None:
        self.sessions.lost(line, self._now(), reason)

    def writes(self, line: MeterSocket, data: bytes) -> None:
        self.sessions.counters["frames_out"] += 1
        if self._capture is not None and (session := self.sessions.id_of(line)) is not None:
            self._capture.written(session, data, self._loop.time())

    def _captured(self, session: str, event: Event) -> None:
        if self._capture is not None:
            self._capture.event(session, event, self._loop.time())

    def _proved(self, line: Line) -> None:
        if isinstance(line, MeterSocket):
            self._arrivals.proved(line.source, self._loop.time())

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

    def _figures(self) -> Figures:
        sessions, publisher = self.sessions, self._publisher
        return Figures(sessions.counters, sessions.states(), publisher.backlog, publisher.dropped)

    async def _log_figures(self) -> None:
        while True:
            await asyncio.sleep(FIGURES_SECONDS)
            now = self._figures()
            counted = {**now.states, "dropped": sum(now.dropped.values()), **now.counters}
            log.info("%s", " ".join(f"{name}={count}" for name, count in counted.items()))


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


def _raise_descriptor_limit() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft if soft != resource.RLIM_INFINITY else 1_000_000
