"""WeChat Pay, API v3, with the platform's public key ("public-key mode").

Orders and queries go through `wechatpayv3`. What was measured to be wrong in it is closed here: its notify
has no replay window, an unknown serial makes it call out, a missing header or an unread key raises bare
exceptions, answers outside 2xx come back as if they were answers, and its address is fixed.

Credentials: `mchid`, `appid`, `serial_no` (of the merchant's own certificate), `private_key_pem`,
`apiv3_key` (32 bytes), `platform_public_key_pem`, `platform_public_key_id`; while the platform changes keys
also `more_platform_keys`, a map from serial or key id to a PEM key or certificate, all valid at once, and
`more_apiv3_keys`, a list. With `sub_mchid` (and `sub_appid`) they are a service provider's, and orders are her
sub-merchant's.

Sources: WeChat Pay documentation pages 4012365334, 4012365336 (requests), 4013053420 (answers, notifies),
4012075249 (polling).
"""

import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from wechatpayv3 import WeChatPay, WeChatPayType

from apps.common.keys import private_key_pem, public_key, public_key_pem
from apps.common.outside import outside_call
from apps.common.platforms import (
    BEIJING,
    TIMEOUT_S,
    CredentialsInvalid,
    PlatformAnswerInvalid,
    PlatformRefused,
    PlatformUnreachable,
    credential,
)
from apps.income.platforms.amounts import fen_from_yuan
from apps.income.platforms.base import (
    Charge,
    ChargeRequest,
    FinishRequest,
    NotifyRefused,
    PlatformResult,
    RefundRequest,
    RefundResult,
)
from apps.income.platforms.orders import checked_instant, checked_notify_url, checked_out_trade_no
from apps.income.platforms.wechat_bill import BilledByWeChat
from apps.income.platforms.wechat_envelope import check_signature, open_notify
from apps.income.platforms.wechat_parties import Parties
from apps.income.platforms.wechat_proving import ask_proved, is_seal_proved
from apps.income.platforms.wechat_refunds import REFUND_EVENTS, checked_finish, refund_result
from apps.income.platforms.wechat_results import Reader, optional_text

GATEWAY = "https://api.mch.weixin.qq.com"
LONGEST_DESCRIPTION_BYTES = 127
LONGEST_REASON = 80

_NO_SUCH_ORDER = frozenset({"ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"})
_ALREADY_PAID = frozenset({"ORDERPAID", "ORDER_PAID"})
# WeChat sends this refusal as HTTP 500; every other 5xx leaves the result unknown.
_REFUSED_WITH_500 = frozenset({"OPENID_MISMATCH"})
_ALREADY_CLOSED = frozenset({"ORDER_CLOSED", "ORDERCLOSED"})


