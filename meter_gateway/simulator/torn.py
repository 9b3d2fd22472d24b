"""Power that goes in the middle of a credit: what the chip then holds, byte by byte.

A meter with atomic flash keeps two banks and moves a pointer with the last byte: all of the credit or
nothing. Cheap firmware writes cell after cell, each low byte first, so a cut leaves every mixture there is:

    energy_first   balance 4 | purchased 4 | count 2 | record 23 | customer 6 | account 1      = 40 bytes
    count_first    count 2 | record 23 | balance 4 | purchased 4 | customer 6 | account 1

Order and widths are assumed; makers do not publish theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from meter_gateway.simulator.state import RECORDS_KEPT, MeterState


@dataclass(frozen=True, slots=True)
class Cell:
    """`width` bytes of the chip; `torn(old, after, n)` is `old` with the first n of them as in `after`."""

    width: int
    torn: Callable[[MeterState, MeterState, int], MeterState]


def interrupted(before: MeterState, after: MeterState, order: str, at_byte: int) -> MeterState:
    """What is on the chip when power goes after `at_byte` of the credit's `CREDIT_BYTES`.

    The relay is not in it: it settles by what the meter finds when it wakes.
    """
    if order == "atomic":
        return after if at_byte >= CREDIT_BYTES else before
    state, left = before, at_byte
    for name in _ORDERS[order]:
        if left <= 0:
            break
        cell = _CELLS[name]
        state = cell.torn(state, after, min(left, cell.width))
        left -= cell.width
    return state


def _mixed(old: int, new: int, width: int, count: int) -> int:
    """The number whose `count` low bytes are new and whose others are old."""
    written = old.to_bytes(width, "little", signed=True)
    coming = new.to_bytes(width, "little", signed=True)
    return int.from_bytes(coming[:count] + written[count:], "little", signed=True)


def _balance(old: MeterState, after: MeterState, count: int) -> MeterState:
    return replace(old, balance_pulses=_mixed(old.balance_pulses, after.balance_pulses, 4, count))


def _purchased(old: MeterState, after: MeterState, count: int) -> MeterState:
    return replace(old, purchased_pulses=_mixed(old.purchased_pulses, after.purchased_pulses, 4, count))


def _count(old: MeterState, after: MeterState, count: int) -> MeterState:
    return replace(old, purchase_count=_mixed(old.purchase_count, after.purchase_count, 2, count))


def _record(old: MeterState, after: MeterState, count: int) -> MeterState:
    """The ring's pointer and the order number's place move with the last byte; the slot is lost before."""
    if count == _RECORD_BYTES:
        return replace(old, purchases=after.purchases, orders=after.orders)
    return replace(old, purchases=old.purchases[: RECORDS_KEPT - 1])


def _customer(old: MeterState, after: MeterState, count: int) -> MeterState:
    """Packed decimal, low byte first: the printed number changes from its right end."""
    kept = old.customer_no[: 12 - 2 * count]
    return replace(old, customer_no=kept + after.customer_no[12 - 2 * count :])


def _account(old: MeterState, after: MeterState, count: int) -> MeterState:
    return replace(old, account_open=after.account_open)


_RECORD_BYTES = 23
_CELLS = {
    "balance": Cell(4, _balance),
    "purchased": Cell(4, _purchased),
    "count": Cell(2, _count),
    "record": Cell(_RECORD_BYTES, _record),
    "customer": Cell(6, _customer),
    "account": Cell(1, _account),
}
_ORDERS = {
    "energy_first": ("balance", "purchased", "count", "record", "customer", "account"),
    "count_first": ("count", "record", "balance", "purchased", "customer", "account"),
}

FLASH_ORDERS = ("atomic", *_ORDERS)
CREDIT_BYTES = sum(cell.width for cell in _CELLS.values())
AFTER_ENERGY = 8
"""The cut of `energy_first` that keeps the energy and loses the count."""
