"""The merchant side of the pretend Alipay: `/gateway.do` in certificate mode, RSA2.

Methods, states and sub-codes as on opendocs.alipay.com. `notify_url` may be plain http on this machine.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

from apps.sandbox.alipay_content import trade
from apps.sandbox.alipay_envelope import (
    BusinessRefused,
    GatewayRefused,
    content_of,
    failure,
    parameters_of,
    signed,
    success,
)
from apps.sandbox.bills import BillRefused, Bills
from apps.sandbox.books import Books, new_notice, new_transaction_id
from apps.sandbox.faults import Faults
from apps.sandbox.http import Answer, Request, redirect
from apps.sandbox.identity import CodeRefused, Identity
from apps.sandbox.merchants import AlipayMerchant, Merchants
from apps.sandbox.orders import (
    BEIJING,
    CEILING_YUAN,
    Order,
    OrderRefused,
    Refund,
    Why,
    beijing,
    is_callback,
    is_number,
    terms_of,
    yuan_from_text,
)
from apps.sandbox.sharing import not_permitted
from apps.sandbox.signatures import alipay_message, rsa_verifies
from apps.sandbox.transfers import TransferRefused, Transfers

_T = TypeVar("_T")

TIMESTAMP_WINDOW = timedelta(minutes=15)
QR_LIVES = timedelta(hours=2)

_REFUSALS = {
    Why.CHANGED: ("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改"),
    Why.PAID: ("ACQ.TRADE_HAS_SUCCESS", "交易已被支付"),
    Why.CLOSED: ("ACQ.TRADE_HAS_CLOSE", "交易已经关闭"),
    Why.UNKNOWN: ("ACQ.TRADE_NOT_EXIST", "交易不存在"),
    Why.UNPAID: ("ACQ.TRADE_STATUS_ERROR", "交易状态不合法"),
    Why.TOO_MUCH: ("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限"),
}


@dataclass(frozen=True)
class Alipay:
    """Answers merchants' calls; `clock` gives aware UTC instants."""

    merchants: Merchants
    books: Books
    identity: Identity
    faults: Faults
    clock: Callable[[], datetime]
    refund_noted: Callable[[], None]
    transfers: Transfers
    bills: Bills

    def answer(self, request: Request) -> Answer:
        """Verify, act, and sign exactly the bytes of the answer's node."""
        now = self.clock()
        merchant: AlipayMerchant | None = None
        lost = False
        node = "error_response"
        try:
            parameters = parameters_of(request)
            merchant = self._merchant(parameters)
            self._verify(merchant, parameters, now)
            method = parameters["method"]
            if method == "alipay.trade.wap.pay":
                return self._wap_pay(merchant, parameters, request.base_url, now)
            node = method.replace(".", "_") + "_response"
            content, lost = self._act(merchant, method, parameters, request.base_url, now)
        except GatewayRefused as refusal:
            node = "error_response"
            content = failure("40002", "Invalid Arguments", refusal.sub_code, refusal.sub_msg)
        except BusinessRefused as refusal:
            content = failure("40004", "Business Failed", refusal.sub_code, refusal.sub_msg)
        except TransferRefused as refusal:
            content = failure("40004", "Business Failed", refusal.code, refusal.message)
        except BillRefused as refusal:
            content = failure("40004", "Business Failed", refusal.code, refusal.message)
        except OrderRefused as refusal:
            content = failure("40004", "Business Failed", *_REFUSALS[refusal.why])
        content, charset = self._odd(content) if merchant is not None else (content, "utf-8")
        return signed(merchant, node, content, lost, charset)

    def _odd(self, content: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """The same answer as a careless reader loses it, where that was asked for."""
        if self.faults.take(("brace_answer",), "alipay", ""):
            content = content | {"note": "}{"}
        if self.faults.take(("gbk_answer",), "alipay", ""):
            return content | {"note": "业务成功"}, "gbk"
        return content, "utf-8"

    def _merchant(self, parameters: dict[str, str]) -> AlipayMerchant:
        merchant = self.merchants.alipay.get(parameters.get("app_id", ""))
        if merchant is None:
            raise GatewayRefused("isv.invalid-app-id", "无效的AppID参数")
        token = parameters.get("app_auth_token", "")
        if not token:
            return merchant
        for authorised in self.merchants.alipay.values():
            known = authorised.app_id == merchant.app_id and token == authorised.app_auth_token
            if known and self.faults.take(("revoke_authorisation",), "alipay", "") is None:
                return authorised
        raise GatewayRefused("aop.invalid-app-auth-token", "无效的应用授权令牌")

    def _verify(self, merchant: AlipayMerchant, parameters: dict[str, str], now: datetime) -> None:
        if parameters.get("sign_type") != "RSA2":
            raise GatewayRefused("isv.invalid-signature-type", "无效的签名类型")
        if parameters.get("app_cert_sn") != merchant.app_cert_sn:
            raise GatewayRefused("isv.invalid-app-cert-sn", "应用公钥证书SN无效")
        if parameters.get("alipay_root_cert_sn") != merchant.root_cert_sn:
            raise GatewayRefused("isv.invalid-alipay-root-cert-sn", "支付宝根证书SN无效")
        sign = parameters.get("sign", "")
        if not sign or not rsa_verifies(merchant.public_key, alipay_message(parameters), sign):
            raise GatewayRefused("isv.invalid-signature", "无效签名")
        if parameters.get("charset", "").lower() != "utf-8" or parameters.get("version") != "1.0":
            raise GatewayRefused("isv.invalid-charset", "字符集或版本错误")
        try:
            sent_at = datetime.strptime(parameters.get("timestamp", ""), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
        except ValueError:
            raise GatewayRefused("isv.invalid-timestamp", "非法的时间戳参数") from None
        if abs(sent_at.replace(tzinfo=BEIJING) - now) > TIMESTAMP_WINDOW:
            raise GatewayRefused("isv.invalid-timestamp", "非法的时间戳参数，请使用北京时间")
        if not parameters.get("method"):
            raise GatewayRefused("isv.missing-method", "缺少方法名参数")

    def _act(
        self, merchant: AlipayMerchant, method: str, parameters: dict[str, str], base_url: str, now: datetime
    ) -> tuple[dict[str, Any], bool]:
        if self.faults.take(("system_error",), "alipay", ""):
            return failure("20000", "Service Currently Unavailable", "isp.unknow-error", "系统繁忙"), False
        if method == "alipay.system.oauth.token":
            return self._token(merchant, parameters), False
        content = content_of(parameters)
        match method:
            case "alipay.trade.create":
                order = self._order(merchant, parameters, content, "JSAPI", now)
                answer = {"out_trade_no": order.out_trade_no, "trade_no": order.transaction_id}
                return success(answer), self._loses_answer(order)
            case "alipay.trade.precreate":
                order = self._order(merchant, parameters, content, "QR", now)
                code = f"{base_url}/cashier/{order.out_trade_no}?merchant={merchant.number}"
                return success({"out_trade_no": order.out_trade_no, "qr_code": code}), self._loses_answer(
                    order
                )
            case "alipay.fund.trans.uni.transfer":
                answer = self.transfers.alipay_transfer(merchant, content, now)
                lost = self.faults.take(("lose_transfer_answer",), "alipay", answer["out_biz_no"])
                return success(answer), lost is not None
            case "alipay.fund.trans.common.query":
                return success(self.transfers.alipay_query(merchant, content, now)), False
            case "alipay.trade.order.settle" | "alipay.trade.royalty.relation.bind":
                raise not_permitted("alipay")
            case "alipay.trade.query":
                return success(trade(self._named(merchant, content, now))), False
            case "alipay.trade.close":
                order = self._named(merchant, content, now)
                try:
                    self.books.shut("alipay", merchant.number, order.out_trade_no, now)
                except OrderRefused as refusal:
                    if refusal.why is Why.PAID:
                        raise OrderRefused(Why.UNPAID) from refusal
                    raise
                return success({"out_trade_no": order.out_trade_no, "trade_no": order.transaction_id}), False
            case "alipay.trade.refund":
                answer = self._refund(merchant, content, now)
                lost = self.faults.take(("lose_refund_answer",), "alipay", answer["out_trade_no"])
                return answer, lost is not None
            case "alipay.trade.fastpay.refund.query":
                return self._seen_refund(merchant, content, now), False
            case "alipay.data.dataservice.bill.downloadurl.query":
                url = self.bills.asked_by_alipay(merchant.number, merchant.seller_id, content, base_url)
                return success({"bill_download_url": url}), False
        raise GatewayRefused("isv.invalid-method", "不存在的方法名")

    def _loses_answer(self, order: Order) -> bool:
        return self.faults.take(("lose_answer",), "alipay", order.out_trade_no) is not None

    def _named(self, merchant: AlipayMerchant, content: dict[str, Any], now: datetime) -> Order:
        if content.get("trade_no"):
            order = self.books.find_transaction(merchant.number, str(content["trade_no"]), now)
        else:
            order = self.books.find("alipay", merchant.number, str(content.get("out_trade_no", "")), now)
        if order is None or not order.reached:
            raise OrderRefused(Why.UNKNOWN)
        return order

    def _order(
        self,
        merchant: AlipayMerchant,
        parameters: dict[str, str],
        content: dict[str, Any],
        trade_type: str,
        now: datetime,
    ) -> Order:
        amount_yuan = yuan_from_text(content.get("total_amount"))
        subject = content.get("subject")
        buyer = content.get("buyer_open_id") or content.get("buyer_id") or ""
        _demand(is_number("alipay", content.get("out_trade_no")), "out_trade_no")
        amount_yuan = _needed(amount_yuan, "total_amount")
        if amount_yuan > CEILING_YUAN:
            raise BusinessRefused("ACQ.TOTAL_FEE_EXCEED", "订单金额超过限额")
        readable = isinstance(subject, str) and 0 < len(subject) <= 256 and not set(subject) & set("/=&")
        _demand(readable, "subject")
        notify_url, return_url = parameters.get("notify_url", ""), parameters.get("return_url", "")
        _demand(not notify_url or is_callback(notify_url), "notify_url")
        _demand(not return_url or is_callback(return_url, query_allowed=True), "return_url")
        if trade_type == "JSAPI":
            _demand(isinstance(buyer, str) and 0 < len(buyer) <= 128, "buyer_open_id")
            if content.get("product_code") == "JSAPI_PAY":
                _demand(isinstance(content.get("op_app_id"), str) and bool(content["op_app_id"]), "op_app_id")
            if not self.identity.may_pay(merchant.app_id, buyer):
                raise BusinessRefused("ACQ.BUYER_NOT_EXIST", "买家open_id与应用不匹配")
        fixed = {"kind": trade_type, "amount": str(amount_yuan), "subject": str(subject), "buyer": str(buyer)}
        order = Order(
            channel="alipay",
            merchant=merchant.number,
            app_id=merchant.app_id,
            out_trade_no=content["out_trade_no"],
            trade_type=trade_type,
            amount_yuan=amount_yuan,
            description=str(subject),
            payer_id=str(buyer),
            notify_url=notify_url,
            return_url=return_url,
            attach=str(content.get("passback_params", "")),
            terms=terms_of(fixed | {"notify_url": notify_url}),
            created_at=now,
            expires_at=_expiry(content, now, QR_LIVES if trade_type == "QR" else timedelta(days=15)),
            reached=trade_type == "JSAPI",
            transaction_id=new_transaction_id("alipay", now),
        )
        return self.books.place(order, now)

    def _wap_pay(
        self, merchant: AlipayMerchant, parameters: dict[str, str], base_url: str, now: datetime
    ) -> Answer:
        order = self._order(merchant, parameters, content_of(parameters), "WAP", now)
        return redirect(f"{base_url}/cashier/{order.out_trade_no}?{urlencode({'merchant': merchant.number})}")

    def _refund(self, merchant: AlipayMerchant, content: dict[str, Any], now: datetime) -> dict[str, Any]:
        order = self._named(merchant, content, now)
        amount_yuan = yuan_from_text(content.get("refund_amount"))
        amount_yuan = _needed(amount_yuan, "refund_amount")
        number = content.get("out_request_no") or order.out_trade_no
        named = isinstance(number, str) and re.fullmatch(r"[\w\-]{1,64}", number, re.ASCII)
        _demand(bool(named), "out_request_no")
        if amount_yuan < order.amount_yuan:
            _demand(bool(content.get("out_request_no")), "out_request_no")
        if self.faults.take(("refund_balance_low",), "alipay", order.out_trade_no):
            raise BusinessRefused("ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足")
        if self.faults.take(("trade_finished",), "alipay", order.out_trade_no):
            raise BusinessRefused("ACQ.TRADE_HAS_FINISHED", "交易已完结")
        wished = Refund("alipay", merchant.number, order.out_trade_no, str(number), amount_yuan, "", "", now)
        # A partial refund is told to the order's own notify_url; a full one is not.
        partial = order.refunded_yuan + amount_yuan < order.amount_yuan and bool(order.notify_url)
        notice = new_notice(order, order.notify_url, now, timedelta(), str(number)) if partial else None
        try:
            _, after, first = self.books.refund(wished, notice, now)
        except OrderRefused as refusal:
            if refusal.why is Why.CHANGED:
                raise BusinessRefused("ACQ.DISCORDANT_REPEAT_REQUEST", "请求信息不一致") from refusal
            raise
        if first:
            self.refund_noted()
        return success(
            {
                "trade_no": after.transaction_id,
                "out_trade_no": after.out_trade_no,
                "buyer_open_id": after.payer_id,
                "fund_change": "Y" if first else "N",
                "refund_fee": str(after.refunded_yuan),
                "gmt_refund_pay": beijing(now),
            }
        )

    def _seen_refund(
        self, merchant: AlipayMerchant, content: dict[str, Any], now: datetime
    ) -> dict[str, Any]:
        order = self._named(merchant, content, now)
        number = str(content.get("out_request_no", ""))
        refund = self.books.find_refund("alipay", merchant.number, number, order.out_trade_no)
        if refund is None:
            return success({})
        return success(
            {
                "trade_no": order.transaction_id,
                "out_trade_no": order.out_trade_no,
                "out_request_no": refund.out_request_no,
                "total_amount": str(order.amount_yuan),
                "refund_amount": str(refund.amount_yuan),
                "refund_status": "REFUND_SUCCESS",
                "gmt_refund_pay": beijing(refund.made_at),
            }
        )

    def _token(self, merchant: AlipayMerchant, parameters: dict[str, str]) -> dict[str, Any]:
        if parameters.get("grant_type") != "authorization_code":
            raise GatewayRefused("isv.grant-type-invalid", "授权类型grant_type无效")
        try:
            open_id = self.identity.redeem("alipay", merchant.app_id, parameters.get("code", ""))
        except CodeRefused:
            raise GatewayRefused("isv.code-invalid", "授权码code无效") from None
        lives_s = 15 * 24 * 3600
        return {
            "access_token": secrets.token_hex(20),
            "refresh_token": secrets.token_hex(20),
            "auth_start": beijing(self.clock()),
            "expires_in": lives_s,
            "re_expires_in": lives_s * 2,
            "open_id": open_id,
        }


def _expiry(content: dict[str, Any], now: datetime, default: timedelta) -> datetime:
    """`time_expire` (Beijing time) or `timeout_express` (`30m`, `2h`, `1d`), within 1 minute to 15 days."""
    wished = now + default
    relative = content.get("timeout_express") or content.get("qr_code_timeout_express")
    if content.get("time_expire"):
        try:
            moment = datetime.strptime(str(content["time_expire"]), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
        except ValueError:
            raise BusinessRefused("ACQ.INVALID_PARAMETER", "参数无效：time_expire") from None
        wished = moment.replace(tzinfo=BEIJING).astimezone(now.tzinfo)
    elif relative:
        match = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", str(relative), re.ASCII)
        match = _needed(match, "timeout_express")
        unit = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}[match[2]]
        wished = now + int(match[1]) * unit
    _demand(timedelta(minutes=1) - timedelta(seconds=1) <= wished - now <= timedelta(days=15), "time_expire")
    return wished


def _needed(value: _T | None, name: str) -> _T:
    if value is None:
        raise BusinessRefused("ACQ.INVALID_PARAMETER", f"参数无效：{name}")
    return value


def _demand(fulfilled: bool, name: str) -> None:
    if not fulfilled:
        raise BusinessRefused("ACQ.INVALID_PARAMETER", f"参数无效：{name}")