class WeChatPlatform(BilledByWeChat):
    """One merchant account at WeChat Pay. See `base.Platform` for what every method promises."""

    channel = "wechat"

    def __init__(self, credentials: dict[str, Any], *, base_url: str | None = None) -> None:
        self._parties = parties = Parties.of(credentials)
        self._read = Reader(parties)
        self.merchant_id, self.app_id = parties.payee, parties.payer_app_id
        apiv3_key = credential(credentials, "apiv3_key")
        if len(apiv3_key.encode()) != 32:
            raise CredentialsInvalid("apiv3_key", "not 32 bytes long")
        self._apiv3_keys = [apiv3_key, *(credentials.get("more_apiv3_keys") or ())]
        self._keys = _platform_keys(credentials)
        platform_key_id = credential(credentials, "platform_public_key_id")
        self._sdk = WeChatPay(
            wechatpay_type=WeChatPayType.JSAPI,
            mchid=parties.merchant_id,
            private_key=private_key_pem(credentials, "private_key_pem"),
            cert_serial_no=credential(credentials, "serial_no"),
            appid=parties.app_id,
            apiv3_key=apiv3_key,
            partner_mode=bool(parties.sub_mchid),
            timeout=TIMEOUT_S,
            public_key=public_key_pem(self._keys[platform_key_id]),
            public_key_id=platform_key_id,
        )
        transport = self._sdk._core
        transport._gate_way = (base_url or GATEWAY).rstrip("/")
        # The SDK's own check fetches certificates for a serial it does not know, and knows one key only.
        transport._verify_signature = self._is_signed

    def prove(self, out_trade_no: str) -> bool:
        parties, path = self._parties, "/v3/pay/transactions/out-trade-no/"
        asked = f"{path}{checked_out_trade_no(out_trade_no)}?mchid={parties.merchant_id}"
        if parties.sub_mchid:
            asked = asked.replace("/pay/", "/pay/partner/").replace("?mchid", "?sp_mchid")
            asked += f"&sub_mchid={parties.sub_mchid}"
        try:
            ask_proved(self._sdk._core, asked, self._keys)
        except PlatformRefused as refusal:
            if refusal.code in _NO_SUCH_ORDER and refusal.is_signed:
                return is_seal_proved(self._sdk._core, self._keys, self._apiv3_keys)
            raise
        raise PlatformAnswerInvalid("WRONG_ORDER", "an order nobody made was found")

    def create_charge(self, request: ChargeRequest) -> Charge:
        order: dict[str, Any] = {
            "description": _shortened(request.description),
            "out_trade_no": checked_out_trade_no(request.out_trade_no),
            "amount": {"total": fen_from_yuan(request.amount_yuan), "currency": "CNY"},
            "time_expire": _rfc3339(request.expires_at),
            "notify_url": checked_notify_url(request.notify_url),
            "pay_type": WeChatPayType.JSAPI if request.payer_id else WeChatPayType.NATIVE,
        }
        if request.payer_id:
            order["payer"] = self._parties.payer(request.payer_id)
        if request.payer_ip:
            order["scene_info"] = {"payer_client_ip": request.payer_ip}
        answer = self._ask(self._sdk.pay, **order, **self._parties.ordered)
        if request.payer_id:
            return Charge(bridge=self._bridge(_text(answer, "prepay_id")), qr_text=None)
        return Charge(bridge=None, qr_text=_text(answer, "code_url"))

    def page_address(self, request: ChargeRequest) -> str:
        raise PlatformRefused("NO_PAGE", "outside WeChat a code is scanned")

    def query(self, out_trade_no: str, *, by_qr: bool = True) -> PlatformResult:
        checked_out_trade_no(out_trade_no)
        try:
            answer = self._ask(self._sdk.query, out_trade_no=out_trade_no, **self._parties.named)
        except PlatformRefused as refusal:
            if refusal.code in _NO_SUCH_ORDER:
                return self._read.without_order(out_trade_no, "UNKNOWN_ORDER", refusal.code)
            raise
        try:
            result = self._read.order(answer, {})
        except NotifyRefused as mismatch:
            raise PlatformAnswerInvalid(mismatch.code, mismatch.detail) from None
        if result.out_trade_no != out_trade_no:
            raise PlatformAnswerInvalid("WRONG_ORDER", "the answer is about another order")
        return result

    def close(self, out_trade_no: str) -> PlatformResult:
        checked_out_trade_no(out_trade_no)
        try:
            self._ask(self._sdk.close, out_trade_no=out_trade_no, **self._parties.named)
        except PlatformRefused as refusal:
            if refusal.code in _ALREADY_PAID:
                return self.query(out_trade_no)
            if refusal.code in _NO_SUCH_ORDER:
                return self._read.without_order(out_trade_no, "UNKNOWN_ORDER", refusal.code)
            if refusal.code not in _ALREADY_CLOSED:
                raise
        return self._read.without_order(out_trade_no, "CLOSED", "CLOSED")

    def refund(self, request: RefundRequest) -> RefundResult:
        amount = {
            "refund": fen_from_yuan(request.refund_yuan),
            "total": fen_from_yuan(request.paid_yuan),
            "currency": "CNY",
        }
        answer = self._ask(
            self._sdk.refund,
            out_refund_no=checked_out_trade_no(request.out_refund_no),
            out_trade_no=checked_out_trade_no(request.out_trade_no),
            amount=amount,
            reason=request.reason[:LONGEST_REASON] or None,
            notify_url=checked_notify_url(request.notify_url) if request.notify_url else None,
            **self._parties.named,
        )
        return refund_result(answer, request.out_trade_no, request.out_refund_no)

    def query_refund(self, out_trade_no: str, out_refund_no: str) -> RefundResult:
        try:
            wanted = {"out_refund_no": checked_out_trade_no(out_refund_no), **self._parties.named}
            answer = self._ask(self._sdk.query_refund, **wanted)
        except PlatformRefused as refusal:
            if refusal.code not in _NO_SUCH_ORDER:
                raise
            return RefundResult(
                out_refund_no=out_refund_no,
                state="UNKNOWN_REFUND",
                refund_yuan=None,
                evidence={"said": refusal.code},
            )
        return refund_result(answer, out_trade_no, out_refund_no)

    def finish_refund(self, request: FinishRequest) -> RefundResult:
        answer = self._ask(
            self._sdk.abnormal_refund,
            out_refund_no=checked_out_trade_no(request.out_refund_no),
            **checked_finish(request),
            **self._parties.named,
        )
        return refund_result(answer, request.out_trade_no, request.out_refund_no)

    def read_notify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> PlatformResult:
        notify = open_notify(headers, body, keys=self._keys, apiv3_keys=self._apiv3_keys, now=now)
        evidence = {"notify_id": notify.id, "event_type": notify.event_type, "serial": notify.serial}
        if notify.event_type in REFUND_EVENTS:
            return self._read.refund(notify.resource, evidence)
        if not notify.event_type.startswith("TRANSACTION."):
            raise NotifyRefused("UNKNOWN_EVENT", notify.event_type)
        return self._read.order(notify.resource, evidence)

    def notify_answer(self, ok: bool) -> tuple[int, str, bytes]:
        if ok:
            return 200, "application/json", b'{"code":"SUCCESS"}'
        return 400, "application/json", b'{"code":"FAIL","message":"not accepted"}'

    def ask_sdk(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Ask another of the SDK's questions, its answer proved and its failures told like those of orders."""
        return self._ask(getattr(self._sdk, name), **arguments)

    def _ask(self, call: Any, **arguments: Any) -> dict[str, Any]:
        with outside_call("wechat"):
            try:
                status, content = call(**arguments)
            except NotifyRefused as refusal:
                raise PlatformAnswerInvalid(refusal.code, refusal.detail) from None
            except requests.RequestException as error:
                # The error's own text repeats the address of the call.
                raise PlatformUnreachable(f"wechat: {type(error).__name__}") from None
        if status == 204:
            return {}
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        code = str(answer.get("code") or "") if isinstance(answer, dict) else ""
        if (status >= 500 or status == 429) and code not in _REFUSED_WITH_500:
            raise PlatformUnreachable(f"wechat answered HTTP {status} {code}".rstrip())
        if not isinstance(answer, dict):
            raise PlatformAnswerInvalid("NOT_READABLE", f"HTTP {status} without a JSON object")
        if not 200 <= status < 300:
            raise PlatformRefused(code or f"HTTP_{status}", str(answer.get("message") or ""))
        return answer

    def _is_signed(self, headers: Mapping[str, str], body: str) -> bool:
        check_signature(headers, body.encode(), self._keys)
        return True

    def _bridge(self, prepay_id: str) -> dict[str, str]:
        timestamp, nonce, package = str(int(time.time())), uuid4().hex, f"prepay_id={prepay_id}"
        return {
            "appId": self.app_id,
            "timeStamp": timestamp,
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": self._sdk.sign([self.app_id, timestamp, nonce, package]),
        }


def _rfc3339(instant: datetime) -> str:
    return checked_instant(instant).astimezone(BEIJING).isoformat(timespec="seconds")


def _shortened(description: str) -> str:
    return description.encode()[:LONGEST_DESCRIPTION_BYTES].decode(errors="ignore")


def _platform_keys(credentials: dict[str, Any]) -> dict[str, RSAPublicKey]:
    keys = {
        credential(credentials, "platform_public_key_id"): public_key(
            credential(credentials, "platform_public_key_pem"), field="platform_public_key_pem"
        )
    }
    more = credentials.get("more_platform_keys") or {}
    keys.update((serial, public_key(pem, field="more_platform_keys")) for serial, pem in more.items())
    return keys


def _text(answer: dict[str, Any], name: str) -> str:
    value = optional_text(answer, name)
    if value is None:
        raise PlatformAnswerInvalid("NOT_READABLE", f"no {name} in the answer")
    return value
