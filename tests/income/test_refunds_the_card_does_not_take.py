"""A refund whose payer's card is gone is sent another way: to another card of hers, or to the merchant's own bank.

Over HTTP: the card is sealed by the SDK and opened by the pretend platform with its own key.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from apps.accounts.models import AuditLine
from apps.common.errors import NotFound
from apps.common.platforms import BEIJING
from apps.common.scoping import landlord_scope
from apps.income import postings
from apps.income.models import BillDay, CollectionAccount, Payment, Refund
from apps.income.platforms.base import Bill, BillLine, LineKind, PayersCard
from apps.income.postings import Asset
from apps.income.services.finishing import FinishRefused, NotHalted, finish_refund
from apps.income.services.ledger import balance
from apps.income.services.reconciliation import reconcile
from apps.income.services.refund_reviews import note_given_by_hand
from apps.income.services.refunds import (
    BOOKED_AND_RETURNED,
    CARD_TAKES_NOTHING,
    OTHER_WAY_HALTED,
    WITH_THE_MERCHANT,
)
from apps.income.states import Channel, FinishWay, RefundState, RefundWay
from apps.sandbox.server import SandboxServer, system_clock
from apps.sandbox.wechat_content import REFUND_TAKES
from tests.income.collecting import fault, sub_merchant
from tests.income.scene import Scene, in_threads, platform_says, scene_of
from tests.people import Street

pytestmark = pytest.mark.usefixtures("quiet_doorbells")

CARD = PayersCard(bank="ICBC_DEBIT", number="6222021234567890123", name="孙小美")


class Clock:
    """The platforms' time: the machine's, and what passed besides."""

    ahead = timedelta()

    def __call__(self) -> datetime:
        return system_clock() + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scene(
    paying_street: Street, sandbox_state: Path, tmp_path: Path, settings: Any, clock: Clock
) -> Iterator[Scene]:
    """Li's house, and platforms whose time can be moved on."""
    own = tmp_path / "platforms"
    shutil.copytree(sandbox_state, own, ignore=shutil.ignore_patterns("sandbox.sqlite3*"))
    server = SandboxServer(own, 0, clock=clock)
    server.start()
    settings.SANDBOX_URL = server.url
    yield scene_of(paying_street.li, server.url)
    server.stop()


def asked(scene: Scene, clock: Clock, refund: Refund) -> Refund:
    """The platform has had its time, and is asked how the refund is."""
    clock.ahead += REFUND_TAKES
    return scene.send(refund)


def halted(scene: Scene, clock: Clock) -> tuple[Payment, Refund]:
    """A refund that WeChat holds, since its payer's card takes nothing any more."""
    payment = scene.paid()
    fault(scene, "refund_abnormal")
    refund = asked(scene, clock, scene.send(scene.refund(payment)))
    assert (refund.state, refund.review_reason) == (RefundState.REVIEW, CARD_TAKES_NOTHING)
    return payment, refund


def finish(scene: Scene, refund: Refund, card: PayersCard | None = CARD) -> Refund:
    return finish_refund(
        landlord_id=scene.house.landlord.pk,
        refund_id=refund.pk,
        card=card,
        by_id=scene.house.owner.pk,
        now=scene.later(1),
    )


def stands(scene: Scene, account: str) -> Decimal:
    with landlord_scope(scene.house.landlord.pk):
        return balance(Asset.CNY, account)


def lines(scene: Scene, refund: Refund) -> list[dict[str, str]]:
    with landlord_scope(scene.house.landlord.pk):
        rows = AuditLine.objects.filter(act="refund.finish", object_id=refund.pk, by_id=scene.house.owner.pk)
        return list(rows.values_list("facts", flat=True))


def beside(scene: Scene, refund: Refund, *, state: str, tries: int) -> Refund:
    """Another payment's refund of the same landlord, which has nothing to do with it."""
    other = scene.refund(scene.paid())
    with landlord_scope(scene.house.landlord.pk):
        Refund.objects.filter(pk=other.pk).update(state=state, tries=tries, evidence=refund.evidence)
    return other


