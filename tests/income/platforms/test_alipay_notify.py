"""What an Alipay notify must survive before anything is believed. Numbers are those of the failure list."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.income.platforms.alipay import AlipayPlatform
from apps.income.platforms.alipay_form import read_form
from apps.income.platforms.base import NotifyRefused
from apps.sandbox.certificates import new_key
from tests.income.platforms.notes import OUT_TRADE_NO, alipay_fields, alipay_notify


def refusal(platform: AlipayPlatform, body: bytes, now: datetime) -> NotifyRefused:
    with pytest.raises(NotifyRefused) as caught:
        platform.read_notify({}, body, now)
    return caught.value


def test_a_good_notify_proves_a_payment(
    alipay: AlipayPlatform, li_alipay: dict[str, Any], alipay_key: RSAPrivateKey, now: datetime
) -> None:
    body = alipay_notify(alipay_key, alipay_fields(li_alipay))
    result = alipay.read_notify({}, body, now)
    assert (result.state, result.amount_yuan, result.currency) == ("PAID", Decimal("50.00"), "CNY")
    assert (result.merchant_id, result.app_id) == (li_alipay["seller_id"], li_alipay["app_id"])
    assert (result.out_trade_no, result.transaction_id) == (OUT_TRADE_NO, "2026112322001424450512505578")
    assert result.paid_at == datetime(2026, 11, 23, 6, 3, 9, tzinfo=UTC)
    assert alipay.read_notify({}, body, now) == result


def test_success_is_answered_with_the_bare_word(alipay: AlipayPlatform) -> None:
    assert alipay.notify_answer(True) == (200, "text/plain", b"success")
    status, _, body = alipay.notify_answer(False)
    assert status == 400
    assert body != b"success"


def test_f01_a_strangers_signature_is_refused(
    alipay: AlipayPlatform, li_alipay: dict[str, Any], now: datetime
) -> None:
    error = refusal(alipay, alipay_notify(new_key(), alipay_fields(li_alipay)), now)
    assert (error.code, error.out_trade_no) == ("BAD_SIGNATURE", None)


@pytest.mark.parametrize("field", ["total_amount", "out_trade_no", "trade_status", "app_id", "notify_time"])
def test_f06_a_changed_field_is_refused(
    alipay: AlipayPlatform, li_alipay: dict[str, Any], alipay_key: RSAPrivateKey, now: datetime, field: str
) -> None:
    sent = dict(parse_qsl(alipay_notify(alipay_key, alipay_fields(li_alipay)).decode()))
    sent[field] = sent[field][:-1] + ("8" if sent[field].endswith("7") else "7")
    assert refusal(alipay, urlencode(sent).encode(), now).code == "BAD_SIGNATURE"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "EMPTY"),
        (b"a=" + b"x" * 65_536, "TOO_LARGE"),
        (b'{"sign":"x"}', "NOT_A_FORM"),
        (b"a=1&a=2", "NOT_A_FORM"),
        (b"charset=koi8-r&a=1", "NOT_A_FORM"),
        (b"charset=utf-8&a=%FF%FE", "NOT_A_FORM"),
        (b"a=\xe7\x94\xb5", "NOT_A_FORM"),
        (b"&".join(b"f%d=1" % number for number in range(101)), "NOT_A_FORM"),
        (b"a=1", "MISSING_FIELD"),
    ],
)
def test_f08_a_body_that_is_no_notify_is_refused(
    alipay: AlipayPlatform, now: datetime, body: bytes, code: str
) -> None:
    assert refusal(alipay, body, now).code == code


@pytest.mark.parametrize("field", ["sign", "sign_type", "app_id", "out_trade_no", "notify_time"])
def test_f08_a_missing_field_is_refused(
    alipay: AlipayPlatform, li_alipay: dict[str, Any], alipay_key: RSAPrivateKey, now: datetime, field: str
) -> None:
    sent = dict(parse_qsl(alipay_notify(alipay_key, alipay_fields(li_alipay)).decode()))
    del sent[field]
    assert refusal(alipay, urlencode(sent).encode(), now).code == "MISSING_FIELD"


def test_another_signature_type_is_refused_and_not_raised(
    alipay: AlipayPlatform, li_alipay: dict[str, Any], alipay_key: RSAPrivateKey, now: datetime
) -> None:
    sent = dict(parse_qsl(alipay_notify(alipay_key, alipay_fields(li_alipay)).decode()))
    assert refusal(alipay, urlencode({**sent, "sign_type": "RSA"}).encode(), now).code == "BAD_SIGNATURE"


def test_f03_a_repeat_after_a_day_is_honest_and_anything_older_is_not(
    alipay: AlipayPlatform, li_alipay: dict[str, Any], alipay_key: RSAPrivateKey, now: datetime
) -> None:
    body = alipay_notify(alipay_key, alipay_fields(li_alipay))
    assert alipay.read_notify({}, body, now + timedelta(hours=25)).state == "PAID"
    late = refusal(alipay, body, now + timedelta(hours=27))
    # It names no order: what anybody can post again puts no payment aside that may still be paid.
    assert (late.code, late.out_trade_no) == ("OUTSIDE_WINDOW", None)
    assert refusal(alipay, body, now - timedelta(minutes=6)).code == "OUTSIDE_WINDOW"


def test_f09_a_notify_of_lis_order_is_refused_by_wangs_account(
    wang_alipay: dict[str, Any], li_alipay: dict[str, Any], alipay_key: RSAPrivateKey, now: datetime
) -> None:
    body = alipay_notify(alipay_key, alipay_fields(li_alipay))
    assert refusal(AlipayPlatform(wang_alipay), body, now).code == "BAD_SIGNATURE"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        pytest.param({"app_id": "2021000000000000"}, "WRONG_APP", id="f11_wrong_app"),
        pytest.param({"seller_id": "2088000000000000"}, "WRONG_MERCHANT", id="f12_wrong_seller"),
        pytest.param({"seller_id": ""}, "WRONG_MERCHANT", id="f12_no_seller"),
        pytest.param({"trans_currency": "USD"}, "WRONG_CURRENCY", id="f14_dollars"),
        pytest.param({"total_amount": "1e2"}, "BAD_AMOUNT", id="f52_exponent"),
        pytest.param({"total_amount": "50.005"}, "BAD_AMOUNT", id="f52_part_of_a_fen"),
        pytest.param({"total_amount": "NaN"}, "BAD_AMOUNT", id="f52_nan"),
        pytest.param({"total_amount": "-50.00"}, "BAD_AMOUNT", id="f52_negative"),
        pytest.param({"total_amount": ""}, "BAD_AMOUNT", id="f52_none"),
        pytest.param({"trade_status": "TRADE_PENDING"}, "UNKNOWN_STATE", id="f10_unheard_of"),
        pytest.param({"trade_no": ""}, "MISSING_FIELD", id="no_trade_no"),
        pytest.param({"gmt_payment": "soon"}, "BAD_TIMESTAMP", id="bad_time_of_payment"),
    ],
)
def test_f11_to_f14_a_signed_mismatch_is_refused_and_names_the_order(
    alipay: AlipayPlatform,
    li_alipay: dict[str, Any],
    alipay_key: RSAPrivateKey,
    now: datetime,
    changed: dict[str, str],
    code: str,
) -> None:
    error = refusal(alipay, alipay_notify(alipay_key, alipay_fields(li_alipay, **changed)), now)
    assert (error.code, error.out_trade_no) == (code, OUT_TRADE_NO)


@pytest.mark.parametrize(
    ("trade_status", "meaning"),
    [("WAIT_BUYER_PAY", "PENDING"), ("TRADE_CLOSED", "CLOSED"), ("TRADE_FINISHED", "PAID")],
)
def test_f10_only_success_and_finished_are_paid(
    alipay: AlipayPlatform,
    li_alipay: dict[str, Any],
    alipay_key: RSAPrivateKey,
    now: datetime,
    trade_status: str,
    meaning: str,
) -> None:
    body = alipay_notify(alipay_key, alipay_fields(li_alipay, trade_status=trade_status))
    assert alipay.read_notify({}, body, now).state == meaning


@pytest.mark.parametrize("text", ["49.99", "50.01", "0.01", "100000000.00"])
def test_f13_the_amount_is_reported_to_the_fen_and_not_judged_here(
    alipay: AlipayPlatform, li_alipay: dict[str, Any], alipay_key: RSAPrivateKey, now: datetime, text: str
) -> None:
    body = alipay_notify(alipay_key, alipay_fields(li_alipay, total_amount=text))
    assert str(alipay.read_notify({}, body, now).amount_yuan) == text


def test_f16_a_coupon_lowers_what_the_payer_paid_and_not_the_amount(
    alipay: AlipayPlatform, li_alipay: dict[str, Any], alipay_key: RSAPrivateKey, now: datetime
) -> None:
    fields = alipay_fields(li_alipay, buyer_pay_amount="45.00", receipt_amount="50.00")
    assert alipay.read_notify({}, alipay_notify(alipay_key, fields), now).amount_yuan == Decimal("50.00")


@pytest.mark.parametrize("marks", [{"refund_fee": "1.00"}, {"gmt_refund": "2026-11-23 14:03:10.123"}])
def test_f25_a_notify_that_speaks_of_a_refund_is_no_payment(
    alipay: AlipayPlatform,
    li_alipay: dict[str, Any],
    alipay_key: RSAPrivateKey,
    now: datetime,
    marks: dict[str, str],
) -> None:
    body = alipay_notify(alipay_key, alipay_fields(li_alipay, out_biz_no="RF1", **marks))
    assert alipay.read_notify({}, body, now).state == "REFUNDED"


@pytest.mark.parametrize("charset", ["GBK", "gb2312", "GB18030"])
def test_f49_a_notify_in_gbk_is_verified_over_its_own_bytes(
    alipay: AlipayPlatform, li_alipay: dict[str, Any], alipay_key: RSAPrivateKey, now: datetime, charset: str
) -> None:
    body = alipay_notify(alipay_key, alipay_fields(li_alipay, charset=charset), charset=charset)
    assert read_form(body)[0]["subject"] == "电费 3号楼 1202"
    assert alipay.read_notify({}, body, now).state == "PAID"


def test_a_brace_pair_inside_a_value_changes_nothing(
    alipay: AlipayPlatform, li_alipay: dict[str, Any], alipay_key: RSAPrivateKey, now: datetime
) -> None:
    body = alipay_notify(alipay_key, alipay_fields(li_alipay, subject="}{ 电费 & a=b + c%20"))
    assert alipay.read_notify({}, body, now).state == "PAID"


def test_f55_neither_evidence_nor_text_shows_the_payer_in_clear(
    alipay: AlipayPlatform, li_alipay: dict[str, Any], alipay_key: RSAPrivateKey, now: datetime
) -> None:
    result = alipay.read_notify({}, alipay_notify(alipay_key, alipay_fields(li_alipay)), now)
    assert result.payer_id == "024jIDTtzbPtDjXZ3_vQbUg8Ze9z1Sm"
    assert result.evidence["payer"] == "024j…z1Sm"
    assert result.payer_id not in repr(result) + str(result.evidence)


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=80) | st.text("abcsign_type=&%+0123456789", max_size=80).map(str.encode))
def test_whatever_a_stranger_sends_is_refused_and_nothing_else_is_raised(
    alipay: AlipayPlatform, body: bytes
) -> None:
    refusal(alipay, body, datetime(2026, 11, 23, tzinfo=UTC))
