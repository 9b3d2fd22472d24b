"""Money goes back once, never more than was paid, and never for energy that a meter has or may have."""

from decimal import Decimal

import pytest
import requests
from django.db import DatabaseError, IntegrityError, transaction

from apps.common.scoping import landlord_scope
from apps.income import postings
from apps.income.models import Entry, Payment, Refund
from apps.income.postings import Asset
from apps.income.selectors import payments_in_review
from apps.income.services.ledger import balance
from apps.income.services.refund_asking import NothingLeft, NotPaid
from apps.income.services.refund_reviews import NotInReview, retry_refund
from apps.income.services.refunds import send_refund
from apps.income.states import Channel, RechargeState, RefundState
from apps.income.sweeping import sweep
from apps.meters.services.commands import ReasonMissing
from apps.meters.states import CommandState
from tests.income.scene import Scene, in_threads, platform_says, scene_of, wait_for_the_platform
from tests.people import Street

pytestmark = pytest.mark.usefixtures("quiet_doorbells")


def _refund_row(payment: Payment, number: str, amount: str) -> Refund:
    return Refund.objects.create(
        payment=payment,
        out_refund_no=number,
        amount_yuan=Decimal(amount),
        reason="a test",
        created_at=payment.created_at,
    )


@pytest.mark.parametrize("channel", list(Channel))
def test_a_payment_whose_energy_never_left_goes_back_once_and_the_books_hold(
    scene: Scene, channel: Channel
) -> None:
    payment = scene.paid(channel)
    refund = scene.refund(payment)
    assert scene.recharge(payment).state == RechargeState.CANCELLED
    assert scene.recharge(payment).command.state == CommandState.CANCELLED
    assert scene.books() == []
    refund = scene.send(refund)
    if channel is Channel.WECHAT:
        # WeChat says PROCESSING first, and that is not yet a refund.
        assert refund.state == RefundState.PROCESSING
        wait_for_the_platform()
        refund = scene.send(refund)
    assert refund.state == RefundState.DONE
    assert scene.books() == []
    with landlord_scope(scene.house.landlord.pk):
        account = postings.channel_account(payment.account_id)
        assert balance(Asset.CNY, account) == 0
        assert balance(Asset.CNY, postings.owed(payment.pk)) == 0
        assert balance(Asset.CNY, postings.remainder(f"lease:{scene.house.lease.pk}")) == 0
    assert scene.gone_back(payment) == "50.00"


@pytest.mark.parametrize("channel", list(Channel))
def test_f32_a_refund_whose_answer_is_lost_is_asked_for_again_under_its_number(
    scene: Scene, channel: Channel
) -> None:
    payment = scene.paid(channel)
    refund = scene.refund(payment)
    requests.post(
        f"{scene.sandbox}/faults", json={"kind": "lose_refund_answer", "count": 1}, timeout=5
    ).raise_for_status()
    assert scene.send(refund).state == RefundState.CREATED
    wait_for_the_platform()
    again = scene.send(refund)
    assert (again.state, again.out_refund_no, again.tries) == (RefundState.DONE, refund.out_refund_no, 2)
    assert scene.gone_back(payment) == "50.00"
    assert scene.books() == []


def test_f33_a_second_click_gives_nothing_more_back(scene: Scene) -> None:
    payment = scene.paid()
    first, second = scene.refund(payment), scene.refund(payment)
    assert first.pk == second.pk
    with landlord_scope(scene.house.landlord.pk):
        assert Refund.objects.count() == 1


def test_f33_two_clicks_at_once_make_one_refund(scene: Scene) -> None:
    payment = scene.paid()
    made = in_threads(8, lambda _: scene.refund(payment).pk)
    assert len(made) == 8
    assert len(set(made)) == 1
    assert scene.books() == []


