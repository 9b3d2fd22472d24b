"""`python -m tests.storm --orders N [--demo var/demo.json]`: a storm of orders over both platforms on their worst day.

Every order meets one fault of the pretend platforms, or none, drawn from a seed. Without --demo a system of its own
is started and stopped. At the end every order is final or in review for the one reason there is, each meter has
grown by exactly what was credited to it, and the books hold. Status 1 if anything is wrong.
"""

import argparse
import itertools
import json
import random
import sys
import tempfile
import time
import uuid
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.journeys.system import Answer, Stranger, System, bought

AT_ONCE = 8
MOST_OPEN = 200
TOLD_EACH = 200
LOOK_EVERY_S = 1.0
ANSWER_WITHIN_S = 60.0
END_WITHIN_S = 520.0
FINAL = ("credited", "closed", "review", "refunded")
AMOUNTS = ("10.00", "13.37", "20.00", "50.00", "99.99")
# What happens to an order, and how often out of 100.
FATES = {
    "": 40,
    "repeat_notify": 10,
    "lose_notify": 8,
    "delay_notify": 8,
    "bad_signature": 6,
    "flip_byte": 5,
    "old_timestamp": 4,
    "unknown_serial": 4,
    "signtest": 3,
    "wrong_amount": 4,
    "lose_answer": 4,
    "unpaid": 4,
}


class Running(System):
    """A system somebody else has started and will stop."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.stranger = Stranger(self.demo())


@dataclass
class Fate:
    """One order from its wish to its end."""

    meter: dict[str, str]
    channel: str
    amount: str
    fault: str
    no: str = ""
    out_trade_no: str = ""
    energy_kwh: Decimal = Decimal("0.00")
    begun: bool = False
    begun_at: float = 0.0
    look_at: float = 0.0
    state: str = ""
    paid_at: float = 0.0
    took_s: float = 0.0
    trouble: str = ""

    def is_over(self, now: float) -> bool:
        """Ended, or waited for in vain."""
        late = self.begun and now > self.begun_at + END_WITHIN_S
        return bool(self.state in FINAL or self.trouble or late)


class Storm:
    def __init__(self, system: System, orders: int, seed: int) -> None:
        self.system, self.stranger = system, system.stranger
        chance = random.Random(seed)
        self.meters = [meter for meter in self.stranger.demo["meters"] if self._takes_both(meter)]
        if not self.meters:
            raise SystemExit("storm: no meter of this demo is online and takes payments on both channels")
        self.fates = [
            Fate(
                meter=self.meters[number % len(self.meters)],
                channel=chance.choice(("wechat", "alipay")),
                amount=chance.choice(AMOUNTS),
                fault=chance.choices(list(FATES), list(FATES.values()))[0],
            )
            for number in range(orders)
        ]

    def _takes_both(self, meter: dict[str, str]) -> bool:
        page = self._rest("GET", f"q/{meter['qr_token']}").body
        return bool(page["is_online"]) and {"wechat", "alipay"} <= set(page["channels"])

    def _rest(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Call, and call again while asked for patience."""
        deadline = time.monotonic() + ANSWER_WITHIN_S
        while True:
            answer = Stranger(self.stranger.demo).rest(method, path, body, **headers)
            if answer.status not in (429, 503) or time.monotonic() > deadline:
                return answer
            time.sleep(0.2)

    def blow(self) -> None:
        """Play all orders, a limited number of them open at a time; one that ends makes room for the next."""
        coming, ended = iter(self.fates), 0
        waiting: list[Fate] = []
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while True:
                for fate in itertools.islice(coming, MOST_OPEN - len(waiting)):
                    waiting.append(fate)
                    pool.submit(self._begin, fate)
                if not waiting:
                    return
                self._look(waiting)
                now = time.monotonic()
                left = [fate for fate in waiting if not fate.is_over(now)]
                over = len(waiting) - len(left)
                if (ended + over) // TOLD_EACH > ended // TOLD_EACH:
                    sys.stdout.write(f"  {ended + over} of {len(self.fates)} ended\n")
                    sys.stdout.flush()
                waiting, ended = left, ended + over
                time.sleep(0.1)

    def _begin(self, fate: Fate) -> None:
        try:
            self._order(fate)
            if fate.fault == "unpaid":
                self._rest("POST", f"orders/{fate.no}/cancel")
            else:
                self._pay(fate)
        except Exception as error:  # noqa: BLE001 - one order's trouble is a line of the report, not the storm's end
            fate.trouble = f"{type(error).__name__}: {error}"
        fate.begun_at = time.monotonic()
        fate.begun = True

    def _order(self, fate: Fate) -> None:
        if fate.fault == "lose_answer":
            self._fault(fate.fault, channel=fate.channel)
        body = {"amount_yuan": fate.amount, "channel": fate.channel}
        answer = self._rest(
            "POST", f"q/{fate.meter['qr_token']}/orders", body, **{"Idempotency-Key": str(uuid.uuid4())}
        )
        if answer.status != 201:
            raise RuntimeError(f"the order was answered with {answer.status}: {answer.body}")
        fate.no, fate.out_trade_no = answer.body["no"], answer.body["out_trade_no"]

    def _pay(self, fate: Fate) -> None:
        if fate.fault not in ("", "lose_answer"):
            self._fault(fate.fault, out_trade_no=fate.out_trade_no, seconds=2, times=5)
        fate.paid_at = time.monotonic()
        self.stranger.pay({"out_trade_no": fate.out_trade_no})

    def _fault(self, kind: str, **narrowed: Any) -> None:
        self.stranger.sandbox("POST", "faults", {"kind": kind, "count": 1, **narrowed})

    def _look(self, waiting: list[Fate]) -> None:
        """See how the open orders are, each as often as its payer's page would ask."""
        for fate in waiting:
            if not fate.begun or fate.trouble or fate.look_at > time.monotonic():
                continue
            seen = self._rest("GET", f"orders/{fate.no}").body
            fate.look_at = time.monotonic() + LOOK_EVERY_S
            fate.state = seen["state"]
            if fate.state in FINAL:
                fate.took_s = time.monotonic() - fate.paid_at
                fate.energy_kwh = Decimal(seen["energy_kwh"] or 0)

    def wrong(self, before: dict[str, Any]) -> list[str]:
        """Return what is not as it should be, one sentence each."""
        sentences = [
            f"order {fate.no or '?'} ({fate.fault}): {fate.trouble}" for fate in self.fates if fate.trouble
        ]
        for fate in self.fates:
            expected = {"wrong_amount": ("review",), "unpaid": ("closed",)}.get(fate.fault, ("credited",))
            if not fate.trouble and fate.state not in expected:
                sentences.append(
                    f"order {fate.no} ({fate.channel}, {fate.fault or 'no fault'}) is {fate.state}"
                )
        grown: dict[str, list[Decimal]] = defaultdict(list)
        for fate in self.fates:
            if fate.state == "credited":
                grown[fate.meter["serial"]].append(fate.energy_kwh)
        for meter in self.meters:
            count, energy_kwh = bought(before[meter["serial"]], self.stranger.register(meter))
            mine = grown[meter["serial"]]
            if (count, energy_kwh) != (len(mine), sum(mine, Decimal("0.00"))):
                sentences.append(
                    f"meter ****{meter['serial'][-4:]} took {energy_kwh} kWh in {count} purchases, "
                    f"its orders say {sum(mine)} in {len(mine)}"
                )
        books = self.system.books_hold()
        return [*sentences, *books.splitlines()]


