"""Failure cases of notifies, through the very view: rightly signed or not, late, doubled, at once, in any order."""

import threading
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from apps.common.scoping import landlord_scope
from apps.income.models import CollectionAccount, Entry, Payment, Recharge
from apps.income.services.payments import Applied, take_notify
from apps.income.states import Channel, PaymentState, RefundState
from tests.income.platforms.notes import wechat_notify
from tests.income.scene import Scene
from tests.income.signed import Platforms, is_success, post
from tests.people import Street

pytestmark = pytest.mark.usefixtures("quiet_doorbells")
BOTH = pytest.mark.parametrize("channel", list(Channel))


@pytest.fixture
def platforms(sandbox_state: Path, book: dict[str, Any]) -> Platforms:
    return Platforms(sandbox_state, book)


def credits(scene: Scene) -> int:
    with landlord_scope(scene.house.landlord.pk):
        return Recharge.objects.count()


def nothing_was_booked(scene: Scene) -> bool:
    with landlord_scope(scene.house.landlord.pk):
        return not (Recharge.objects.exists() or Entry.objects.exists())


@BOTH
def test_f09_lis_notify_at_wangs_address_changes_nothing(
    scene: Scene, platforms: Platforms, paying_street: Street, book: dict[str, Any], channel: Channel
) -> None:
    payment = scene.order(channel)
    with landlord_scope(paying_street.wang.landlord.pk):
        wangs = CollectionAccount.objects.get(channel=Channel.WECHAT).pk
    answer = post(payment, platforms.notify(payment, scene.now), account_id=wangs)
    assert answer.status_code >= 400
    assert scene.seen(payment).state == PaymentState.PENDING
    assert nothing_was_booked(scene)


WRONG = {
    "f11_appid": (Channel.WECHAT, {"appid": "wx0000000000000000"}),
    "f11_app_id": (Channel.ALIPAY, {"app_id": "2021000000000000"}),
    "f12_mchid": (Channel.WECHAT, {"mchid": "1600000000"}),
    "f12_seller_id": (Channel.ALIPAY, {"seller_id": "2088000000000000"}),
    "f13_a_fen_less": (Channel.WECHAT, {"amount": {"total": 4999, "currency": "CNY"}}),
    "f13_a_fen_more": (Channel.ALIPAY, {"total_amount": "50.01"}),
    "f14_currency": (Channel.WECHAT, {"amount": {"total": 5000, "currency": "USD"}}),
    "f14_currency_of_alipay": (Channel.ALIPAY, {"trans_currency": "USD"}),
}


@pytest.mark.parametrize("case", WRONG)
def test_f11_to_f14_a_signed_mismatch_goes_to_review_credits_nothing_and_is_no_success(
    scene: Scene, platforms: Platforms, case: str
) -> None:
    channel, changed = WRONG[case]
    payment = scene.order(channel)
    answer = post(payment, platforms.notify(payment, scene.now, **changed))
    assert not is_success(payment, answer)
    seen = scene.seen(payment)
    assert (seen.state, bool(seen.review_reason)) == (PaymentState.REVIEW, True)
    assert nothing_was_booked(scene)
    # The truth comes later and is not believed either, until a person has looked.
    post(payment, platforms.notify(payment, scene.now))
    assert credits(scene) == 0


@BOTH
def test_f15_a_notify_for_an_order_we_never_made_is_no_success(
    scene: Scene, platforms: Platforms, channel: Channel
) -> None:
    payment = scene.order(channel)
    answer = post(payment, platforms.notify(payment, scene.now, out_trade_no="R26112399999999901"))
    assert not is_success(payment, answer)
    assert nothing_was_booked(scene)


def test_f16_a_coupon_of_the_platforms_still_credits_the_whole_amount(
    scene: Scene, platforms: Platforms
) -> None:
    payment = scene.order()
    amount = {"total": 5000, "payer_total": 4500, "currency": "CNY"}
    assert is_success(payment, post(payment, platforms.notify(payment, scene.now, amount=amount)))
    assert scene.recharge(payment).amount_yuan == Decimal("50.00")


@BOTH
def test_f17_fifteen_deliveries_of_one_notify_are_all_answered_with_success_and_credit_once(
    scene: Scene, platforms: Platforms, channel: Channel
) -> None:
    payment = scene.order(channel)
    notify = platforms.notify(payment, scene.now)
    assert all(is_success(payment, post(payment, notify)) for _ in range(15))
    assert credits(scene) == 1
    assert scene.books() == []


