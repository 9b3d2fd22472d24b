"""What a lease leaves over goes back to its renter, once, and the books hold to 10^-6 yuan."""

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.models import AuditLine
from apps.common.scoping import landlord_scope
from apps.income import postings
from apps.income.check_books import check_books
from apps.income.models import Entry, Payout, Posting, Recharge
from apps.income.postings import Asset
from apps.income.selectors import income_of
from apps.income.services.ledger import balance, book
from apps.income.services.payouts import LeaseRuns, handed_back, pay_out_remainder
from apps.income.services.recharge_ends import settle, take_back
from apps.income.services.recharges import recharge_by_member
from apps.income.states import RechargeKind
from apps.landing.moving_out import move_out
from apps.meters.models import Command, Lease, Meter
from apps.meters.services.commands import ReasonMissing
from apps.tariffs.pricing import handed_back_yuan, quote
from apps.tariffs.services import set_price
from tests.api.at_once import at_once
from tests.people import NOON, House, Street

LATER = NOON + timedelta(days=30)

amounts = st.integers(1, 1_000_000).map(lambda n: Decimal(n) / 100)
prices = st.integers(1, 999_999).map(lambda n: Decimal(n) / 10_000)
steps = st.sampled_from([Decimal("0.01"), Decimal("0.1"), Decimal("1")])


@given(st.lists(st.tuples(amounts, prices, st.booleans()), max_size=8), steps)
def test_paid_is_credited_times_price_plus_carried_plus_handed_back(
    bought: list[tuple[Decimal, Decimal, bool]], step_kwh: Decimal
) -> None:
    """Any recharges at any prices, some of them taken back, then the lease ends: pure, over the very moves we book."""
    account: dict[str, Decimal] = defaultdict(Decimal)

    def moved(moves: list[postings.Move]) -> None:
        for move in moves:
            if move.asset is Asset.CNY:
                account[move.source] -= move.amount
                account[move.destination] += move.amount

    remainder, spent_yuan = postings.remainder("lease:1"), Decimal(0)
    for amount_yuan, price, is_taken_back in bought:
        part = quote(
            amount_yuan=amount_yuan,
            carried_in_yuan=account[remainder],
            price_yuan_per_kwh=price,
            step_kwh=step_kwh,
        )
        moved(postings.paid(source="in", holder="lease:1", quote=part))
        if is_taken_back:
            left = account[remainder]
            moved(postings.cancelled(source="in", holder="lease:1", quote=part, remainder_yuan=left))
        else:
            spent_yuan += part.energy_kwh * price
            moved([postings.Move(Asset.CNY, "advance:lease:1", postings.ENERGY_SOLD, part.spent_yuan)])
    paid_yuan, carried_yuan = -account["in"], account[remainder]
    assert paid_yuan - account[postings.ROUNDING] == spent_yuan + carried_yuan
    rounded_before = account[postings.ROUNDING]
    cash_yuan = handed_back_yuan(carried_yuan)
    moved(postings.paid_out(holder="lease:1", remainder_yuan=carried_yuan, amount_yuan=cash_yuan))
    assert account[remainder] == 0
    assert account[postings.CASH] == cash_yuan
    assert 0 <= rounded_before - account[postings.ROUNDING] < Decimal("0.01")
    assert paid_yuan - account[postings.ROUNDING] == spent_yuan + cash_yuan
    assert sum(account.values()) == 0


@given(st.integers(0, 99_999_999).map(lambda n: Decimal(n) / 1_000_000))
def test_what_is_handed_back_is_whole_fen_and_never_less_than_what_was_left(left_yuan: Decimal) -> None:
    cash_yuan = handed_back_yuan(left_yuan)
    assert cash_yuan == cash_yuan.quantize(Decimal("0.01"))
    assert 0 <= cash_yuan - left_yuan < Decimal("0.01")


def cash(house: House, amount_yuan: str, *, at: datetime, proved: bool = True) -> Recharge:
    recharge = recharge_by_member(
        meter=house.meter,
        kind=RechargeKind.CASH,
        amount_yuan=Decimal(amount_yuan),
        energy_kwh=None,
        reason="at the door",
        by_id=house.owner.pk,
        now=at,
    )
    if proved:
        Command.objects.filter(pk=recharge.command_id).update(state="DONE", final_at=at)
        settle(command_id=recharge.command_id, now=at)
    return recharge


def ended(house: House, at: datetime) -> Lease:
    Lease.objects.filter(pk=house.lease.pk).update(ends_at=at)
    return Lease.objects.get(pk=house.lease.pk)


def paid_out(house: House, lease: Lease, *, at: datetime, reason: str = "moved out") -> Payout | None:
    return pay_out_remainder(lease=lease, reason=reason, by_id=house.owner.pk, now=at)


