"""What a WeChat notify must survive before anything is believed. Numbers are those of the failure list."""

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.income.platforms.base import NotifyRefused
from apps.income.platforms.wechat import WeChatPlatform
from apps.sandbox.certificates import new_key, public_pem
from tests.income.platforms.notes import (
    OUT_TRADE_NO,
    refusal,
    wechat_headers,
    wechat_notify,
    wechat_transaction,
)


def test_a_good_notify_proves_a_payment(
    wechat: WeChatPlatform, li_wechat: dict[str, Any], paid: tuple[dict[str, str], bytes], now: datetime
) -> None:
    result = wechat.read_notify(*paid, now)

    assert result.state == "PAID"
    assert (result.channel, result.merchant_id, result.app_id) == (
        "wechat",
        li_wechat["mchid"],
        li_wechat["appid"],
    )
    assert (result.out_trade_no, result.transaction_id) == (OUT_TRADE_NO, "4200002026112300000000000001")
    assert result.amount_yuan == Decimal("50.00")
    assert str(result.amount_yuan) == "50.00"
    assert result.paid_at == datetime(2026, 11, 23, 6, 3, 9, tzinfo=UTC)
    assert result.payer_id == "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"


def test_the_same_notify_reads_the_same_every_time(
    wechat: WeChatPlatform, paid: tuple[dict[str, str], bytes], now: datetime
) -> None:
    assert wechat.read_notify(*paid, now) == wechat.read_notify(*paid, now)


def test_headers_are_found_whatever_their_case(
    wechat: WeChatPlatform, paid: tuple[dict[str, str], bytes], now: datetime
) -> None:
    headers, body = paid
    assert (
        wechat.read_notify({name.lower(): text for name, text in headers.items()}, body, now).state == "PAID"
    )
    assert (
        wechat.read_notify({name.upper(): text for name, text in headers.items()}, body, now).state == "PAID"
    )


def test_f01_a_bad_signature_is_refused(
    wechat: WeChatPlatform, paid: tuple[dict[str, str], bytes], now: datetime
) -> None:
    headers, body = paid
    raw = bytearray(base64.b64decode(headers["Wechatpay-Signature"]))
    raw[17] ^= 1
    forged = {**headers, "Wechatpay-Signature": base64.b64encode(raw).decode()}
    error = refusal(wechat, forged, body, now)
    assert (error.code, error.out_trade_no) == ("BAD_SIGNATURE", None)
    assert (
        refusal(wechat, {**headers, "Wechatpay-Signature": "not base64!"}, body, now).code == "BAD_SIGNATURE"
    )


def test_f01_a_second_spelling_of_a_good_signature_is_refused(
    wechat: WeChatPlatform, paid: tuple[dict[str, str], bytes], now: datetime
) -> None:
    headers, body = paid
    good = headers["Wechatpay-Signature"]
    assert good.endswith("==")
    # The last digit of 256 bytes in base64 carries four bits that mean nothing.
    other = good[:-3] + chr(ord(good[-3]) + 1) + "=="
    assert base64.b64decode(other) == base64.b64decode(good)
    assert refusal(wechat, {**headers, "Wechatpay-Signature": other}, body, now).code == "BAD_SIGNATURE"


def test_f02_the_platforms_own_signature_probe_is_answered_with_failure(
    wechat: WeChatPlatform, paid: tuple[dict[str, str], bytes], now: datetime
) -> None:
    headers, body = paid
    probe = {**headers, "Wechatpay-Signature": "WECHATPAY/SIGNTEST/" + headers["Wechatpay-Signature"][19:]}
    assert refusal(wechat, probe, body, now).code == "SIGNATURE_PROBE"
    assert wechat.notify_answer(False)[0] == 400


@pytest.mark.parametrize("seconds", [-360, -301, 301, 360])
def test_f03_a_timestamp_outside_five_minutes_is_refused(
    wechat: WeChatPlatform, li_wechat: dict[str, Any], wechat_key: RSAPrivateKey, now: datetime, seconds: int
) -> None:
    old = wechat_notify(li_wechat, wechat_key, wechat_transaction(li_wechat), now, seconds=seconds)
    assert refusal(wechat, *old, now).code == "OUTSIDE_WINDOW"


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_f03_five_minutes_exactly_are_inside_the_window(
    wechat: WeChatPlatform, li_wechat: dict[str, Any], wechat_key: RSAPrivateKey, now: datetime, seconds: int
) -> None:
    notify = wechat_notify(li_wechat, wechat_key, wechat_transaction(li_wechat), now, seconds=seconds)
    assert wechat.read_notify(*notify, now).state == "PAID"