@BOTH
def test_f18_twenty_deliveries_at_once_credit_once(
    scene: Scene, platforms: Platforms, channel: Channel
) -> None:
    payment = scene.order(channel)
    notify = platforms.notify(payment, scene.now)
    answers = at_once(*[lambda: post(payment, notify) for _ in range(20)])
    assert len(answers) == 20
    assert {answer.status_code for answer in answers} <= {200, 400}
    assert any(is_success(payment, answer) for answer in answers)
    assert credits(scene) == 1
    assert scene.books() == []


def at_once(*acts: Any) -> list[Any]:
    results: list[Any] = []
    start = threading.Barrier(len(acts))

    def run(act: Any) -> None:
        start.wait()
        try:
            results.append(act())
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@BOTH
def test_f19_a_notify_that_overtakes_the_answer_to_our_own_order_is_taken(
    scene: Scene, platforms: Platforms, channel: Channel
) -> None:
    payment = scene.order(channel)
    with landlord_scope(scene.house.landlord.pk):
        # As it is while the platform's answer is still on its way to us.
        Payment.objects.update(state=PaymentState.CREATED, bridge=None, qr_text="")
    assert is_success(payment, post(payment, platforms.notify(payment, scene.now)))
    assert scene.seen(payment).state == PaymentState.PAID
    assert credits(scene) == 1


@BOTH
def test_f20_the_notify_and_the_returning_payers_question_at_once_credit_once(
    scene: Scene, platforms: Platforms, channel: Channel
) -> None:
    payment = scene.order(channel)
    scene.pay(payment)
    transaction_id = true_transaction_id(scene, payment)
    name = "transaction_id" if channel is Channel.WECHAT else "trade_no"
    notify = platforms.notify(payment, scene.now, **{name: transaction_id})
    answers = at_once(lambda: post(payment, notify), lambda: scene.poll(payment))
    assert len(answers) == 2
    assert credits(scene) == 1
    assert scene.books() == []


def true_transaction_id(scene: Scene, payment: Payment) -> str:
    import requests

    seen = requests.get(f"{scene.sandbox}/orders/{payment.out_trade_no}", timeout=5).json()
    return str(seen["transaction_id"])


@BOTH
def test_f21_a_payment_whose_notify_is_lost_is_found_by_asking(scene: Scene, channel: Channel) -> None:
    payment = scene.order(channel)
    scene.pay(payment)
    assert scene.poll(payment) is Applied.PAID
    assert credits(scene) == 1


@BOTH
def test_f22_who_dies_after_the_commit_and_before_the_answer_is_told_again_and_credits_once(
    scene: Scene, platforms: Platforms, channel: Channel
) -> None:
    payment = scene.order(channel)
    headers, body = platforms.notify(payment, scene.now)
    take_notify(
        channel=channel, account_id=payment.account_id, headers=headers, body=body, now=scene.now
    )  # and the answer never left the house
    assert is_success(payment, post(payment, (headers, body)))
    assert credits(scene) == 1


@BOTH
def test_f23_while_the_database_is_away_the_platform_is_asked_to_repeat_and_the_repeat_succeeds(
    scene: Scene, platforms: Platforms, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = scene.order(channel)
    notify = platforms.notify(payment, scene.now)
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", "9")
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"connect_timeout": 1})
    answer = post(payment, notify)
    connection.close()
    monkeypatch.undo()
    assert answer.status_code >= 500
    assert scene.seen(payment).state == PaymentState.PENDING
    assert is_success(payment, post(payment, notify))
    assert credits(scene) == 1


@pytest.mark.parametrize(
    ("channel", "changed"),
    [
        (Channel.WECHAT, {"trade_state": "CLOSED"}),
        (Channel.WECHAT, {"trade_state": "PAYERROR"}),
        (Channel.ALIPAY, {"trade_status": "TRADE_CLOSED"}),
        (Channel.ALIPAY, {"trade_status": "WAIT_BUYER_PAY"}),
    ],
)
def test_f24_a_failure_told_after_the_success_changes_nothing(
    scene: Scene, platforms: Platforms, channel: Channel, changed: dict[str, str]
) -> None:
    payment = scene.order(channel)
    post(payment, platforms.notify(payment, scene.now))
    post(payment, platforms.notify(payment, scene.now, **changed))
    assert scene.seen(payment).state == PaymentState.PAID
    assert credits(scene) == 1
    assert scene.books() == []


