"""After the chaos: what the payers wrote down, what the ledger says, what the meters' own registers show.

Three witnesses that share no code: the payers' history, plain SQL over the postings, and the simulator's flash.
"""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import psycopg

from tests.chaos.payers import History
from tests.journeys.system import Stranger, System, bought


def verdicts(system: System, history: History, before: dict[str, dict[str, Any]]) -> list[str]:
    """Return every lost or doubled yuan and kilowatt-hour, one sentence each; none is the proof."""
    ledger = energy_in_ledger(system)
    return [
        *_orders(history),
        *_meters(system.stranger, history, before, ledger),
        *_payments(system, history),
        *[f"books: {line}" for line in system.books_hold().splitlines()],
    ]


def _orders(history: History) -> list[str]:
    return [
        f"order {order.no} is paid and {order.state or 'unseen'}: lost"
        for order in history.paid()
        if order.state != "credited"
    ]


def _meters(
    stranger: Stranger, history: History, before: dict[str, dict[str, Any]], ledger: dict[str, Decimal]
) -> list[str]:
    expected: dict[str, list[Decimal]] = defaultdict(list)
    for order in history.paid():
        if order.state == "credited":
            expected[order.serial].append(Decimal(order.energy_kwh))
    sentences = []
    for serial, then in before.items():
        count, energy_kwh = bought(then, stranger.story.register(serial))
        mine = expected[serial]
        booked = ledger.get(serial, Decimal(0))
        if (count, energy_kwh) != (len(mine), sum(mine, Decimal("0.00"))):
            word = "doubled" if energy_kwh > sum(mine, Decimal("0.00")) else "lost"
            sentences.append(
                f"meter ****{serial[-4:]} took {energy_kwh} kWh in {count} purchases, its payers bought"
                f" {sum(mine)} kWh in {len(mine)}: {word}"
            )
        if booked != energy_kwh:
            sentences.append(f"meter ****{serial[-4:]} took {energy_kwh} kWh, the ledger has {booked}")
    return sentences


def _payments(system: System, history: History) -> list[str]:
    rows = _sql(system, "SELECT out_trade_no, amount_yuan::text FROM income_payment WHERE state = 'PAID'")
    ours = {order.out_trade_no: Decimal(order.amount_yuan) for order in history.paid()}
    theirs = {number: Decimal(amount) for number, amount in rows}
    lost = [
        f"payment {number} of {ours[number]} yuan is not in the system" for number in ours.keys() - theirs
    ]
    invented = [f"payment {number} was paid by nobody" for number in theirs.keys() - ours.keys()]
    changed = [
        f"payment {number} of {ours[number]} yuan became {theirs[number]} yuan"
        for number in ours.keys() & theirs.keys()
        if ours[number] != theirs[number]
    ]
    return [*lost, *invented, *changed]


def energy_in_ledger(system: System) -> dict[str, Decimal]:
    """Return by serial what the postings say a meter was given, kWh."""
    rows = _sql(
        system,
        "SELECT m.serial, sum(p.amount)::text FROM income_posting p"
        " JOIN meters_meter m ON p.destination = 'meter:' || m.id || ':' || m.device_epoch"
        " WHERE p.asset = 'KWH' GROUP BY m.serial",
    )
    return {serial: Decimal(total) for serial, total in rows}


def _sql(system: System, statement: str) -> list[tuple[str, str]]:
    with psycopg.connect(system.settings()["DATABASE_URL"]) as connection:
        connection.execute("SELECT set_config('role', 'rm_everything', true)")
        return [(row[0], row[1]) for row in connection.execute(statement.encode()).fetchall()]
