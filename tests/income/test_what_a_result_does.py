"""Every branch of the one way in, to the field: what is kept, what is said, what is left alone."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.common.scoping import landlord_scope
from apps.income.models import Entry, Order, Payment, Recharge, Refund
from apps.income.platforms.base import RefundResult
from apps.income.services.payments import Applied, apply_payment_result
from apps.income.services.recharges import LEASE_ENDED, METER_REMOVED
from apps.income.services.refunds import PAID_TWICE
from apps.income.states import Channel, PaymentState, RefundState
from apps.meters.models import Lease, Meter
from tests.income.told import SOON, account_of, tell, told_of, waiting_payment
from tests.people import NOON, Street


@pytest.fixture
def payment(street: Street) -> Any:
    """A pending payment of Li's, to be asked about soon, in her open scope."""
    with landlord_scope(street.li.landlord.pk):
        made = waiting_payment(street.li, "R1")
        Payment.objects.update(poll_at=NOON)
        yield made


def now_of(payment: Payment) -> Payment:
    return Payment.objects.get(pk=payment.pk)


def nothing_was_bought() -> bool:
    return not Recharge.objects.exists() and not Entry.objects.exists() and not Refund.objects.exists()


def test_a_payment_keeps_what_the_platform_proved_and_is_not_asked_about_again(payment: Payment) -> None:
    paid_at = SOON - timedelta(seconds=3)
    assert tell(payment, paid_at=paid_at, evidence={"notify_id": "1"}) is Applied.PAID
    seen = now_of(payment)
    assert (seen.state, seen.transaction_id) == (PaymentState.PAID, "42R101")
    assert (seen.paid_at, seen.evidence, seen.poll_at) == (paid_at, {"notify_id": "1"}, None)
    assert seen.fee_yuan == Decimal("0.30")
    assert seen.review_reason == ""
    recharge = Recharge.objects.get()
    assert (recharge.payment_id, recharge.created_at) == (payment.pk, SOON)
    assert set(Entry.objects.values_list("reference", "happened_at")) == {
        (f"payment:{payment.pk}:fee", SOON),
        (f"recharge:{recharge.pk}:paid", SOON),
    }


def test_without_a_time_of_its_own_a_payment_was_paid_now(payment: Payment) -> None:
    assert tell(payment, paid_at=None) is Applied.PAID
    assert now_of(payment).paid_at == SOON


def test_a_number_is_an_order_of_its_own_account_only(payment: Payment) -> None:
    account = payment.account
    stranger = told_of(payment, out_trade_no="R1")
    assert apply_payment_result(account=account, result=stranger, now=SOON) is Applied.UNKNOWN_ORDER
    account.pk, account.is_active = None, False
    account.channel = Channel.ALIPAY
    account.save(force_insert=True)
    result = told_of(payment)
    assert apply_payment_result(account=account, result=result, now=SOON) is Applied.UNKNOWN_ORDER
    assert now_of(payment).state == PaymentState.PENDING
    assert nothing_was_bought()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"merchant_id": "1600009999"}, "paid to another merchant"),
        ({"currency": "USD"}, "paid in another currency"),
        ({"amount_yuan": Decimal("49.99")}, "paid 49.99 instead of 50.00 yuan"),
        ({"amount_yuan": Decimal("9" * 250)}, "paid " + "9" * 195),
        ({"transaction_id": ""}, "the platform named no number of its own"),
        ({"transaction_id": None}, "the platform named no number of its own"),
        (
            {"state": "REFUNDED", "transaction_id": None},
            "paid and given back at the platform before we saw it",
        ),
    ],
)
def test_what_does_not_agree_is_put_aside_with_its_reason_and_its_evidence(
    payment: Payment, wrong: dict[str, Any], reason: str
) -> None:
    assert tell(payment, evidence={"said": "so"}, **wrong) is Applied.REVIEW
    seen = now_of(payment)
    assert (seen.state, seen.review_reason) == (PaymentState.REVIEW, reason)
    assert (seen.evidence["said"], seen.poll_at, seen.transaction_id) == ("so", None, "")
    assert nothing_was_bought()


def test_what_was_put_aside_is_not_paid_by_a_later_word(payment: Payment) -> None:
    tell(payment, amount_yuan=Decimal("49.99"))
    assert tell(payment) is Applied.NOTHING
    assert now_of(payment).state == PaymentState.REVIEW
    assert nothing_was_bought()


def test_another_number_for_a_paid_payment_is_looked_at_and_takes_nothing_away(payment: Payment) -> None:
    tell(payment, evidence={"first": "1"})
    assert tell(payment, transaction_id="43", evidence={"second": "2"}) is Applied.REVIEW
    seen = now_of(payment)
    assert (seen.state, seen.transaction_id, seen.evidence) == (PaymentState.PAID, "42R101", {"first": "1"})
    assert seen.review_reason == "paid a second time under another platform number"
    assert Recharge.objects.count() == 1


def test_a_number_that_paid_another_order_pays_no_second_one(street: Street, payment: Payment) -> None:
    other = waiting_payment(street.li, "R2")
    assert tell(payment, transaction_id="43") is Applied.PAID
    assert tell(other, transaction_id="43") is Applied.REVIEW
    assert now_of(other).review_reason == "the platform's number belongs to another payment"
    assert Recharge.objects.get().payment_id == payment.pk


