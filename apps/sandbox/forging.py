"""How a posted notify lies: in its words, under a good signature, or in its envelope. Pure.

Alipay's notifies know no serial, no header and no seal: what is about those is a missing or a wrong signature there.
"""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.sandbox.orders import FEN

# Said by the platform itself, and not what was ordered. A coupon is no lie: the order's total was paid.
WORDS = (
    "wrong_amount",
    "lower_amount",
    "wrong_currency",
    "wrong_app",
    "wrong_merchant",
    "unknown_order",
    "not_paid",
    "coupon",
)
ENVELOPES = (
    "bad_signature",
    "flip_byte",
    "old_timestamp",
    "future_timestamp",
    "unknown_serial",
    "signtest",
    "missing_header",
    "empty_body",
    "huge_body",
    "not_a_notify",
    "rewritten_body",
    "broken_seal",
)
GENUINE = ("", "coupon")

HUGE_BYTES = 2_000_000
_WINDOW_LEFT = timedelta(minutes=6)
_FEN_OFF = {"wrong_amount": 1, "lower_amount": -1}


def signed_at(forged: str, now: datetime) -> datetime:
    """When the notify says it was signed."""
    off = {"old_timestamp": -_WINDOW_LEFT, "future_timestamp": _WINDOW_LEFT}
    return now + off.get(forged, timedelta())


def wechat_words(forged: str, content: dict[str, Any]) -> dict[str, Any]:
    """What a payment's notify says of `content`, before it is sealed."""
    said = content | {"amount": dict(content["amount"])}
    match forged:
        case "wrong_amount" | "lower_amount":
            said["amount"]["total"] += _FEN_OFF[forged]
        case "wrong_currency":
            said["amount"]["currency"] = "USD"
        case "coupon":
            said["amount"]["payer_total"] = max(content["amount"]["total"] - 1, 0)
        case "wrong_app":
            said["sp_appid" if "sp_appid" in content else "appid"] = "wx0000000000000000"
        case "wrong_merchant":
            said["sub_mchid" if "sub_mchid" in content else "mchid"] = "1600000000"
        case "unknown_order":
            said["out_trade_no"] = "NOBODYS" + content["out_trade_no"][7:]
        case "not_paid":
            said["trade_state"] = "NOTPAY"
    return said


def alipay_words(forged: str, form: dict[str, str]) -> dict[str, str]:
    """What a payment's notify says of `form`, before it is signed."""
    less = str(max(Decimal(form["total_amount"]) - FEN, Decimal("0.00")))
    changed: dict[str, dict[str, str]] = {
        "wrong_amount": {"total_amount": str(Decimal(form["total_amount"]) + FEN)},
        "lower_amount": {"total_amount": less},
        "wrong_currency": {"trans_currency": "USD"},
        "coupon": {"buyer_pay_amount": less},
        "wrong_app": {"app_id": "2021000000000000"},
        "wrong_merchant": {"seller_id": "2088000000000000"},
        "unknown_order": {"out_trade_no": "NOBODYS" + form["out_trade_no"][7:]},
        "not_paid": {"trade_status": "WAIT_BUYER_PAY"},
    }
    return form | changed.get(forged, {})


def body_to_sign(forged: str, body: bytes) -> bytes:
    """The body of WeChat's that is posted and signed, where the body itself is the lie."""
    match forged:
        case "empty_body":
            return b""
        case "not_a_notify":
            return b'{"id":'
        case "huge_body":
            return body[:-1] + b" " * (HUGE_BYTES - len(body)) + b"}"
        case "broken_seal":
            place = body.index(b'"ciphertext":"') + 24
            return body[:place] + (b"A" if body[place : place + 1] != b"A" else b"B") + body[place + 1 :]
    return body


def posted(forged: str, headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    """What leaves in the end, after the signing."""
    match forged:
        case "missing_header":
            headers = {name: value for name, value in headers.items() if name != "Wechatpay-Signature"}
        case "rewritten_body" if body.startswith(b"{"):
            # The same meaning in other bytes, as a proxy that parses and writes anew would send it.
            body = json.dumps(json.loads(body), indent=1).encode()
        case "flip_byte" if body.startswith(b"{"):
            place = body.index(b'"ciphertext":"') + 24
            body = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
    return headers, body


def alipay_posted(forged: str, form: dict[str, str]) -> dict[str, str]:
    """The signed form as it leaves."""
    match forged:
        case "missing_header":
            return {name: value for name, value in form.items() if name != "sign"}
        case "rewritten_body":
            return form | {"total_amount": f"{Decimal(form['total_amount']):.3f}"}
        case "huge_body":
            return form | {"passback_params": "x" * HUGE_BYTES}
        case "flip_byte":
            number = form["trade_no"]
            return form | {"trade_no": number[:-1] + chr(ord(number[-1]) ^ 1)}
    return form
