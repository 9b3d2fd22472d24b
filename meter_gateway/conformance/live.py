"""The kit against a meter on a socket: one that is dialled, or one that dials us."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from meter_gateway.conformance.bench import Bench
from meter_gateway.conformance.clause import Clause, Finding, Trial
from meter_gateway.conformance.talk import Failed, Heard, Listen, Operation, Talk
from meter_gateway.protocol.connection import Connection, Role
from meter_gateway.protocol.frames import ANY_ADDRESS
from meter_gateway.protocol.openings import OpeningSeen
from meter_gateway.protocol.profiles import Profile
from meter_gateway.protocol.reads import read_address_request
from meter_gateway.protocol.replies import AddressReply, parse_reply

CONNECT_TIMEOUT_S = 10.0
FIRST_WORDS_S = 5.0
_READ_AT_ONCE = 4096
_SERIAL_DIGITS = 12

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class NoMeter(Exception):
    """Nobody to examine; the message is one sentence."""


class Door(Protocol):
    """Where the meter's link comes from; opened again after the meter hung up."""

    async def open(self) -> Streams:
        """A link.

        :raises NoMeter: none in time.
        """
        ...

    @property
    def meter_dials(self) -> bool:
        """Whether the meter came to us, and so has an opening to say."""
        ...


@dataclass(frozen=True)
class Dialled:
    """A meter, or a converter before it, that listens."""

    host: str
    port: int
    meter_dials: bool = False

    async def open(self) -> Streams:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return await asyncio.open_connection(self.host, self.port)
        except (OSError, TimeoutError) as problem:
            why = getattr(problem, "strerror", None) or "no answer"
            raise NoMeter(f"{self.host}:{self.port} cannot be reached: {why}.") from None


class Listening:
    """A port that meters dial. The newest link counts; older ones are closed."""

    meter_dials = True

    def __init__(self, host: str, port: int, *, patience_s: float) -> None:
        self._host = host
        self._port = port
        self._patience_s = patience_s
        self._links: asyncio.Queue[Streams] = asyncio.Queue()
        self._server: asyncio.Server | None = None

    async def listen(self) -> int:
        """Start; the port, which is another one where 0 was asked for. Raises `OSError`."""
        self._server = await asyncio.start_server(self._welcome, self._host, self._port)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def open(self) -> Streams:
        try:
            async with asyncio.timeout(self._patience_s):
                link = await self._links.get()
                while not self._links.empty():
                    link[1].close()
                    link = self._links.get_nowait()
                return link
        except TimeoutError:
            raise NoMeter(f"No meter dialled within {self._patience_s:g} s.") from None

    def close(self) -> None:
        """Take no more meters."""
        if self._server is not None:
            self._server.close()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._links.put_nowait((reader, writer))


class LiveLink:
    """Operations of clauses, done on a socket."""

    def __init__(self, streams: Streams) -> None:
        self._reader, self._writer = streams

    async def do(self, operation: Operation) -> Heard:
        data: bytes | None = b""
        try:
            if isinstance(operation, Listen):
                data = await self._hear(operation.seconds)
            else:
                self._writer.write(operation.raw)
                await self._writer.drain()
        except OSError:
            data = None
        return Heard(data, datetime.now(UTC))

    async def _hear(self, seconds: float) -> bytes | None:
        try:
            async with asyncio.timeout(seconds):
                return await self._reader.read(_READ_AT_ONCE) or None
        except TimeoutError:
            return b""

    async def first_words(self) -> bytes:
        """What is said before anybody asks; b"" when nothing is."""
        return await self._hear(FIRST_WORDS_S) or b""

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def examine_live(
    profile: Profile,
    door: Door,
    clauses: Iterable[Clause],
    make_bench: Callable[[str, datetime], Bench],
    serial: str = "",
    tell: Callable[[Finding], None] = lambda finding: None,
) -> list[Finding]:
    """All findings about the meter behind ``door``; each is also told as soon as there is one.

    Without ``serial`` the meter is asked for its address (13H), then believed its opening.
    :raises NoMeter: nobody came, nobody could be reached, or it would not say who it is.
    """
    link = LiveLink(await door.open())
    try:
        words = await link.first_words() if door.meter_dials else None
        if not serial:
            asked = Bench(profile, ANY_ADDRESS, datetime.now(UTC), answer_s=profile.answer_timeout_s)
            serial = await _converse(link, who_are_you(asked, words or b""))
        bench = make_bench(serial, datetime.now(UTC))
        bench.link_came_up(words)
        findings = []
        for clause in clauses:
            if bench.lost:
                await link.close()
                link = LiveLink(await door.open())
                bench.link_came_up(await link.first_words() if door.meter_dials else None)
            bench.now = datetime.now(UTC)
            trial = Trial(clause, bench)
            while trial.operation is not None:
                trial.hear(await link.do(trial.operation))
            assert trial.finding is not None
            findings.append(trial.finding)
            tell(trial.finding)
        return findings
    finally:
        await link.close()


def who_are_you(bench: Bench, first_words: bytes) -> Talk[str]:
    """The meter's own address.

    :raises NoMeter: neither an answer to 13H nor an opening tells it.
    """
    try:
        reply = parse_reply((yield from bench.ask(read_address_request())))
    except Failed:
        reply = None
    if isinstance(reply, AddressReply):
        return reply.address
    connection = Connection(Role.PLATFORM)
    for event in connection.receive(first_words) + connection.flush():
        if (
            isinstance(event, OpeningSeen)
            and len(event.serial) == _SERIAL_DIGITS
            and event.serial.isdecimal()
        ):
            return event.serial
    raise NoMeter("The meter does not say who it is; name it with --serial.")


async def _converse(link: LiveLink, talk: Talk[str]) -> str:
    try:
        operation = next(talk)
        while True:
            operation = talk.send(await link.do(operation))
    except StopIteration as end:
        return str(end.value)