@pytest.mark.parametrize("timestamp", ["", "soon", "1e9", "-5", "１７００００００００", "9" * 40])
def test_f03_a_timestamp_that_is_no_number_is_refused(
    wechat: WeChatPlatform,
    li_wechat: dict[str, Any],
    wechat_key: RSAPrivateKey,
    paid: tuple[dict[str, str], bytes],
    now: datetime,
    timestamp: str,
) -> None:
    _, body = paid
    signed = wechat_headers(wechat_key, body, timestamp, li_wechat["platform_public_key_id"])  # type: ignore[arg-type]
    assert refusal(wechat, signed, body, now).code in {"BAD_TIMESTAMP", "MISSING_HEADER"}


@pytest.mark.parametrize(
    "serial", ["PUB_KEY_ID_0000000000000000000000000001", "5157F09EFDC096DE15EBE81A47057A72", "?"]
)
def test_f04_an_unknown_serial_is_refused_and_nobody_is_called(
    li_wechat: dict[str, Any], wechat_key: RSAPrivateKey, scripted: Any, now: datetime, serial: str
) -> None:
    platform = WeChatPlatform(li_wechat, base_url=scripted.url)
    notify = wechat_notify(li_wechat, wechat_key, wechat_transaction(li_wechat), now, serial=serial)
    assert refusal(platform, *notify, now).code == "UNKNOWN_SERIAL"
    assert scripted.asked == []


def test_f05_two_keys_are_believed_at_once_while_the_platform_changes_them(
    li_wechat: dict[str, Any], wechat_key: RSAPrivateKey, now: datetime
) -> None:
    newer, serial = new_key(), "PUB_KEY_ID_0119000000002026112300000000"
    platform = WeChatPlatform({**li_wechat, "more_platform_keys": {serial: public_pem(newer.public_key())}})
    content = wechat_transaction(li_wechat)

    assert platform.read_notify(*wechat_notify(li_wechat, wechat_key, content, now), now).state == "PAID"
    assert (
        platform.read_notify(*wechat_notify(li_wechat, newer, content, now, serial=serial), now).state
        == "PAID"
    )
    crossed = wechat_notify(li_wechat, newer, content, now)
    assert refusal(platform, *crossed, now).code == "BAD_SIGNATURE"


def test_f06_a_body_written_anew_is_refused_though_it_means_the_same(
    wechat: WeChatPlatform, paid: tuple[dict[str, str], bytes], now: datetime
) -> None:
    headers, body = paid
    rewritten = json.dumps(json.loads(body), separators=(",", ":")).encode()
    assert json.loads(rewritten) == json.loads(body)
    assert refusal(wechat, headers, rewritten, now).code == "BAD_SIGNATURE"


@pytest.mark.parametrize("part", ["ciphertext", "nonce", "associated_data"])
def test_f07_a_broken_seal_is_refused_even_under_a_good_signature(
    wechat: WeChatPlatform, li_wechat: dict[str, Any], wechat_key: RSAPrivateKey, now: datetime, part: str
) -> None:
    content = wechat_transaction(li_wechat)
    sealed = json.loads(wechat_notify(li_wechat, wechat_key, content, now)[1])["resource"][part]
    broken = {part: ("B" if sealed[0] == "A" else "A") + sealed[1:]}
    notify = wechat_notify(li_wechat, wechat_key, content, now, resource=broken)
    assert refusal(wechat, *notify, now).code == "DECRYPTION"


@pytest.mark.parametrize(
    "resource",
    [
        {"algorithm": "AEAD_SM4_GCM"},
        {"nonce": ""},
        {"nonce": "ab"},
        {"nonce": 7},
        {"ciphertext": "%%"},
        {"ciphertext": None},
    ],
)
def test_f07_a_resource_that_is_no_seal_is_refused(
    wechat: WeChatPlatform,
    li_wechat: dict[str, Any],
    wechat_key: RSAPrivateKey,
    now: datetime,
    resource: dict[str, Any],
) -> None:
    notify = wechat_notify(li_wechat, wechat_key, wechat_transaction(li_wechat), now, resource=resource)
    assert refusal(wechat, *notify, now).code == "DECRYPTION"


@pytest.mark.parametrize(
    "header", ["Wechatpay-Signature", "Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial"]
)
def test_f08_a_missing_header_is_refused(
    wechat: WeChatPlatform, paid: tuple[dict[str, str], bytes], now: datetime, header: str
) -> None:
    headers, body = paid
    rest = {name: text for name, text in headers.items() if name != header}
    assert refusal(wechat, rest, body, now).code == "MISSING_HEADER"


