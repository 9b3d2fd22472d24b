"""After the chaos: what the payers wrote down, what the ledger says, what the meters' own registers show.

Three witnesses that share no code: the payers' history, plain SQL over the postings, and the simulator's flash.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import psycopg

from tests.chaos.payers import Bought, History
from tests.journeys.system import System, bought

# By how many purchases and how many kWh a meter's registers grew.
Grown = tuple[int, Decimal]
# What another order of the same room leaves over, or takes, between a quote and its payment: less than one step.
CARRIED_KWH = Decimal("0.01")


def verdicts(system: System, history: History, before: dict[str, dict[str, Any]]) -> list[str]:
    """Return every lost or doubled yuan and kilowatt-hour, one sentence each; none is the proof."""
    register = system.stranger.story.register
    grown = {serial: bought(then, register(serial)) for serial, then in before.items()}
    rows = _sql(system, "SELECT out_trade_no, amount_yuan::text FROM income_payment WHERE state = 'PAID'")
    paid = history.paid()
    return [
        *of_orders(paid),
        *of_meters(paid, grown, energy_in_ledger(system)),
        *of_payments(paid, {number: Decimal(amount) for number, amount in rows}),
        *[f"books: {line}" for line in system.books_hold().splitlines()],
    ]


def of_orders(paid: Iterable[Bought]) -> list[str]:
    """Hold how each paid order ended against what its payer was promised."""
    sentences = []
    for order in paid:
        more_kwh = Decimal(order.energy_kwh) - Decimal(order.quoted_kwh)
        if order.state != "credited":
            sentences.append(f"order {order.no} is paid and {order.state or 'unseen'}: lost")
        elif abs(more_kwh) > CARRIED_KWH:
            was = f"order {order.no} brought {order.energy_kwh} kWh and was sold as {order.quoted_kwh}"
            sentences.append(f"{was}: {'doubled' if more_kwh > 0 else 'lost'}")
    return sentences


def of_meters(paid: Iterable[Bought], grown: Mapping[str, Grown], ledger: Mapping[str, Decimal]) -> list[str]:
    """Hold each meter's registers against what its payers bought, and against the ledger."""
    expected: dict[str, list[Decimal]] = defaultdict(list)
    for order in paid:
        if order.state == "credited":
            expected[order.serial].append(Decimal(order.energy_kwh))
    sentences = []
    for serial, (count, energy_kwh) in grown.items():
        mine = expected[serial]
        wanted_kwh = sum(mine, Decimal("0.00"))
        booked = ledger.get(serial, Decimal(0))
        if (count, energy_kwh) != (len(mine), wanted_kwh):
            is_more = (energy_kwh, count) > (wanted_kwh, len(mine))
            sentences.append(
                f"meter ****{serial[-4:]} took {energy_kwh} kWh in {count} purchases, its payers bought"
                f" {wanted_kwh} kWh in {len(mine)}: {'doubled' if is_more else 'lost'}"
            )
        if booked != energy_kwh:
            sentences.append(f"meter ****{serial[-4:]} took {energy_kwh} kWh, the ledger has {booked}")
    return sentences


def of_payments(paid: Iterable[Bought], theirs: Mapping[str, Decimal]) -> list[str]:
    """Hold what was paid, by the platforms' numbers, against the payments that the system has."""
    ours = {order.out_trade_no: Decimal(order.amount_yuan) for order in paid}
    lost = [
        f"payment {number} of {ours[number]} yuan is not in the system: lost"
        for number in ours.keys() - theirs
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
