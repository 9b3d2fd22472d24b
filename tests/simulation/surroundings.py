"""What the services see of the world in the PostgreSQL mode: clock, ids, Valkey, doorbells, platform, a mortal process.

One process, one database of its own; every choice comes from the world's dice.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import redis
from django.db import connection
from django.db.backends.postgresql.compiler import SQLCompiler
from django.utils import timezone

from apps.common import ids, queue
from apps.income.services import channels
from apps.meters import post
from tests.simulation.broker import Broker
from tests.simulation.faults import Fault, Faults, WorkerDied
from tests.simulation.platforms import SimulatedPlatform
from tests.simulation.unordered import by_key

# A transaction of ours has about this many statements; a death is as likely as in the in-memory form.
STATEMENTS = 15


class Mortal:
    """The process in which the services run: it may die before any statement and before any post."""

    def __init__(self, dice: random.Random, faults: Faults) -> None:
        self._dice = dice
        self._faults = faults
        self.is_dead = False
        self.is_at_work = False

    def before_statement(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        if self.is_dead:
            raise WorkerDied
        if self.is_at_work and self._dice.random() < 1 / STATEMENTS:
            self.may_die(Fault.CRASH_BEFORE_COMMIT)
        return execute(sql, params, many, context)

    def may_die(self, fault: Fault) -> None:
        if self.is_at_work and self._faults.hits(fault):
            self.is_dead = True
            raise WorkerDied

    def bury(self) -> None:
        """Another process takes its place; what was not committed is gone."""
        if self.is_dead:
            connection.close()
            self.is_dead = False


class SimulatedValkey:
    """The few commands the real post uses, on the simulated broker."""

    def __init__(self, broker: Broker, mortal: Mortal) -> None:
        self._broker = broker
        self._mortal = mortal

    def _reach(self) -> None:
        if not self._broker.is_up:
            raise redis.ConnectionError("away")

    def xadd(self, stream: str, fields: dict[str, str], **_: Any) -> None:
        self._mortal.may_die(Fault.CRASH_BEFORE_POST)
        self._reach()
        self._broker.put_letter(stream.removeprefix("rm:letters:"), json.loads(fields["letter"]))

    def exists(self, key: str) -> bool:
        self._reach()
        return self._broker.has_map

    @contextmanager
    def pipeline(self) -> Iterator[SimulatedValkey]:
        yield self

    def delete(self, key: str) -> None: ...

    def hset(self, key: str, *, mapping: dict[str, str]) -> None: ...

    def set(self, key: str, value: str) -> None: ...

    def execute(self) -> None:
        self._reach()
        self._broker.has_map = True


class SeededIds:
    """Version 7 ids that grow with virtual time and repeat with the seed."""

    def __init__(self, dice: random.Random, utc: Callable[[], Any]) -> None:
        self._dice = dice
        self._utc = utc
        self._last_ms = 0
        self._count = 0

    def __call__(self) -> UUID:
        self._last_ms = max(self._last_ms, int(self._utc().timestamp() * 1000))
        self._count = (self._count + 1) % 4096
        if not self._count:
            self._last_ms += 1
        rest = (0b10 << 62) | self._dice.getrandbits(62)
        return UUID(int=(self._last_ms << 80) | (7 << 76) | (self._count << 64) | rest)


class Complaints(logging.Handler):
    """An error that a service logs and survives is a finding here."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        wrong = record.exc_info[1] if record.exc_info else None
        self.heard.append(f"{record.getMessage()} {wrong!r}" if wrong else record.getMessage())


class Surroundings:
    """Puts all of it in place, once a world, and takes it away again."""

    def __init__(self, dice: random.Random, faults: Faults, broker: Broker, utc: Callable[[], Any]) -> None:
        self.mortal = Mortal(dice, faults)
        self.platforms = {name: SimulatedPlatform(name, dice, faults) for name in ("wechat", "alipay")}
        self.complaints = Complaints()
        self.is_backwards = False
        self._ids = SeededIds(random.Random(dice.getrandbits(64)), utc)
        self._valkey = SimulatedValkey(broker, self.mortal)
        self._broker = broker
        self._utc = utc
        self._undo: list[Callable[[], None]] = []

    def place(self, owner: object, name: str, instead: object) -> None:
        was = getattr(owner, name)
        self._undo.append(lambda: setattr(owner, name, was))
        setattr(owner, name, instead)

    def set_up(self) -> None:
        self.place(timezone, "now", self._utc)
        self.place(ids, "_uuid7", self._ids)
        self.place(post, "valkey", lambda: self._valkey)
        self.place(queue, "_put", self._ring)
        self.place(channels, "platform_for", lambda channel, *_, **__: self.platforms[channel])
        self.place(SQLCompiler, "execute_sql", by_key(is_backwards=self.is_backwards))
        connection.ensure_connection()
        connection.execute_wrappers.append(self.mortal.before_statement)
        logging.getLogger("apps").addHandler(self.complaints)

    def tear_down(self) -> None:
        logging.getLogger("apps").removeHandler(self.complaints)
        connection.execute_wrappers.remove(self.mortal.before_statement)
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()

    def _ring(self, name: str, queue_name: str, kwargs: dict[str, Any]) -> None:
        self.mortal.may_die(Fault.CRASH_BEFORE_POST)
        self._broker.put_task(name, kwargs)
