"""Failure cases of orders: answers that never came, closing that was too late, changes between page and order."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from django.utils.translation import override

from apps.accounts.doors import Found
from apps.accounts.models import Landlord
from apps.common.errors import Refused
from apps.common.scoping import landlord_scope
from apps.income.models import Order, Payment, Recharge
from apps.income.services.cancelling import AlreadyPaid, cancel_order
from apps.income.services.orders import ORDER_LIFE, BelowMinimum, PlatformBusy, parse_amount
from apps.income.services.payments import POLL_AFTER, Applied
from apps.income.states import Channel, PaymentState
from apps.income.sweeping import sweep
from apps.tariffs.services import set_price
from tests.income.scene import Scene

pytestmark = pytest.mark.usefixtures("quiet_doorbells")
BOTH = pytest.mark.parametrize("channel", list(Channel))


def fault(scene: Scene, kind: str) -> None:
    wish = {"kind": kind, "count": 1}
    requests.post(f"{scene.sandbox}/faults", json=wish, timeout=5).raise_for_status()


def payments(scene: Scene) -> list[Payment]:
    with landlord_scope(scene.house.landlord.pk):
        return list(Payment.objects.order_by("id"))


@BOTH
def test_f27_cancelling_an_order_the_payer_has_just_paid_finds_the_payment(
    scene: Scene, channel: Channel
) -> None:
    payment = scene.order(channel)
    scene.pay(payment)
    with pytest.raises(AlreadyPaid):
        cancel_order(found=Found(payment.landlord_id, payment.order_id), now=scene.now)
    assert scene.seen(payment).state == PaymentState.PAID
    assert scene.books() == []


def test_f26_a_code_that_was_cancelled_unscanned_and_paid_all_the_same_is_found_though_no_notify_comes(
    scene: Scene,
) -> None:
    # Alipay cannot close what nobody has scanned: the code lives until the order's time is over.
    payment, unpaid = scene.order(Channel.ALIPAY), scene.order(Channel.ALIPAY)
    for taken_back in (payment, unpaid):
        cancel_order(found=Found(taken_back.landlord_id, taken_back.order_id), now=scene.now)
        assert scene.seen(taken_back).state == PaymentState.CLOSED
    scene.pay(payment)
    sweep(scene.later(60))
    assert scene.seen(payment).state == PaymentState.CLOSED
    sweep(scene.later(ORDER_LIFE.total_seconds() + 60))
    assert scene.seen(payment).state == PaymentState.PAID
    assert (scene.seen(unpaid).state, scene.seen(unpaid).poll_at) == (PaymentState.CLOSED, None)
    assert scene.books() == []


@BOTH
def test_f27_the_last_question_closes_the_order_or_finds_it_paid(scene: Scene, channel: Channel) -> None:
    payment = scene.order(channel)
    with landlord_scope(scene.house.landlord.pk):
        Payment.objects.update(polls=len(POLL_AFTER) - 1)
    scene.pay(payment)
    assert scene.poll(payment) is Applied.PAID
    unpaid = scene.order(channel)
    with landlord_scope(scene.house.landlord.pk):
        Payment.objects.filter(pk=unpaid.pk).update(polls=len(POLL_AFTER) - 1)
    assert scene.poll(unpaid) is Applied.CLOSED


def test_a_platform_that_does_not_answer_is_asked_ever_more_rarely_and_at_last_once_a_day(
    scene: Scene, settings: Any
) -> None:
    payment = scene.order()
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    pauses = []
    for polls in (len(POLL_AFTER) - 1, len(POLL_AFTER), len(POLL_AFTER) + 1, 30):
        with landlord_scope(scene.house.landlord.pk):
            Payment.objects.update(polls=polls)
        assert scene.poll(payment) is Applied.NOTHING
        pauses.append((scene.seen(payment).poll_at - scene.now) / timedelta(hours=1))
    assert pauses == [1, 2, 4, 24]


@BOTH
def test_f29_asking_again_for_an_order_keeps_its_number_and_outlives_no_prepay_id(
    scene: Scene, channel: Channel
) -> None:
    """A prepay_id lives for two hours and an order for half of one, so it cannot be the first to expire."""
    assert ORDER_LIFE.total_seconds() < 2 * 3600
    first = scene.order(channel, key="k1")
    scene.later(60)
    again = scene.order(channel, key="k1")
    assert (again.out_trade_no, again.qr_text) == (first.out_trade_no, first.qr_text)
    with landlord_scope(scene.house.landlord.pk):
        Payment.objects.update(state=PaymentState.CREATED, qr_text="")
    assert scene.order(channel, key="k1").out_trade_no == first.out_trade_no
    assert len(payments(scene)) == 1


@BOTH
def test_f30_an_order_whose_answer_is_lost_is_unknown_and_is_asked_for_under_the_same_number(
    scene: Scene, channel: Channel
) -> None:
    fault(scene, "lose_answer")
    with pytest.raises(PlatformBusy):
        scene.order(channel, key="k1")
    (unknown,) = payments(scene)
    assert unknown.state == PaymentState.CREATED
    # What a platform was told under a number may not change, whoever asks again.
    with override("en"):
        again = scene.order(channel, key="k1")
    assert (again.pk, again.out_trade_no, again.state) == (
        unknown.pk,
        unknown.out_trade_no,
        PaymentState.PENDING,
    )


@BOTH
def test_f30_what_was_paid_for_an_order_without_an_answer_is_found_by_asking(
    scene: Scene, channel: Channel
) -> None:
    fault(scene, "lose_answer")
    with pytest.raises(PlatformBusy):
        scene.order(channel, key="k1")
    (unknown,) = payments(scene)
    scene.pay(unknown)
    assert scene.poll(unknown) is Applied.PAID
    assert scene.books() == []


def test_f31_alipays_missing_trade_leaves_the_payment_open(scene: Scene) -> None:
    payment = scene.order(Channel.ALIPAY)
    assert scene.poll(payment) is Applied.NOTHING
    assert scene.seen(payment).state == PaymentState.PENDING


@pytest.mark.parametrize(
    "text", ["1e2", "1.005", "-1.00", "NaN", "Infinity", "", " 1", "١", "0.00", "5000.01", 1.5]
)
def test_f52_an_amount_that_is_none_never_becomes_an_order(text: Any) -> None:
    with pytest.raises(Refused):
        parse_amount(text)


def test_f52_an_amount_survives_the_way_through_order_platform_and_books(scene: Scene) -> None:
    for text in ("1.00", "0.10", "19.99"):
        with landlord_scope(scene.house.landlord.pk):
            Landlord.objects.filter(pk=scene.house.landlord.pk).update(minimum_recharge_yuan=Decimal("0.01"))
        assert scene.recharge(scene.paid(amount=text)).amount_yuan == Decimal(text)
    assert scene.books() == []


def test_f53_the_minimum_in_force_when_ordering_counts_and_its_boundary_is_accepted(scene: Scene) -> None:
    landlord = Landlord.objects.filter(pk=scene.house.landlord.pk)
    landlord.update(minimum_recharge_yuan=Decimal("20.00"))
    with pytest.raises(BelowMinimum):
        scene.order(amount="19.99")
    with landlord_scope(scene.house.landlord.pk):
        assert not Order.objects.exists()
    order = scene.order(amount="20.00")
    # Raised while she pays: the order was made under the old one, and holds.
    landlord.update(minimum_recharge_yuan=Decimal("100.00"))
    scene.pay(order)
    assert scene.poll(order) is Applied.PAID


def test_a_price_changed_between_order_and_payment_leaves_the_order_its_price(scene: Scene) -> None:
    payment = scene.order()
    with landlord_scope(scene.house.landlord.pk):
        set_price(
            meter=scene.house.meter,
            price_yuan_per_kwh=Decimal("0.9900"),
            active_from=scene.now,
            by_id=scene.house.owner.pk,
            now=scene.now,
        )
    scene.pay(payment)
    scene.poll(payment)
    with landlord_scope(scene.house.landlord.pk):
        assert Recharge.objects.get().price_yuan_per_kwh == Decimal("0.6500")


@BOTH
def test_f55_neither_the_answers_of_rest_nor_the_logs_show_a_key_or_a_payer(
    scene: Scene, channel: Channel, book: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    payment = scene.paid(channel)
    scene.refund(payment)
    account = next(one for one in book[channel] if one["owner"] == "li")
    secrets = [
        str(value)
        for name, value in account.items()
        if any(word in name for word in ("private", "apiv3", "secret"))
    ]
    assert secrets
    shown = caplog.text + str(scene.seen(payment).evidence)
    for secret in secrets:
        assert secret[:40] not in shown
        assert secret.splitlines()[min(1, len(secret.splitlines()) - 1)] not in shown
