"""Send a merchant's own money to a person, with her name compared to her ID card (strategy S3).

One interface over WeChat's transfer bills and Alipay's `fund.trans.uni.transfer`. Asking again keeps the number: the
same number never moves money twice.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, Protocol

from apps.common.platforms import PlatformAnswerInvalid, PlatformRefused
from apps.income.platforms.amounts import fen_from_yuan, yuan_from_fen, yuan_from_text, yuan_text

TransferState = Literal["DONE", "PROCESSING", "CONFIRMING", "FAILED", "UNKNOWN_TRANSFER"]
"""CONFIRMING: the payee has to take it in the app. FAILED: no money moved, and none will under this number.
UNKNOWN_TRANSFER: the platform has no transfer of this number."""

Why = Literal["", "NAME_MISMATCH", "DAY_LIMIT", "BALANCE_LOW", "NOT_CONFIRMED", "AUTHORISATION", "REFUSED"]

WHY: dict[str, Why] = {
    "NAME_NOT_CORRECT": "NAME_MISMATCH",
    "PAYEE_USER_INFO_ERROR": "NAME_MISMATCH",
    "PAYEE_USERINFO_ERROR": "NAME_MISMATCH",
    "DAY_RECEIVED_QUOTA_EXCEED": "DAY_LIMIT",
    "EXCEED_LIMIT_DM_MAX_AMOUNT": "DAY_LIMIT",
    "EXCEED_LIMIT_DC_RECEIVED": "DAY_LIMIT",
    "NOT_ENOUGH": "BALANCE_LOW",
    "PAYER_BALANCE_NOT_ENOUGH": "BALANCE_LOW",
    "BALANCE_IS_NOT_ENOUGH": "BALANCE_LOW",
    "OVERDUE_CLOSE": "NOT_CONFIRMED",
    "NO_AUTH": "AUTHORISATION",
    "PERMIT_NON_BANK_LIMIT_PAYEE": "AUTHORISATION",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRequest:
    """:param number: ours, letters and digits only; the idempotency key at the platform."""

    number: str
    amount_yuan: Decimal
    payee_id: str = field(repr=False)
    payee_name: str = field(repr=False)
    remark: str
    notify_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferResult:
    """What the platform proved of one transfer; `why` says why it failed, `evidence` is safe to store and show."""

    number: str
    state: TransferState
    why: Why = ""
    amount_yuan: Decimal | None = None
    platform_number: str = ""
    confirm_package: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)


class Transfers(Protocol):
    """One merchant who sends money out."""

    def send(self, request: TransferRequest) -> TransferResult:
        """Send it. The same request again reports the same transfer and moves nothing more.

        :raises PlatformRefused: nothing moved under this number; it may be used again.
        :raises PlatformUnreachable: unknown; query, then the same number.
        """

    def query(self, number: str) -> TransferResult:
        """Ask how it is. :raises PlatformRefused, PlatformUnreachable: as above."""


def transfers_for(channel: str, credentials: dict[str, Any], *, base_url: str | None = None) -> Transfers:
    """Return the sender behind an account's credentials, kept like `base.platform_for`.

    :raises CredentialsInvalid: naming the field that cannot be used.
    """
    return _kept(channel, json.dumps(credentials, sort_keys=True), base_url)


@lru_cache(maxsize=16)
def _kept(channel: str, credentials: str, base_url: str | None) -> Transfers:
    if channel == "wechat":
        from apps.income.platforms.wechat import WeChatPlatform

        return WeChatTransfers(WeChatPlatform(json.loads(credentials), base_url=base_url))
    from apps.common.alipay_gateway import AlipayGateway

    return AlipayTransfers(AlipayGateway(json.loads(credentials), base_url=base_url))


# What the payee's wallet shows beside the amount: that it settles electricity. Both platforms speak Chinese alone.
REMARK = "电费结算"


class WeChatTransfers:
    """Transfer bills that the payee confirms within 24 hours (documentation: 发起转账, partner/4015469096)."""

    SCENE = "1006"
    REPORTS = [
        {"info_type": "报销说明", "info_content": "代收电费结算"},
    ]
    STATES: Mapping[str, TransferState] = {
        "ACCEPTED": "PROCESSING",
        "PROCESSING": "PROCESSING",
        "TRANSFERING": "PROCESSING",
        "CANCELING": "PROCESSING",
        "WAIT_USER_CONFIRM": "CONFIRMING",
        "SUCCESS": "DONE",
        "FAIL": "FAILED",
        "CANCELLED": "FAILED",
    }

    def __init__(self, platform: Any) -> None:
        self._platform = platform

    def send(self, request: TransferRequest) -> TransferResult:
        answer = self._platform.ask_sdk(
            "mch_transfer_bills",
            out_bill_no=request.number,
            transfer_scene_id=self.SCENE,
            openid=request.payee_id,
            transfer_amount=fen_from_yuan(request.amount_yuan),
            transfer_remark=request.remark[:32],
            user_name=request.payee_name,
            transfer_scene_report_infos=self.REPORTS,
            notify_url=request.notify_url,
        )
        return self._result(answer, request.number)

    def query(self, number: str) -> TransferResult:
        try:
            answer = self._platform.ask_sdk("mch_transfer_bills_query", out_bill_no=number)
        except PlatformRefused as refusal:
            if refusal.code != "NOT_FOUND":
                raise
            return TransferResult(number=number, state="UNKNOWN_TRANSFER")
        return self._result(answer, number)

    def _result(self, answer: dict[str, Any], number: str) -> TransferResult:
        if answer.get("out_bill_no") != number:
            raise PlatformAnswerInvalid("WRONG_ORDER", "the answer is about another transfer")
        state = self.STATES.get(str(answer.get("state")))
        if state is None:
            raise PlatformAnswerInvalid("UNKNOWN_STATE", str(answer.get("state")))
        total, why = answer.get("transfer_amount"), str(answer.get("fail_reason") or "")
        shown = ("state", "out_bill_no", "transfer_bill_no", "fail_reason", "create_time", "transfer_amount")
        return TransferResult(
            number=number,
            state=state,
            why=_why(why) if state == "FAILED" else "",
            amount_yuan=yuan_from_fen(total) if total is not None else None,
            platform_number=str(answer.get("transfer_bill_no") or ""),
            confirm_package=str(answer.get("package_info") or ""),
            evidence={name: answer[name] for name in shown if name in answer},
        )


class AlipayTransfers:
    """`fund.trans.uni.transfer`: at once, and refused for a wrong name."""

    STATES: Mapping[str, TransferState] = {
        "SUCCESS": "DONE",
        "DEALING": "PROCESSING",
        "WAIT_PAY": "PROCESSING",
        "FAIL": "FAILED",
        "CLOSED": "FAILED",
        "REFUND": "FAILED",
    }
    PRODUCT = {"product_code": "TRANS_ACCOUNT_NO_PWD", "biz_scene": "DIRECT_TRANSFER"}

    def __init__(self, gateway: Any) -> None:
        self._gateway = gateway

    def send(self, request: TransferRequest) -> TransferResult:
        content = {
            "out_biz_no": request.number,
            "trans_amount": yuan_text(request.amount_yuan),
            **self.PRODUCT,
            "order_title": request.remark,
            "payee_info": {
                "identity": request.payee_id,
                "identity_type": "ALIPAY_LOGON_ID",
                "name": request.payee_name,
            },
        }
        return self._result(self._gateway.ask("alipay.fund.trans.uni.transfer", content), request.number)

    def query(self, number: str) -> TransferResult:
        try:
            answer = self._gateway.ask(
                "alipay.fund.trans.common.query", {"out_biz_no": number, **self.PRODUCT}
            )
        except PlatformRefused as refusal:
            if refusal.code != "ORDER_NOT_EXIST":
                raise
            return TransferResult(number=number, state="UNKNOWN_TRANSFER")
        return self._result(answer, number)

    def _result(self, answer: dict[str, Any], number: str) -> TransferResult:
        if answer.get("out_biz_no") != number:
            raise PlatformAnswerInvalid("WRONG_ORDER", "the answer is about another transfer")
        state = self.STATES.get(str(answer.get("status")))
        if state is None:
            raise PlatformAnswerInvalid("UNKNOWN_STATE", str(answer.get("status")))
        shown = ("status", "out_biz_no", "order_id", "fail_reason", "trans_date", "trans_amount")
        amount = answer.get("trans_amount")
        return TransferResult(
            number=number,
            state=state,
            why=_why(str(answer.get("fail_reason") or "")) if state == "FAILED" else "",
            amount_yuan=yuan_from_text(amount) if amount else None,
            platform_number=str(answer.get("order_id") or ""),
            evidence={name: answer[name] for name in shown if name in answer},
        )


def _why(code: str) -> Why:
    return WHY.get(code, "REFUSED")
