"""Alipay, certificate mode, through `python-alipay-sdk`; `apps.common.alipay_gateway` holds its repairs.

Credentials: `app_id`, `seller_id` (the merchant's 2088… number), `app_private_key_pem`, `app_cert_pem`,
`alipay_cert_pem`, `alipay_root_cert_pem`; `op_app_id` where the mini-program is another app than the payee's;
`app_auth_token` where the merchant has authorised a service provider's app, whose keys these then are.

Sources: Alipay's pages on trade.create, trade.precreate, trade.wap.pay, trade.query, trade.close and the trade notify.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from apps.common.alipay_gateway import AlipayGateway
from apps.common.platforms import (
    BEIJING,
    PlatformAnswerInvalid,
    PlatformRefused,
    credential,
    masked,
)
from apps.income.platforms.alipay_bill import fetch_bill
from apps.income.platforms.alipay_form import read_form, signed_text
from apps.income.platforms.amounts import yuan_from_text, yuan_text
from apps.income.platforms.base import (
    Charge,
    ChargeRequest,
    FinishRequest,
    NotifyRefused,
    PlatformResult,
    RefundRequest,
    RefundResult,
    State,
    without_particulars,
)
from apps.income.platforms.bills import Bill
from apps.income.platforms.orders import checked_instant, checked_notify_url, checked_out_trade_no

LONGEST_SUBJECT = 256

NOTIFY_KEPT_UP = timedelta(hours=26)
"""Alipay repeats a notify for 24 h 34 min (4m, 10m, 10m, 1h, 2h, 6h, 15h) and does not say that a repeat
carries a new time, so a five-minute window would refuse honest ones. A replay inside it changes nothing: the
transaction id is unique."""
NOTIFY_AHEAD = timedelta(seconds=300)

STATES: dict[str, State] = {
    "WAIT_BUYER_PAY": "PENDING",
    "TRADE_SUCCESS": "PAID",
    "TRADE_FINISHED": "PAID",
    "TRADE_CLOSED": "CLOSED",
}

_NO_TRADE = "ACQ.TRADE_NOT_EXIST"
_NOT_CLOSABLE = frozenset(
    {
        "ACQ.TRADE_STATUS_ERROR",
        "ACQ.REASON_TRADE_STATUS_INVALID",
        "ACQ.TRADE_HAS_SUCCESS",
        "ACQ.TRADE_HAS_CLOSE",
    }
)
_SHOWN = (
    "trade_status", "trade_no", "out_trade_no", "total_amount", "receipt_amount", "buyer_pay_amount",
    "send_pay_date", "gmt_payment", "gmt_refund", "refund_fee", "out_biz_no", "notify_id", "notify_time",
    "app_id", "seller_id",
)  # fmt: skip
_SHOWN_OF_REFUND = (
    "fund_change",
    "refund_fee",
    "refund_amount",
    "refund_status",
    "gmt_refund_pay",
    "trade_no",
)
_REFUND_MARKS = ("refund_fee", "gmt_refund")


class AlipayPlatform:
    """One merchant account at Alipay. See `base.Platform` for what every method promises."""

    channel = "alipay"

    def __init__(self, credentials: dict[str, Any], *, base_url: str | None = None) -> None:
        self.app_id = credential(credentials, "app_id")
        self.merchant_id = credential(credentials, "seller_id")
        self._op_app_id = str(credentials.get("op_app_id") or self.app_id)
        self._gateway = AlipayGateway(credentials, base_url=base_url)

    def prove(self, out_trade_no: str) -> bool:
        try:
            self._gateway.ask("alipay.trade.query", {"out_trade_no": checked_out_trade_no(out_trade_no)})
        except PlatformRefused as refusal:
            if refusal.code == _NO_TRADE and refusal.is_signed:
                return True
            raise
        raise PlatformAnswerInvalid("WRONG_ORDER", "an order nobody made was found")

    def create_charge(self, request: ChargeRequest) -> Charge:
        order = _terms(request)
        notify_url = checked_notify_url(request.notify_url)
        if request.payer_id is None:
            answer = self._gateway.ask("alipay.trade.precreate", order, notify_url=notify_url)
            return Charge(bridge=None, qr_text=_text(answer, "qr_code"))
        order |= {
            "product_code": "JSAPI_PAY",
            "op_app_id": self._op_app_id,
            "buyer_open_id": request.payer_id,
        }
        answer = self._gateway.ask("alipay.trade.create", order, notify_url=notify_url)
        return Charge(bridge={"tradeNO": _text(answer, "trade_no")}, qr_text=None)

    def page_address(self, request: ChargeRequest) -> str:
        order = _terms(request) | {"product_code": "QUICK_WAP_PAY", "quit_url": request.return_url}
        return self._gateway.address(
            "alipay.trade.wap.pay",
            order,
            notify_url=checked_notify_url(request.notify_url),
            return_url=request.return_url,
        )

    def query(self, out_trade_no: str, *, by_qr: bool = True) -> PlatformResult:
        checked_out_trade_no(out_trade_no)
        try:
            answer = self._gateway.ask("alipay.trade.query", {"out_trade_no": out_trade_no})
        except PlatformRefused as refusal:
            if refusal.code != _NO_TRADE:
                raise
            return self._without_trade(out_trade_no, "PENDING" if by_qr else "UNKNOWN_ORDER", refusal.code)
        if answer.get("out_trade_no") != out_trade_no:
            raise PlatformAnswerInvalid("WRONG_ORDER", "the answer is about another order")
        paid_at = answer.get("send_pay_date")
        # A trade that was paid keeps its time of payment when a full refund closes it.
        given_back = answer.get("trade_status") == "TRADE_CLOSED" and bool(paid_at)
        try:
            return self._result(answer, given_back=given_back, paid_at=paid_at)
        except NotifyRefused as mismatch:
            raise PlatformAnswerInvalid(mismatch.code, mismatch.detail) from None

    def close(self, out_trade_no: str) -> PlatformResult:
        checked_out_trade_no(out_trade_no)
        try:
            self._gateway.ask("alipay.trade.close", {"out_trade_no": out_trade_no})
        except PlatformRefused as refusal:
            if refusal.code == _NO_TRADE:
                # Nothing to close at Alipay: the QR was never scanned, and dies at its own expiry.
                return self._without_trade(out_trade_no, "CLOSED", refusal.code)
            if refusal.code in _NOT_CLOSABLE:
                return self.query(out_trade_no)
            raise
        return self._without_trade(out_trade_no, "CLOSED", "CLOSED")

    def refund(self, request: RefundRequest) -> RefundResult:
        refund = {
            "out_trade_no": checked_out_trade_no(request.out_trade_no),
            "out_request_no": checked_out_trade_no(request.out_refund_no),
            "refund_amount": yuan_text(request.refund_yuan),
        }
        if request.reason:
            refund["refund_reason"] = request.reason[:LONGEST_SUBJECT]
        answer = self._gateway.ask("alipay.trade.refund", refund)
        if answer.get("fund_change") != "Y":
            # This call moved no money: it repeats an earlier one, or is not through yet.
            earlier = self.query_refund(request.out_trade_no, request.out_refund_no)
            return earlier if earlier.state == "DONE" else replace(earlier, state="PROCESSING")
        return RefundResult(
            out_refund_no=request.out_refund_no,
            state="DONE",
            refund_yuan=request.refund_yuan,
            evidence={name: answer[name] for name in _SHOWN_OF_REFUND if name in answer},
        )

    def query_refund(self, out_trade_no: str, out_refund_no: str) -> RefundResult:
        wanted = {
            "out_trade_no": checked_out_trade_no(out_trade_no),
            "out_request_no": checked_out_trade_no(out_refund_no),
        }
        answer = self._gateway.ask("alipay.trade.fastpay.refund.query", wanted)
        if answer.get("out_request_no") not in (None, out_refund_no):
            raise PlatformAnswerInvalid("WRONG_ORDER", "the answer is about another refund")
        done = answer.get("refund_status") == "REFUND_SUCCESS"
        try:
            refund_yuan = yuan_from_text(answer.get("refund_amount")) if done else None
        except ValueError as error:
            raise PlatformAnswerInvalid("BAD_AMOUNT", str(error)) from None
        return RefundResult(
            out_refund_no=out_refund_no,
            # Alipay answers success without any status for a refund it does not know.
            state="DONE" if done else "UNKNOWN_REFUND",
            refund_yuan=refund_yuan,
            evidence={name: answer[name] for name in _SHOWN_OF_REFUND if name in answer},
        )

    def bill(self, day: date) -> Bill:
        return fetch_bill(self._gateway, day)

    def finish_refund(self, request: FinishRequest) -> RefundResult:
        raise PlatformRefused("NO_SUCH_WAY", "a refund goes to the payer's Alipay account")

    def read_notify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> PlatformResult:
        fields, charset = read_form(body)
        missing = [
            name
            for name in ("sign", "sign_type", "app_id", "out_trade_no", "notify_time")
            if not fields.get(name)
        ]
        if missing:
            raise NotifyRefused("MISSING_FIELD", ", ".join(missing))
        if fields["sign_type"] != "RSA2":
            raise NotifyRefused("BAD_SIGNATURE", "an algorithm nobody agreed on")
        if not self._gateway.proves(signed_text(fields).encode(charset), fields["sign"]):
            raise NotifyRefused("BAD_SIGNATURE")
        out_trade_no = fields["out_trade_no"]
        self._check_window(fields["notify_time"], now, out_trade_no)
        if fields["app_id"] != self.app_id:
            raise NotifyRefused("WRONG_APP", "app_id is not ours", out_trade_no=out_trade_no)
        if fields.get("seller_id") != self.merchant_id:
            raise NotifyRefused("WRONG_MERCHANT", "seller_id is not ours", out_trade_no=out_trade_no)
        given_back = any(fields.get(mark) for mark in _REFUND_MARKS)
        return self._result(fields, given_back=given_back, paid_at=fields.get("gmt_payment"))

    def notify_answer(self, ok: bool) -> tuple[int, str, bytes]:
        return (200, "text/plain", b"success") if ok else (400, "text/plain", b"failure")

    def _check_window(self, notify_time: str, now: datetime, out_trade_no: str) -> None:
        sent_at = _beijing(notify_time, out_trade_no)
        if not now - NOTIFY_KEPT_UP <= sent_at <= now + NOTIFY_AHEAD:
            # Signed once, and perhaps posted again by anybody: no word of the platform's about the order as it is now.
            raise NotifyRefused("OUTSIDE_WINDOW", notify_time)

    def _result(self, trade: Mapping[str, Any], *, given_back: bool, paid_at: str | None) -> PlatformResult:
        out_trade_no = str(trade["out_trade_no"])
        state = STATES.get(str(trade.get("trade_status")))
        if state is None:
            raise NotifyRefused("UNKNOWN_STATE", str(trade.get("trade_status")), out_trade_no=out_trade_no)
        if given_back:
            state = "REFUNDED"
        currency = str(trade.get("trans_currency") or trade.get("settle_currency") or "CNY")
        if currency != "CNY":
            raise NotifyRefused("WRONG_CURRENCY", currency, out_trade_no=out_trade_no)
        try:
            amount_yuan = yuan_from_text(trade.get("total_amount"))
        except ValueError as error:
            raise NotifyRefused("BAD_AMOUNT", str(error), out_trade_no=out_trade_no) from None
        transaction_id = str(trade.get("trade_no") or "") or None
        if state == "PAID" and transaction_id is None:
            raise NotifyRefused("MISSING_FIELD", "trade_no", out_trade_no=out_trade_no)
        payer_id = next(
            (
                str(trade[name])
                for name in ("buyer_open_id", "open_id", "buyer_user_id", "buyer_id")
                if trade.get(name)
            ),
            None,
        )
        return PlatformResult(
            channel=self.channel,
            merchant_id=self.merchant_id,
            app_id=self.app_id,
            out_trade_no=out_trade_no,
            transaction_id=transaction_id,
            state=state,
            amount_yuan=amount_yuan,
            currency=currency,
            paid_at=_beijing(paid_at, out_trade_no) if paid_at else None,
            payer_id=payer_id,
            evidence={
                **{name: trade[name] for name in _SHOWN if trade.get(name)},
                "payer": masked(payer_id),
            },
        )

    def _without_trade(self, out_trade_no: str, state: State, said: str) -> PlatformResult:
        return without_particulars(
            channel=self.channel,
            merchant_id=self.merchant_id,
            app_id=self.app_id,
            out_trade_no=out_trade_no,
            state=state,
            said=said,
        )


def _terms(request: ChargeRequest) -> dict[str, Any]:
    return {
        "out_trade_no": checked_out_trade_no(request.out_trade_no),
        "total_amount": yuan_text(request.amount_yuan),
        "subject": _subject(request.description),
        "time_expire": f"{checked_instant(request.expires_at).astimezone(BEIJING):%Y-%m-%d %H:%M:%S}",
    }


def _subject(description: str) -> str:
    # Alipay refuses these three in a subject.
    return description.translate(str.maketrans("/=&", "   "))[:LONGEST_SUBJECT]


def _beijing(text: str, out_trade_no: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING).astimezone(UTC)
    except (TypeError, ValueError):
        raise NotifyRefused("BAD_TIMESTAMP", str(text), out_trade_no=out_trade_no) from None


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise PlatformAnswerInvalid("NOT_READABLE", f"no {name} in the answer")
    return value