def test_f33_two_senders_at_once_ask_the_platform_once(scene: Scene) -> None:
    payment = scene.paid(Channel.ALIPAY)
    refund = scene.refund(payment)
    now = scene.later(10)
    in_threads(
        6,
        lambda _: send_refund(landlord_id=scene.house.landlord.pk, refund_id=refund.pk, now=now),
    )
    assert (scene.seen(refund).tries, scene.seen(refund).state) == (1, RefundState.DONE)


def test_f34_the_database_refuses_refunds_above_what_was_paid(scene: Scene) -> None:
    payment = scene.paid()
    with landlord_scope(scene.house.landlord.pk):
        _refund_row(payment, "RF000001", "30.00")
        with pytest.raises(IntegrityError, match="would go back"):
            with transaction.atomic():
                _refund_row(payment, "RF000002", "20.01")
        _refund_row(payment, "RF000003", "20.00")


def test_f34_the_database_refuses_it_to_ten_at_once(scene: Scene) -> None:
    payment = scene.paid()

    def take(number: int) -> str:
        with landlord_scope(scene.house.landlord.pk):
            return _refund_row(payment, f"RF00010{number}", "20.00").out_refund_no

    assert len(in_threads(10, take)) == 2


def test_f34_a_closed_refund_makes_room_and_cannot_come_back_over_the_paid(scene: Scene) -> None:
    payment = scene.paid()
    with landlord_scope(scene.house.landlord.pk):
        first = _refund_row(payment, "RF000001", "50.00")
        Refund.objects.filter(pk=first.pk).update(state=RefundState.CLOSED)
        _refund_row(payment, "RF000002", "50.00")
        with pytest.raises(IntegrityError), transaction.atomic():
            Refund.objects.filter(pk=first.pk).update(state=RefundState.CREATED)


def test_f34_what_a_refund_asks_for_never_changes_and_nobody_deletes_it(scene: Scene) -> None:
    payment = scene.paid()
    with landlord_scope(scene.house.landlord.pk):
        refund = _refund_row(payment, "RF000001", "10.00")
        for change in ({"amount_yuan": Decimal("9.00")}, {"out_refund_no": "RF000009"}):
            with pytest.raises(IntegrityError, match="stay as they were"), transaction.atomic():
                Refund.objects.filter(pk=refund.pk).update(**change)
        with pytest.raises(DatabaseError), transaction.atomic():
            refund.delete()


def test_an_unpaid_payment_gives_nothing_back_by_service_or_by_database(scene: Scene) -> None:
    payment = scene.order()
    with pytest.raises(NotPaid):
        scene.refund(payment)
    with landlord_scope(scene.house.landlord.pk):
        with pytest.raises(IntegrityError, match="not paid"), transaction.atomic():
            _refund_row(payment, "RF000001", "10.00")


def test_a_refund_says_why(scene: Scene) -> None:
    payment = scene.paid()
    with pytest.raises(ReasonMissing):
        scene.refund(payment, reason="  ")
    assert scene.recharge(payment).state == RechargeState.OPEN


def test_f35_an_abnormal_refund_waits_for_a_person_and_keeps_its_number(scene: Scene) -> None:
    payment = scene.paid()
    refund = scene.refund(payment)
    platform_says(scene, payment, refund, "ABNORMAL")
    assert scene.seen(refund).state == RefundState.REVIEW
    assert "ABNORMAL" in scene.seen(refund).review_reason
    assert scene.books() == []
    with landlord_scope(scene.house.landlord.pk):
        assert list(payments_in_review()) == [payment]
        again = retry_refund(refund_id=refund.pk, by_id=scene.house.owner.pk, now=scene.now)
        assert (again.state, again.out_refund_no) == (RefundState.CREATED, refund.out_refund_no)
        with pytest.raises(NotInReview):
            retry_refund(refund_id=refund.pk, by_id=None, now=scene.now)
        assert not payments_in_review().exists()


