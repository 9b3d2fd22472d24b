"""Renters who go on paying while the system dies around them, and what they wrote down outside of it."""

import json
import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.journeys.system import Answer, StoryFailed, Stranger

AMOUNTS = ("10.00", "13.37", "20.00", "50.00")
PAUSE_S = (1.0, 4.0)
PATIENCE_S = 60.0
# Nobody pays a sixth time while five of hers have not arrived: what is on its way stays in proportion, however
# slow the machine is, and there is always something on its way when a process dies.
MOST_OPEN = 5
# What a dying server may say; anything else is an answer.
TRY_AGAIN = (0, 429, 500, 502, 503, 504)


@dataclass
class Bought:
    """One order as its payer knows it."""

    serial: str
    no: str
    out_trade_no: str
    channel: str
    amount_yuan: str
    quoted_kwh: str
    is_paid: bool = False
    state: str = ""
    energy_kwh: str = "0.00"
    credited_at: float = 0.0

    @property
    def is_open(self) -> bool:
        return self.is_paid and self.state not in ("credited", "refunded", "review")


@dataclass
class History:
    """Everything the payers know, each line on disk before the next step; read again by nobody but the checker."""

    path: Path
    orders: dict[str, Bought] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, event: str, **facts: Any) -> None:
        line = json.dumps({"at": round(time.time(), 3), "event": event, **facts})
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def paid(self) -> list[Bought]:
        return [order for order in list(self.orders.values()) if order.is_paid]

    def unfinished(self) -> list[Bought]:
        return [order for order in list(self.orders.values()) if order.is_open]


class Payer(threading.Thread):
    """One renter after another: scan, order, pay, go away. Asks again with the same key when nobody answers."""

    def __init__(
        self, demo: dict[str, Any], meters: list[dict[str, str]], history: History, seed: int
    ) -> None:
        super().__init__(daemon=True)
        self._stranger = Stranger(demo)
        self._meters, self._history = meters, history
        self._chance = random.Random(seed)
        self._mine: list[Bought] = []
        self._enough = threading.Event()
        self.failed = ""

    def go_home(self) -> None:
        """Finish what is begun and stop."""
        self._enough.set()

    def run(self) -> None:
        try:
            while not self._enough.is_set():
                self._mine = [order for order in self._mine if order.is_open]
                if len(self._mine) < MOST_OPEN:
                    meter = self._chance.choice(self._meters)
                    self._buy(meter, self._chance.choice(("wechat", "alipay")), self._chance.choice(AMOUNTS))
                self._enough.wait(self._chance.uniform(*PAUSE_S))
        except Exception as error:  # noqa: BLE001 - a payer that gave up must fail the run, whatever she met
            self.failed = f"{type(error).__name__}: {error}"
            self._history.write("gave up", why=self.failed)

    def _buy(self, meter: dict[str, str], channel: str, amount_yuan: str) -> None:
        key = str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
        self._history.write("orders", key=key, serial=meter["serial"], amount_yuan=amount_yuan)
        answer = self._ask_patiently(meter, channel, amount_yuan, key)
        if answer is None or answer.status != 201:
            refusal = answer or Answer(0, None)
            self._history.write("no order", key=key, status=refusal.status, said=refusal.body)
            return
        said = answer.body
        quoted_kwh = said["quote"]["energy_kwh"]
        order = Bought(meter["serial"], said["no"], said["out_trade_no"], channel, amount_yuan, quoted_kwh)
        self._history.orders[order.no] = order
        self._history.write(
            "ordered", key=key, no=order.no, out_trade_no=order.out_trade_no, quoted_kwh=quoted_kwh
        )
        self._pay_patiently(order)
        order.is_paid = True
        self._mine.append(order)
        self._history.write("paid", no=order.no, amount_yuan=amount_yuan)

    def _pay_patiently(self, order: Bought) -> None:
        """Pay once: paying a paid order changes nothing, so an answer that never came is asked for again."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self._stranger.pay({"out_trade_no": order.out_trade_no})
            except StoryFailed:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)

    def _ask_patiently(
        self, meter: dict[str, str], channel: str, amount_yuan: str, key: str
    ) -> Answer | None:
        deadline = time.monotonic() + PATIENCE_S
        answer: Answer | None = None
        while time.monotonic() < deadline:
            answer = ask(
                self._stranger,
                "POST",
                f"q/{meter['qr_token']}/orders",
                {"amount_yuan": amount_yuan, "channel": channel},
                **{"Idempotency-Key": key},
            )
            if answer.status not in TRY_AGAIN:
                return answer
            time.sleep(0.3)
        return answer


class Watcher(threading.Thread):
    """Looks at its share of the paid orders, as their renters would, and writes down how each ended."""

    def __init__(self, demo: dict[str, Any], history: History, share: int, of: int) -> None:
        super().__init__(daemon=True)
        self._stranger, self._history = Stranger(demo), history
        self._share, self._of = share, of
        self._enough = threading.Event()

    def stop(self) -> None:
        self._enough.set()
        self.join()

    def run(self) -> None:
        while not self._enough.is_set():
            for order in self._mine():
                look(self._stranger, self._history, order)
                if self._enough.is_set():
                    return
            self._enough.wait(0.3)

    def _mine(self) -> list[Bought]:
        return [order for order in self._history.unfinished() if hash(order.no) % self._of == self._share]


def look(stranger: Stranger, history: History, order: Bought) -> None:
    """Ask how the order is; no answer changes nothing."""
    answer = ask(stranger, "GET", f"orders/{order.no}")
    if answer.status != 200:
        return
    if answer.body["state"] != order.state:
        # The energy first: whoever sees the state may read it at once.
        order.energy_kwh = answer.body["energy_kwh"] or "0.00"
        order.state = answer.body["state"]
        order.credited_at = time.monotonic() if order.state == "credited" else 0.0
        history.write("seen", no=order.no, state=order.state, energy_kwh=order.energy_kwh)


def ask(stranger: Stranger, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """Call REST; a server that is not there, or ends in the middle of its answer, is status 0."""
    try:
        return stranger.rest(method, path, body, **headers)
    except (OSError, ValueError):
        return Answer(0, None)
