"""On at zero: an energy with an end, lent through the one credit path, owed until it is repaid or ended by hand."""

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.models import AuditLine
from apps.accounts.roles import Act, Role, may
from apps.common.errors import Conflict, NotFound, Refused
from apps.common.scoping import landlord_scope
from apps.income import postings
from apps.income.check_books import check_books
from apps.income.models import Entry, Grace, Recharge
from apps.income.postings import Asset
from apps.income.selectors import income_of
from apps.income.services.graces import GraceNotOwed, end_grace
from apps.income.services.recharge_ends import settle
from apps.income.services.recharges import recharge_by_member
from apps.income.services.switching import (
    MOST_GRACE_KWH,
    CreditsFrozen,
    EnergyOnItsWay,
    GraceInvalid,
    GraceLeft,
    GraceOpen,
    switch,
    withdraw_grace,
)
from apps.income.states import RechargeKind
from apps.meters.models import Command, Lease, Meter
from apps.meters.services.commands import MeterArchived, ReasonMissing, ZeroBalance
from apps.tariffs.pricing import taken_yuan
from tests.api.at_once import at_once
from tests.income.lending import NOTHING, cash, lent, owed, prove, switched_on
from tests.income.scene import NobodysPost
from tests.people import NOON, Street

LATER = NOON + timedelta(days=1)

prices = st.integers(1, 999_999).map(lambda n: Decimal(n) / 10_000)
steps = st.sampled_from([Decimal("0.01"), Decimal("0.1"), Decimal("1")])


@given(st.lists(st.tuples(st.sampled_from(["repaid", "forgiven", "paid"]), steps, prices), max_size=6))
def test_what_was_lent_and_ended_leaves_nothing_owed_and_no_income_but_cash(
    graces: list[tuple[str, Decimal, Decimal]],
) -> None:
    books: dict[tuple[Asset, str], Decimal] = defaultdict(Decimal)
    taken = Decimal(0)
    for end, energy_kwh, price in graces:
        worth_yuan = energy_kwh * price
        moves = postings.lent(holder="lease:1", energy_kwh=energy_kwh, worth_yuan=worth_yuan)
        moves += postings.no_longer_owed(
            holder="lease:1", energy_kwh=energy_kwh, worth_yuan=worth_yuan, is_forgiven=end == "forgiven"
        )
        if end == "paid":
            moves += postings.grace_paid(amount_yuan=taken_yuan(worth_yuan))
            taken += taken_yuan(worth_yuan)
            assert 0 <= worth_yuan - taken_yuan(worth_yuan) < Decimal("0.01")
        for move in moves:
            books[move.asset, move.source] -= move.amount
            books[move.asset, move.destination] += move.amount
    for asset in Asset:
        assert books[asset, "grace:lease:1"] == 0
        assert books[asset, postings.LENT] + books[asset, postings.FORGIVEN] == 0
    assert books[Asset.CNY, postings.ENERGY_SOLD] == taken == -books[Asset.CNY, postings.CASH]


def test_whoever_may_switch_may_recharge() -> None:
    assert all(may(role, Act.RECHARGE) for role in Role if may(role, Act.SWITCH))


