"""What WeChat Pay says of an order, by an answer or a notify, in the trade's words. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apps.common.platforms import BEIJING, PlatformAnswerInvalid, masked
from apps.income.platforms.amounts import yuan_from_fen
from apps.income.platforms.base import NotifyRefused, PlatformResult, State, without_particulars
from apps.income.platforms.wechat_parties import Parties
from apps.income.platforms.wechat_refunds import amount_shown, refund_result

STATES: dict[str, State] = {
    "SUCCESS": "PAID",
    "REFUND": "REFUNDED",
    "NOTPAY": "PENDING",
    "USERPAYING": "PENDING",
    "PAYERROR": "PENDING",
    "CLOSED": "CLOSED",
    "REVOKED": "CLOSED",
}

_SHOWN = (
    "trade_state", "trade_type", "bank_type", "out_trade_no", "transaction_id", "success_time",
    "appid", "mchid", "sp_mchid", "sub_mchid",
)  # fmt: skip
_SHOWN_OF_REFUND = ("refund_status", "refund_id", "out_refund_no", "out_trade_no", "transaction_id", "mchid")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what the platform says to one account; its signature has been proved before."""

    parties: Parties

    def order(self, transaction: dict[str, Any], evidence: dict[str, Any]) -> PlatformResult:
        """Return what a transaction object proves; it came from the platform.

        :raises NotifyRefused: whatever in it is not this account's, not ours to read, or missing.
        """
        out_trade_no = optional_text(transaction, "out_trade_no")
        if out_trade_no is None:
            raise NotifyRefused("MISSING_FIELD", "out_trade_no")
        if not self.parties.is_app_of(transaction):
            raise NotifyRefused("WRONG_APP", "appid is not ours", out_trade_no=out_trade_no)
        self._check_merchant(transaction, out_trade_no)
        state = STATES.get(str(transaction.get("trade_state")))
        if state is None:
            said = str(transaction.get("trade_state"))
            raise NotifyRefused("UNKNOWN_STATE", said, out_trade_no=out_trade_no)
        amount = transaction.get("amount")
        # `payer_total` is lower when WeChat paid a part with its own coupon: the order is paid all the same.
        amount_yuan, currency = _total(amount, out_trade_no) if amount is not None else (None, None)
        transaction_id = optional_text(transaction, "transaction_id")
        if state == "PAID" and (amount_yuan is None or transaction_id is None):
            raise NotifyRefused("MISSING_FIELD", "amount or transaction_id", out_trade_no=out_trade_no)
        payer_id = self.parties.payer_of(transaction)
        shown = {name: transaction[name] for name in _SHOWN if name in transaction}
        return PlatformResult(
            channel="wechat",
            merchant_id=self.parties.payee,
            app_id=self.parties.payer_app_id,
            out_trade_no=out_trade_no,
            transaction_id=transaction_id,
            state=state,
            amount_yuan=amount_yuan,
            currency=currency,
            paid_at=_instant(transaction.get("success_time"), out_trade_no),
            payer_id=payer_id,
            evidence={**evidence, **shown, "amount": amount_shown(amount), "payer": masked(payer_id)},
        )

    def refund(self, refund: dict[str, Any], evidence: dict[str, Any]) -> PlatformResult:
        """Return what a refund notify's object proves; raises as `order`."""
        out_trade_no = optional_text(refund, "out_trade_no")
        if out_trade_no is None:
            raise NotifyRefused("MISSING_FIELD", "out_trade_no")
        self._check_merchant(refund, out_trade_no)
        amount = refund.get("amount")
        amount_yuan, currency = (
            _total({"currency": "CNY", **amount}, out_trade_no) if isinstance(amount, dict) else (None, None)
        )
        out_refund_no = optional_text(refund, "out_refund_no")
        if out_refund_no is None:
            raise NotifyRefused("MISSING_FIELD", "out_refund_no", out_trade_no=out_trade_no)
        try:
            told = refund_result(
                {**refund, "status": refund.get("refund_status")}, out_trade_no, out_refund_no
            )
        except PlatformAnswerInvalid as mismatch:
            raise NotifyRefused(mismatch.code, mismatch.detail, out_trade_no=out_trade_no) from None
        shown = {name: refund[name] for name in _SHOWN_OF_REFUND if name in refund}
        return PlatformResult(
            channel="wechat",
            merchant_id=self.parties.payee,
            app_id=self.parties.payer_app_id,
            out_trade_no=out_trade_no,
            transaction_id=optional_text(refund, "transaction_id"),
            state="REFUNDED",
            amount_yuan=amount_yuan,
            currency=currency,
            paid_at=None,
            payer_id=None,
            evidence={**evidence, **shown, "amount": amount_shown(amount)},
            refund=told,
        )

    def without_order(self, out_trade_no: str, state: State, said: str) -> PlatformResult:
        """Return what is known of an order the platform tells nothing more about."""
        return without_particulars(
            channel="wechat",
            merchant_id=self.parties.payee,
            app_id=self.parties.payer_app_id,
            out_trade_no=out_trade_no,
            state=state,
            said=said,
        )

    def _check_merchant(self, content: dict[str, Any], out_trade_no: str) -> None:
        if not self.parties.is_merchant_of(content):
            raise NotifyRefused("WRONG_MERCHANT", "mchid is not ours", out_trade_no=out_trade_no)


def _total(amount: Any, out_trade_no: str) -> tuple[Any, str]:
    if not isinstance(amount, dict):
        raise NotifyRefused("BAD_AMOUNT", "no amount object", out_trade_no=out_trade_no)
    if amount.get("currency") != "CNY":
        raise NotifyRefused("WRONG_CURRENCY", str(amount.get("currency")), out_trade_no=out_trade_no)
    try:
        return yuan_from_fen(amount.get("total")), "CNY"
    except ValueError as error:
        raise NotifyRefused("BAD_AMOUNT", str(error), out_trade_no=out_trade_no) from None


def _instant(text: Any, out_trade_no: str) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise NotifyRefused("BAD_TIMESTAMP", "success_time", out_trade_no=out_trade_no) from None
    return (instant if instant.tzinfo else instant.replace(tzinfo=BEIJING)).astimezone(UTC)


def optional_text(content: dict[str, Any], name: str) -> str | None:
    """Return a field that is a text and not empty, else None."""
    value = content.get(name)
    return value if isinstance(value, str) and value else None