def test_money_goes_to_another_card_of_the_payer_and_card_and_name_are_kept_nowhere(
    scene: Scene, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    payment, refund = halted(scene, clock)
    sent = finish(scene, refund)
    assert (sent.state, sent.finish_way, sent.review_reason) == (RefundState.PROCESSING, FinishWay.CARD, "")
    assert stands(scene, postings.owed(payment.pk)) == Decimal("50.00")
    done = asked(scene, clock, sent)
    assert (done.state, done.way) == (RefundState.DONE, RefundWay.CHANNEL)
    assert stands(scene, postings.owed(payment.pk)) == 0
    assert scene.books() == []
    assert lines(scene, refund) == [{"amount_yuan": "50.00", "way": "CARD"}]
    kept = caplog.text + repr(CARD) + repr(done.evidence)
    for file in (tmp_path / "platforms").glob("sandbox.sqlite3*"):
        kept += file.read_bytes().decode("utf-8", "replace")
    with connection.cursor() as cursor, landlord_scope(scene.house.landlord.pk):
        for table in ("income_refund", "income_payment", "accounts_auditline"):
            cursor.execute(f"SELECT row_to_json(t)::text FROM {table} t")
            kept += "".join(row for (row,) in cursor.fetchall())
    assert refund.out_refund_no in kept
    assert CARD.number not in kept
    assert CARD.name not in kept


def test_money_that_went_to_the_merchants_bank_is_owed_to_the_payer_until_it_was_handed_over(
    scene: Scene, clock: Clock
) -> None:
    payment, refund = halted(scene, clock)
    other = beside(scene, refund, state="REVIEW", tries=refund.tries)
    channel = stands(scene, postings.channel_account(payment.account_id))
    sent = finish(scene, refund, card=None)
    assert (sent.state, sent.finish_way) == (RefundState.PROCESSING, FinishWay.MERCHANT)
    assert scene.seen(other).state == RefundState.REVIEW
    back = asked(scene, clock, sent)
    assert (back.state, back.finish_way, back.review_reason) == (
        RefundState.REVIEW,
        FinishWay.MERCHANT,
        WITH_THE_MERCHANT,
    )
    assert back.evidence["received_by"] == "商户结算银行账户"
    assert stands(scene, postings.owed(payment.pk)) == Decimal("50.00")
    assert scene.books() == []
    # A repeat of the first word, and of the last, find nothing to change.
    for state in ("ABNORMAL", "RETURNED"):
        platform_says(scene, payment, back, state)
    assert scene.seen(back).review_reason == WITH_THE_MERCHANT
    with pytest.raises(NotHalted):
        finish(scene, back)
    with landlord_scope(scene.house.landlord.pk):
        note_given_by_hand(refund_id=refund.pk, note="cash to Sun", by_id=scene.house.owner.pk, now=scene.now)
    platform_says(scene, payment, back, "RETURNED")
    assert scene.seen(payment).review_reason == ""
    assert stands(scene, postings.owed(payment.pk)) == 0
    assert stands(scene, postings.CASH) == Decimal("50.00")
    assert stands(scene, postings.channel_account(payment.account_id)) == channel
    assert scene.books() == []


def test_a_second_card_that_takes_nothing_either_is_for_a_person_again_and_a_third_may_follow(
    scene: Scene, clock: Clock
) -> None:
    payment, refund = halted(scene, clock)
    fault(scene, "refund_abnormal")
    sent = finish(scene, refund)
    # WeChat repeats the notify about the first card for a day: it says nothing about the second.
    platform_says(scene, payment, sent, "ABNORMAL")
    assert scene.seen(sent).state == RefundState.PROCESSING
    again = asked(scene, clock, sent)
    assert (again.state, again.review_reason) == (RefundState.REVIEW, OTHER_WAY_HALTED)
    assert asked(scene, clock, finish(scene, again, replace(CARD, bank="ABC_DEBIT"))).state == "DONE"
    assert scene.books() == []


def test_what_the_platform_refuses_stays_for_a_person_and_what_nobody_heard_is_asked_about(
    scene: Scene, clock: Clock
) -> None:
    _payment, refund = halted(scene, clock)
    fault(scene, "system_error")
    unknown = finish(scene, refund)
    assert (unknown.state, unknown.next_at) == (RefundState.PROCESSING, scene.now + timedelta(seconds=60))
    assert scene.send(unknown, after_s=59).state == RefundState.PROCESSING
    refund = scene.send(unknown, after_s=2)
    assert (refund.state, refund.review_reason) == (RefundState.REVIEW, OTHER_WAY_HALTED)
    fault(scene, "lose_refund_answer")
    heard = finish(scene, refund)
    assert heard.state == RefundState.PROCESSING
    done = asked(scene, clock, heard)
    assert done.state == RefundState.DONE
    with landlord_scope(scene.house.landlord.pk):
        Refund.objects.filter(pk=refund.pk).update(
            state="REVIEW", review_reason="x", done_at=None, evidence=refund.evidence
        )
    with pytest.raises(FinishRefused, match="INVALID_REQUEST"):
        finish(scene, refund)
    assert (scene.seen(refund).state, scene.seen(refund).review_reason) == (RefundState.REVIEW, "x")


def test_of_members_who_send_it_at_once_one_does_and_nobody_elses_landlord_can(
    scene: Scene, clock: Clock, paying_street: Street
) -> None:
    _payment, refund = halted(scene, clock)
    with pytest.raises(NotFound):
        finish_refund(
            landlord_id=paying_street.wang.landlord.pk,
            refund_id=refund.pk,
            card=None,
            by_id=paying_street.wang.owner.pk,
            now=scene.now,
        )

    def send(number: int) -> str:
        try:
            return finish(scene, refund, card=None if number % 2 else CARD).state
        except NotHalted:
            return "not halted"

    assert sorted(in_threads(4, send)) == ["PROCESSING", *["not halted"] * 3]
    assert len(lines(scene, refund)) == 1


def test_a_card_no_platform_would_take_is_never_sent_and_never_repeated(scene: Scene, clock: Clock) -> None:
    _payment, refund = halted(scene, clock)
    other = beside(scene, refund, state="PROCESSING", tries=refund.tries + 1)
    for name, value in {"bank": "ICBC_CREDIT", "number": "6222 0212 3456 7890", "name": "孙" * 72}.items():
        with pytest.raises(ValueError, match=name) as refused:
            finish(scene, refund, replace(CARD, **{name: value}))
        assert value not in str(refused.value)
        left = scene.seen(refund)
        assert (left.state, left.finish_way, left.next_at) == (RefundState.REVIEW, "", None)
        assert scene.seen(other).state == RefundState.PROCESSING


def test_only_what_wechat_holds_can_be_sent_another_way(scene: Scene) -> None:
    for channel in Channel:
        payment = scene.paid(channel)
        refund = scene.refund(payment)
        with pytest.raises(NotHalted):
            finish(scene, refund)
        with landlord_scope(scene.house.landlord.pk):
            Refund.objects.filter(pk=refund.pk).update(state="REVIEW", review_reason="refused", next_at=None)
        with pytest.raises(NotHalted):
            finish(scene, refund)


def test_a_sub_merchants_refund_is_finished_as_hers(
    scene: Scene, clock: Clock, provider: None, book: dict[str, Any]
) -> None:
    sub_merchant(scene, book, Channel.WECHAT)
    payment, refund = halted(scene, clock)
    assert payment.strategy == "S2"
    assert asked(scene, clock, finish(scene, refund)).state == RefundState.DONE
    assert scene.books() == []


def test_money_that_a_console_sent_to_the_merchants_bank_has_not_gone_back(
    scene: Scene, clock: Clock
) -> None:
    payment, refund = halted(scene, clock)
    platform_says(scene, payment, refund, "RETURNED")
    assert scene.seen(refund).review_reason == WITH_THE_MERCHANT
    with landlord_scope(scene.house.landlord.pk):
        Refund.objects.filter(pk=refund.pk).update(finish_way="")
    platform_says(scene, payment, refund, "DONE")
    platform_says(scene, payment, refund, "RETURNED")
    assert scene.seen(payment).review_reason == BOOKED_AND_RETURNED


@pytest.mark.parametrize("is_held", [True, False])
def test_a_bills_line_is_no_proof_that_a_refund_arrived_which_the_platform_holds_or_sends_still(
    scene: Scene, clock: Clock, is_held: bool
) -> None:
    if is_held:
        payment, refund = halted(scene, clock)
    else:
        payment = scene.paid()
        refund = scene.send(scene.refund(payment))
    with landlord_scope(scene.house.landlord.pk):
        account = CollectionAccount.objects.get(pk=payment.account_id)
    line = BillLine(
        kind=LineKind.PAYMENT,
        merchant_id=account.merchant_id,
        out_trade_no=payment.out_trade_no,
        transaction_id=scene.seen(payment).transaction_id,
        amount_yuan=Decimal("50.00"),
        happened_at=scene.now,
    )
    back = replace(line, kind=LineKind.REFUND, out_refund_no=refund.out_refund_no, is_ended=is_held)
    told = Bill(scene.now.astimezone(BEIJING).date(), (line, back))
    with landlord_scope(scene.house.landlord.pk):
        bill = BillDay.objects.create(account=account, day=told.day, next_at=scene.now)
        bill = reconcile(account=account, bill_id=bill.pk, told=told, app_id="", now=scene.now)
        assert list(bill.differences.all()) == []
        assert bill.bill_refunded_yuan == bill.ours_refunded_yuan == Decimal("50.00")
    assert scene.seen(refund).state == (RefundState.REVIEW if is_held else RefundState.PROCESSING)


def _desk(scene: Scene) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(scene.house.owner)
    return client


def test_a_landlord_sends_it_from_her_desk_and_a_wrong_card_is_said_at_each_field(
    scene: Scene, clock: Clock, paying_street: Street
) -> None:
    payment, refund = halted(scene, clock)
    page, li = f"/admin/income/payment/{payment.pk}/refund-finish/", _desk(scene)
    assert page in li.get(page.replace("refund-finish", "change")).content.decode()
    assert "holds this money" in li.get(page.replace("finish", "by-hand")).content.decode()
    typed = {
        "how": "CARD",
        "card_bank": "CMB_CREDIT",
        "card_number": "6222 0212",
        "card_name": " ",
        "key": "k",
    }
    answer = li.post(page, typed)
    assert answer.status_code == 400
    assert set(answer.context["form"].errors) == {"card_bank"}
    answer = li.post(page, {**typed, "card_bank": ""})
    assert set(answer.context["form"].errors) == {"card_bank", "card_number", "card_name"}
    assert "6222" not in answer.content.decode()
    # A session that ended, or a token grown old, keeps no card.
    stranger = Client(headers={"accept-language": "en"}, enforce_csrf_checks=True)
    stranger.force_login(scene.house.owner)
    stranger.get(page)
    stranger.post(page, typed, headers={"origin": "http://testserver"})
    assert "6222" not in str(dict(stranger.session))
    wang = Client()
    wang.force_login(paying_street.wang.owner)
    assert wang.post(page, {"how": "MERCHANT", "key": "k"}).status_code == 302
    assert scene.seen(refund).state == RefundState.REVIEW
    good = {**typed, "card_bank": "CMB_DEBIT", "card_number": "6222 0212-3456 7890", "card_name": "Sun"}
    page_after = li.post(page, good, follow=True).content.decode()
    assert "on its way to another card of the payer" in page_after
    assert scene.seen(refund).finish_way == FinishWay.CARD
    assert "is on its way again" in li.post(page, good, follow=True).content.decode()
    assert asked(scene, clock, scene.seen(refund)).state == RefundState.DONE


def test_what_is_with_the_merchant_is_only_written_down(scene: Scene, clock: Clock) -> None:
    payment, refund = halted(scene, clock)
    page, li = f"/admin/income/payment/{payment.pk}/refund-finish/", _desk(scene)
    assert (
        "the merchant&#x27;s own bank account"
        in li.post(page, {"how": "MERCHANT", "key": "k"}, follow=True).content.decode()
    )
    assert asked(scene, clock, scene.seen(refund)).review_reason == WITH_THE_MERCHANT
    shown = li.get(page.replace("refund-finish", "change")).content.decode()
    assert "Hand it over, then write down how." in shown
    assert page not in shown
    assert "refund-again" not in shown
    assert "it was owed until then" in li.get(page.replace("finish", "by-hand")).content.decode()


def test_to_a_card_that_is_typed_only_the_owner_sends(
    scene: Scene, clock: Clock, paying_street: Street
) -> None:
    payment, refund = halted(scene, clock)
    manager = Client(headers={"accept-language": "en"})
    manager.force_login(paying_street.zhou)
    page = f"/admin/income/payment/{payment.pk}/refund-finish/"
    assert page not in manager.get(page.replace("refund-finish", "change")).content.decode()
    assert manager.post(page, {"how": "MERCHANT", "key": "k"}).status_code == 403
    assert scene.seen(refund).state == RefundState.REVIEW
