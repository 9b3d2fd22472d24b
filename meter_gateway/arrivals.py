"""How many strangers one source network may send: only connections that prove nothing count."""

from collections import OrderedDict
from ipaddress import ip_address, ip_network

SOURCES_REMEMBERED = 10_000


class Arrivals:
    """A bucket per source network (/24 for IPv4, /48 for IPv6) that empties by ``per_second``.

    Every connection fills it by one and every proven meter takes its one out again, so a carrier's address
    with ten thousand meters behind it is not held up by them. ``per_second`` 0 lets everybody in.
    """

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, address: str, now: float) -> bool:
        if not self._per_second:
            return True
        source = _network(address)
        level = self._level(source, now)
        if level + 1 > self._per_second:
            return False
        self._levels[source] = (level + 1, now)
        self._levels.move_to_end(source)
        if len(self._levels) > SOURCES_REMEMBERED:
            self._levels.popitem(last=False)
        return True

    def proved(self, address: str, now: float) -> None:
        """A connection from there turned out to be a meter."""
        if self._per_second:
            source = _network(address)
            if source in self._levels:
                self._levels[source] = (max(0.0, self._level(source, now) - 1), now)

    def _level(self, source: str, now: float) -> float:
        level, at = self._levels.get(source, (0.0, now))
        return max(0.0, level - (now - at) * self._per_second)


def _network(address: str) -> str:
    try:
        host = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ip_network((host, 24 if host.version == 4 else 48), strict=False))
