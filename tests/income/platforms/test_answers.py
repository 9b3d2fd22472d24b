"""Answers that no well-behaved platform gives, and what each of them means for the order."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from apps.common import alipay_gateway
from apps.common.alipay_gateway import AlipayGateway
from apps.income.platforms import wechat as wechat_module
from apps.income.platforms.alipay import AlipayPlatform
from apps.income.platforms.base import (
    ChargeRequest,
    CredentialsInvalid,
    PlatformAnswerInvalid,
    PlatformRefused,
    PlatformUnreachable,
)
from apps.income.platforms.wechat import WeChatPlatform
from apps.sandbox.certificates import new_key, private_pem
from tests.income.platforms.notes import OUT_TRADE_NO, wechat_headers, wechat_transaction
from tests.income.platforms.scripted import Reply, Scripted, alipay_reply, late, scripted_platform

QUERY = "alipay.trade.query"
PAID_TRADE = {
    "code": "10000",
    "msg": "Success",
    "out_trade_no": OUT_TRADE_NO,
    "trade_no": "2026112322001424450512505578",
    "trade_status": "TRADE_SUCCESS",
    "total_amount": "50.00",
    "send_pay_date": "2026-11-23 14:03:09",
}


@pytest.fixture(scope="module")
def there() -> Iterator[Scripted]:
    with scripted_platform() as server:
        yield server


@pytest.fixture
def scripted(there: Scripted) -> Scripted:
    """One server for all these tests: nobody but us asks it anything."""
    there.replies.clear()
    there.asked.clear()
    return there


@pytest.fixture(scope="module")
def alipay_there(li_alipay: dict[str, Any], there: Scripted) -> AlipayPlatform:
    return AlipayPlatform(li_alipay, base_url=there.url)


@pytest.fixture(scope="module")
def wechat_there(li_wechat: dict[str, Any], there: Scripted) -> WeChatPlatform:
    return WeChatPlatform(li_wechat, base_url=there.url)


@pytest.fixture
def wechat_says(li_wechat: dict[str, Any], wechat_key: RSAPrivateKey) -> Callable[..., Reply]:
    def reply(
        content: dict[str, Any],
        *,
        status: int = 200,
        serial: str | None = None,
        key: RSAPrivateKey = wechat_key,
    ) -> Reply:
        body = json.dumps(content, ensure_ascii=False).encode()
        named = serial or li_wechat["platform_public_key_id"]
        return status, wechat_headers(key, body, int(time.time()), named), body

    return reply


def test_f48_a_brace_pair_inside_a_value_does_not_lose_the_answer(
    alipay_there: AlipayPlatform, alipay_key: RSAPrivateKey, scripted: Scripted
) -> None:
    scripted.replies.append(alipay_reply(alipay_key, QUERY, {**PAID_TRADE, "body": '}{ "}} {{ \\'}))
    result = alipay_there.query(OUT_TRADE_NO)
    assert (result.state, result.amount_yuan) == ("PAID", Decimal("50.00"))


def test_spaces_and_escapes_are_verified_as_they_were_received(
    alipay_there: AlipayPlatform, alipay_key: RSAPrivateKey, scripted: Scripted
) -> None:
    text = json.dumps({**PAID_TRADE, "msg": "成功"}, indent=1).replace("/", "\\/")
    assert "\\u6210" in text
    scripted.replies.append(alipay_reply(alipay_key, QUERY, text))
    assert alipay_there.query(OUT_TRADE_NO).state == "PAID"


def test_f47_a_business_failure_inside_http_200_is_a_refusal(
    alipay_there: AlipayPlatform, alipay_key: RSAPrivateKey, scripted: Scripted
) -> None:
    failure = {
        "code": "40004",
        "msg": "Business Failed",
        "sub_code": "ACQ.SELLER_BALANCE_NOT_ENOUGH",
        "sub_msg": "余额不足",
    }
    scripted.replies.append(alipay_reply(alipay_key, QUERY, failure))
    with pytest.raises(PlatformRefused) as caught:
        alipay_there.query(OUT_TRADE_NO)
    assert (caught.value.code, caught.value.detail) == ("ACQ.SELLER_BALANCE_NOT_ENOUGH", "余额不足")


@pytest.mark.parametrize(
    "failure", [{"code": "20000", "msg": "x"}, {"code": "40004", "sub_code": "ACQ.SYSTEM_ERROR"}]
)
def test_f47_a_platform_that_does_not_know_leaves_the_result_unknown(
    alipay_there: AlipayPlatform, alipay_key: RSAPrivateKey, scripted: Scripted, failure: dict[str, str]
) -> None:
    scripted.replies.append(alipay_reply(alipay_key, QUERY, failure))
    with pytest.raises(PlatformUnreachable):
        alipay_there.query(OUT_TRADE_NO)


def test_f49_a_message_in_gbk_is_read_and_verified(
    alipay_there: AlipayPlatform, alipay_key: RSAPrivateKey, scripted: Scripted
) -> None:
    failure = {"code": "40004", "sub_code": "ACQ.INVALID_PARAMETER", "sub_msg": "参数无效"}
    scripted.replies.append(alipay_reply(alipay_key, QUERY, failure, charset="gbk"))
    undeclared = alipay_reply(alipay_key, QUERY, failure, charset="gbk")
    scripted.replies.append((200, {}, undeclared[2]))
    for _ in range(2):
        with pytest.raises(PlatformRefused, match="参数无效"):
            alipay_there.query(OUT_TRADE_NO)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ((200, {}, b"<html>busy</html>"), "NOT_READABLE"),
        ((200, {}, b"[]"), "NOT_READABLE"),
        ((200, {}, b"{}"), "NOT_READABLE"),
        ((200, {}, b"\xff\xff\xff"), "NOT_READABLE"),
        ((200, {}, b'{"alipay_trade_query_response":{"code":"10000"}}'), "BAD_SIGNATURE"),
        ((200, {}, b'{"alipay_trade_query_response":{"code":"10000"},"sign":"AAAA"}'), "BAD_SIGNATURE"),
        ((200, {}, b'{"alipay_trade_query_response":{"code":"10000"},"sign":null}'), "BAD_SIGNATURE"),
        ((200, {}, b'{"alipay_trade_query_response":1,"sign":"AAAA"}'), "NOT_READABLE"),
        ((200, {}, b'{"error_response":7}'), "NOT_READABLE"),
        (
            (200, {}, b'{"alipay_trade_query_response":{},"alipay_trade_query_response":{},"sign":"AAAA"}'),
            "NOT_READABLE",
        ),
    ],
)
def test_an_answer_that_proves_nothing_leaves_the_result_unknown(
    alipay_there: AlipayPlatform, scripted: Scripted, reply: Reply, code: str
) -> None:
    scripted.replies.append(reply)
    with pytest.raises(PlatformAnswerInvalid) as caught:
        alipay_there.query(OUT_TRADE_NO)
    assert caught.value.code == code
    assert isinstance(caught.value, PlatformUnreachable)


@pytest.mark.parametrize("reply", [None, (500, {}, b""), (502, {}, b"<html>"), (302, {"Location": "/"}, b"")])
def test_an_answer_that_never_came_leaves_the_result_unknown(
    alipay_there: AlipayPlatform, wechat_there: WeChatPlatform, scripted: Scripted, reply: Reply | None
) -> None:
    scripted.replies.append(reply)
    with pytest.raises(PlatformUnreachable):
        alipay_there.query(OUT_TRADE_NO)
    if reply is None or reply[0] != 302:
        scripted.replies.append(reply)
        with pytest.raises(PlatformUnreachable):
            wechat_there.query(OUT_TRADE_NO)


def test_a_platform_that_does_not_answer_is_not_waited_for(
    li_wechat: dict[str, Any],
    alipay_there: AlipayPlatform,
    scripted: Scripted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (alipay_gateway, wechat_module):
        monkeypatch.setattr(module, "TIMEOUT_S", (1.0, 0.05))
    scripted.replies.extend([late, late])
    for platform in (alipay_there, WeChatPlatform(li_wechat, base_url=scripted.url)):
        with pytest.raises(PlatformUnreachable, match="ReadTimeout"):
            platform.query(OUT_TRADE_NO)


def test_a_newer_platform_certificate_is_named(
    alipay_there: AlipayPlatform, alipay_key: RSAPrivateKey, scripted: Scripted
) -> None:
    scripted.replies.append(alipay_reply(alipay_key, QUERY, PAID_TRADE, alipay_cert_sn="0" * 32))
    with pytest.raises(PlatformAnswerInvalid) as caught:
        alipay_there.query(OUT_TRADE_NO)
    assert (caught.value.code, "0" * 32 in caught.value.detail) == ("CERTIFICATE_CHANGED", True)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"out_trade_no": "RM20261123000002"}, "WRONG_ORDER"),
        ({"total_amount": "1e2"}, "BAD_AMOUNT"),
        ({"trans_currency": "USD"}, "WRONG_CURRENCY"),
        ({"trade_status": "SETTLED"}, "UNKNOWN_STATE"),
    ],
)
def test_a_signed_answer_about_something_else_proves_nothing(
    alipay_there: AlipayPlatform,
    alipay_key: RSAPrivateKey,
    scripted: Scripted,
    changed: dict[str, str],
    code: str,
) -> None:
    scripted.replies.append(alipay_reply(alipay_key, QUERY, {**PAID_TRADE, **changed}))
    with pytest.raises(PlatformAnswerInvalid) as caught:
        alipay_there.query(OUT_TRADE_NO)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"out_trade_no": "RM20261123000002"}, "WRONG_ORDER"),
        ({"appid": "wxffffffffffffffff"}, "WRONG_APP"),
        ({"mchid": "1999999999"}, "WRONG_MERCHANT"),
        ({"amount": {"total": 5000, "currency": "USD"}}, "WRONG_CURRENCY"),
    ],
)
def test_a_signed_wechat_answer_about_something_else_proves_nothing(
    wechat_there: WeChatPlatform,
    li_wechat: dict[str, Any],
    scripted: Scripted,
    wechat_says: Callable[..., Reply],
    changed: dict[str, Any],
    code: str,
) -> None:
    scripted.replies.append(wechat_says(wechat_transaction(li_wechat, **changed)))
    with pytest.raises(PlatformAnswerInvalid) as caught:
        wechat_there.query(OUT_TRADE_NO)
    assert caught.value.code == code


@pytest.mark.parametrize("serial", ["PUB_KEY_ID_000000000000", "5157F09EFDC096DE15EBE81A47057A72"])
def test_f04_an_answer_with_an_unknown_serial_fetches_no_certificates(
    wechat_there: WeChatPlatform,
    li_wechat: dict[str, Any],
    scripted: Scripted,
    wechat_says: Callable[..., Reply],
    serial: str,
) -> None:
    scripted.replies.append(wechat_says(wechat_transaction(li_wechat), serial=serial))
    with pytest.raises(PlatformAnswerInvalid, match="UNKNOWN_SERIAL"):
        wechat_there.query(OUT_TRADE_NO)
    assert len(scripted.asked) == 1


def test_a_wechat_answer_signed_by_a_stranger_or_by_nobody_proves_nothing(
    wechat_there: WeChatPlatform,
    li_wechat: dict[str, Any],
    scripted: Scripted,
    wechat_says: Callable[..., Reply],
) -> None:
    content = wechat_transaction(li_wechat)
    scripted.replies.append(wechat_says(content, key=new_key()))
    with pytest.raises(PlatformAnswerInvalid, match="BAD_SIGNATURE"):
        wechat_there.query(OUT_TRADE_NO)
    scripted.replies.append((200, {}, json.dumps(content).encode()))
    with pytest.raises(PlatformAnswerInvalid, match="MISSING_HEADER"):
        wechat_there.query(OUT_TRADE_NO)


def test_a_refusal_of_wechat_is_typed_and_a_crowded_platform_is_not_a_refusal(
    wechat_there: WeChatPlatform, scripted: Scripted, wechat_says: Callable[..., Reply]
) -> None:
    scripted.replies.append(wechat_says({"code": "NO_AUTH", "message": "商户无权限"}, status=403))
    with pytest.raises(PlatformRefused) as caught:
        wechat_there.query(OUT_TRADE_NO)
    assert (caught.value.code, caught.value.detail) == ("NO_AUTH", "商户无权限")
    for status, code in ((429, "FREQUENCY_LIMITED"), (500, "SYSTEM_ERROR")):
        scripted.replies.append(wechat_says({"code": code, "message": "x"}, status=status))
        with pytest.raises(PlatformUnreachable):
            wechat_there.query(OUT_TRADE_NO)


def test_a_strangers_openid_is_refused_though_wechat_calls_it_500(
    wechat_there: WeChatPlatform, scripted: Scripted, wechat_says: Callable[..., Reply]
) -> None:
    scripted.replies.append(
        wechat_says({"code": "OPENID_MISMATCH", "message": "openid和appid不匹配"}, status=500)
    )
    request = ChargeRequest(
        out_trade_no=OUT_TRADE_NO,
        amount_yuan=Decimal("0.01"),
        description="电" * 60,
        payer_id="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
        notify_url="https://rentmeter.example/pay/notify/wechat/1/",
        expires_at=datetime(2026, 11, 23, 6, 30, tzinfo=UTC),
    )
    with pytest.raises(PlatformRefused, match="OPENID_MISMATCH"):
        wechat_there.create_charge(request)
    sent = json.loads(scripted.asked[0][3])
    assert sent["amount"] == {"total": 1, "currency": "CNY"}
    assert sent["time_expire"] == "2026-11-23T14:30:00+08:00"
    assert sent["description"] == "电" * 42


def test_f55_logs_hold_no_key_no_secret_and_no_payer(
    wechat_there: WeChatPlatform,
    alipay_there: AlipayPlatform,
    li_wechat: dict[str, Any],
    li_alipay: dict[str, Any],
    alipay_key: RSAPrivateKey,
    scripted: Scripted,
    wechat_says: Callable[..., Reply],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    scripted.replies.append(wechat_says(wechat_transaction(li_wechat)))
    wechat_there.query(OUT_TRADE_NO)
    scripted.replies.append(
        alipay_reply(alipay_key, QUERY, {**PAID_TRADE, "buyer_open_id": "024jIDTtzbPtDjXZ3"})
    )
    alipay_there.query(OUT_TRADE_NO)
    for secret in (
        li_wechat["apiv3_key"],
        "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
        "024jIDTtzbPtDjXZ3",
        "PRIVATE KEY",
    ):
        assert secret not in caplog.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mchid", ""),
        ("appid", None),
        ("apiv3_key", "too short"),
        ("private_key_pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"),
        ("platform_public_key_pem", "no key"),
        ("platform_public_key_id", ""),
        ("serial_no", " "),
    ],
)
def test_wechat_credentials_are_checked_before_they_are_used(
    li_wechat: dict[str, Any], field: str, value: str | None
) -> None:
    with pytest.raises(CredentialsInvalid) as caught:
        WeChatPlatform({**li_wechat, field: value})
    assert caught.value.field == field


@pytest.mark.parametrize(
    "field",
    ["app_id", "seller_id", "app_private_key_pem", "app_cert_pem", "alipay_cert_pem", "alipay_root_cert_pem"],
)
def test_alipay_credentials_are_checked_before_they_are_used(li_alipay: dict[str, Any], field: str) -> None:
    for value in ("", None) if field in {"app_id", "seller_id"} else ("", "no pem", None):
        with pytest.raises(CredentialsInvalid) as caught:
            AlipayPlatform({**li_alipay, field: value})
        assert caught.value.field == field


def test_f51_a_root_bundle_with_other_line_ends_signs_the_same_question(li_alipay: dict[str, Any]) -> None:
    crlf = {**li_alipay, "alipay_root_cert_pem": li_alipay["alipay_root_cert_pem"].replace("\n", "\r\n")}
    assert AlipayGateway(crlf).alipay_root_cert_sn == AlipayGateway(li_alipay).alipay_root_cert_sn


def test_a_key_without_pem_lines_works_as_alipay_hands_it_out(
    li_alipay: dict[str, Any], alipay_key: RSAPrivateKey, scripted: Scripted
) -> None:
    bare = "".join(private_pem(alipay_key).splitlines()[1:-1])
    platform = AlipayPlatform({**li_alipay, "app_private_key_pem": bare}, base_url=scripted.url)
    scripted.replies.append(alipay_reply(alipay_key, QUERY, PAID_TRADE))
    assert platform.query(OUT_TRADE_NO).state == "PAID"
