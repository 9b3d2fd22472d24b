"""One way in: whatever says that a payment arrived, the energy is credited once and the books hold."""

import threading
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from apps.common.scoping import landlord_scope
from apps.income import postings
from apps.income.check_books import check_books
from apps.income.models import Entry, Posting, Recharge
from apps.income.postings import Asset
from apps.income.services.ledger import balance
from apps.income.services.payments import Applied
from apps.income.services.recharge_ends import settle
from apps.income.services.recharges import recharge_by_member
from apps.income.states import PaymentState, RechargeKind, RechargeState
from apps.meters.models import Command, Meter
from apps.meters.states import CommandState
from tests.income.told import SOON, tell, waiting_payment
from tests.people import Street


def test_a_paid_order_becomes_one_recharge_with_its_command_and_exact_books(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        payment = waiting_payment(street.li, "R1")
        assert tell(payment) is Applied.PAID
        recharge = Recharge.objects.get()
        assert recharge.energy_kwh == recharge.command.energy_kwh == Decimal("76.92")
        assert recharge.carried_out_yuan == Decimal("0.002000")
        holder = postings.remainder(f"lease:{street.li.lease.pk}")
        assert balance(Asset.CNY, holder) == Decimal("0.002000")
        assert balance(Asset.CNY, postings.advance(f"lease:{street.li.lease.pk}")) == Decimal("49.998000")
        assert check_books() == []


def test_the_second_notification_changes_nothing(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        payment = waiting_payment(street.li, "R1")
        tell(payment)
        before = (Entry.objects.count(), Posting.objects.count(), Command.objects.count())
        for _again in range(15):
            assert tell(payment) is Applied.ALREADY_PAID
        assert (Entry.objects.count(), Posting.objects.count(), Command.objects.count()) == before


def test_twenty_notifications_at_once_credit_once(real_street: Street) -> None:
    landlord_id = real_street.li.landlord.pk
    with landlord_scope(landlord_id):
        payment = waiting_payment(real_street.li, "R1")
    results: list[Applied] = []
    start = threading.Barrier(20)

    def deliver() -> None:
        start.wait()
        try:
            with landlord_scope(landlord_id):
                results.append(tell(payment))
        finally:
            connection.close()

    threads = [threading.Thread(target=deliver) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(r.name for r in results) == ["ALREADY_PAID"] * 19 + ["PAID"]
    with landlord_scope(landlord_id):
        assert Recharge.objects.count() == 1
        assert check_books() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_yuan": Decimal("49.99")},
        {"amount_yuan": Decimal("50.01")},
        {"merchant_id": "1600009999"},
        {"currency": "USD"},
        {"transaction_id": None},
    ],
)
def test_what_does_not_agree_with_the_order_goes_to_review_and_credits_nothing(
    street: Street, wrong: dict[str, Any]
) -> None:
    with landlord_scope(street.li.landlord.pk):
        payment = waiting_payment(street.li, "R1")
        assert tell(payment, **wrong) is Applied.REVIEW
        payment.refresh_from_db()
        assert payment.state == PaymentState.REVIEW
        assert payment.review_reason
        assert not Recharge.objects.exists()
        assert not Entry.objects.exists()


def test_money_that_arrives_after_closing_is_credited_all_the_same(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        payment = waiting_payment(street.li, "R1")
        assert tell(payment, state="CLOSED", transaction_id=None) is Applied.CLOSED
        assert tell(payment) is Applied.PAID
        assert tell(payment, state="CLOSED", transaction_id=None) is Applied.NOTHING
        payment.refresh_from_db()
        assert payment.state == PaymentState.PAID


def test_one_platform_number_pays_one_order_even_of_two_landlords(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        payment = waiting_payment(street.li, "R1")
        assert tell(payment, transaction_id="4200001") is Applied.PAID
    with landlord_scope(street.wang.landlord.pk):
        stolen = waiting_payment(street.wang, "R2")
        assert tell(stolen, transaction_id="4200001") is Applied.REVIEW
        assert not Recharge.objects.exists()


def test_the_remainder_is_carried_to_the_next_recharge_of_the_same_lease(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        for number in range(1, 5):
            tell(waiting_payment(street.li, f"R{number}", amount="10.00"))
        recharges = list(Recharge.objects.order_by("id"))
        assert [r.carried_in_yuan for r in recharges[1:]] == [r.carried_out_yuan for r in recharges[:-1]]
        paid = sum(r.amount_yuan for r in recharges)
        energy_cost = sum(r.energy_kwh * r.price_yuan_per_kwh for r in recharges)
        assert paid == energy_cost + recharges[-1].carried_out_yuan
        assert check_books() == []


def test_energy_is_booked_when_the_command_is_done_and_only_once(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        tell(waiting_payment(street.li, "R1"))
        command = Command.objects.get()
        assert settle(command_id=command.pk, now=SOON) is False
        Command.objects.update(state=CommandState.DONE)
        Meter.objects.filter(pk=street.li.meter.pk).update(
            purchase_count=1, purchased_kwh=Decimal("76.92"), opening_purchased_kwh=Decimal("0.00")
        )
        assert settle(command_id=command.pk, now=SOON) is True
        assert settle(command_id=command.pk, now=SOON) is False
        meter = street.li.meter
        assert balance(Asset.KWH, postings.meter_energy(meter.pk, 1)) == Decimal("76.920000")
        assert balance(Asset.CNY, postings.ENERGY_SOLD) == Decimal("49.998000")
        assert Recharge.objects.get().state == RechargeState.CREDITED
        assert check_books() == []


def test_the_check_of_the_books_names_a_meter_that_knows_more_than_the_ledger(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.filter(pk=street.li.meter.pk).update(
            purchase_count=1, purchased_kwh=Decimal("0.01"), opening_purchased_kwh=Decimal("0.00")
        )
        (sentence,) = check_books()
        assert "it proved 0.01 kWh, the ledger has 0 kWh" in sentence


def test_cash_by_energy_takes_whole_fen_and_carries_the_rest(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        recharge = recharge_by_member(
            meter=street.li.meter,
            kind=RechargeKind.CASH,
            amount_yuan=None,
            energy_kwh=Decimal("10.01"),
            reason="paid at the door",
            by_id=street.zhou.pk,
            now=SOON,
        )
        assert recharge.amount_yuan == Decimal("6.51")
        assert recharge.energy_kwh == Decimal("10.01")
        assert recharge.carried_out_yuan == Decimal("0.003500")
        assert balance(Asset.CNY, postings.CASH) == Decimal("-6.510000")
        assert check_books() == []


def test_a_gift_moves_energy_and_no_money(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        recharge_by_member(
            meter=street.li.meter,
            kind=RechargeKind.GIFT,
            amount_yuan=None,
            energy_kwh=Decimal("5.00"),
            reason="moving in",
            by_id=street.zhou.pk,
            now=SOON,
        )
        assert not Posting.objects.filter(asset=Asset.CNY).exists()
        assert check_books() == []
