"""The merchant side of the pretend WeChat Pay, API v3 in public-key mode.

Paths, fields, states and error codes as on pay.weixin.qq.com (doc/v3/merchant). Two things differ on purpose:
`notify_url` may be plain http on this machine, and an order may be closed in its first five minutes.
"""

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from apps.sandbox.abnormal import AbnormalRefunds, FinishRefused
from apps.sandbox.bills import BillRefused, Bills
from apps.sandbox.books import ABNORMAL, Books, new_notice, new_transaction_id
from apps.sandbox.faults import Faults
from apps.sandbox.http import Answer, Request, json_bytes
from apps.sandbox.identity import Identity
from apps.sandbox.merchants import Merchants, WeChatMerchant
from apps.sandbox.orders import (
    Order,
    OrderRefused,
    Refund,
    Why,
    fen,
    is_callback,
    is_number,
    terms_of,
    yuan_from_fen,
)
from apps.sandbox.sharing import not_permitted, refuse_flagged
from apps.sandbox.signatures import rsa_verifies, wechat_request_message
from apps.sandbox.transfers import TransferRefused, Transfers
from apps.sandbox.wechat_content import (
    REFUND_TAKES,
    SCHEME,
    refund_content,
    sealed_certificates,
    signature_headers,
    transaction,
)

_T = TypeVar("_T")

TIMESTAMP_WINDOW = timedelta(minutes=5)

