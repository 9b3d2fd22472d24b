"""A day of payments held against the platforms' bills over real HTTP: nine planted faults, each found as what it is."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from apps.accounts.doors import Found
from apps.accounts.models import AuditLine
from apps.common.errors import Refused
from apps.common.platforms import BEIJING
from apps.common.scoping import landlord_scope
from apps.income.models import BillDay, BillRow, CollectionAccount, Difference, Payment, Recharge, Refund
from apps.income.services.bills import due_bills, take_bill
from apps.income.services.payments import Applied
from apps.income.services.recharge_ends import settle
from apps.income.services.reconciliation import settle_difference
from apps.income.states import Channel, PaymentState
from apps.meters.models import Meter
from apps.meters.states import CommandState
from apps.sandbox.server import SandboxServer
from tests.income.scene import Scene, scene_of
from tests.income.two_payments import pay_otherwise
from tests.people import Street

pytestmark = pytest.mark.usefixtures("quiet_doorbells")


@pytest.fixture
def platforms(
    paying_street: Street, sandbox_state: Path, tmp_path: Path, settings: Any
) -> Iterator[SandboxServer]:
    """The pretend platforms with the same merchants and an empty day."""
    own = tmp_path / "platforms"
    shutil.copytree(sandbox_state, own, ignore=shutil.ignore_patterns("sandbox.sqlite3*"))
    server = SandboxServer(own, 0)
    server.start()
    settings.SANDBOX_URL = server.url
    yield server
    server.stop()


@pytest.fixture
def scene(paying_street: Street, platforms: SandboxServer) -> Scene:
    return scene_of(paying_street.li, platforms.url)


def _account(scene: Scene, channel: Channel) -> CollectionAccount:
    with landlord_scope(scene.house.landlord.pk):
        return CollectionAccount.objects.get(channel=channel, is_active=True)


def _today(scene: Scene) -> date:
    return scene.now.astimezone(BEIJING).date()


def _next_morning(scene: Scene) -> datetime:
    return datetime.combine(_today(scene) + timedelta(days=1), time(10, 30), BEIJING)


def _taken(scene: Scene, channel: Channel, *, again: bool = False) -> BillDay:
    bill = take_bill(
        landlord_id=scene.house.landlord.pk,
        account_id=_account(scene, channel).pk,
        day=_today(scene),
        now=_next_morning(scene),
        again=again,
    )
    assert bill is not None
    return bill


def _found(scene: Scene, bill: BillDay) -> set[tuple[str, str, str, str]]:
    with landlord_scope(scene.house.landlord.pk):
        rows = list(bill.differences.values_list("kind", "number", "why", "state"))
    assert len(rows) == len(set(rows))
    return set(rows)


def _deliver(scene: Scene, *payments: Payment) -> None:
    for payment in payments:
        scene.command(payment, state=CommandState.DONE)
        with landlord_scope(scene.house.landlord.pk):
            assert settle(command_id=scene.recharge(payment).command_id, now=scene.now)


def _merchant(scene: Scene, channel: Channel) -> str:
    account = _account(scene, channel)
    credentials = account.credentials()
    return str(credentials["mchid" if channel == Channel.WECHAT else "app_id"])


@pytest.mark.parametrize("channel", list(Channel))
def test_a_clean_day_finds_nothing_and_comes_to_the_fen(scene: Scene, channel: Channel) -> None:
    payments = [scene.paid(channel, amount) for amount in ("50.00", "10.99")]
    _deliver(scene, *payments)
    bill = _taken(scene, channel)
    assert _found(scene, bill) == set()
    assert (bill.state, bill.bill_payments, bill.ours_payments) == ("TAKEN", 2, 2)
    assert bill.bill_paid_yuan == bill.ours_paid_yuan == Decimal("60.99")
    assert (bill.difference_yuan, bill.bill_fee_yuan) == (0, Decimal("0.37"))
    assert scene.books() == []


@pytest.mark.parametrize("channel", list(Channel))
def test_nine_planted_faults_are_each_found_as_what_they_are_and_nothing_else_is(
    scene: Scene, platforms: SandboxServer, paying_street: Street, channel: Channel
) -> None:
    merchant = _merchant(scene, channel)

    def lie(kind: str, payment: Payment | str, **more: Any) -> None:
        number = payment if isinstance(payment, str) else payment.out_trade_no
        wish = {"kind": kind, "channel": channel, "merchant": merchant, "out_trade_no": number}
        platforms.bills.order(wish | more)

    clean, wrong_amount, not_billed = (scene.paid(channel, "10.00") for _ in range(3))
    _deliver(scene, clean, wrong_amount, not_billed)
    lie("change_amount", wrong_amount, amount_yuan="9.99")
    lie("leave_out", not_billed)
    lie("add_payment", "RMNOBODYS1", amount_yuan="7.00")
    lost = scene.order(channel, "20.00")
    scene.pay(lost)
    waiting = scene.paid(channel, "30.00")
    doubled = _doubled(scene, channel)
    expected = {
        ("LOST_NOTIFY", lost.out_trade_no, "", "HEALED"),
        ("WRONG_AMOUNT", wrong_amount.out_trade_no, "", "OPEN"),
        ("MISSING_IN_BILL", not_billed.out_trade_no, "", "OPEN"),
        ("MISSING_HERE", "RMNOBODYS1", "", "OPEN"),
        ("CREDIT_MISSING", waiting.out_trade_no, "QUEUED", "OPEN"),
        ("CREDIT_DOUBLED", doubled.out_trade_no, "METER", "OPEN"),
    }
    if channel is Channel.ALIPAY:
        first = scene.order(channel)
        second = pay_otherwise(Found(first.landlord_id, first.order_id), Channel.WECHAT, scene.now)
        scene.pay(second)
        assert scene.poll(second) is Applied.PAID
        scene.pay(first)
        with landlord_scope(scene.house.landlord.pk):
            Payment.objects.filter(pk=first.pk).update(state="PENDING", poll_at=scene.now)
        assert scene.poll(first) is Applied.PAID_TWICE
        back = scene.paid(channel, "15.00")
        refund = scene.refund(back)
        assert scene.send(refund, after_s=6).state == "DONE"
        lie("leave_out", back, out_request_no=refund.out_refund_no)
        expected |= {
            ("DOUBLE_PAY", first.out_trade_no, "GIVEN_BACK", "HEALED"),
            ("REFUND_MISSING", refund.out_refund_no, "NOT_IN_BILL", "OPEN"),
        }
    else:
        foreign = scene.paid(channel, "18.00")
        _deliver(scene, foreign)
        lie("other_merchant", foreign)
        lie("add_refund", clean, out_request_no="RMOUTSIDE1", amount_yuan="2.00")
        lie("pay_again", clean)
        expected |= {
            ("FOREIGN_MERCHANT", foreign.out_trade_no, "PAYMENT", "OPEN"),
            ("REFUND_MISSING", "RMOUTSIDE1", "UNKNOWN_HERE", "OPEN"),
        }
    bill = _taken(scene, channel)
    found = _found(scene, bill)
    if channel is Channel.WECHAT:
        [again] = {row for row in found if row[0] == "DOUBLE_PAY"}
        assert again[2:] == ("SAME_NUMBER", "OPEN")
        found.remove(again)
    assert found == expected
    assert scene.seen(lost).state == PaymentState.PAID
    assert scene.recharge(lost).state == "OPEN"
    assert scene.seen(wrong_amount).review_reason
    assert [said for said in scene.books() if "3 303" not in said] == [], "but for the meter that was lied to"
    # The same bill again: nothing is booked a second time, and nothing else is found but the late payment's energy.
    with landlord_scope(scene.house.landlord.pk):
        counted = (Recharge.objects.count(), Refund.objects.count(), BillRow.objects.count())
    _taken(scene, channel, again=True)
    assert {
        row for row in _found(scene, bill) if row[0] != "DOUBLE_PAY" or row[2] != "SAME_NUMBER"
    } == expected
    with landlord_scope(scene.house.landlord.pk):
        assert counted == (Recharge.objects.count(), Refund.objects.count(), BillRow.objects.count())
    with landlord_scope(paying_street.wang.landlord.pk):
        assert (BillDay.objects.count(), Difference.objects.count()) == (0, 0)


def _doubled(scene: Scene, channel: Channel) -> Payment:
    """A payment for the vacant meter, which proves twice the energy that was booked for it."""
    vacant = replace(scene, house=replace(scene.house, meter=scene.house.vacant_meter))
    payment = vacant.paid(channel, "13.00")
    _deliver(vacant, payment)
    energy_kwh = vacant.recharge(payment).energy_kwh
    with landlord_scope(scene.house.landlord.pk):
        Meter.objects.filter(pk=scene.house.vacant_meter.pk).update(
            purchase_count=2, purchased_kwh=5 + 2 * energy_kwh, opening_purchased_kwh=5
        )
    return payment


def test_an_alipay_bill_of_another_merchant_is_foreign_as_a_whole_and_books_nothing(
    scene: Scene, platforms: SandboxServer
) -> None:
    lost = scene.order(Channel.ALIPAY, "20.00")
    scene.pay(lost)
    wish = {"kind": "other_merchant", "channel": "alipay", "merchant": _merchant(scene, Channel.ALIPAY)}
    platforms.bills.order(wish | {"out_trade_no": lost.out_trade_no})
    bill = _taken(scene, Channel.ALIPAY)
    assert _found(scene, bill) == {("FOREIGN_MERCHANT", lost.out_trade_no, "PAYMENT", "OPEN")}
    assert scene.seen(lost).state == PaymentState.PENDING


def test_a_refund_whose_word_was_lost_is_booked_from_the_bill(scene: Scene) -> None:
    refund = scene.refund(scene.paid(Channel.WECHAT, "15.00"))
    assert scene.send(refund, after_s=6).state == "PROCESSING"
    bill = _taken(scene, Channel.WECHAT)
    assert _found(scene, bill) == {("REFUND_MISSING", refund.out_refund_no, "NOT_BOOKED", "HEALED")}
    assert scene.seen(refund).state == "DONE"
    assert bill.bill_refunded_yuan == bill.ours_refunded_yuan == Decimal("15.00")
    assert scene.books() == []


def test_a_bill_that_is_late_is_asked_for_again_and_one_that_is_wrong_changes_nothing(
    scene: Scene, platforms: SandboxServer
) -> None:
    lost = scene.order(Channel.WECHAT, "20.00")
    scene.pay(lost)
    merchant = _merchant(scene, Channel.WECHAT)
    for kind, said in (("not_ready", "STATEMENT_CREATING"), ("wrong_hash", "BILL_HASH")):
        platforms.bills.order({"kind": kind, "channel": "wechat", "merchant": merchant})
        bill = _taken(scene, Channel.WECHAT, again=True)
        assert (bill.state, bill.said) == ("WAITING", said)
        assert bill.next_at > _next_morning(scene)
        assert scene.seen(lost).state == PaymentState.PENDING
    early = take_bill(
        landlord_id=scene.house.landlord.pk,
        account_id=_account(scene, Channel.WECHAT).pk,
        day=_today(scene),
        now=_next_morning(scene),
    )
    assert early is None, "its turn has not come again"
    account = _account(scene, Channel.WECHAT)
    due = due_bills(_next_morning(scene) + timedelta(hours=1))
    assert _today(scene) in [one.day for one in due if one.account_id == account.pk]
    [kind] = {row[0] for row in _found(scene, _taken(scene, Channel.WECHAT, again=True))}
    assert kind == "LOST_NOTIFY"


def test_a_day_without_trades_is_taken_as_empty(scene: Scene) -> None:
    bill = _taken(scene, Channel.WECHAT)
    assert (bill.state, bill.bill_payments, _found(scene, bill)) == ("TAKEN", 0, set())


def test_bills_are_due_from_five_past_ten_in_beijing_and_once(scene: Scene) -> None:
    morning = _next_morning(scene)
    own = scene.house.landlord.pk
    before = {(due.day) for due in due_bills(morning.replace(hour=10, minute=4)) if due.landlord_id == own}
    assert _today(scene) not in before
    due = [one for one in due_bills(morning) if one.landlord_id == own and one.day == _today(scene)]
    assert len(due) == 2, "one for each channel"
    for one in due:
        assert take_bill(landlord_id=own, account_id=one.account_id, day=one.day, now=morning) is not None
    assert [one for one in due_bills(morning) if one.landlord_id == own and one.day == _today(scene)] == []


def test_what_a_person_settled_stays_settled_and_what_is_gone_settles_itself(
    scene: Scene, platforms: SandboxServer
) -> None:
    first, second = scene.paid(Channel.WECHAT, "10.00"), scene.paid(Channel.WECHAT, "11.00")
    _deliver(scene, first, second)
    merchant = _merchant(scene, Channel.WECHAT)
    for payment in (first, second):
        wish = {"kind": "leave_out", "channel": "wechat", "merchant": merchant}
        platforms.bills.order(wish | {"out_trade_no": payment.out_trade_no})
    bill = _taken(scene, Channel.WECHAT)
    with landlord_scope(scene.house.landlord.pk):
        row = Difference.objects.get(number=first.out_trade_no)
        by_id = scene.house.owner.pk
        with pytest.raises(Refused):
            settle_difference(difference_id=row.pk, note=" ", by_id=by_id, now=scene.now)
        settle_difference(difference_id=row.pk, note="asked the platform", by_id=by_id, now=scene.now)
        with pytest.raises(Refused):
            settle_difference(difference_id=row.pk, note="again", by_id=by_id, now=scene.now)
        assert AuditLine.objects.filter(act="difference.settle").count() == 1
    platforms.bills.clear()
    platforms.bills.order(
        {"kind": "leave_out", "channel": "wechat", "merchant": merchant, "out_trade_no": first.out_trade_no}
    )
    _taken(scene, Channel.WECHAT, again=True)
    with landlord_scope(scene.house.landlord.pk):
        states = dict(bill.differences.values_list("number", "state"))
        assert states == {first.out_trade_no: "SETTLED", second.out_trade_no: "SETTLED"}
        assert Difference.objects.get(number=first.out_trade_no).note == "asked the platform"


def test_a_landlords_bill_is_nobody_elses(scene: Scene, paying_street: Street) -> None:
    wang = scene_of(paying_street.wang, scene.sandbox)
    _deliver(scene, scene.paid(Channel.WECHAT))
    _deliver(wang, wang.paid(Channel.WECHAT, "31.00"))
    for one, amount in ((scene, "50.00"), (wang, "31.00")):
        bill = _taken(one, Channel.WECHAT)
        assert _found(one, bill) == set()
        assert bill.bill_paid_yuan == Decimal(amount)
    with landlord_scope(wang.house.landlord.pk):
        assert BillDay.objects.count() == 1


def test_the_command_runs_one_day_again_and_says_what_it_found(
    scene: Scene, platforms: SandboxServer, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.pay(scene.order(Channel.WECHAT, "20.00"))
    call_command("reconcile", day=_today(scene).isoformat(), landlord=str(scene.house.landlord.pk))
    said = capsys.readouterr().out
    assert "LOST_NOTIFY" in said
    assert "Li Rooms" in said
    assert "Wang" not in said