def test_f08_an_absent_signature_type_means_the_only_one_and_another_is_refused(
    wechat: WeChatPlatform, paid: tuple[dict[str, str], bytes], now: datetime
) -> None:
    headers, body = paid
    rest = {name: text for name, text in headers.items() if name != "Wechatpay-Signature-Type"}
    assert wechat.read_notify(rest, body, now).state == "PAID"
    other = {**headers, "Wechatpay-Signature-Type": "WECHATPAY2-SM2-WITH-SM3"}
    assert refusal(wechat, other, body, now).code == "BAD_SIGNATURE"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "EMPTY"),
        (b"x" * (64 * 1024 + 1), "TOO_LARGE"),
        (b"<xml></xml>", "NOT_JSON"),
        (b"[]", "NOT_JSON"),
        (b"\xff\xfe", "NOT_JSON"),
        (b"[" * 20_000, "NOT_JSON"),
        (b"{}", "DECRYPTION"),
    ],
)
def test_f08_a_body_that_is_no_notify_is_refused(
    wechat: WeChatPlatform,
    li_wechat: dict[str, Any],
    wechat_key: RSAPrivateKey,
    now: datetime,
    body: bytes,
    code: str,
) -> None:
    headers = wechat_headers(wechat_key, body, int(now.timestamp()), li_wechat["platform_public_key_id"])
    assert refusal(wechat, headers, body, now).code == code


def test_f09_a_notify_of_lis_order_is_refused_by_wangs_account(
    wang_wechat: dict[str, Any], paid: tuple[dict[str, str], bytes], now: datetime
) -> None:
    assert refusal(WeChatPlatform(wang_wechat), *paid, now).code == "UNKNOWN_SERIAL"


def test_an_event_of_another_kind_is_refused(
    wechat: WeChatPlatform, li_wechat: dict[str, Any], wechat_key: RSAPrivateKey, now: datetime
) -> None:
    notify = wechat_notify(
        li_wechat, wechat_key, wechat_transaction(li_wechat), now, event_type="MCHTRANSFER.BILL.FINISHED"
    )
    assert refusal(wechat, *notify, now).code == "UNKNOWN_EVENT"


def test_f55_neither_evidence_nor_text_shows_the_payer_in_clear(
    wechat: WeChatPlatform, li_wechat: dict[str, Any], paid: tuple[dict[str, str], bytes], now: datetime
) -> None:
    result = wechat.read_notify(*paid, now)
    assert result.evidence["payer"] == "oUpF…eS6o"
    assert "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" not in repr(result) + json.dumps(result.evidence)
    assert li_wechat["apiv3_key"] not in repr(wechat) + repr(result)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_changed_byte_of_a_notify_is_believed(
    wechat: WeChatPlatform, li_wechat: dict[str, Any], wechat_key: RSAPrivateKey, data: st.DataObject
) -> None:
    now = datetime(2026, 11, 23, 6, 3, 11, tzinfo=UTC)
    headers, body = wechat_notify(li_wechat, wechat_key, wechat_transaction(li_wechat), now)
    place = data.draw(st.integers(0, len(body) - 1))
    changed = bytearray(body)
    changed[place] ^= data.draw(st.integers(1, 255))
    assert refusal(wechat, headers, bytes(changed), now).code == "BAD_SIGNATURE"


JSON = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)


@settings(max_examples=50, deadline=None)
@given(
    field=st.sampled_from(
        ["appid", "mchid", "out_trade_no", "transaction_id", "trade_state", "success_time", "payer", "amount"]
    ),
    value=JSON | st.lists(JSON, max_size=2) | st.dictionaries(st.sampled_from(["total", "currency"]), JSON),
)
def test_whatever_stands_in_a_signed_field_is_a_result_or_a_refusal(
    wechat: WeChatPlatform, li_wechat: dict[str, Any], wechat_key: RSAPrivateKey, field: str, value: Any
) -> None:
    now = datetime(2026, 11, 23, 6, 3, 11, tzinfo=UTC)
    notify = wechat_notify(li_wechat, wechat_key, wechat_transaction(li_wechat, **{field: value}), now)
    try:
        result = wechat.read_notify(*notify, now)
    except NotifyRefused:
        return
    assert field in {"payer", "success_time", "out_trade_no", "transaction_id", "amount", "trade_state"}
    assert result.out_trade_no


@settings(max_examples=50, deadline=None)
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["Wechatpay-Signature", "Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial"]
        ),
        st.text(max_size=12),
    ),
    body=st.binary(max_size=40),
)
def test_whatever_a_stranger_sends_is_refused_and_nothing_else_is_raised(
    wechat: WeChatPlatform, headers: dict[str, str], body: bytes
) -> None:
    refusal(wechat, headers, body, datetime(2026, 11, 23, tzinfo=UTC))
