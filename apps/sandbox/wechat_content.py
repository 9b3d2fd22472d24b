"""What the pretend WeChat Pay says: signed answers, transactions, refunds, encrypted notifies."""

import secrets
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from apps.sandbox.abnormal import Finish
from apps.sandbox.certificates import certificate_pem, root_certificate
from apps.sandbox.forging import body_to_sign, posted, signed_at, wechat_words
from apps.sandbox.http import json_bytes
from apps.sandbox.merchants import WeChatMerchant
from apps.sandbox.orders import Order, Refund, State, fen, rfc3339
from apps.sandbox.signatures import gcm_encrypt, rsa_sign, wechat_answer_message

SCHEME = "WECHATPAY2-SHA256-RSA2048"
REFUND_TAKES = timedelta(seconds=1)
PROBE = "WECHATPAY/SIGNTEST/"

_STATE_TEXT = {
    State.NOTPAY: "订单未支付",
    State.SUCCESS: "支付成功",
    State.CLOSED: "订单已关闭",
    State.REFUND: "订单发生过退款",
}


def signature_headers(merchant: WeChatMerchant, body: bytes, signed_at: datetime) -> dict[str, str]:
    """The `Wechatpay-*` headers of an answer or a notify whose raw body is `body`."""
    timestamp, nonce = str(int(signed_at.timestamp())), secrets.token_hex(16)
    return {
        "Wechatpay-Serial": merchant.platform_key_id,
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Signature": rsa_sign(merchant.platform_key, wechat_answer_message(timestamp, nonce, body)),
        "Wechatpay-Signature-Type": SCHEME,
    }


def parties(merchant: WeChatMerchant) -> dict[str, str]:
    """Whose order it is: the merchant's, or the sub-merchant's under its service provider."""
    if not merchant.sp_mchid:
        return {"appid": merchant.appid, "mchid": merchant.mchid}
    return {"sp_appid": merchant.appid, "sp_mchid": merchant.sp_mchid, "sub_mchid": merchant.mchid}


def transaction(order: Order, merchant: WeChatMerchant) -> dict[str, Any]:
    """An order as a query shows it and a notify carries it."""
    total = fen(order.amount_yuan)
    content: dict[str, Any] = {
        **parties(merchant),
        "out_trade_no": order.out_trade_no,
        "trade_state": order.state.value,
        "trade_state_desc": _STATE_TEXT[order.state],
        "attach": order.attach,
        "amount": {"total": total, "currency": "CNY"},
    }
    if order.paid_at is not None:
        content |= {
            "transaction_id": order.transaction_id,
            "trade_type": order.trade_type,
            "bank_type": "OTHERS",
            "success_time": rfc3339(order.paid_at),
            "payer": {"sp_openid" if merchant.sp_mchid else "openid": order.payer_id},
        }
        content["amount"] |= {"payer_total": total, "payer_currency": "CNY"}
    return content


def refund_content(
    refund: Refund, order: Order, now: datetime, *, is_abnormal: bool = False, finish: Finish | None = None
) -> dict[str, Any]:
    """A refund as the platform answers it: PROCESSING at first, a moment later SUCCESS, ABNORMAL for a closed card.

    One that was finished otherwise is under way again, and then says where it went.
    """
    done_at = (finish.at if finish else refund.made_at) + REFUND_TAKES
    is_abnormal = finish.failed if finish else is_abnormal
    content: dict[str, Any] = {
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_request_no,
        "transaction_id": order.transaction_id,
        "out_trade_no": order.out_trade_no,
        "channel": finish.channel if finish else "ORIGINAL",
        "user_received_account": finish.received_by if finish else "支付用户零钱",
        "create_time": rfc3339(refund.made_at),
        "status": "SUCCESS" if now >= done_at else "PROCESSING",
        "funds_account": "AVAILABLE",
        "amount": {
            "total": fen(order.amount_yuan),
            "refund": fen(refund.amount_yuan),
            "payer_total": fen(order.amount_yuan),
            "payer_refund": fen(refund.amount_yuan),
            "settlement_total": fen(order.amount_yuan),
            "settlement_refund": fen(refund.amount_yuan),
            "discount_refund": 0,
            "currency": "CNY",
        },
    }
    if now >= done_at and is_abnormal:
        content["status"] = "ABNORMAL"
    elif now >= done_at:
        content["success_time"] = rfc3339(done_at)
    return content


