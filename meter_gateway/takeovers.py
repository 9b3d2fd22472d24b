"""When two devices fight for one meter number: who took over how often, and which numbers are frozen.

Pure; `now` in monotonic seconds.
"""

from collections import OrderedDict, deque

STORM_TAKEOVERS = 3
STORM_WINDOW_S = 600.0
FROZEN_S = 600.0
SERIALS_REMEMBERED = 10_000


class Takeovers:
    """Take-overs of the last ten minutes per proven number; three of them freeze it for ten minutes.

    The session that made the third one stays. Bounded: the numbers whose take-overs are longest ago are
    forgotten first.
    """

    def __init__(self) -> None:
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._frozen_until: OrderedDict[str, float] = OrderedDict()

    def count(self, serial: str, now: float) -> int | None:
        """Note one take-over; how many there were if this one makes it a storm, else None."""
        times = self._times.setdefault(serial, deque(maxlen=STORM_TAKEOVERS))
        self._times.move_to_end(serial)
        times.append(now)
        if len(self._times) > SERIALS_REMEMBERED:
            self._times.popitem(last=False)
        recent = sum(time > now - STORM_WINDOW_S for time in times)
        if recent < STORM_TAKEOVERS:
            return None
        del self._times[serial]
        self._frozen_until[serial] = now + FROZEN_S
        self._frozen_until.move_to_end(serial)
        if len(self._frozen_until) > SERIALS_REMEMBERED:
            self._frozen_until.popitem(last=False)
        return recent

    def is_frozen(self, serial: str, now: float) -> bool:
        """Whether further logins of this number are refused."""
        until = self._frozen_until.get(serial)
        if until is None:
            return False
        if now < until:
            return True
        del self._frozen_until[serial]
        return False
