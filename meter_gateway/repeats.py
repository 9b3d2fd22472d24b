"""What makes a letter that comes twice harmless: which attempts are open, and how the last ones ended."""

from collections import OrderedDict

from meter_gateway.letters import Ask
from meter_gateway.tray import Item

REMEMBERED_ANSWERS = 2048


class Repeats:
    """Attempts in the queue or in flight, and the answers of the last 2048 that reached a meter."""

    def __init__(self) -> None:
        self._open: set[tuple[str, int]] = set()
        self._answers: OrderedDict[tuple[str, int], Item] = OrderedDict()

    def __len__(self) -> int:
        """How many attempts are open."""
        return len(self._open)

    def is_open(self, ask: Ask) -> bool:
        return ask.key in self._open

    def answer(self, ask: Ask) -> Item | None:
        """How this very attempt ended, if something was written for it."""
        return self._answers.get(ask.key)

    def begin(self, ask: Ask) -> None:
        self._open.add(ask.key)

    def end(self, ask: Ask, answer: Item, *, reached_meter: bool) -> None:
        """The attempt is over; one that wrote nothing may come again under its number."""
        self._open.discard(ask.key)
        if reached_meter:
            self._answers[ask.key] = answer
            if len(self._answers) > REMEMBERED_ANSWERS:
                self._answers.popitem(last=False)
