"""What goes up to Django, and the bounded tray in which it waits for the publisher's thread."""

from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Protocol

BATCH_LIMIT = 500
TRAY_LIMIT = 20_000


class Kind(Enum):
    """What goes up: task name, queue, name of the list in the task's arguments, may it be dropped early.

    Counters in pushes are absolute, so a dropped push costs nothing once the next one arrives.
    """

    HELLO = ("meters.gateway_hello", "delivery", "", False)
    LOGIN = ("meters.meters_logged_in", "delivery", "logins", False)
    GONE = ("meters.meters_gone", "delivery", "sessions", False)
    ANSWER = ("meters.letters_answered", "delivery", "answers", False)
    PUSH = ("meters.frames_pushed", "readings", "pushes", True)
    SEEN = ("meters.meters_seen", "readings", "seen", True)
    DRIFT = ("meters.clock_drifted", "readings", "clocks", True)
    STORM = ("meters.takeover_storm", "alerts", "serials", False)

    def __init__(self, task: str, queue: str, list_name: str, early_to_drop: bool) -> None:
        self.task = task
        self.queue = queue
        self.list_name = list_name
        self.early_to_drop = early_to_drop


Item = Mapping[str, Any]


class WayUp(Protocol):
    """Where letters for Django are put; never blocks, never raises."""

    def put(self, kind: Kind, item: Item, /) -> None: ...


def instant(utc: datetime) -> str:
    """An instant as letters carry it: ISO 8601, UTC, microseconds."""
    return utc.astimezone(UTC).isoformat(timespec="microseconds")


class Tray:
    """Items waiting for the thread, bounded over all kinds. Not thread-safe; the publisher locks it.

    When it is full the oldest push or presence goes first; only when there is none does the oldest
    answer, departure or login go. A hello replaces the hello before it.
    """

    def __init__(self, limit: int = TRAY_LIMIT) -> None:
        self._limit = limit
        self._waiting: dict[Kind, deque[Item]] = {kind: deque() for kind in Kind}
        self._count = 0
        self.dropped: dict[Kind, int] = dict.fromkeys(Kind, 0)

    def __len__(self) -> int:
        return self._count

    def put(self, kind: Kind, item: Item) -> None:
        if kind is Kind.HELLO:
            self._count -= len(self._waiting[kind])
            self._waiting[kind].clear()
        elif self._count >= self._limit:
            victim = next(victim for victim in _DROP_ORDER if self._waiting[victim])
            self._waiting[victim].popleft()
            self.dropped[victim] += 1
            self._count -= 1
        self._waiting[kind].append(item)
        self._count += 1

    def take(self) -> tuple[Kind, list[Item]] | None:
        """The next batch, urgent kinds first, at most BATCH_LIMIT items of one kind in their own order."""
        for kind, items in self._waiting.items():
            if items:
                batch = [items.popleft() for _ in range(min(len(items), BATCH_LIMIT))]
                self._count -= len(batch)
                return kind, batch
        return None


_DROP_ORDER = (
    Kind.SEEN,
    Kind.PUSH,
    Kind.DRIFT,
    Kind.ANSWER,
    Kind.GONE,
    Kind.LOGIN,
    Kind.STORM,
    Kind.HELLO,
)
