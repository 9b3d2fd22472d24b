"""What the pretend Alipay says: trades, the payer's way back, signed notifies."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from apps.sandbox.forging import alipay_posted, alipay_words, signed_at
from apps.sandbox.http import json_bytes
from apps.sandbox.merchants import AlipayMerchant
from apps.sandbox.orders import Order, Refund, State, beijing
from apps.sandbox.signatures import NOTIFY_WITHOUT, alipay_message, rsa_sign


def trade(order: Order) -> dict[str, Any]:
    """An order as `alipay.trade.query` shows it."""
    content: dict[str, Any] = {
        "trade_no": order.transaction_id,
        "out_trade_no": order.out_trade_no,
        "trade_status": trade_status(order),
        "total_amount": str(order.amount_yuan),
        "buyer_logon_id": "pay***@sandbox.test",
        "buyer_open_id": order.payer_id,
    }
    paid_yuan = order.amount_yuan if order.is_paid else Decimal("0.00")
    content |= {name: str(paid_yuan) for name in ("buyer_pay_amount", "invoice_amount", "receipt_amount")}
    content["point_amount"] = "0.00"
    if order.paid_at is not None:
        content["send_pay_date"] = beijing(order.paid_at)
        content["fund_bill_list"] = [{"amount": str(order.amount_yuan), "fund_channel": "ALIPAYACCOUNT"}]
    return content


def trade_status(order: Order) -> str:
    """TRADE_CLOSED stands for an unpaid order past its time and for a wholly refunded one alike."""
    if order.state is State.NOTPAY:
        return "WAIT_BUYER_PAY"
    return "TRADE_CLOSED" if order.state is State.CLOSED or order.is_wholly_refunded else "TRADE_SUCCESS"


def return_address(order: Order, merchant: AlipayMerchant, now: datetime) -> str:
    """Where the payer's browser goes after paying a page order: signed, and no proof of payment."""
    parameters = {
        "app_id": merchant.app_id,
        "auth_app_id": merchant.app_id,
        "charset": "utf-8",
        "method": "alipay.trade.wap.pay.return",
        "out_trade_no": order.out_trade_no,
        "seller_id": merchant.seller_id,
        "sign_type": "RSA2",
        "timestamp": beijing(now),
        "total_amount": str(order.amount_yuan),
        "trade_no": order.transaction_id,
        "version": "1.0",
    }
    parameters |= {k: v for k, v in parse_qsl(urlsplit(order.return_url).query) if k not in parameters}
    parameters["sign"] = rsa_sign(merchant.platform_key, alipay_message(parameters, without=NOTIFY_WITHOUT))
    return order.return_url.partition("?")[0] + "?" + urlencode(parameters)


def notify(
    notice_id: str,
    order: Order,
    refund: Refund | None,
    merchant: AlipayMerchant,
    now: datetime,
    *,
    forged: str = "",
    stranger: RSAPrivateKey | None = None,
) -> tuple[dict[str, str], bytes]:
    """Headers and form of one trade notify; a refund makes it the notify of that partial refund.

    Alipay knows no serial and no probe in a notify: `unknown_serial` and `signtest` are signed by a stranger.

    :param forged: one of the forging faults, or empty for the truth.
    """
    amount = str(order.amount_yuan)
    parameters = {
        "app_id": merchant.app_id,
        "auth_app_id": merchant.app_id,
        "buyer_logon_id": "pay***@sandbox.test",
        "buyer_open_id": order.payer_id,
        "buyer_pay_amount": amount,
        "charset": "utf-8",
        "fund_bill_list": json_bytes([{"amount": amount, "fundChannel": "ALIPAYACCOUNT"}]).decode(),
        "gmt_create": beijing(order.created_at),
        "gmt_payment": beijing(order.paid_at or order.created_at),
        "invoice_amount": amount,
        "notify_id": notice_id,
        "notify_time": beijing(signed_at(forged, now)),
        "notify_type": "trade_status_sync",
        "out_trade_no": order.out_trade_no,
        "passback_params": order.attach,
        "point_amount": "0.00",
        "receipt_amount": amount,
        "seller_id": merchant.seller_id,
        "sign_type": "RSA2",
        "subject": order.description,
        "total_amount": amount,
        "trade_no": order.transaction_id,
        "trade_status": "TRADE_SUCCESS",
        "version": "1.0",
    }
    if refund is not None:
        parameters["refund_fee"] = str(order.refunded_yuan)
        parameters["gmt_refund"] = beijing(refund.made_at) + ".000"
        parameters["out_biz_no"] = refund.out_request_no
    parameters = alipay_words(forged, {name: value for name, value in parameters.items() if value})
    message = alipay_message(parameters, without=NOTIFY_WITHOUT)
    key = merchant.platform_key
    if forged in ("unknown_serial", "signtest") and stranger is not None:
        key = stranger
    wrong = forged in ("bad_signature", "broken_seal")
    parameters["sign"] = rsa_sign(key, message + b" " if wrong else message)
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    body = urlencode(alipay_posted(forged, parameters)).encode()
    return headers, {"empty_body": b"", "not_a_notify": b"%%%"}.get(forged, body)
