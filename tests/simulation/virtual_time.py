"""Virtual time: a heap of (second, sequence). Two events of one second happen in the order they were planned."""

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
"""Noon in Shanghai."""
MOST_STEPS = 500_000
"""A world has some thousand; one that never ends would be no finding, but a run that stands still."""


class VirtualTime:
    """`now` is in seconds since START; nothing but `run_until` moves it."""

    def __init__(self, most_steps: int = MOST_STEPS) -> None:
        self._most_steps = most_steps
        self.now = 0.0
        self.steps = 0
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = itertools.count()

    def utc(self, skew_s: float = 0.0) -> datetime:
        """What a clock shows that is `skew_s` ahead."""
        return START + timedelta(seconds=self.now + skew_s)

    def after(self, seconds: float, act: Callable[..., None], *args: Any) -> None:
        self.at(self.now + max(seconds, 0.0), act, *args)

    def at(self, second: float, act: Callable[..., None], *args: Any) -> None:
        moment = max(second, self.now)
        heapq.heappush(self._heap, (moment, next(self._order), act, args))

    def run_until(self, second: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Let everything planned up to `second` happen, unless `stop` says that it is enough.

        :raises AssertionError: if events bring about events without end.
        """
        while self._heap and self._heap[0][0] <= second:
            self.now, _, act, args = heapq.heappop(self._heap)
            self.steps += 1
            if self.steps > self._most_steps:
                raise AssertionError(f"after {self._most_steps:,} events it is still second {self.now:.3f}")
            act(*args)
            if stop():
                return
        self.now = max(self.now, second)
