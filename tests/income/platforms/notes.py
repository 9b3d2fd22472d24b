"""Notifies as the platforms write them, signed with the test platforms' keys; and a payer who pays."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from apps.income.platforms.base import NotifyRefused
from apps.sandbox.signatures import gcm_encrypt, rsa_sign, wechat_answer_message

OUT_TRADE_NO = "RM20261123000001"


def wechat_transaction(account: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {
        "mchid": account["mchid"],
        "appid": account["appid"],
        "out_trade_no": OUT_TRADE_NO,
        "transaction_id": "4200002026112300000000000001",
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": "OTHERS",
        "success_time": "2026-11-23T14:03:09+08:00",
        "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        "amount": {"total": 5000, "payer_total": 5000, "currency": "CNY", "payer_currency": "CNY"},
        **changed,
    }


def wechat_notify(
    account: dict[str, Any],
    key: RSAPrivateKey,
    content: dict[str, Any],
    now: datetime,
    *,
    event_type: str = "TRANSACTION.SUCCESS",
    serial: str | None = None,
    seconds: int = 0,
    resource: dict[str, Any] | None = None,
) -> tuple[dict[str, str], bytes]:
    """Headers and body; `seconds` shifts the timestamp, `resource` changes parts of the sealed resource."""
    nonce, associated_data = "Kj7QIyUiYx1q", "transaction"
    plaintext = json.dumps(content, ensure_ascii=False).encode()
    sealed = {
        "algorithm": "AEAD_AES_256_GCM",
        "original_type": "transaction",
        "nonce": nonce,
        "associated_data": associated_data,
        "ciphertext": gcm_encrypt(account["apiv3_key"], nonce, associated_data, plaintext),
        **(resource or {}),
    }
    body = json.dumps(
        {
            "id": "3119dfba-e649-5eec-ab1e-3412bc4d2e17",
            "create_time": "2026-11-23T14:03:10+08:00",
            "resource_type": "encrypt-resource",
            "event_type": event_type,
            "summary": "支付成功",
            "resource": sealed,
        },
        ensure_ascii=False,
    ).encode()
    return wechat_headers(
        key, body, int(now.timestamp()) + seconds, serial or account["platform_public_key_id"]
    ), body


def wechat_headers(key: RSAPrivateKey, body: bytes, timestamp: int, serial: str) -> dict[str, str]:
    nonce = "EcZ9Cmy4Xyx1i6RlJQzLcCyEqDa26NBz"
    return {
        "Wechatpay-Timestamp": str(timestamp),
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": serial,
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        "Wechatpay-Signature": rsa_sign(key, wechat_answer_message(str(timestamp), nonce, body)),
        "Content-Type": "application/json",
    }


def alipay_fields(account: dict[str, Any], **changed: str) -> dict[str, str]:
    return {
        "notify_time": "2026-11-23 14:03:10",
        "notify_type": "trade_status_sync",
        "notify_id": "2026112300222140309024450541990000",
        "charset": "utf-8",
        "version": "1.0",
        "app_id": account["app_id"],
        "auth_app_id": account["app_id"],
        "seller_id": account["seller_id"],
        "out_trade_no": OUT_TRADE_NO,
        "trade_no": "2026112322001424450512505578",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "50.00",
        "receipt_amount": "50.00",
        "buyer_pay_amount": "50.00",
        "buyer_open_id": "024jIDTtzbPtDjXZ3_vQbUg8Ze9z1Sm",
        "subject": "电费 3号楼 1202",
        "passback_params": "",
        "gmt_create": "2026-11-23 14:03:05",
        "gmt_payment": "2026-11-23 14:03:09",
        **changed,
    }


def alipay_notify(key: RSAPrivateKey, fields: dict[str, str], *, charset: str = "utf-8") -> bytes:
    kept = sorted((name, value) for name, value in fields.items() if value)
    message = "&".join(f"{name}={value}" for name, value in kept).encode(charset)
    return urlencode(
        {**fields, "sign_type": "RSA2", "sign": rsa_sign(key, message)}, encoding=charset
    ).encode("ascii")


def pay(sandbox: str, out_trade_no: str) -> None:
    """The payer Sun confirms."""
    address = f"{sandbox}/orders/{out_trade_no}/pay"
    requests.post(address, json={"payer": "sun"}, timeout=5).raise_for_status()


def refusal(platform: Any, headers: dict[str, str], body: bytes, now: datetime) -> NotifyRefused:
    with pytest.raises(NotifyRefused) as caught:
        platform.read_notify(headers, body, now)
    return caught.value
