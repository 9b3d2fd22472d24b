"""A part of a payment goes back, or all of one that did not agree with its order; the rest is energy or stays owed."""

from decimal import Decimal

import pytest

from apps.common.errors import NotFound
from apps.common.scoping import landlord_scope
from apps.income import postings
from apps.income.models import Order, Payment, Recharge, Refund
from apps.income.platforms.base import PlatformResult
from apps.income.postings import Asset
from apps.income.refund_selectors import refund_told, refundable_of
from apps.income.refundable import Possible
from apps.income.selectors import payments_in_review
from apps.income.services.ledger import balance
from apps.income.services.payments import Applied, apply_payment_result
from apps.income.services.recharges import AmountInvalid
from apps.income.services.refund_asking import NotProved, RefundUnderWay
from apps.income.services.refund_reviews import NotInReview, SomeWentBack, note_given_by_hand
from apps.income.services.refunds import MOST_REFUNDS, TooManyRefunds
from apps.income.states import Channel, PaymentState, RechargeState, RefundState, RefundWay
from apps.meters.services.commands import ReasonMissing
from apps.meters.states import CommandState
from tests.income.scene import Scene, in_threads, platform_says, scene_of
from tests.people import Street

pytestmark = pytest.mark.usefixtures("quiet_doorbells")


def _possible(scene: Scene, payment: Payment) -> tuple[Possible, str]:
    with landlord_scope(scene.house.landlord.pk):
        found = refundable_of(Payment.objects.select_related("account").get(pk=payment.pk))
        return found.possible, f"{found.can_go_yuan:.2f}"


def test_a_part_goes_back_and_the_rest_is_recharged_at_the_orders_price(scene: Scene) -> None:
    payment = scene.paid(Channel.ALIPAY, "50.00")
    before = scene.recharge(payment)
    assert _possible(scene, payment) == (Possible.NOW_AND_REST_RECHARGED, "50.00")
    refund = scene.refund(payment, amount="30.00")
    after = scene.recharge(payment)
    assert after.pk != before.pk
    assert (after.amount_yuan, after.price_yuan_per_kwh) == (Decimal("20"), before.price_yuan_per_kwh)
    assert after.energy_kwh < before.energy_kwh
    with landlord_scope(scene.house.landlord.pk):
        old = Recharge.objects.select_related("command").get(pk=before.pk)
        assert (old.state, old.payment, old.former_payment_id) == ("CANCELLED", None, payment.pk)
        assert old.command.state == CommandState.CANCELLED
        assert balance(Asset.CNY, postings.owed(payment.pk)) == Decimal("30")
    assert scene.books() == []
    assert scene.send(refund).state == RefundState.DONE
    assert scene.gone_back(payment) == "30.00"
    assert scene.books() == []
    with landlord_scope(scene.house.landlord.pk):
        assert balance(Asset.CNY, postings.channel_account(payment.account_id)) == Decimal("-20")


def test_parts_follow_one_another_until_nothing_is_left(scene: Scene) -> None:
    payment = scene.paid(Channel.ALIPAY, "50.00")
    for amount in ("10.00", "15.00"):
        refund = scene.refund(payment, amount=amount)
        assert scene.send(refund).state == RefundState.DONE
        assert scene.books() == []
    last = scene.refund(payment)
    assert (last.amount_yuan, last.out_refund_no[-3:]) == (Decimal("25.00"), "F03")
    assert scene.send(last).state == RefundState.DONE
    assert scene.recharge(payment).state == RechargeState.CANCELLED
    assert scene.gone_back(payment) == "50.00"
    assert scene.books() == []
    assert _possible(scene, payment) == (Possible.NOTHING_LEFT, "0.00")


def test_a_part_that_the_platform_gave_up_can_still_go_back_though_the_rest_is_in_the_meter(
    scene: Scene,
) -> None:
    payment = scene.paid(Channel.ALIPAY, "50.00")
    given_up = scene.refund(payment, amount="30.00")
    scene.command(payment, state=CommandState.DONE)
    platform_says(scene, payment, given_up, "CLOSED")
    assert _possible(scene, payment) == (Possible.THE_REST_NOW, "30.00")
    with landlord_scope(scene.house.landlord.pk):
        assert [row.pk for row in payments_in_review()] == [payment.pk]
    with pytest.raises(AmountInvalid, match=r"30\.00"):
        scene.refund(payment, amount="30.01")
    again = scene.refund(payment)
    assert (again.amount_yuan, again.state) == (Decimal("30.00"), RefundState.CREATED)
    assert scene.recharge(payment).state == RechargeState.OPEN
    assert scene.send(again).state == RefundState.DONE
    assert scene.gone_back(payment) == "30.00"
    assert _possible(scene, payment) == (Possible.IN_THE_METER, "0.00")
    with landlord_scope(scene.house.landlord.pk):
        assert not payments_in_review().exists()
    assert scene.books() == []