def test_a_refund_made_behind_our_back_is_looked_at(payment: Payment) -> None:
    tell(payment)
    refund = RefundResult(out_refund_no="X1", state="DONE", refund_yuan=Decimal("50.00"), evidence={})
    assert tell(payment, state="REFUNDED", refund=refund) is Applied.REVIEW
    seen = now_of(payment)
    assert seen.state == PaymentState.PAID
    assert seen.review_reason == "a refund we know nothing of was made at the platform"


def test_the_word_about_our_own_refund_reaches_it(street: Street, payment: Payment) -> None:
    Meter.objects.filter(pk=street.li.meter.pk).update(archived_at=NOON)
    assert tell(payment) is Applied.GIVEN_BACK
    refund = Refund.objects.get()
    assert (refund.reason, refund.amount_yuan) == (METER_REMOVED, Decimal("50.00"))
    assert (refund.payment_id, refund.created_at) == (payment.pk, SOON)
    assert not Recharge.objects.exists()
    done = RefundResult(
        out_refund_no=refund.out_refund_no, state="DONE", refund_yuan=Decimal("50.00"), evidence={}
    )
    assert tell(payment, state="REFUNDED", refund=done) is Applied.NOTHING
    refund.refresh_from_db()
    assert refund.state == RefundState.DONE
    assert now_of(payment).review_reason == ""


def test_a_refunded_word_without_particulars_changes_no_decided_payment(payment: Payment) -> None:
    tell(payment)
    assert tell(payment, state="REFUNDED") is Applied.NOTHING
    assert (now_of(payment).state, now_of(payment).review_reason) == (PaymentState.PAID, "")


def test_closed_ends_what_waits_and_nothing_else(street: Street, payment: Payment) -> None:
    other = waiting_payment(street.li, "R2")
    assert tell(payment, state="CLOSED", transaction_id=None) is Applied.CLOSED
    assert now_of(payment).state == PaymentState.CLOSED
    assert tell(payment, state="CLOSED", transaction_id=None) is Applied.NOTHING
    assert now_of(other).state == PaymentState.PENDING
    assert nothing_was_bought()


@pytest.mark.parametrize("state", ["PENDING", "UNKNOWN_ORDER"])
def test_no_news_changes_nothing(payment: Payment, state: Any) -> None:
    assert tell(payment, state=state, transaction_id=None) is Applied.NOTHING
    seen = now_of(payment)
    assert (seen.state, seen.poll_at, seen.review_reason) == (PaymentState.PENDING, NOON, "")


def test_the_second_payment_of_an_order_is_given_back_and_one_of_another_order_is_not(
    street: Street, payment: Payment
) -> None:
    second = Payment.objects.create(
        order=payment.order,
        account=account_of(street.li),
        channel=payment.channel,
        out_trade_no="R102",
        amount_yuan=payment.amount_yuan,
        state=PaymentState.CLOSED,
        created_at=NOON,
    )
    other = waiting_payment(street.li, "R2")
    assert tell(payment) is Applied.PAID
    assert tell(other) is Applied.PAID
    assert tell(second) is Applied.PAID_TWICE
    assert now_of(second).state == PaymentState.PAID
    refund = Refund.objects.get()
    assert (refund.payment_id, refund.reason, refund.created_at) == (second.pk, PAID_TWICE, SOON)
    assert set(Recharge.objects.values_list("payment_id", flat=True)) == {payment.pk, other.pk}


def test_the_order_of_a_lease_that_ended_is_given_back(street: Street, payment: Payment) -> None:
    Lease.objects.filter(pk=street.li.lease.pk).update(ends_at=SOON)
    assert Order.objects.get().lease_id == street.li.lease.pk
    assert tell(payment) is Applied.GIVEN_BACK
    assert Refund.objects.get().reason == LEASE_ENDED
    assert not Recharge.objects.exists()


def test_what_was_put_aside_is_credited_by_a_fresh_word_that_was_asked_for_and_by_no_other(
    payment: Payment,
) -> None:
    assert tell(payment, amount_yuan=Decimal("40.00")) is Applied.REVIEW
    assert now_of(payment).poll_at is None
    assert tell(payment) is Applied.NOTHING
    # A member has asked: what comes again meanwhile does not end her question.
    Payment.objects.update(poll_at=SOON)
    assert tell(payment, amount_yuan=Decimal("40.00")) is Applied.REVIEW
    assert (now_of(payment).state, now_of(payment).poll_at) == (PaymentState.REVIEW, SOON)
    assert nothing_was_bought()
    fresh = told_of(payment, evidence={"notify_id": "2"})
    applied = apply_payment_result(
        account=payment.account, result=fresh, now=SOON, also_from=PaymentState.REVIEW
    )
    seen = now_of(payment)
    assert (applied, seen.state, seen.review_reason) == (Applied.PAID, PaymentState.PAID, "")
    assert (seen.poll_at, seen.amount_yuan) == (None, Decimal("50.00"))
    assert seen.evidence == {"notify_id": "2", "looked_at": "paid 40.00 instead of 50.00 yuan"}


def test_a_question_about_a_payment_that_was_never_put_aside_leaves_its_evidence_alone(
    payment: Payment,
) -> None:
    result = told_of(payment, evidence={"notify_id": "3"})
    apply_payment_result(account=payment.account, result=result, now=SOON, also_from=PaymentState.REVIEW)
    assert now_of(payment).evidence == {"notify_id": "3"}