def report(storm: Storm, took_s: float) -> str:
    """Return the figures as lines."""
    states = Counter(fate.state or "?" for fate in storm.fates)
    faults = Counter(fate.fault or "none" for fate in storm.fates)
    waits = sorted(fate.took_s for fate in storm.fates if fate.state == "credited" and not fate.fault)
    named = ", ".join(f"{name} {count}" for name, count in faults.most_common())
    lines = [
        f"orders         {len(storm.fates)} over {len(storm.meters)} meters in {took_s:.0f} s",
        f"ended as       {', '.join(f'{name} {count}' for name, count in states.most_common())}",
        f"faults         {named}",
    ]
    if waits:
        lines.append(
            f"paid to proved median {waits[len(waits) // 2]:.1f} s, 95 % {waits[len(waits) * 95 // 100]:.1f} s, "
            f"worst {waits[-1]:.1f} s (without a fault, {AT_ONCE} payers at once)"
        )
    return "\n".join(lines)


def play(system: System, orders: int, seed: int) -> int:
    """Play the storm, print its figures and what is wrong; the exit status."""
    storm = Storm(system, orders, seed)
    before = {meter["serial"]: system.stranger.register(meter) for meter in storm.meters}
    began = time.monotonic()
    storm.blow()
    took_s = time.monotonic() - began
    wrong = storm.wrong(before)
    sys.stdout.write(f"{report(storm, took_s)}\nwrong          {len(wrong)}\n")
    sys.stdout.writelines(f"  {sentence}\n" for sentence in wrong[:40])
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--demo", type=Path, help="the demo.json of a running demo that nobody else uses")
    wish = parser.parse_args()
    sys.stdout.write(f"seed           {wish.seed}\n")
    sys.stdout.flush()
    if wish.demo is not None:
        json.loads(wish.demo.read_text("utf-8"))
        return play(Running(wish.demo.parent), wish.orders, wish.seed)
    with tempfile.TemporaryDirectory(prefix="storm-") as var:
        system = System(Path(var))
        try:
            return play(system, wish.orders, wish.seed)
        finally:
            system.stop()


if __name__ == "__main__":
    sys.exit(main())