def test_money_that_buys_nothing_goes_before_energy_that_is_on_its_way(scene: Scene) -> None:
    payment = scene.paid(Channel.ALIPAY, "50.00")
    given_up = scene.refund(payment, amount="30.00")
    bought = scene.recharge(payment)
    platform_says(scene, payment, given_up, "CLOSED")
    again = scene.refund(payment, amount="25.00")
    assert (again.state, scene.recharge(payment).pk) == (RefundState.CREATED, bought.pk)
    assert scene.send(again).state == RefundState.DONE
    last = scene.refund(payment)
    assert (last.amount_yuan, scene.recharge(payment).state) == (Decimal("25.00"), RechargeState.CANCELLED)
    assert scene.books() == []


def test_two_members_at_once_give_one_part_back(scene: Scene) -> None:
    payment = scene.paid(Channel.ALIPAY, "50.00")
    made = in_threads(6, lambda _: scene.refund(payment, amount="20.00").pk)
    assert len(set(made)) == 1
    with landlord_scope(scene.house.landlord.pk):
        assert Refund.objects.count() == 1
        assert Recharge.objects.filter(state=RechargeState.OPEN).count() == 1
    assert scene.books() == []


def test_two_members_at_once_who_want_different_parts_are_not_both_given_one(scene: Scene) -> None:
    payment = scene.paid(Channel.ALIPAY, "50.00")

    def ask(number: int) -> str:
        try:
            return f"{scene.refund(payment, amount=('20.00', '30.00')[number]).amount_yuan:.2f}"
        except RefundUnderWay:
            return "told to wait"

    told = in_threads(2, ask)
    assert "told to wait" in told
    assert scene.books() == []


@pytest.mark.parametrize("amount", ["50.01", "0", "-1", "1.005", "NaN", "1e400"])
def test_an_amount_that_is_none_or_more_than_is_left_gives_nothing_back(scene: Scene, amount: str) -> None:
    payment = scene.paid(Channel.ALIPAY, "50.00")
    with pytest.raises(AmountInvalid) as refusal:
        scene.refund(payment, amount=amount)
    assert "amount_yuan" in refusal.value.fields
    assert scene.recharge(payment).state == RechargeState.OPEN
    assert scene.books() == []


def test_a_part_whose_rest_buys_no_energy_leaves_everything_as_it_was(scene: Scene) -> None:
    payment = scene.paid(Channel.ALIPAY, "50.00")
    before = scene.recharge(payment)
    with landlord_scope(scene.house.landlord.pk):
        Order.objects.filter(pk=payment.order_id).update(price_yuan_per_kwh=Decimal("9.0000"))
    with pytest.raises(AmountInvalid):
        scene.refund(payment, amount="49.99")
    assert scene.recharge(payment).command.state == CommandState.QUEUED
    assert scene.recharge(payment).pk == before.pk


def test_the_platforms_limit_of_parts_is_kept(scene: Scene) -> None:
    payment = scene.paid(Channel.ALIPAY, "50.00")
    with landlord_scope(scene.house.landlord.pk):
        for number in range(MOST_REFUNDS):
            Refund.objects.create(
                payment=payment,
                out_refund_no=f"RF{number:05}",
                amount_yuan=Decimal("0.10"),
                state=RefundState.CLOSED,
                reason="a test",
                created_at=scene.now,
            )
    with pytest.raises(TooManyRefunds):
        scene.refund(payment)
    assert scene.recharge(payment).state == RechargeState.OPEN


def _arrives(scene: Scene, payment: Payment, **changes: object) -> Applied:
    """The platform's own word about this payment, other than ordered."""
    with landlord_scope(scene.house.landlord.pk):
        payment = Payment.objects.select_related("account").get(pk=payment.pk)
        said: dict[str, object] = {
            "channel": payment.channel,
            "merchant_id": payment.account.merchant_id,
            "app_id": "app",
            "out_trade_no": payment.out_trade_no,
            "transaction_id": f"T{payment.out_trade_no}",
            "state": "PAID",
            "amount_yuan": payment.amount_yuan,
            "currency": "CNY",
            "paid_at": scene.now,
            "payer_id": None,
            "evidence": {},
        }
        result = PlatformResult(**{**said, **changes})  # type: ignore[arg-type]
        return apply_payment_result(account=payment.account, result=result, now=scene.now)


