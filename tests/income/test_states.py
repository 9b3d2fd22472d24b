"""What a renter is told of her order, for every pair of lives that can meet."""

from itertools import product

import pytest

from apps.income.states import (
    GOES_BACK,
    HOLDS_MONEY,
    MAY_BECOME_PAID,
    TRANSFER_UNDER_WAY,
    UNDECIDED,
    UNDER_WAY,
    OrderState,
    PaymentState,
    RechargeState,
    RefundState,
    SettlementState,
    order_state,
)


@pytest.mark.parametrize(
    ("payment", "told"),
    [
        (PaymentState.CREATED, OrderState.CREATED),
        (PaymentState.PENDING, OrderState.CREATED),
        (PaymentState.CLOSED, OrderState.CLOSED),
        (PaymentState.REVIEW, OrderState.REVIEW),
    ],
)
def test_before_it_is_paid_an_order_is_what_its_payment_is(payment: PaymentState, told: OrderState) -> None:
    assert order_state(payment, None, None) is told


@pytest.mark.parametrize(
    ("recharge", "number", "told"),
    [
        (None, None, OrderState.PAID),
        (RechargeState.OPEN, None, OrderState.PAID),
        (RechargeState.OPEN, 1, OrderState.DELIVERING),
        (RechargeState.CREDITED, 1, OrderState.CREDITED),
        (RechargeState.CREDITED, None, OrderState.CREDITED),
        (RechargeState.CANCELLED, None, OrderState.REFUNDING),
        (RechargeState.CANCELLED, 1, OrderState.REFUNDING),
    ],
)
def test_a_paid_order_is_what_its_recharge_is(
    recharge: RechargeState | None, number: int | None, told: OrderState
) -> None:
    assert order_state(PaymentState.PAID, recharge, number) is told


def test_a_refund_is_told_until_the_money_is_back_where_no_energy_stands() -> None:
    for refund, recharge, number in product(RefundState, [None, RechargeState.CANCELLED], [None, 7]):
        told = OrderState.REFUNDED if refund == RefundState.DONE else OrderState.REFUNDING
        assert order_state(PaymentState.PAID, recharge, number, refund) is told


def test_energy_that_stands_outweighs_a_refund_of_a_part_or_one_that_waits() -> None:
    for refund, recharge, number in product(
        RefundState, [RechargeState.OPEN, RechargeState.CREDITED], [None, 7]
    ):
        told = order_state(PaymentState.PAID, recharge, number, refund)
        assert told is order_state(PaymentState.PAID, recharge, number)


def test_the_sets_of_states_are_those_the_pictures_show() -> None:
    assert {"CREATED", "PENDING"} == UNDECIDED
    assert {"CREATED", "PENDING", "CLOSED"} == MAY_BECOME_PAID
    assert {"CREATED", "PROCESSING"} == UNDER_WAY
    assert {"CREATED", "PROCESSING", "DONE", "REVIEW", "WAITING"} == HOLDS_MONEY
    assert {"CREATED", "PROCESSING", "DONE", "REVIEW"} == GOES_BACK
    assert set(SettlementState) - {"DONE", "RETURNED", "STOPPED"} == TRANSFER_UNDER_WAY