def test_a_lease_of_changing_prices_leaves_nothing_unexplained(street: Street) -> None:
    li = street.li
    with landlord_scope(li.landlord.pk):
        paid = Decimal(0)
        for day, (amount, price) in enumerate([("50.00", "0.6500"), ("33.33", "0.7123"), ("0.77", "1.3337")]):
            at = NOON + timedelta(days=day + 1)
            set_price(
                meter=li.meter,
                price_yuan_per_kwh=Decimal(price),
                active_from=at,
                by_id=li.owner.pk,
                now=at,
            )
            cash(li, amount, at=at)
            paid += Decimal(amount)
        carried = balance(Asset.CNY, postings.remainder(f"lease:{li.lease.pk}"))
        payout = paid_out(li, ended(li, LATER), at=LATER)
        assert payout is not None
        credited = sum(r.energy_kwh * r.price_yuan_per_kwh for r in Recharge.objects.all())
        assert paid == credited + carried
        assert (payout.remainder_yuan, payout.amount_yuan) == (carried, handed_back_yuan(carried))
        assert balance(Asset.CNY, postings.remainder(f"lease:{li.lease.pk}")) == 0
        assert -balance(Asset.CNY, postings.ROUNDING) == payout.amount_yuan - carried
        assert check_books() == []
        assert income_of(None, None).cash_yuan == paid
        line = AuditLine.objects.get(act="lease.payout")
        assert (line.facts["amount_yuan"], line.facts["reason"]) == (str(payout.amount_yuan), "moved out")


def test_a_running_lease_is_paid_out_nothing_and_money_needs_a_reason(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        cash(street.li, "50.00", at=NOON)
        for end in (None, LATER + timedelta(days=1)):
            Lease.objects.filter(pk=street.li.lease.pk).update(ends_at=end)
            with pytest.raises(LeaseRuns):
                paid_out(street.li, street.li.lease, at=LATER)
        with pytest.raises(ReasonMissing):
            paid_out(street.li, ended(street.li, LATER), at=LATER, reason=" ")
        assert not Payout.objects.exists()


def test_nothing_left_is_nothing_to_hand_back(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        cash(street.li, "0.65", at=NOON)
        assert paid_out(street.li, ended(street.li, LATER), at=LATER) is None
        assert handed_back(street.li.lease) == (0, 0)


def test_what_comes_back_after_the_end_is_a_turn_of_its_own(street: Street) -> None:
    """The second recharge carried in more than it left over; taking it back leaves the difference once more."""
    li = street.li
    with landlord_scope(li.landlord.pk):
        cash(li, "50.00", at=NOON)
        second = cash(li, "10.08", at=NOON, proved=False)
        assert second.carried_in_yuan > second.carried_out_yuan > 0
        lease = ended(li, LATER)
        first = paid_out(li, lease, at=LATER)
        Command.objects.filter(pk=second.command_id).update(state="CANCELLED", final_at=LATER)
        take_back(recharge=second, source=postings.CASH, now=LATER)
        again = paid_out(li, lease, at=LATER + timedelta(days=1))
        assert first is not None
        assert again is not None
        assert [(p.turn, str(p.remainder_yuan)) for p in (first, again)] == [(1, "0.000500"), (2, "0.001500")]
        assert balance(Asset.CNY, postings.remainder(f"lease:{li.lease.pk}")) == 0
        assert check_books() == []


def test_a_lease_ended_by_two_at_once_and_again_is_paid_out_once(real_street: Street) -> None:
    li, now = real_street.li, timezone.now()
    with landlord_scope(li.landlord.pk):
        cash(li, "50.00", at=NOON)

    def end(by_id: Any) -> Any:
        with landlord_scope(li.landlord.pk):
            lease = Lease.objects.get(pk=li.lease.pk)
            closing = move_out(lease=lease, ends_at=now, reason="", by_id=by_id, now=now)
            return closing.handed_back_yuan, closing.carried_yuan

    members = [li.owner.pk, real_street.zhou.pk] * 3
    told = at_once([lambda by_id=m: end(by_id) for m in members])
    assert set(told) == {(Decimal("0.01"), Decimal("0.002000"))}
    with landlord_scope(li.landlord.pk):
        assert Payout.objects.count() == 1
        assert Entry.objects.filter(kind="payout").count() == 1
        assert AuditLine.objects.filter(act="lease.payout").count() == 1
        assert check_books() == []


def test_the_database_refuses_a_second_payout_of_a_turn_a_wrong_rounding_and_any_change(
    street: Street,
) -> None:
    with landlord_scope(street.li.landlord.pk):
        cash(street.li, "50.00", at=NOON)
        payout = paid_out(street.li, ended(street.li, LATER), at=LATER)
        assert payout is not None

        def another(**changes: Any) -> None:
            facts = {"turn": 2, "remainder_yuan": "0.002", "amount_yuan": "0.01", **changes}
            Payout.objects.create(lease=street.li.lease, reason="again", paid_at=LATER, **facts)

        for wrong in ({"turn": 1}, {"amount_yuan": "0.02"}, {"amount_yuan": "0.00"}, {"remainder_yuan": "0"}):
            with pytest.raises(IntegrityError), transaction.atomic():
                another(**wrong)
        for act in ("UPDATE income_payout SET amount_yuan = 5", "DELETE FROM income_payout"):
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(act)


def test_the_check_of_the_books_names_a_remainder_nobody_can_explain(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        cash(street.li, "50.00", at=NOON)
        holder = f"lease:{street.li.lease.pk}"
        odd = postings.Move(Asset.CNY, postings.CASH, postings.remainder(holder), Decimal("0.000001"))
        book(reference="odd", kind="odd", moves=[odd], now=NOON)
        assert any("recharges and payouts explain 0.002" in sentence for sentence in check_books())


def test_a_payout_stays_with_its_landlord(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        cash(street.li, "50.00", at=NOON)
        paid_out(street.li, ended(street.li, LATER), at=LATER)
    with landlord_scope(street.wang.landlord.pk):
        assert not Payout.objects.exists()
        assert not Posting.objects.exists()
        assert not Meter.objects.filter(pk=street.li.meter.pk).exists()
