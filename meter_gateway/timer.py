"""One timer for all deadlines of the gateway."""

import asyncio
from collections.abc import Callable


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