def test_on_with_energy_left_closes_and_lends_nothing(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        command = switched_on(street.li, "2.00", remaining_kwh="0.01")
        assert command.kind == "POWER_ON"
        assert not Grace.objects.exists()


def test_on_at_zero_needs_an_amount_and_the_refusal_names_its_field(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        with pytest.raises(ZeroBalance) as refusal:
            switched_on(street.li, None)
        assert set(refusal.value.fields) == {"grace_kwh"}
        assert not Command.objects.exists()


@pytest.mark.parametrize("grace_kwh", ["0", "-1", "0.001", "5.01", "NaN", "Infinity"])
def test_a_grace_is_bounded_and_comes_in_the_meters_steps(street: Street, grace_kwh: str) -> None:
    with landlord_scope(street.li.landlord.pk):
        with pytest.raises(GraceInvalid) as refusal:
            switched_on(street.li, grace_kwh)
        assert set(refusal.value.fields) == {"grace_kwh"}
        assert not Command.objects.exists()
        assert switched_on(street.li, str(MOST_GRACE_KWH)).energy_kwh == MOST_GRACE_KWH


def test_a_grace_is_a_credit_and_owed_once_the_meter_has_proved_it(street: Street) -> None:
    li, holder = street.li, f"lease:{street.li.lease.pk}"
    with landlord_scope(li.landlord.pk):
        command = switched_on(li)
        assert (command.kind, command.energy_kwh, command.expires_at) == ("CREDIT", Decimal("2.00"), None)
        assert not Command.objects.filter(kind="KEEP_POWER").exists()
        assert owed(holder) == NOTHING
        prove(command.pk)
        settle(command_id=command.pk, now=NOON)
        assert owed(holder) == (Decimal("2.00"), Decimal("1.300000"))
        assert Grace.objects.get().state == "OWED"
        income = income_of(None, None)
        assert (income.gross_yuan, income.cash_yuan) == (0, 0)
        assert check_books() == []
        line = AuditLine.objects.get(act="meter.grace")
        assert (line.facts["reason"], line.facts["energy_kwh"]) == ("the shop is closed", "2.00")
        assert line.by_id == li.owner.pk


def test_a_meter_that_was_forced_off_is_told_to_close_once_it_has_the_grace(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.filter(pk=street.li.meter.pk).update(power_on=False, power_reason="FORCED_OFF")
        command = switched_on(street.li)
        assert not Command.objects.filter(kind="POWER_ON").exists(), "with nothing left it could not close"
        prove(command.pk)
        on = Command.objects.get(kind="POWER_ON")
        assert (on.reason, on.requested_by_id) == ("the shop is closed", street.li.owner.pk)


def test_a_newer_off_outdoes_the_grace_and_an_older_one_dies(street: Street) -> None:
    li = street.li
    with landlord_scope(li.landlord.pk):
        wish: dict[str, Any] = {"by_id": li.owner.pk, "now": NOON, "remaining_kwh": Decimal(0)}
        older = switch(meter=li.meter, on=False, reason="works", **wish)
        command = switched_on(li)
        assert older.wish_version is not None
        assert older.wish_version < Meter.objects.get(pk=li.meter.pk).wish_version
        switch(meter=li.meter, on=False, reason="works again", **wish)
        prove(command.pk)
        assert not Command.objects.filter(kind="POWER_ON").exists()
        assert Grace.objects.get().state == "OWED", "the energy is in the meter all the same"


def test_one_grace_at_a_time_and_none_beside_energy_that_is_coming(street: Street) -> None:
    li = street.li
    with landlord_scope(li.landlord.pk):
        coming = cash(li, "10.00")
        with pytest.raises(EnergyOnItsWay):
            switched_on(li)
        prove(coming.command_id)
        Meter.objects.filter(pk=li.meter.pk).update(frozen="CONTRADICTION")
        with pytest.raises(CreditsFrozen):
            switched_on(li)
        Meter.objects.filter(pk=li.meter.pk).update(frozen="")
        with pytest.raises(ReasonMissing):
            switched_on(li, reason=" ")
        command = switched_on(li)
        for _ in range(2):
            with pytest.raises(GraceOpen):
                switched_on(li)
            prove(command.pk)
        with pytest.raises(GraceInvalid):
            switch(
                meter=li.meter,
                on=False,
                reason="x",
                by_id=li.owner.pk,
                now=NOON,
                remaining_kwh=None,
                grace_kwh=Decimal(1),
            )
        Meter.objects.filter(pk=li.vacant_meter.pk).update(archived_at=NOON)
        with pytest.raises(MeterArchived):
            switched_on(li, meter=li.vacant_meter)


def test_two_members_at_once_lend_once(real_street: Street) -> None:
    li = real_street.li

    def press(by_id: Any) -> str:
        try:
            with landlord_scope(li.landlord.pk):
                return switched_on(li, by_id=by_id).kind
        except Conflict as refusal:
            return str(refusal.code)

    told = at_once([lambda by_id=m: press(by_id) for m in [li.owner.pk, real_street.zhou.pk] * 2])
    assert sorted(told) == ["CREDIT", "grace_open", "grace_open", "grace_open"]
    with landlord_scope(li.landlord.pk):
        assert Grace.objects.count() == Recharge.objects.count() == 1
        assert AuditLine.objects.filter(act="meter.grace").count() == 1


def test_the_database_refuses_a_second_open_grace_of_one_holder(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        first = lent(street.li)
        gift = recharge_by_member(
            meter=street.li.meter,
            kind=RechargeKind.GIFT,
            amount_yuan=None,
            energy_kwh=Decimal(1),
            reason="gift",
            by_id=street.li.owner.pk,
            now=NOON,
        )
        with pytest.raises(IntegrityError), transaction.atomic():
            Grace.objects.create(recharge=gift, holder=first.holder, wish_version=1)


def test_a_grace_on_its_way_waits_and_one_that_no_meter_took_is_nobodys_debt(street: Street) -> None:
    li = street.li
    with landlord_scope(li.landlord.pk):
        command = switched_on(li)
        assert cash(li, "10.00").repaid_kwh == 0
        with pytest.raises(GraceNotOwed):
            end_grace(
                grace_id=Grace.objects.get().pk, was_paid=False, reason="x", by_id=li.owner.pk, now=NOON
            )
        Command.objects.filter(pk=command.pk).update(state="CANCELLED", final_at=NOON)
        settle(command_id=command.pk, now=NOON)
        assert Grace.objects.get().state == "CANCELLED"
        assert owed(f"lease:{li.lease.pk}") == NOTHING
        assert check_books() == []


@pytest.mark.parametrize(
    ("was_paid", "state", "taken"), [(True, "PAID", "1.30"), (False, "FORGIVEN", "0.00")]
)
def test_a_member_takes_cash_for_it_or_writes_it_off_once(
    real_street: Street, was_paid: bool, state: str, taken: str
) -> None:
    li = real_street.li
    with landlord_scope(li.landlord.pk):
        grace = lent(li)

    def end(by_id: Any) -> str:
        with landlord_scope(li.landlord.pk):
            return end_grace(
                grace_id=grace.pk, was_paid=was_paid, reason="moved out", by_id=by_id, now=LATER
            ).state

    assert at_once([lambda by_id=m: end(by_id) for m in [li.owner.pk, real_street.zhou.pk]]) == [state] * 2
    with landlord_scope(li.landlord.pk):
        assert owed(grace.holder) == NOTHING
        assert income_of(None, None).cash_yuan == Decimal(taken)
        assert Entry.objects.filter(kind=f"grace_{state.lower()}").count() == 1
        assert AuditLine.objects.filter(act="meter.grace_ended").count() == 1
        with pytest.raises(GraceNotOwed):
            end_grace(grace_id=grace.pk, was_paid=not was_paid, reason="x", by_id=li.owner.pk, now=LATER)
        assert check_books() == []


def test_an_ended_lease_keeps_its_debt_and_the_next_renter_never_pays_it(street: Street) -> None:
    li = street.li
    with landlord_scope(li.landlord.pk):
        grace = lent(li)
        Lease.objects.filter(pk=li.lease.pk).update(ends_at=LATER)
        after = LATER + timedelta(hours=1)
        assert cash(li, "10.00", now=after).repaid_kwh == 0
        Lease.objects.create(meter=li.meter, renter=street.sun, starts_at=after)
        recharge = cash(li, "10.00", now=after)
        assert recharge.repaid_kwh == 0
        assert owed(grace.holder)[0] == Decimal("2.00")
        for row in Recharge.objects.filter(kind="CASH"):
            prove(row.command_id, now=after)
        assert switched_on(li, now=after).kind == "CREDIT", "she may be lent to as well"
        assert check_books() == []


def test_a_new_body_of_the_meter_leaves_the_debt_as_it_was(street: Street) -> None:
    li = street.li
    with landlord_scope(li.landlord.pk):
        grace = lent(li)
        Meter.objects.filter(pk=li.meter.pk).update(device_epoch=2)
        recharge = cash(li, "10.00")
        assert recharge.repaid_kwh == Decimal("2.00")
        prove(recharge.command_id)
        assert owed(grace.holder) == NOTHING
        assert check_books() == []


def test_the_check_of_the_books_names_a_debt_that_the_ledger_does_not_know(street: Street) -> None:
    li = street.li
    with landlord_scope(li.landlord.pk):
        grace = lent(li)
        Grace.objects.filter(pk=grace.pk).update(state="FORGIVEN", ended_at=NOON)
        assert [line for line in check_books() if "are owed by its graces" in line]
        Grace.objects.filter(pk=grace.pk).update(state="OWED", ended_at=None)
        recharge = cash(li, "10.00")
        Grace.objects.filter(pk=grace.pk).update(state="OWED", repaid_by=None)
        assert [line for line in check_books() if f"Recharge {recharge.pk} repays 2.00" in line]


def test_another_landlord_neither_sees_nor_ends_it(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        grace = lent(street.li)
    with landlord_scope(street.wang.landlord.pk):
        assert not Grace.objects.exists()
        with pytest.raises(Refused):
            end_grace(grace_id=grace.pk, was_paid=False, reason="x", by_id=street.wang.owner.pk, now=NOON)
    with landlord_scope(street.li.landlord.pk):
        assert owed(f"lease:{street.li.lease.pk}")[0] == Decimal("2.00")


def test_what_has_not_left_is_withdrawn_once_and_nothing_is_lent(street: Street) -> None:
    li = street.li
    with landlord_scope(li.landlord.pk):
        command = switched_on(li)
        grace = Grace.objects.get()
        for _ in range(2):
            gone = withdraw_grace(post=NobodysPost(), grace_id=grace.pk, by_id=li.owner.pk, now=LATER)
            assert (gone.state, gone.ended_at) == ("CANCELLED", LATER)
        assert Command.objects.get(pk=command.pk).state == "CANCELLED"
        assert Recharge.objects.get().state == "CANCELLED"
        assert owed(grace.holder) == NOTHING
        assert not Entry.objects.exists()
        assert AuditLine.objects.filter(act="meter.grace_withdrawn").count() == 1
        assert check_books() == []
        # Another may be lent, and arrives.
        assert lent(li, "3.00", now=LATER).state == "OWED"
        assert check_books() == []


@pytest.mark.parametrize("state", ["SENT", "UNKNOWN", "DONE"])
def test_what_has_left_is_not_withdrawn_and_a_foreign_grace_is_none(street: Street, state: str) -> None:
    li, wang = street.li, street.wang
    with landlord_scope(li.landlord.pk):
        command = switched_on(li)
        Command.objects.filter(pk=command.pk).update(
            state=state, number=1, frames=["68"], purchased_before_kwh=Decimal("0.00")
        )
        grace = Grace.objects.get()
        with pytest.raises(GraceLeft):
            withdraw_grace(post=NobodysPost(), grace_id=grace.pk, by_id=li.owner.pk, now=LATER)
        prove(command.pk)
        assert Grace.objects.get(pk=grace.pk).state == "OWED"
        with pytest.raises(GraceLeft):
            withdraw_grace(post=NobodysPost(), grace_id=grace.pk, by_id=li.owner.pk, now=LATER)
    with landlord_scope(wang.landlord.pk), pytest.raises(NotFound):
        withdraw_grace(post=NobodysPost(), grace_id=grace.pk, by_id=wang.owner.pk, now=LATER)