@pytest.mark.parametrize("arrived", ["40.00", "60.00"])
def test_a_payment_of_another_amount_goes_back_as_it_arrived_and_buys_nothing(
    scene: Scene, arrived: str
) -> None:
    payment = scene.order()
    assert _arrives(scene, payment, amount_yuan=Decimal(arrived)) is Applied.REVIEW
    assert _possible(scene, payment) == (Possible.NOW, arrived)
    refund = scene.refund(payment)
    taken: Payment = scene.seen(payment)
    assert (taken.state, f"{taken.amount_yuan:.2f}") == (PaymentState.PAID, arrived)
    assert f"{refund.amount_yuan:.2f}" == arrived
    assert scene.books() == []
    with landlord_scope(scene.house.landlord.pk):
        assert not Recharge.objects.filter(payment=payment).exists()
        assert not payments_in_review().exists()
        assert balance(Asset.CNY, postings.owed(payment.pk)) == Decimal(arrived)
    # The notify that comes again finds it paid, and changes nothing.
    assert _arrives(scene, payment, amount_yuan=Decimal(arrived)) is Applied.ALREADY_PAID


def test_what_arrived_with_another_amount_may_go_back_in_parts(scene: Scene) -> None:
    payment = scene.order()
    _arrives(scene, payment, amount_yuan=Decimal("40.00"))
    refund = scene.refund(payment, amount="15.00")
    assert (refund.state, _possible(scene, payment)[0]) == (RefundState.CREATED, Possible.UNDER_WAY)
    assert scene.books() == []


@pytest.mark.parametrize(
    "change",
    [
        {"merchant_id": "another", "amount_yuan": Decimal("50.00")},
        {"currency": "USD"},
        {"transaction_id": None},
    ],
)
def test_money_that_is_not_proved_to_be_in_this_account_is_not_given_back(
    scene: Scene, change: dict[str, object]
) -> None:
    payment = scene.order()
    assert _arrives(scene, payment, **change) is Applied.REVIEW
    with pytest.raises(NotProved):
        scene.refund(payment)
    assert scene.seen(payment).state == PaymentState.REVIEW
    assert _possible(scene, payment)[0] == Possible.NOT_PROVED
    assert scene.books() == []


def _in_review(scene: Scene, state: str = "ABNORMAL", amount: str = "50.00") -> tuple[Payment, Refund]:
    payment = scene.paid()
    refund = scene.refund(payment)
    platform_says(scene, payment, refund, state, amount)
    return payment, refund


def _by_hand(scene: Scene, refund: Refund, note: str = "cash at the door") -> Refund:
    with landlord_scope(scene.house.landlord.pk):
        return note_given_by_hand(
            refund_id=refund.pk, note=note, by_id=scene.house.owner.pk, now=scene.later(1)
        )


def test_f35_what_a_closed_card_cannot_take_is_given_by_hand_once_and_leaves_the_cash(scene: Scene) -> None:
    payment, refund = _in_review(scene)
    with pytest.raises(ReasonMissing):
        _by_hand(scene, refund, " ")
    done = _by_hand(scene, refund)
    assert (done.state, done.way) == (RefundState.DONE, RefundWay.HAND)
    with pytest.raises(NotInReview):
        _by_hand(scene, refund)
    assert scene.books() == []
    assert scene.gone_back(payment) == "0.00"
    with landlord_scope(scene.house.landlord.pk):
        assert balance(Asset.CNY, postings.CASH) == Decimal("50")
        assert balance(Asset.CNY, postings.owed(payment.pk)) == 0
        assert refund_told(payment) == RefundState.DONE
        assert not payments_in_review().exists()


def test_money_given_by_hand_and_then_by_the_platform_too_is_shown_to_a_person(scene: Scene) -> None:
    payment, refund = _in_review(scene)
    _by_hand(scene, refund)
    platform_says(scene, payment, refund, "DONE")
    with landlord_scope(scene.house.landlord.pk):
        assert [found.pk for found in payments_in_review()] == [payment.pk]


def test_nothing_is_handed_out_where_the_platform_says_that_some_went_back(scene: Scene) -> None:
    _, refund = _in_review(scene, "DONE", "49.99")
    with pytest.raises(SomeWentBack):
        _by_hand(scene, refund)
    assert scene.seen(refund).state == RefundState.REVIEW


def test_another_landlord_writes_nothing_down_about_this_refund(scene: Scene, paying_street: Street) -> None:
    _, refund = _in_review(scene)
    with pytest.raises(NotFound):
        _by_hand(scene_of(paying_street.wang, scene.sandbox), refund)
