"""Money back, once, at both platforms."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from apps.income.platforms.adapters import platform_for
from apps.income.platforms.base import (
    ChargeRequest,
    Platform,
    PlatformAnswerInvalid,
    PlatformRefused,
    PlatformUnreachable,
    RefundRequest,
)
from apps.sandbox.certificates import load_private
from tests.income.platforms.notes import OUT_TRADE_NO, pay
from tests.income.platforms.scripted import Scripted, alipay_reply


@pytest.fixture
def paid(
    platform: Platform,
    payer_id: str,
    charge: Callable[..., ChargeRequest],
    sandbox: str,
    scripted: Scripted,
) -> str:
    """The number of an order of 50.10 yuan that was paid."""
    request = charge(payer_id=payer_id)
    scripted.replies.extend([(200, {}, platform.notify_answer(True)[2])] * 3)
    platform.create_charge(request)
    pay(sandbox, request.out_trade_no)
    return request.out_trade_no


def wish(out_trade_no: str, number: str = "1", yuan: str = "10.10") -> RefundRequest:
    return RefundRequest(
        out_trade_no=out_trade_no,
        out_refund_no=f"{out_trade_no[-20:]}R{number}",
        refund_yuan=Decimal(yuan),
        paid_yuan=Decimal("50.10"),
        reason="表坏了 / meter broken",
    )


def test_a_refund_is_made_once_however_often_it_is_asked_for(platform: Platform, paid: str) -> None:
    first = platform.refund(wish(paid))
    again = platform.refund(wish(paid))
    assert first.state in {"DONE", "PROCESSING"}
    for result in (first, again):
        assert (result.out_refund_no, result.refund_yuan) == (wish(paid).out_refund_no, Decimal("10.10"))
    # Had the second moved money too, only 29.90 would be left.
    assert platform.refund(wish(paid, "2", "40.00")).refund_yuan == Decimal("40.00")
    assert platform.query(paid).state == "REFUNDED"


def test_a_refund_can_be_asked_about(platform: Platform, channel: str, paid: str) -> None:
    assert platform.query_refund(paid, wish(paid).out_refund_no).state == "UNKNOWN_REFUND"
    platform.refund(wish(paid))
    seen = platform.query_refund(paid, wish(paid).out_refund_no)
    assert seen.refund_yuan == Decimal("10.10")
    assert seen.state == ("DONE" if channel == "alipay" else "PROCESSING")


def test_f34_more_than_is_left_is_refused(platform: Platform, paid: str) -> None:
    platform.refund(wish(paid, "1", "50.00"))
    with pytest.raises(PlatformRefused):
        platform.refund(wish(paid, "2", "0.11"))


def test_an_unpaid_or_unknown_order_gives_nothing_back(
    platform: Platform, payer_id: str, charge: Callable[..., ChargeRequest]
) -> None:
    request = charge(payer_id=payer_id)
    platform.create_charge(request)
    for out_trade_no in (request.out_trade_no, "RM0000000000000000"):
        with pytest.raises(PlatformRefused):
            platform.refund(wish(out_trade_no))


def test_f32_a_refund_without_an_answer_is_unknown(channel: str, account: dict[str, Any]) -> None:
    platform = platform_for(channel, account, base_url="http://127.0.0.1:9")
    with pytest.raises(PlatformUnreachable):
        platform.refund(wish(OUT_TRADE_NO))
    with pytest.raises(PlatformUnreachable):
        platform.query_refund(OUT_TRADE_NO, wish(OUT_TRADE_NO).out_refund_no)


@pytest.mark.parametrize("changed", [{"out_refund_no": "R/1"}, {"refund_yuan": Decimal("1.005")}])
def test_a_refund_no_platform_would_take_is_never_sent(
    channel: str, account: dict[str, Any], changed: dict[str, Any]
) -> None:
    platform = platform_for(channel, account, base_url="http://127.0.0.1:9")
    fields = {"out_trade_no": OUT_TRADE_NO, "out_refund_no": "REFUND1", "refund_yuan": Decimal(1)}
    with pytest.raises(ValueError, match=r"amount|out_trade_no"):
        platform.refund(RefundRequest(paid_yuan=Decimal("50.10"), **{**fields, **changed}))


def test_a_refund_that_moved_no_money_yet_is_not_reported_done(
    li_alipay: dict[str, Any], state: Any, scripted: Scripted
) -> None:
    key = load_private((state / "platform" / f"alipay-{li_alipay['app_id']}.pem").read_text("ascii"))
    platform = platform_for("alipay", li_alipay, base_url=scripted.url)
    scripted.replies.append(alipay_reply(key, "alipay.trade.refund", {"code": "10000", "fund_change": "N"}))
    scripted.replies.append(alipay_reply(key, "alipay.trade.fastpay.refund.query", {"code": "10000"}))
    assert platform.refund(wish(OUT_TRADE_NO)).state == "PROCESSING"


def test_an_answer_about_another_refund_proves_nothing(
    li_alipay: dict[str, Any], state: Any, scripted: Scripted
) -> None:
    key = load_private((state / "platform" / f"alipay-{li_alipay['app_id']}.pem").read_text("ascii"))
    platform = platform_for("alipay", li_alipay, base_url=scripted.url)
    other = {
        "code": "10000",
        "out_request_no": "REFUND2",
        "refund_status": "REFUND_SUCCESS",
        "refund_amount": "1.00",
    }
    scripted.replies.append(alipay_reply(key, "alipay.trade.fastpay.refund.query", other))
    with pytest.raises(PlatformAnswerInvalid, match="WRONG_ORDER"):
        platform.query_refund(OUT_TRADE_NO, "REFUND1")