@pytest.mark.parametrize(
    ("channel", "changed"),
    [
        (Channel.WECHAT, {"trade_state": "NOTPAY"}),
        (Channel.ALIPAY, {"trade_status": "WAIT_BUYER_PAY"}),
    ],
)
def test_f10_a_signed_word_that_nothing_was_paid_credits_nothing(
    scene: Scene, platforms: Platforms, channel: Channel, changed: dict[str, str]
) -> None:
    payment = scene.order(channel)
    post(payment, platforms.notify(payment, scene.now, **changed))
    assert scene.seen(payment).state == PaymentState.PENDING
    assert nothing_was_booked(scene)


def test_f25_alipays_notify_of_a_refund_credits_nothing_before_or_after_the_payment(
    scene: Scene, platforms: Platforms
) -> None:
    payment = scene.order(Channel.ALIPAY)
    marks = {"refund_fee": "10.00", "gmt_refund": "2026-11-23 14:05:00", "out_biz_no": "RF1"}
    paid, given = platforms.notify(payment, scene.now), platforms.notify(payment, scene.now, **marks)
    assert is_success(payment, post(payment, paid))
    assert is_success(payment, post(payment, given))
    assert credits(scene) == 1
    early = scene.order(Channel.ALIPAY)
    post(early, platforms.notify(early, scene.now, **marks))
    # Paid and given back before we saw it: a person looks, nothing is credited.
    assert scene.seen(early).state == PaymentState.REVIEW
    assert credits(scene) == 1


@BOTH
def test_f26_a_payment_after_we_closed_the_order_is_recorded_and_credited(
    scene: Scene, platforms: Platforms, channel: Channel
) -> None:
    payment = scene.order(channel)
    with landlord_scope(scene.house.landlord.pk):
        Payment.objects.update(state=PaymentState.CLOSED, poll_at=None)
    assert is_success(payment, post(payment, platforms.notify(payment, scene.now)))
    assert scene.seen(payment).state == PaymentState.PAID
    assert credits(scene) == 1


@pytest.mark.parametrize(
    ("event", "status", "received_by", "state"),
    [
        ("REFUND.SUCCESS", "SUCCESS", "招商银行信用卡0403", RefundState.DONE),
        ("REFUND.SUCCESS", "SUCCESS", "商户基本账户", RefundState.REVIEW),
        ("REFUND.ABNORMAL", "ABNORMAL", "招商银行信用卡0403", RefundState.REVIEW),
        ("REFUND.CLOSED", "CLOSED", "招商银行信用卡0403", RefundState.CLOSED),
    ],
)
def test_f35_wechats_word_about_a_refund_ends_it_abnormal_is_for_a_person(
    scene: Scene, platforms: Platforms, event: str, status: str, received_by: str, state: RefundState
) -> None:
    payment = scene.paid()
    refund = scene.refund(payment)
    account = platforms.account("wechat")
    content = {
        "mchid": account["mchid"],
        "out_trade_no": payment.out_trade_no,
        "transaction_id": scene.seen(payment).transaction_id,
        "out_refund_no": refund.out_refund_no,
        "refund_id": "5030000001",
        "refund_status": status,
        "user_received_account": received_by,
        "amount": {"total": 5000, "refund": 5000, "payer_total": 5000, "payer_refund": 5000},
    }
    notify = wechat_notify(account, platforms.key("wechat"), content, scene.now, event_type=event)
    for _ in range(3):
        assert is_success(payment, post(payment, notify))
    assert scene.seen(refund).state == state
    # A payer's account is hers: not even its last digits are kept.
    assert "0403" not in str(scene.seen(refund).evidence)
    assert scene.seen(payment).state == PaymentState.PAID
    assert scene.books() == []


def test_a_refund_made_at_the_merchants_counter_is_noted_for_a_person(
    scene: Scene, platforms: Platforms
) -> None:
    payment = scene.paid()
    account = platforms.account("wechat")
    content = {
        "mchid": account["mchid"],
        "out_trade_no": payment.out_trade_no,
        "out_refund_no": "COUNTER1",
        "refund_status": "SUCCESS",
        "amount": {"total": 5000, "refund": 100},
    }
    post(
        payment,
        wechat_notify(account, platforms.key("wechat"), content, scene.now, event_type="REFUND.SUCCESS"),
    )
    assert "refund we know nothing of" in scene.seen(payment).review_reason
    assert scene.seen(payment).state == PaymentState.PAID


@pytest.mark.parametrize("minutes", [-6, 6])
def test_f03_a_notify_from_six_minutes_ago_or_ahead_is_no_success(
    scene: Scene, platforms: Platforms, minutes: int
) -> None:
    payment = scene.order()
    notify = platforms.notify(payment, scene.now + timedelta(minutes=minutes))
    assert post(payment, notify).status_code == 400
    assert nothing_was_booked(scene)
