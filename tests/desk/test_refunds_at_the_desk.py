"""Money is given back at the desk: a part or all, with a reason, once; what cannot go back is said and not offered."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.common.scoping import landlord_scope
from apps.income.check_books import check_books
from apps.income.models import CollectionAccount, Payment, Recharge, Refund
from apps.income.platforms.base import PlatformResult
from apps.income.services.payments import apply_payment_result
from apps.income.states import RefundWay
from apps.meters.models import Command
from tests.orders import order_of_fifty
from tests.people import House, Street

ComeIn = Callable[[Any], Client]


def paid(house: House, *, arrived: str = "50.00") -> Payment:
    """A payment of Li's renter, ordered at 50.00 yuan, of which her platform says what arrived."""
    now = timezone.now()
    with landlord_scope(house.landlord.pk):
        account = CollectionAccount(channel="wechat", merchant_id="1900000001")
        account.set_credentials({})
        account.save()
        order = order_of_fifty(house, "RREFUND0001", at=now)
        payment = Payment.objects.create(
            order=order,
            account=account,
            channel="wechat",
            out_trade_no="RREFUND000101",
            amount_yuan=Decimal("50.00"),
            created_at=now,
        )
        result = PlatformResult(
            channel="wechat",
            merchant_id="1900000001",
            app_id="app",
            out_trade_no=payment.out_trade_no,
            transaction_id="T1",
            state="PAID",
            amount_yuan=Decimal(arrived),
            currency="CNY",
            paid_at=now,
            payer_id=None,
            evidence={},
        )
        apply_payment_result(account=account, result=result, now=now)
        payment.refresh_from_db()
    return payment


@pytest.fixture
def li(street: Street, at_desk: ComeIn) -> Client:
    return at_desk(street.li.owner)


def at(payment: Payment, page: str) -> str:
    return f"/admin/income/payment/{payment.pk}/{page}/"


def send(client: Client, address: str, **fields: str) -> str:
    key = str(client.get(address).context["form"]["key"].value())
    return client.post(address, {**fields, "key": key}, follow=True).content.decode()


def test_a_part_goes_back_with_a_reason_and_the_page_says_how_far_it_is(li: Client, street: Street) -> None:
    payment = paid(street.li)
    assert "Of a part, the rest still goes into the meter" in li.get(at(payment, "change")).content.decode()
    page = send(li, at(payment, "refund"), amount_yuan="20.00", reason="typed 50 for 30")
    assert "typed 50 for 30" in page
    assert "asked of WeChat Pay" in page
    assert at(payment, "refund") not in page
    with landlord_scope(street.li.landlord.pk):
        assert Refund.objects.get().amount_yuan == Decimal("20.00")
        assert Recharge.objects.get(payment=payment).amount_yuan == Decimal("30")
        assert check_books() == []


@pytest.mark.parametrize("amount", ["0", "-1", "1e2", "NaN", "1.005", "9" * 100, "50.01", ""])
def test_an_amount_that_is_none_is_said_at_its_field_and_nothing_goes_back(
    li: Client, street: Street, amount: str
) -> None:
    payment = paid(street.li)
    key = str(li.get(at(payment, "refund")).context["form"]["key"].value())
    answer = li.post(at(payment, "refund"), {"amount_yuan": amount, "reason": "x", "key": key})
    assert answer.status_code == 400
    assert answer.context["form"].errors["amount_yuan"]
    with landlord_scope(street.li.landlord.pk):
        assert not Refund.objects.exists()


