"""The gateway's end of Valkey: letters down, the serial map, hellos. Valkey may go and come back empty."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig

from meter_gateway.letters import Ask, Grant, LetterError, Refuse, parse_letter
from meter_gateway.tray import Item

log = logging.getLogger(__name__)

HELLO_SECONDS = 10.0
MAP_SECONDS = 1.0
BLOCK_MS = 1000
LETTERS_AT_ONCE = 200
LOOKUPS_AT_ONCE = 500
STREAM_LIFE_S = 86_400

SERIALS_KEY = "rm:serials"
VERSION_KEY = "rm:serials:version"

XreadAnswer = list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]

_AWAY = (RedisError, OSError, TimeoutError)


def stream_key(gateway: str) -> str:
    """The stream on which letters for this gateway arrive."""
    return f"rm:letters:{gateway}"


class Bridge:
    """Reads the gateway's stream and the serial map, and says hello.

    ``on_letter`` gets every letter in the order of the stream, once: the position is kept over a lost
    connection. ``unmapped`` names the meters that wait for the map, ``on_mapped(serial, profile name or
    None)`` tells what the map says. ``say_hello`` is called at the start, every 10 s, after Valkey came back
    and as soon as the map is missing.
    """

    def __init__(
        self,
        broker_url: str,
        gateway: str,
        *,
        on_letter: Callable[[Ask | Grant | Refuse], None],
        unmapped: Callable[[], list[str]],
        on_mapped: Callable[[str, str | None], None],
        say_hello: Callable[[], None],
    ) -> None:
        # One connection may wait in XREAD while the other one asks for the map. No retries inside the
        # client: the loops below are the only ones, so that "away" is noticed and logged once.
        self._redis = Redis.from_url(
            broker_url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=2,
            socket_timeout=BLOCK_MS / 1000 + 4,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )
        self._stream = stream_key(gateway)
        self._position: bytes | str = "0-0"
        self._on_letter = on_letter
        self._unmapped = unmapped
        self._on_mapped = on_mapped
        self._say_hello = say_hello
        self._map_wanted = asyncio.Event()
        self._map_is_there = True
        self._stopping = False

    def want_map(self) -> None:
        """Somebody new waits for the map: look now instead of at the next second."""
        self._map_wanted.set()

    async def run(self) -> None:
        """Until cancelled; raises what killed a part of it."""
        parts = [
            asyncio.create_task(self._hellos()),
            asyncio.create_task(self._keep_going("letters", self._read_letters)),
            asyncio.create_task(self._keep_going("serial map", self._read_map)),
        ]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            self._stopping = True
            await _cancelled(parts)
            await self._redis.aclose()

    async def _hellos(self) -> None:
        while True:
            self._say_hello()
            await asyncio.sleep(HELLO_SECONDS)

    async def _keep_going(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        pause_s = 0.0
        while not self._stopping:
            try:
                await step()
            except _AWAY as error:
                if not pause_s:
                    log.warning("Valkey is away for the %s: %s", what, type(error).__name__)
                pause_s = min(1.0, 2 * pause_s or 0.1)
                await asyncio.sleep(pause_s)
                continue
            except Exception:
                # One letter we cannot digest must not cost ten thousand meters their sockets.
                log.exception("an error of our own in the %s; going on", what)
                await asyncio.sleep(0.1)
                continue
            if pause_s:
                pause_s = 0.0
                log.info("Valkey is back for the %s", what)
                self._say_hello()

    async def _read_letters(self) -> None:
        answer = await self._redis.xread(
            {self._stream: self._position}, count=LETTERS_AT_ONCE, block=BLOCK_MS
        )
        for _, entries in cast(XreadAnswer, answer or []):
            for entry_id, fields in entries:
                self._position = entry_id
                try:
                    letter = parse_letter(fields.get(b"letter", b""))
                except LetterError as error:
                    log.error("letter %s thrown away: %s", entry_id.decode(), error)
                else:
                    self._on_letter(letter)

    async def _read_map(self) -> None:
        self._map_wanted.clear()
        is_there = bool(await self._redis.exists(VERSION_KEY))
        if self._map_is_there and not is_there:
            log.warning("there is no serial map; new meters wait")
            self._say_hello()
        self._map_is_there = is_there
        if is_there and (serials := self._unmapped()):
            for start in range(0, len(serials), LOOKUPS_AT_ONCE):
                part = serials[start : start + LOOKUPS_AT_ONCE]
                entries = cast(list[bytes | None], await self._redis.hmget(SERIALS_KEY, part))
                for serial, entry in zip(part, entries, strict=True):
                    self._on_mapped(serial, _profile_name(entry))
        try:
            async with asyncio.timeout(MAP_SECONDS):
                await self._map_wanted.wait()
        except TimeoutError:
            # A stream outlives its gateway by a day, then Valkey forgets it.
            await self._redis.expire(self._stream, STREAM_LIFE_S)


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel until every one has ended: a library that is just connecting may swallow a cancellation."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=0.1)


def _profile_name(entry: bytes | None) -> str | None:
    if entry is None:
        return None
    try:
        name = json.loads(entry)["profile"]
    except (ValueError, KeyError, TypeError):
        return ""
    return name if isinstance(name, str) else ""


def hello(gateway: str, node: str, at: str) -> Item:
    """The arguments of a hello; Django answers by publishing the map where it is missing."""
    return {"gateway": gateway, "node": node, "stream": stream_key(gateway), "at": at}
