"""The next purchase repays what was lent: whole, once, and every kWh of it priced."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.errors import Refused
from apps.common.scoping import landlord_scope
from apps.income.check_books import check_books
from apps.income.models import Grace, Order, Recharge
from apps.income.selectors import income_of
from apps.income.services.graces import BelowGrace, end_grace
from apps.income.services.recharges import recharge_by_member
from apps.income.states import RechargeKind
from apps.tariffs.pricing import amount_for_yuan, quote, repaid_kwh
from apps.tariffs.services import set_price
from tests.income.lending import NOTHING, cash, lent, owed, prove
from tests.income.scene import Scene, in_threads
from tests.people import NOON, Street

LATER = NOON + timedelta(days=1)

fen = st.integers(1, 1_000_000).map(lambda n: Decimal(n) / 100)
prices = st.integers(1, 999_999).map(lambda n: Decimal(n) / 10_000)
carried = st.integers(0, 999_999).map(lambda n: Decimal(n) / 1_000_000)
steps = st.sampled_from([Decimal("0.01"), Decimal("0.1"), Decimal("1")])


@given(fen, carried, prices, steps, st.integers(1, 500))
def test_what_is_paid_is_priced_exactly_and_its_energy_repays_all_or_nothing(
    amount: Decimal, carried_in: Decimal, price: Decimal, step: Decimal, steps_owed: int
) -> None:
    owed_kwh = steps_owed * step
    bought = quote(amount_yuan=amount, carried_in_yuan=carried_in, price_yuan_per_kwh=price, step_kwh=step)
    repays = repaid_kwh(bought_kwh=bought.energy_kwh, owed_kwh=owed_kwh, step_kwh=step)
    into_meter = bought.energy_kwh - repays
    assert repays in (0, owed_kwh)
    assert amount + carried_in == (into_meter + repays) * price + bought.carried_out_yuan
    assert into_meter % step == 0
    assert into_meter >= (step if repays else 0)
    least = amount_for_yuan(energy_kwh=owed_kwh + step, carried_in_yuan=carried_in, price_yuan_per_kwh=price)
    if amount >= least:
        assert repays == owed_kwh, "the amount a refusal names is enough"
    elif least > Decimal("0.01"):
        assert repays == 0, "and no smaller one is"


def test_cash_repays_it_first_and_every_kwh_is_priced(street: Street) -> None:
    li, holder = street.li, f"lease:{street.li.lease.pk}"
    with landlord_scope(li.landlord.pk):
        grace = lent(li)
        set_price(
            meter=li.meter,
            price_yuan_per_kwh=Decimal("0.7000"),
            active_from=LATER,
            by_id=li.owner.pk,
            now=LATER,
        )
        recharge = cash(li, "50.00", now=LATER)
        assert (recharge.bought_kwh, recharge.repaid_kwh) == (Decimal("71.42"), Decimal("2.00"))
        assert recharge.energy_kwh == recharge.command.energy_kwh == Decimal("69.42")
        grace.refresh_from_db()
        assert (grace.state, grace.repaid_by_id) == ("REPAYING", recharge.pk)
        assert owed(holder)[0] == Decimal("2.00"), "until the meter has the rest"
        assert check_books() == []
        prove(recharge.command_id, now=LATER)
        grace.refresh_from_db()
        assert (grace.state, grace.ended_at) == ("REPAID", LATER)
        assert owed(holder) == NOTHING
        assert income_of(None, None).cash_yuan == Decimal("50.00")
        assert check_books() == []
        assert cash(li, "10.00", now=LATER).repaid_kwh == 0, "it is repaid once"


def test_cash_that_would_leave_the_meter_nothing_is_refused_and_the_least_that_does_is_named(
    street: Street,
) -> None:
    with landlord_scope(street.li.landlord.pk):
        lent(street.li)
        for amount in ("0.65", "1.30"):
            with pytest.raises(BelowGrace) as refusal:
                cash(street.li, amount)
            assert "1.31" in str(refusal.value.detail)
        recharge = cash(street.li, "1.31")
        assert (recharge.energy_kwh, recharge.repaid_kwh) == (Decimal("0.01"), Decimal("2.00"))


def test_a_gift_repays_nothing(street: Street) -> None:
    li = street.li
    with landlord_scope(li.landlord.pk):
        grace = lent(li)
        gift = recharge_by_member(
            meter=li.meter,
            kind=RechargeKind.GIFT,
            amount_yuan=None,
            energy_kwh=Decimal(9),
            reason="gift",
            by_id=li.owner.pk,
            now=NOON,
        )
        grace.refresh_from_db()
        assert (gift.energy_kwh, gift.repaid_kwh, grace.state) == (Decimal(9), 0, "OWED")


def scoped(scene: Scene) -> Any:
    return landlord_scope(scene.house.landlord.pk)


def lent_at(scene: Scene) -> Grace:
    with scoped(scene):
        return lent(scene.house, now=scene.later(1))


def proved(scene: Scene, payment: Any) -> Recharge:
    recharge = scene.recharge(payment)
    with scoped(scene):
        prove(recharge.command_id, now=scene.later(1))
    return scene.recharge(payment)


def test_a_payment_repays_what_its_order_named(scene: Scene) -> None:
    grace = lent_at(scene)
    payment = scene.paid()
    with scoped(scene):
        order = Order.objects.get(pk=payment.order_id)
        assert (order.repays_id, order.quoted_energy_kwh) == (grace.pk, Decimal("76.92"))
    recharge = proved(scene, payment)
    assert (recharge.energy_kwh, recharge.repaid_kwh) == (Decimal("74.92"), Decimal("2.00"))
    assert recharge.amount_yuan == Decimal("76.92") * Decimal("0.65") + recharge.carried_out_yuan
    assert (scene.seen(grace).state, scene.books()) == ("REPAID", [])
    with scoped(scene):
        assert income_of(None, None).gross_yuan == Decimal("50.00")


def test_an_order_quoted_before_the_grace_is_honoured_and_the_debt_waits(scene: Scene) -> None:
    payment = scene.order()
    grace = lent_at(scene)
    scene.pay(payment)
    scene.poll(payment)
    assert (scene.recharge(payment).energy_kwh, scene.recharge(payment).repaid_kwh) == (Decimal("76.92"), 0)
    assert scene.seen(grace).state == "OWED"
    assert proved(scene, scene.paid(amount="20.00")).repaid_kwh == Decimal("2.00")
    assert (scene.seen(grace).state, scene.books()) == ("REPAID", [])


def test_an_order_that_would_leave_the_meter_nothing_is_refused_before_it_exists(scene: Scene) -> None:
    with scoped(scene):
        set_price(
            meter=scene.house.meter,
            price_yuan_per_kwh=Decimal("9.0000"),
            active_from=scene.now,
            by_id=scene.house.owner.pk,
            now=scene.now,
        )
    lent_at(scene)
    with pytest.raises(Refused) as refusal:
        scene.order(amount="18.08")
    assert (refusal.value.code, "18.09" in str(refusal.value.detail)) == ("below_minimum", True)
    with scoped(scene):
        assert not Order.objects.exists()
    assert scene.order(amount="18.09").amount_yuan == Decimal("18.09")


def test_two_orders_that_name_one_debt_repay_it_once_when_paid_at_once(scene: Scene) -> None:
    grace = lent_at(scene)
    payments = [scene.order(), scene.order(amount="20.00")]
    for payment in payments:
        scene.pay(payment)
    in_threads(2, lambda number: scene.poll(payments[number]))
    for payment in payments:
        scene.poll(payment)
    recharges = [scene.recharge(payment) for payment in payments]
    assert sorted(recharge.repaid_kwh for recharge in recharges) == [0, Decimal("2.00")]
    for payment in payments:
        proved(scene, payment)
    assert (scene.seen(grace).state, scene.books()) == ("REPAID", [])


def test_a_debt_settled_by_hand_meanwhile_leaves_the_payer_all_she_bought(scene: Scene) -> None:
    grace = lent_at(scene)
    payment = scene.order()
    with scoped(scene):
        end_grace(grace_id=grace.pk, was_paid=False, reason="ok", by_id=scene.house.owner.pk, now=scene.now)
    scene.pay(payment)
    scene.poll(payment)
    assert scene.recharge(payment).energy_kwh == Decimal("76.92")
    assert scene.books() == []


def test_a_refund_of_what_repaid_it_lets_the_debt_stand_again(scene: Scene) -> None:
    grace = lent_at(scene)
    first = scene.paid()
    assert scene.seen(grace).state == "REPAYING"
    scene.refund(first)
    assert (scene.seen(grace).state, scene.seen(grace).repaid_by_id) == ("OWED", None)
    assert scene.books() == []
    second = scene.paid(amount="20.00")
    assert proved(scene, second).repaid_kwh == Decimal("2.00")
    assert (scene.seen(grace).state, scene.books()) == ("REPAID", [])


def test_the_rest_of_a_partly_refunded_payment_repays_it_or_leaves_it_owed(scene: Scene) -> None:
    grace = lent_at(scene)
    payment = scene.paid()
    scene.refund(payment, amount="40.00")
    rest = scene.recharge(payment)
    assert (rest.bought_kwh, rest.repaid_kwh) == (Decimal("15.38"), Decimal("2.00"))
    assert (scene.seen(grace).state, scene.seen(grace).repaid_by_id) == ("REPAYING", rest.pk)
    assert scene.books() == []