def test_a_refund_that_was_looked_at_and_then_done_is_done(scene: Scene) -> None:
    payment = scene.paid()
    refund = scene.refund(payment)
    for state in ("ABNORMAL", "DONE", "DONE", "ABNORMAL", "CLOSED", "PROCESSING"):
        platform_says(scene, payment, refund, state)
    assert scene.seen(refund).state == RefundState.DONE
    with landlord_scope(scene.house.landlord.pk):
        assert Entry.objects.filter(kind="refunded").count() == 1
    assert scene.books() == []


def test_a_refund_of_another_amount_than_asked_waits_for_a_person(scene: Scene) -> None:
    payment = scene.paid()
    refund = scene.refund(payment)
    platform_says(scene, payment, refund, "DONE", "49.99")
    assert scene.seen(refund).state == RefundState.REVIEW
    assert scene.books() == []


def test_a_closed_refund_is_followed_by_another_under_a_new_number(scene: Scene) -> None:
    payment = scene.paid(Channel.ALIPAY)
    refund = scene.refund(payment)
    platform_says(scene, payment, refund, "CLOSED")
    second = scene.refund(payment)
    assert second.out_refund_no != refund.out_refund_no
    assert scene.send(second).state == RefundState.DONE
    with pytest.raises(NothingLeft):
        scene.refund(payment)
    assert scene.books() == []


def test_f38_a_refund_the_platform_refuses_waits_for_a_person_and_no_money_moved(scene: Scene) -> None:
    """As Alipay does for a trade that is TRADE_FINISHED; here the money went back at the counter before."""
    payment = scene.paid(Channel.ALIPAY)
    refund = scene.refund(payment)
    with landlord_scope(scene.house.landlord.pk):
        account = payment.account
        other = f"{payment.out_trade_no}X1"
    give_back_elsewhere(account, payment, other)
    refused = scene.send(refund)
    assert refused.state == RefundState.REVIEW
    assert "ACQ." in refused.review_reason
    assert scene.books() == []


def give_back_elsewhere(account, payment: Payment, number: str) -> None:  # type: ignore[no-untyped-def]
    from apps.income.platforms.base import RefundRequest
    from apps.income.services.channels import platform_of

    with landlord_scope(payment.landlord_id):
        platform = platform_of(account)
    platform.refund(
        RefundRequest(
            out_trade_no=payment.out_trade_no,
            out_refund_no=number,
            refund_yuan=payment.amount_yuan,
            paid_yuan=payment.amount_yuan,
        )
    )


def test_the_payer_gets_all_back_though_a_later_recharge_spent_the_remainder(scene: Scene) -> None:
    first, second = scene.paid(amount="10.00"), scene.paid(amount="10.00")
    left_yuan = scene.recharge(first).carried_out_yuan
    assert scene.recharge(second).carried_in_yuan == left_yuan > 0
    refund = scene.refund(first)
    assert refund.amount_yuan == Decimal("10.00")
    assert scene.books() == []
    with landlord_scope(scene.house.landlord.pk):
        assert 0 <= -balance(Asset.CNY, postings.ROUNDING) <= left_yuan
        assert balance(Asset.CNY, postings.remainder(f"lease:{scene.house.lease.pk}")) >= 0


def test_the_sweeper_sends_a_refund_whose_doorbell_was_lost(scene: Scene) -> None:
    payment = scene.paid(Channel.ALIPAY)
    refund = scene.refund(payment)
    assert sweep(scene.later(1)) >= 1
    assert scene.seen(refund).state == RefundState.DONE


def test_the_check_of_the_books_names_a_refund_whose_energy_is_still_on_its_way(scene: Scene) -> None:
    payment = scene.paid()
    with landlord_scope(scene.house.landlord.pk):
        _refund_row(payment, "RF000001", "10.00")
    sentences = scene.books()
    assert any("its energy is not taken back" in sentence for sentence in sentences), sentences


def test_another_landlords_payment_is_missing(scene: Scene, paying_street: Street) -> None:
    from apps.common.errors import NotFound

    payment = scene.paid()
    with pytest.raises(NotFound):
        scene_of(paying_street.wang, scene.sandbox).refund(payment)
