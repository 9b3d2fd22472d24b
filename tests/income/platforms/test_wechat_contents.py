"""What a well-signed WeChat notify may say. Numbers are those of the failure list."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from apps.income.platforms.wechat import WeChatPlatform
from tests.income.platforms.notes import OUT_TRADE_NO, refusal, wechat_notify, wechat_transaction


@pytest.mark.parametrize(
    ("trade_state", "meaning"),
    [
        ("NOTPAY", "PENDING"),
        ("USERPAYING", "PENDING"),
        ("PAYERROR", "PENDING"),
        ("CLOSED", "CLOSED"),
        ("REVOKED", "CLOSED"),
        ("REFUND", "REFUNDED"),
    ],
)
def test_f10_a_state_other_than_success_is_never_paid(
    wechat: WeChatPlatform,
    li_wechat: dict[str, Any],
    wechat_key: RSAPrivateKey,
    now: datetime,
    trade_state: str,
    meaning: str,
) -> None:
    content = wechat_transaction(li_wechat, trade_state=trade_state)
    assert wechat.read_notify(*wechat_notify(li_wechat, wechat_key, content, now), now).state == meaning


def test_f10_an_unheard_of_state_is_refused(
    wechat: WeChatPlatform, li_wechat: dict[str, Any], wechat_key: RSAPrivateKey, now: datetime
) -> None:
    content = wechat_transaction(li_wechat, trade_state="SETTLED")
    assert refusal(wechat, *wechat_notify(li_wechat, wechat_key, content, now), now).code == "UNKNOWN_STATE"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        pytest.param({"appid": "wxffffffffffffffff"}, "WRONG_APP", id="f11_wrong_appid"),
        pytest.param({"mchid": "1999999999"}, "WRONG_MERCHANT", id="f12_wrong_mchid"),
        pytest.param({"amount": {"total": 5000, "currency": "USD"}}, "WRONG_CURRENCY", id="f14_dollars"),
        pytest.param({"amount": {"total": 5000}}, "WRONG_CURRENCY", id="f14_no_currency"),
        pytest.param({"amount": None}, "MISSING_FIELD", id="f13_no_amount"),
        pytest.param({"amount": {"total": 5000.0, "currency": "CNY"}}, "BAD_AMOUNT", id="f52_float"),
        pytest.param({"amount": {"total": True, "currency": "CNY"}}, "BAD_AMOUNT", id="f52_bool"),
        pytest.param({"amount": {"total": "5000", "currency": "CNY"}}, "BAD_AMOUNT", id="f52_text"),
        pytest.param({"amount": {"total": -1, "currency": "CNY"}}, "BAD_AMOUNT", id="f52_negative"),
        pytest.param({"transaction_id": None}, "MISSING_FIELD", id="no_transaction_id"),
        pytest.param({"success_time": "yesterday"}, "BAD_TIMESTAMP", id="bad_success_time"),
    ],
)
def test_f11_to_f14_a_signed_mismatch_is_refused_and_names_the_order(
    wechat: WeChatPlatform,
    li_wechat: dict[str, Any],
    wechat_key: RSAPrivateKey,
    now: datetime,
    changed: dict[str, Any],
    code: str,
) -> None:
    content = wechat_transaction(li_wechat, **changed)
    error = refusal(wechat, *wechat_notify(li_wechat, wechat_key, content, now), now)
    assert (error.code, error.out_trade_no) == (code, OUT_TRADE_NO)


@pytest.mark.parametrize("fen", [4999, 5001, 1, 10_000_000_000])
def test_f13_the_amount_is_reported_to_the_fen_and_not_judged_here(
    wechat: WeChatPlatform, li_wechat: dict[str, Any], wechat_key: RSAPrivateKey, now: datetime, fen: int
) -> None:
    content = wechat_transaction(li_wechat, amount={"total": fen, "currency": "CNY"})
    result = wechat.read_notify(*wechat_notify(li_wechat, wechat_key, content, now), now)
    assert result.amount_yuan is not None
    assert result.amount_yuan * 100 == fen


def test_f16_a_coupon_lowers_what_the_payer_paid_and_not_the_amount(
    wechat: WeChatPlatform, li_wechat: dict[str, Any], wechat_key: RSAPrivateKey, now: datetime
) -> None:
    content = wechat_transaction(li_wechat, amount={"total": 5000, "payer_total": 4500, "currency": "CNY"})
    result = wechat.read_notify(*wechat_notify(li_wechat, wechat_key, content, now), now)
    assert result.amount_yuan == Decimal("50.00")


def test_f25_a_refund_notify_is_no_payment(
    wechat: WeChatPlatform, li_wechat: dict[str, Any], wechat_key: RSAPrivateKey, now: datetime
) -> None:
    content = {
        "mchid": li_wechat["mchid"],
        "out_trade_no": OUT_TRADE_NO,
        "transaction_id": "4200002026112300000000000001",
        "out_refund_no": "RF1",
        "refund_id": "5030000001",
        "refund_status": "SUCCESS",
        "amount": {"total": 5000, "refund": 100, "payer_total": 5000, "payer_refund": 100},
        "user_received_account": "招商银行信用卡0403",
    }
    notify = wechat_notify(li_wechat, wechat_key, content, now, event_type="REFUND.SUCCESS")
    result = wechat.read_notify(*notify, now)
    assert result.state == "REFUNDED"
    assert result.evidence["amount"]["refund"] == 100
    assert "0403" not in repr(result)