def test_energy_in_the_meter_is_not_offered_back_and_energy_that_has_left_waits(
    li: Client, street: Street
) -> None:
    payment = paid(street.li)
    with landlord_scope(street.li.landlord.pk):
        command = Command.objects.filter(recharge__payment=payment)
        command.update(state="SENT", number=1, frames=["68"], purchased_before_kwh=Decimal("0.00"))
    assert "waits for the meter" in send(li, at(payment, "refund"), amount_yuan="50.00", reason="wrong room")
    withdraw = at(payment, "refund-withdraw")
    assert withdraw in li.get(at(payment, "change")).content.decode()
    page = li.post(withdraw, follow=True).content.decode()
    assert "Withdrawn: nothing goes back" in page
    assert withdraw not in page
    assert "cannot be withdrawn" in li.post(withdraw, follow=True).content.decode()
    with landlord_scope(street.li.landlord.pk):
        assert Refund.objects.get().state == "CLOSED"
        command.update(state="DONE")
    page = li.get(at(payment, "change")).content.decode()
    assert "cannot be taken out again" in page
    assert at(payment, "refund") not in page
    assert li.get(at(payment, "refund")).status_code == 302


def test_a_payment_of_another_amount_goes_back_as_it_arrived(li: Client, street: Street) -> None:
    payment = paid(street.li, arrived="40.00")
    assert "No meter has energy for this money" in li.get(at(payment, "change")).content.decode()
    send(li, at(payment, "refund"), amount_yuan="40.00", reason="paid another amount")
    with landlord_scope(street.li.landlord.pk):
        assert Refund.objects.get().amount_yuan == Decimal("40.00")
        assert check_books() == []


def test_what_the_platform_cannot_do_is_tried_again_or_written_down_as_given_by_hand(
    li: Client, street: Street
) -> None:
    payment = paid(street.li)
    send(li, at(payment, "refund"), amount_yuan="50.00", reason="moved out")
    with landlord_scope(street.li.landlord.pk):
        Refund.objects.update(state="REVIEW", review_reason="ABNORMAL: the payer's account", next_at=None)
    page = li.get(at(payment, "change")).content.decode()
    assert "bank card takes no money" in page
    assert "same number" in li.post(at(payment, "refund-again"), follow=True).content.decode()
    with landlord_scope(street.li.landlord.pk):
        Refund.objects.update(state="REVIEW", review_reason="ABNORMAL: the payer's account", next_at=None)
    assert "given back by hand" in send(li, at(payment, "refund-by-hand"), note="cash to Chen")
    with landlord_scope(street.li.landlord.pk):
        refund = Refund.objects.get()
        assert (refund.way, refund.evidence["by_hand"]) == (RefundWay.HAND, "cash to Chen")
        assert check_books() == []


def test_a_set_aside_payment_is_credited_from_its_page_by_asking_the_platform_anew(
    li: Client, street: Street, at_desk: ComeIn
) -> None:
    payment = paid(street.li, arrived="40.00")
    assert "paid 40.00 instead of 50.00 yuan" in li.get(at(payment, "change")).content.decode()
    page = send(li, at(payment, "credit"), reason="the console says 50.00")
    assert "WeChat Pay is being asked about it" in page
    assert "data-follow" in page
    assert at(payment, "credit") not in page
    with landlord_scope(street.li.landlord.pk):
        seen = Payment.objects.get(pk=payment.pk)
        assert (seen.credit_reason, seen.credit_by_id) == ("the console says 50.00", street.li.owner.pk)
        Payment.objects.update(credit_answer="the platform says that it is not paid", poll_at=None)
    page = li.get(at(payment, "change")).content.decode()
    assert "it is not paid; nothing arrived" in page
    assert "data-follow" not in page
    operator = at_desk(street.operator)
    for_operator = at(payment, "credit").replace("/admin/", "/ops/")
    assert for_operator in operator.get(for_operator.replace("/credit/", "/change/")).content.decode()
    send(operator, for_operator, reason="the landlord called")
    with landlord_scope(street.li.landlord.pk):
        seen = Payment.objects.get(pk=payment.pk)
        assert (seen.credit_reason, seen.credit_by_id) == ("the landlord called", street.operator.pk)
        Payment.objects.update(state="CLOSED")
    assert "not set aside any more" in li.get(at(payment, "credit"), follow=True).content.decode()