def notify(
    notice_id: str,
    order: Order,
    refund: Refund | None,
    merchant: WeChatMerchant,
    created_at: datetime,
    now: datetime,
    *,
    forged: str = "",
    stranger: RSAPrivateKey | None = None,
    is_abnormal: bool = False,
    finish: Finish | None = None,
) -> tuple[dict[str, str], bytes]:
    """Headers and raw body of one posting, signed anew each time as on the real platform.

    :param forged: one of the forging faults, or empty for the truth; `stranger` signs where it says so.
    """
    if refund is None:
        event, summary, kind = "TRANSACTION.SUCCESS", "支付成功", "transaction"
        content = wechat_words(forged, transaction(replace(order, state=State.SUCCESS), merchant))
    else:
        event, summary, kind = "REFUND.SUCCESS", "退款成功", "refund"
        done_at = max(now, (finish.at if finish else refund.made_at) + REFUND_TAKES)
        content = refund_content(refund, order, done_at, is_abnormal=is_abnormal, finish=finish)
        if content["status"] == "ABNORMAL":
            event, summary = "REFUND.ABNORMAL", "退款异常"
        who = {name: value for name, value in parties(merchant).items() if name.endswith("mchid")}
        content = who | {"refund_status": content.pop("status")} | content
    nonce = secrets.token_hex(6)
    body = json_bytes(
        {
            "id": str(uuid.UUID(notice_id)),
            "create_time": rfc3339(created_at),
            "resource_type": "encrypt-resource",
            "event_type": event,
            "summary": summary,
            "resource": {
                "original_type": kind,
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": gcm_encrypt(merchant.apiv3_key, nonce, kind, json_bytes(content)),
                "associated_data": kind,
                "nonce": nonce,
            },
        }
    )
    body = body_to_sign(forged, body)
    headers = signature_headers(merchant, body, signed_at(forged, now))
    headers |= {"Content-Type": "application/json", "User-Agent": "Mozilla/4.0"}
    headers["Request-ID"] = secrets.token_hex(16).upper()
    match forged:
        case "bad_signature":
            headers["Wechatpay-Signature"] = signature_headers(merchant, body + b" ", now)[
                "Wechatpay-Signature"
            ]
        case "signtest":
            headers["Wechatpay-Signature"] = PROBE + headers["Wechatpay-Signature"]
        case "unknown_serial" if stranger is not None:
            key_id = "PUB_KEY_ID_" + str(secrets.randbelow(10**24)).zfill(24)
            headers |= signature_headers(
                replace(merchant, platform_key=stranger, platform_key_id=key_id), body, now
            )
    return posted(forged, headers, body)


def sealed_certificates(merchant: WeChatMerchant, now: datetime) -> dict[str, Any]:
    """The platform's certificate as `GET /v3/certificates` gives it: sealed with the merchant's APIv3 key."""
    certificate = root_certificate("Tenpay.com Root CA", merchant.platform_key)
    nonce, kind = secrets.token_hex(6), "certificate"
    plain = certificate_pem(certificate).encode()
    sealed = {
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": nonce,
        "associated_data": kind,
        "ciphertext": gcm_encrypt(merchant.apiv3_key, nonce, kind, plain),
    }
    known = {"serial_no": f"{certificate.serial_number:X}", "effective_time": rfc3339(now)}
    expires = rfc3339(certificate.not_valid_after_utc)
    return {"data": [known | {"expire_time": expires, "encrypt_certificate": sealed}]}
