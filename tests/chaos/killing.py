"""Who dies when: each kind as often as asked, in an order and with gaps from the seed, sometimes two at once."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.chaos.payers import History
from tests.journeys.system import System, wait_for

KINDS = ("postgres", "valkey", "web", "worker", "beat", "sweeper", "gateway", "simulator")
GAP_S = (0.5, 7.0)
TWO_AT_ONCE = 0.25
BACK_WITHIN_S = 90.0


def moments(
    kinds: tuple[str, ...], kills: int, chance: random.Random
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the round and who dies in one stroke; every kind once a round, in an order of its own."""
    for number in range(1, kills + 1):
        order = chance.sample(kinds, len(kinds))
        while order:
            size = 2 if len(order) > 1 and chance.random() < TWO_AT_ONCE else 1
            yield number, tuple(order.pop() for _ in range(size))


@dataclass
class Killer:
    """Kills, and notes what each stroke met: a kill while nothing is on its way to a meter shows nothing."""

    system: System
    history: History
    chance: random.Random
    killed: list[str] = field(default_factory=list)
    met_open: int = 0
    met_delivering: int = 0
    in_pairs: int = 0
    last_at: float = 0.0

    def storm(self, kinds: tuple[str, ...], kills: int, tell: Callable[[int], None]) -> None:
        """Kill all that is planned; `tell` is called with the number of each round that has ended."""
        told = 1
        for number, together in moments(kinds, kills, self.chance):
            if number != told:
                tell(told)
                told = number
            time.sleep(self.chance.uniform(*GAP_S))
            self._strike(together)
        tell(told)

    def _strike(self, together: tuple[str, ...]) -> None:
        open_ = self.history.unfinished()
        is_delivering = any(order.state == "delivering" for order in open_)
        before = {kind: self._end(kind) for kind in together}
        self.last_at = time.monotonic()
        self.history.write("kill", kinds=together, open=len(open_), delivering=is_delivering)
        self.killed += together
        self.met_open += bool(open_) * len(together)
        self.met_delivering += is_delivering * len(together)
        self.in_pairs += len(together) > 1
        for kind, pid in before.items():
            self._wait_for_another(kind, pid)

    def _end(self, kind: str) -> int:
        """kill −9; what has just died by itself is killed when it is back, for a kill counts only if it hit."""
        while True:
            pid = self.system.pid(kind)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                self._wait_for_another(kind, pid)
            else:
                return pid

    def _wait_for_another(self, kind: str, pid: int) -> None:
        wait_for(f"{kind} started again", lambda: self.system.pid(kind) != pid, BACK_WITHIN_S)