_AUTHORIZATION = re.compile(SCHEME + r" ([a-z_]+=\"[^\"]*\"(?:,[a-z_]+=\"[^\"]*\"){4})")
_PART = re.compile(r"([a-z_]+)=\"([^\"]*)\"")
_REFUSALS = {
    Why.CHANGED: (403, "OUT_TRADE_NO_USED", "商户订单号重复"),
    Why.PAID: (400, "ORDERPAID", "该订单已支付"),
    Why.CLOSED: (400, "ORDER_CLOSED", "该订单已关闭"),
    Why.UNKNOWN: (404, "ORDER_NOT_EXIST", "订单不存在"),
    Why.UNPAID: (403, "INVALID_REQUEST", "订单未支付，不能退款"),
    Why.TOO_MUCH: (400, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试"),
}


class Refused(Exception):
    """An error answer of the platform."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class WeChatPay:
    """Answers merchants' calls; `clock` gives aware UTC instants."""

    merchants: Merchants
    books: Books
    identity: Identity
    faults: Faults
    clock: Callable[[], datetime]
    refund_noted: Callable[[], None]
    transfers: Transfers
    bills: Bills
    abnormal: AbnormalRefunds

    def answer(self, request: Request) -> Answer:
        """Verify, act, and sign the answer with the key of the merchant who asked."""
        merchant: WeChatMerchant | None = None
        now = self.clock()
        lost = False
        try:
            merchant = self._verified(request, now)
            if request.path == "/v3/billdownload/file":
                return self.bills.wechat_file(request)
            status, content, lost = self._act(merchant, request, now)
        except Refused as refusal:
            status, content = refusal.status, {"code": refusal.code, "message": refusal.message}
        except (TransferRefused, BillRefused, FinishRefused) as refusal:
            status, content = refusal.status, {"code": refusal.code, "message": refusal.message}
        except OrderRefused as refusal:
            status, code, message = _REFUSALS[refusal.why]
            content = {"code": code, "message": message}
        body = b"" if content is None else json_bytes(content)
        headers = {"Content-Type": "application/json"} if body else {}
        headers["Request-ID"] = secrets.token_hex(16).upper()
        if merchant is not None:
            headers |= signature_headers(merchant, body, now)
        return Answer(status, body, headers, lost=lost)

    def _verified(self, request: Request, now: datetime) -> WeChatMerchant:
        match = _AUTHORIZATION.fullmatch(request.header("Authorization"))
        parts = dict(_PART.findall(match[1])) if match else {}
        if set(parts) != {"mchid", "nonce_str", "signature", "timestamp", "serial_no"}:
            raise Refused(
                401, "SIGN_ERROR", "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》"
            )
        if re.fullmatch(r"[0-9]{10}", parts["timestamp"], re.ASCII) is None:
            raise Refused(401, "SIGN_ERROR", "Http头Authorization中的timestamp格式错误")
        if abs(now.timestamp() - int(parts["timestamp"])) > TIMESTAMP_WINDOW.total_seconds():
            raise Refused(401, "SIGN_ERROR", "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟")
        merchant = self.merchants.wechat.get(parts["mchid"])
        if merchant is None or merchant.sp_mchid:
            raise Refused(401, "SIGN_ERROR", "商户号不存在")
        if parts["serial_no"] != merchant.serial_no:
            raise Refused(401, "SIGN_ERROR", "商户证书序列号有误")
        if request.header("Wechatpay-Serial") not in ("", merchant.platform_key_id):
            raise Refused(400, "PARAM_ERROR", "Http头Wechatpay-Serial不是该商户的微信支付公钥ID")
        message = wechat_request_message(
            request.method, request.target, parts["timestamp"], parts["nonce_str"], request.body
        )
        if not parts["nonce_str"] or not rsa_verifies(merchant.public_key, message, parts["signature"]):
            raise Refused(401, "SIGN_ERROR", "签名错误，验签失败")
        return merchant

    def _act(self, merchant: WeChatMerchant, request: Request, now: datetime) -> tuple[int, Any, bool]:
        parts = urlsplit(request.target).path.removeprefix("/v3/").split("/")
        if self.faults.take(("system_error",), "wechat", ""):
            raise Refused(500, "SYSTEM_ERROR", "系统异常，请用相同参数重新调用")
        match request.method, parts:
            case "POST", ["pay", "transactions", ("jsapi" | "native") as kind]:
                content = self._order(merchant, kind, _fields(request), request.base_url, now)
                lost = self.faults.take(("lose_answer",), "wechat", _fields(request)["out_trade_no"])
                return 200, content, lost is not None
            case "GET", ["pay", "transactions", "out-trade-no", number]:
                self._own(merchant, _query(request, "mchid"))
                return (
                    200,
                    self._seen(merchant, self.books.find("wechat", merchant.mchid, number, now)),
                    False,
                )
            case "GET", ["pay", "transactions", "id", number]:
                self._own(merchant, _query(request, "mchid"))
                paid = self.books.find_transaction(merchant.mchid, number, now)
                return 200, self._seen(merchant, paid if paid and paid.is_paid else None), False
            case "POST", ["pay", "transactions", "out-trade-no", number, "close"]:
                self._own(merchant, _fields(request).get("mchid"))
                self.books.shut("wechat", merchant.mchid, number, now)
                return 204, None, False
            case _, ["pay", "partner", *rest]:
                return self._partner(merchant, request, rest, now)
            case "POST", ["refund", "domestic", "refunds"]:
                fields = _fields(request)
                if "sub_mchid" in fields:
                    merchant = self._sub(merchant, merchant.mchid, fields["sub_mchid"])
                content = self._refund(merchant, fields, now)
                lost = self.faults.take(("lose_refund_answer",), "wechat", content["out_trade_no"])
                return 200, content, lost is not None
            case "POST", ["refund", "domestic", "refunds", refund_id, "apply-abnormal-refund"]:
                content = self._finish_refund(merchant, refund_id, request, now)
                lost = self.faults.take(("lose_refund_answer",), "wechat", content["out_trade_no"])
                return 200, content, lost is not None
            case "GET", ["refund", "domestic", "refunds", number]:
                if (sub := _query(request, "sub_mchid")) is not None:
                    merchant = self._sub(merchant, merchant.mchid, sub)
                return 200, self._seen_refund(merchant, number, now), False
            case "POST", ["fund-app", "mch-transfer", "transfer-bills"]:
                fields = _fields(request)
                content = self.transfers.wechat_transfer(merchant, fields, now)
                lost = self.faults.take(("lose_transfer_answer",), "wechat", str(fields["out_bill_no"]))
                return 200, content, lost is not None
            case "GET", ["fund-app", "mch-transfer", "transfer-bills", "out-bill-no", number]:
                return 200, self.transfers.wechat_query(merchant, number, now), False
            case _, ["profitsharing", *_]:
                raise not_permitted("wechat")
            case "GET", ["bill", "tradebill"]:
                return 200, self.bills.asked_by_wechat(merchant.mchid, request), False
            case "GET", ["certificates"]:
                if self.faults.take(("serve_certificates",), "wechat", ""):
                    return 200, sealed_certificates(merchant, now), False
                raise Refused(
                    404,
                    "RESOURCE_NOT_EXISTS",
                    "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥",
                )
        raise Refused(404, "NOT_FOUND", "请求的资源不存在")

    def _partner(
        self, merchant: WeChatMerchant, request: Request, rest: list[str], now: datetime
    ) -> tuple[int, Any, bool]:
        """The service provider's edition: the same acts on a sub-merchant's order."""
        asked = _fields(request) if request.method == "POST" else {}
        sp, sub = (asked.get(name) if asked else _query(request, name) for name in ("sp_mchid", "sub_mchid"))
        owner = self._sub(merchant, sp, sub)
        match request.method, rest:
            case "POST", ["transactions", ("jsapi" | "native") as kind]:
                payer = asked.get("payer")
                openid = payer.get("sp_openid") if isinstance(payer, dict) else None
                fields = asked | {"mchid": owner.mchid, "appid": asked.get("sp_appid")}
                fields["payer"] = {"openid": openid or ""}
                content = self._order(owner, kind, fields, request.base_url, now)
                lost = self.faults.take(("lose_answer",), "wechat", asked["out_trade_no"])
                return 200, content, lost is not None
            case "GET", ["transactions", "out-trade-no", number]:
                return 200, self._seen(owner, self.books.find("wechat", owner.mchid, number, now)), False
            case "POST", ["transactions", "out-trade-no", number, "close"]:
                self.books.shut("wechat", owner.mchid, number, now)
                return 204, None, False
        raise Refused(404, "NOT_FOUND", "请求的资源不存在")

    def _sub(self, merchant: WeChatMerchant, sp_mchid: object, sub_mchid: object) -> WeChatMerchant:
        self._own(merchant, sp_mchid)
        found = self.merchants.wechat.get(str(sub_mchid))
        if found is None or found.sp_mchid != merchant.mchid:
            raise Refused(403, "NO_AUTH", "特约商户与服务商没有受理关系")
        return found

    def _own(self, merchant: WeChatMerchant, mchid: object) -> None:
        if mchid != merchant.mchid:
            raise Refused(400, "PARAM_ERROR", "请求中的商户号与签名的商户号不一致")

    def _order(
        self, merchant: WeChatMerchant, kind: str, fields: dict[str, Any], base_url: str, now: datetime
    ) -> dict[str, str]:
        self._own(merchant, fields.get("mchid"))
        refuse_flagged(fields)
        if fields.get("appid") != merchant.appid:
            raise Refused(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配")
        amount = fields.get("amount")
        amount_yuan = yuan_from_fen(amount.get("total")) if isinstance(amount, dict) else None
        payer = fields.get("payer")
        openid = payer.get("openid", "") if isinstance(payer, dict) else ""
        description, attach = fields.get("description"), fields.get("attach", "")
        _demand(is_number("wechat", fields.get("out_trade_no")), "out_trade_no")
        amount_yuan = _needed(amount_yuan, "amount.total")
        _demand(isinstance(amount, dict) and amount.get("currency", "CNY") == "CNY", "amount.currency")
        _demand(isinstance(description, str) and 0 < len(description.encode()) <= 127, "description")
        _demand(isinstance(attach, str) and len(attach) <= 128, "attach")
        _demand(is_callback(fields.get("notify_url")), "notify_url")
        if kind == "jsapi":
            _demand(isinstance(openid, str) and 0 < len(openid) <= 128, "payer.openid")
            if not self.identity.may_pay(merchant.appid, openid):
                raise Refused(500, "OPENID_MISMATCH", "openid和appid不匹配")
        expires_at = _expiry(fields.get("time_expire"), now)
        fixed = {name: str(fields.get(name, "")) for name in ("appid", "description", "attach", "notify_url")}
        terms = terms_of(fixed | {"kind": kind, "total": str(fen(amount_yuan)), "openid": openid})
        order = Order(
            channel="wechat",
            merchant=merchant.mchid,
            app_id=merchant.appid,
            out_trade_no=fields["out_trade_no"],
            trade_type=kind.upper(),
            amount_yuan=amount_yuan,
            description=str(description),
            payer_id=openid if kind == "jsapi" else "",
            notify_url=fields["notify_url"],
            return_url="",
            attach=attach,
            terms=terms,
            created_at=now,
            expires_at=expires_at,
            reached=True,
            transaction_id=new_transaction_id("wechat", now),
        )
        placed = self.books.place(order, now)
        if kind == "native":
            return {"code_url": f"{base_url}/cashier/{placed.out_trade_no}?merchant={merchant.mchid}"}
        return {"prepay_id": f"wx{now:%d%H%M%S}{secrets.token_hex(13)}"}

    def _seen(self, merchant: WeChatMerchant, order: Order | None) -> dict[str, Any]:
        if order is None:
            raise OrderRefused(Why.UNKNOWN)
        return transaction(order, merchant)

    def _refund(self, merchant: WeChatMerchant, fields: dict[str, Any], now: datetime) -> dict[str, Any]:
        amount = fields.get("amount")
        amount = amount if isinstance(amount, dict) else {}
        refund_yuan, total_yuan = yuan_from_fen(amount.get("refund")), yuan_from_fen(amount.get("total"))
        number = fields.get("out_refund_no")
        named = isinstance(number, str) and re.fullmatch(r"[0-9A-Za-z_\-|*@]{1,64}", number, re.ASCII)
        _demand(bool(named), "out_refund_no")
        refund_yuan = _needed(refund_yuan, "amount.refund")
        _demand(total_yuan is not None, "amount.total")
        _demand(amount.get("currency") == "CNY", "amount.currency")
        if "notify_url" in fields:
            _demand(is_callback(fields["notify_url"]), "notify_url")
        if "transaction_id" in fields:
            order = self.books.find_transaction(merchant.mchid, str(fields["transaction_id"]), now)
        else:
            order = self.books.find("wechat", merchant.mchid, str(fields.get("out_trade_no")), now)
        if order is None:
            raise OrderRefused(Why.UNKNOWN)
        if total_yuan != order.amount_yuan:
            raise OrderRefused(Why.TOO_MUCH)
        if self.faults.take(("refund_balance_low",), "wechat", order.out_trade_no):
            raise Refused(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起")
        url = fields.get("notify_url", "")
        wished = Refund(
            "wechat",
            merchant.mchid,
            order.out_trade_no,
            str(number),
            refund_yuan,
            f"5030{new_transaction_id('wechat', now)[4:]}",
            url,
            now,
        )
        notice = new_notice(order, url, now, REFUND_TAKES, refund_no=wished.out_request_no) if url else None
        refund, after, first = self.books.refund(wished, notice, now)
        if first:
            if self.faults.take((ABNORMAL,), "wechat", order.out_trade_no):
                self.books.mark(ABNORMAL, refund.out_request_no)
            self.refund_noted()
        return self._told(refund, after, now)

    def _told(self, refund: Refund, order: Order, now: datetime) -> dict[str, Any]:
        is_abnormal = self.books.is_marked(ABNORMAL, refund.out_request_no)
        finish = self.abnormal.finish_of(refund)
        return refund_content(refund, order, now, is_abnormal=is_abnormal, finish=finish)

    def _finish_refund(
        self, caller: WeChatMerchant, refund_id: str, request: Request, now: datetime
    ) -> dict[str, Any]:
        fields = _fields(request)
        owner = self._sub(caller, caller.mchid, fields["sub_mchid"]) if "sub_mchid" in fields else caller
        refund = self.books.find_refund("wechat", owner.mchid, str(fields.get("out_refund_no")))
        order = self.books.find("wechat", owner.mchid, refund.out_trade_no, now) if refund else None
        if refund is None or order is None or refund.refund_id != refund_id:
            raise Refused(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
        status = self._told(refund, order, now)["status"]
        serial = request.header("Wechatpay-Serial")
        self.abnormal.finish(caller, refund, fields, status=status, serial=serial, now=now)
        if refund.notify_url:
            url, number = refund.notify_url, refund.out_request_no
            self.books.tell(new_notice(order, url, now, REFUND_TAKES, refund_no=number))
            self.refund_noted()
        return self._told(refund, order, now)

    def _seen_refund(self, merchant: WeChatMerchant, number: str, now: datetime) -> dict[str, Any]:
        refund = self.books.find_refund("wechat", merchant.mchid, number)
        order = self.books.find("wechat", merchant.mchid, refund.out_trade_no, now) if refund else None
        if refund is None or order is None:
            raise Refused(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
        return self._told(refund, order, now)


def _fields(request: Request) -> dict[str, Any]:
    try:
        fields = json.loads(request.body)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise Refused(400, "PARAM_ERROR", "请求体不是JSON对象")
    return fields


def _query(request: Request, name: str) -> str | None:
    values = parse_qs(urlsplit(request.target).query, keep_blank_values=True).get(name, [])
    return values[0] if len(values) == 1 else None


def _needed(value: _T | None, name: str) -> _T:
    if value is None:
        raise Refused(400, "PARAM_ERROR", f"参数错误：{name}")
    return value


def _demand(fulfilled: bool, name: str) -> None:
    if not fulfilled:
        raise Refused(400, "PARAM_ERROR", f"参数错误：{name}")


def _expiry(text: object, now: datetime) -> datetime:
    """`time_expire`: at least one minute and at most 90 days ahead; 7 days without one."""
    if text is None:
        return now + timedelta(days=7)
    try:
        expires_at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        expires_at = None
    if expires_at is None or expires_at.tzinfo is None:
        raise Refused(400, "PARAM_ERROR", "参数错误：time_expire")
    if not timedelta(minutes=1) <= expires_at - now <= timedelta(days=90):
        raise Refused(400, "PARAM_ERROR", "参数错误：time_expire，支付结束时间应在1分钟后、90天内")
    return expires_at.astimezone(now.tzinfo)
