"""The broker: streams of letters, queues of tasks, the serial map. It may be away, and come back empty."""

import json
import random
from collections.abc import Callable
from typing import Any

from apps.meters.post import ValkeyPost
from tests.simulation.faults import Fault, Faults
from tests.simulation.virtual_time import VirtualTime

DOORBELLS = ("meters.take_turn", "income.settle_recharge", "income.send_refund", "readings.pull_letter")

TaskRunner = Callable[[str, dict[str, Any]], None]


class Broker:
    """What is in it is lost when it is emptied; while it is away nobody can put or take."""

    def __init__(self, time: VirtualTime, dice: random.Random, faults: Faults) -> None:
        self._time = time
        self._dice = dice
        self._faults = faults
        self.is_up = True
        self.has_map = False
        self.generation = 0
        self.run_task: TaskRunner = lambda name, kwargs: None
        self.take_letter: Callable[[str, str], bool] = lambda gateway, text: True

    def empty(self) -> None:
        """Everything in it is gone, the serial map too."""
        self.generation += 1
        self.has_map = False

    def put_task(self, name: str, kwargs: dict[str, Any], *, lossless: bool = False) -> bool:
        """Queue a task; False while the broker is away. Lost, doubled and late tasks are on the house."""
        if not self.is_up:
            return False
        rings = name in DOORBELLS
        if not lossless and self._faults.hits(Fault.DOORBELL_LOST if rings else Fault.TASK_LOST):
            return True
        copies = 2 if self._faults.hits(Fault.DOORBELL_DOUBLED if rings else Fault.TASK_DOUBLED) else 1
        text = json.dumps(kwargs)
        for _ in range(copies):
            delay_s = self._dice.uniform(0.002, 0.05)
            if self._faults.hits(Fault.TASK_LATE):
                delay_s += self._dice.choice((1, 5, 25, 90))
            self._time.after(delay_s, self._run, name, text, self.generation)
        return True

    def put_letter(self, gateway: str, letter: dict[str, Any]) -> None:
        """Append to a gateway's stream; silently nothing while the broker is away, as the real post does."""
        if not self.is_up or self._faults.hits(Fault.LETTER_LOST):
            return
        text = json.dumps(letter)
        for _ in range(2 if self._faults.hits(Fault.LETTER_DOUBLED) else 1):
            delay_s = self._dice.uniform(0.001, 0.02)
            if self._faults.hits(Fault.LETTER_LATE):
                delay_s += self._dice.choice((1, 5, 15, 40))
            self._time.after(delay_s, self._deliver, gateway, text, self.generation)

    def _run(self, name: str, text: str, generation: int) -> None:
        if generation != self.generation:
            return
        if not self.is_up:
            self._time.after(0.5, self._run, name, text, generation)
            return
        self.run_task(name, json.loads(text))

    def _deliver(self, gateway: str, text: str, generation: int) -> None:
        if generation != self.generation:
            return
        if not self.is_up:
            self._time.after(0.5, self._deliver, gateway, text, generation)
            return
        self.take_letter(gateway, text)


class SimulatedPost(ValkeyPost):
    """The real post, which writes the real letters, into the simulated broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def _put(self, gateway: str, letter: dict[str, Any]) -> None:
        self._broker.put_letter(gateway, letter)
