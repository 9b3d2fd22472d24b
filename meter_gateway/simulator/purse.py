"""What a meter makes of energy that is brought to it: the rules of the certification bench, one by one.

Every rule is a function of the state alone; nothing here moves a relay or touches flash.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from meter_gateway.simulator.state import ORDERS_KEPT, RECORDS_KEPT, MeterState, Purchase

HIGHEST_COUNT = 9999
"""The count register 03320201 is two BCD bytes; no firmware can show more."""


class CreditOutcome(Enum):
    """What a meter makes of a recharge; the refusals are bits of SERR."""

    APPLIED = "applied"
    REPEATED = "repeated recharge"
    WRONG_CUSTOMER = "customer number mismatch"
    WRONG_COUNT = "count error"
    OVER_LIMIT = "over hoarding limit"
    NOT_NOW = "other"


@dataclass(frozen=True, slots=True)
class Bringing:
    """Energy on its way in, as a layout carries it; what the layout does not carry is None.

    `opening`: the first credit (070101FF), which also gives the meter its customer number.
    """

    energy_pulses: int
    purchase_count: int | None = None
    customer_no: str | None = None
    order_no: str | None = None
    opening: bool = False


def judge(state: MeterState, credit: Bringing) -> CreditOutcome:
    """Account, then customer, then number, then limit: the first rule that refuses is the answer."""
    if not account_fits(state, credit):
        return CreditOutcome.NOT_NOW
    if not customer_fits(state, credit):
        return CreditOutcome.WRONG_CUSTOMER
    if is_repeated(state, credit):
        return CreditOutcome.REPEATED
    if not count_fits(state, credit):
        return CreditOutcome.WRONG_COUNT
    if over_limit(state, credit):
        return CreditOutcome.OVER_LIMIT
    return CreditOutcome.APPLIED


def account_fits(state: MeterState, credit: Bringing) -> bool:
    """A meter fresh from the bench takes an opening only, one in service recharges only."""
    return state.account_open != credit.opening


def customer_fits(state: MeterState, credit: Bringing) -> bool:
    """An opening brings the number; a layout without customers has none to compare."""
    return credit.opening or credit.customer_no is None or credit.customer_no == state.customer_no


def is_repeated(state: MeterState, credit: Bringing) -> bool:
    """The count it has already, or an order number it remembers."""
    if credit.order_no is not None:
        return credit.order_no in state.orders
    return credit.purchase_count is not None and credit.purchase_count == state.purchase_count


def count_fits(state: MeterState, credit: Bringing) -> bool:
    """The next count and no other; a layout without counts always fits, up to the register's end."""
    following = state.purchase_count + 1
    return following <= HIGHEST_COUNT and credit.purchase_count in (None, following)


def over_limit(state: MeterState, credit: Bringing) -> bool:
    return state.balance_pulses + credit.energy_pulses > state.hoarding_limit_pulses


def credited(state: MeterState, credit: Bringing, at: datetime) -> MeterState:
    """The state after a credit that `judge` applied; `at` is the meter's own clock.

    The overdraft is paid off first. The meter counts its purchases whether or not the layout does. An alarm
    forced by command ends.
    """
    count = state.purchase_count + 1
    balance = state.balance_pulses + credit.energy_pulses
    purchased = state.purchased_pulses + credit.energy_pulses
    purchase = Purchase(
        at=at,
        count=count,
        energy_pulses=credit.energy_pulses,
        before_pulses=state.remaining_pulses,
        after_pulses=max(balance, 0),
        cumulative_pulses=purchased,
    )
    return replace(
        state,
        balance_pulses=balance,
        purchased_pulses=purchased,
        purchase_count=count,
        purchases=(purchase, *state.purchases)[:RECORDS_KEPT],
        orders=_with_order(state, credit.order_no),
        customer_no=credit.customer_no if credit.opening and credit.customer_no else state.customer_no,
        account_open=True,
        lamp_forced="",
    )


def judge_void(state: MeterState, energy_pulses: int, order_no: str) -> CreditOutcome:
    """Energy is given back once for each order number, and never more than there is or was bought."""
    if order_no in state.orders:
        return CreditOutcome.REPEATED
    most = min(state.balance_pulses, state.purchased_pulses)
    return CreditOutcome.APPLIED if energy_pulses <= most else CreditOutcome.NOT_NOW


def voided(state: MeterState, energy_pulses: int, order_no: str) -> MeterState:
    """The state after energy was given back: both counters of energy sink, the count stays."""
    return replace(
        state,
        balance_pulses=state.balance_pulses - energy_pulses,
        purchased_pulses=state.purchased_pulses - energy_pulses,
        orders=_with_order(state, order_no),
    )


def initialised(state: MeterState, energy_pulses: int) -> MeterState:
    """A purse as new: this much remains, no purchase was ever made. Account and customer stay."""
    return replace(
        state,
        balance_pulses=energy_pulses,
        purchased_pulses=0,
        purchase_count=0,
        purchases=(),
        orders=(),
        lamp_forced="",
    )


def _with_order(state: MeterState, order_no: str | None) -> tuple[str, ...]:
    return state.orders if order_no is None else (order_no, *state.orders)[:ORDERS_KEPT]
