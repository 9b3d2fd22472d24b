"""One gateway process: the real sessions, tray and letters; sockets, broker and clock are simulated."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from uuid import UUID

from meter_gateway.bridge import hello
from meter_gateway.letters import parse_letter
from meter_gateway.protocol.profiles import Profile, load_profile
from meter_gateway.questions import Now
from meter_gateway.sessions import Sessions
from meter_gateway.tray import Item, Kind, Tray, instant
from tests.simulation.broker import Broker
from tests.simulation.links import Connection
from tests.simulation.virtual_time import VirtualTime

HELLO_S = 10.0
BATCH_S = 0.05
MAP_S = 1.0
cached_profile: Callable[[str], Profile] = lru_cache(load_profile)


class GatewayProcess:
    """Starts, is killed, starts again under a new name of the same node."""

    def __init__(
        self,
        time: VirtualTime,
        dice: random.Random,
        broker: Broker,
        *,
        node: str,
        skew_s: float,
        profiles: dict[str, str],
        on_written: Callable[[GatewayProcess, Connection, bytes], None],
    ) -> None:
        self._time = time
        self._dice = dice
        self._broker = broker
        self._profiles = profiles
        self._on_written = on_written
        self.node = node
        self.skew_s = skew_s
        self.starts = 0
        self.is_alive = False
        self.connections: dict[Connection, None] = {}
        self.start()

    def start(self) -> None:
        self.starts += 1
        self.name = f"{self.node}-{self.starts}"
        self.is_alive = True
        self.connections = {}
        self.tray = Tray()
        self.sessions = Sessions(
            self,
            new_id=lambda: str(UUID(int=self._dice.getrandbits(128))),
            load_profile=cached_profile,
            on_unmapped=lambda: self._time.after(0.01, self._look_at_map, self.starts, False),
        )
        self._timer_at: float | None = None
        self._flush_planned = False
        self._say_hello(self.starts)
        self._look_at_map(self.starts, True)

    def kill(self) -> None:
        """The process is gone: what it held in memory too; the host still delivers what was written."""
        self.is_alive = False
        self.starts += 1
        for connection in self.connections:
            connection.close()

    @property
    def now(self) -> Now:
        return Now(self._time.now, self._time.utc(self.skew_s))

    # Sockets

    def opened(self, connection: Connection) -> None:
        self.connections[connection] = None
        self.sessions.opened(connection, "10.0.0.1", self.now)
        self._set_timer()

    def received(self, connection: Connection, data: bytes) -> None:
        self.sessions.received(connection, data, self.now)
        self._set_timer()

    def lost(self, connection: Connection, reason: str) -> None:
        if connection in self.connections:
            del self.connections[connection]
            self.sessions.lost(connection, self.now, reason)
            self._set_timer()

    def on_written(self, connection: Connection, data: bytes) -> None:
        self._on_written(self, connection, data)

    def epoch_of(self, serial: str) -> int | None:
        """The epoch granted to the session that speaks for this meter here."""
        session = self.sessions._by_serial.get(serial)
        return session.questions.epoch if session is not None else None

    # Broker

    def letter(self, text: str) -> None:
        self.sessions.letter(parse_letter(text), self.now)
        self._set_timer()

    def put(self, kind: Kind, item: Item, /) -> None:
        """What the sessions want to have sent up."""
        self.tray.put(kind, item)
        if not self._flush_planned:
            self._flush_planned = True
            self._time.after(BATCH_S, self._flush, self.starts)

    def _flush(self, start: int) -> None:
        if start != self.starts:
            return
        self._flush_planned = False
        if not self._broker.is_up:
            self._flush_planned = True
            self._time.after(0.5, self._flush, start)
            return
        while (batch := self.tray.take()) is not None:
            kind, items = batch
            for facts in [dict(item) for item in items] if kind is Kind.HELLO else [_listed(kind, items)]:
                self._broker.put_task(kind.task, {"gateway": self.name, **facts})

    def _say_hello(self, start: int) -> None:
        if start == self.starts:
            self.put(Kind.HELLO, hello(self.name, self.node, instant(self.now.utc)))
            self._time.after(HELLO_S, self._say_hello, start)

    def _look_at_map(self, start: int, again: bool) -> None:
        if start != self.starts:
            return
        if self._broker.is_up and self._broker.has_map:
            for serial in self.sessions.unmapped():
                self.sessions.mapped(serial, self._profiles.get(serial), self.now)
            self._set_timer()
        if again:
            self._time.after(MAP_S, self._look_at_map, start, True)

    # Time

    def _set_timer(self) -> None:
        due = self.sessions.next_deadline()
        if due is not None and (self._timer_at is None or due < self._timer_at):
            self._timer_at = due
            self._time.at(due, self._pass_time, self.starts, due)

    def _pass_time(self, start: int, due: float) -> None:
        if start != self.starts or due != self._timer_at:
            return
        self._timer_at = None
        self.sessions.pass_time(self.now)
        self._set_timer()


def _listed(kind: Kind, items: list[Item]) -> dict[str, Any]:
    return {kind.list_name: [dict(item) for item in items]}
