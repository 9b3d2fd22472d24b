"""What WeChat Pay says of a refund, in the trade's words. Pure."""

from typing import Any

from apps.common.platforms import PlatformAnswerInvalid
from apps.income.platforms.amounts import yuan_from_fen
from apps.income.platforms.base import RefundResult, RefundState

REFUND_STATES: dict[str, RefundState] = {
    "SUCCESS": "DONE",
    "PROCESSING": "PROCESSING",
    "CLOSED": "CLOSED",
    "ABNORMAL": "ABNORMAL",
}

REFUND_EVENTS = frozenset({"REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED"})


def refund_result(answer: dict[str, Any], out_trade_no: str, out_refund_no: str) -> RefundResult:
    """Return what an answer proves about the refund that was asked about.

    :raises PlatformAnswerInvalid: WRONG_ORDER, UNKNOWN_STATE or BAD_AMOUNT.
    """
    if answer.get("out_trade_no") != out_trade_no or answer.get("out_refund_no") != out_refund_no:
        raise PlatformAnswerInvalid("WRONG_ORDER", "the answer is about another refund")
    state = REFUND_STATES.get(str(answer.get("status")))
    if state is None:
        raise PlatformAnswerInvalid("UNKNOWN_STATE", str(answer.get("status")))
    amount = answer.get("amount")
    try:
        refund_yuan = yuan_from_fen(amount.get("refund") if isinstance(amount, dict) else None)
    except ValueError as error:
        raise PlatformAnswerInvalid("BAD_AMOUNT", str(error)) from None
    return RefundResult(
        out_refund_no=out_refund_no,
        state=state,
        refund_yuan=refund_yuan,
        evidence={
            "status": answer["status"],
            **{name: answer[name] for name in ("refund_id", "success_time") if name in answer},
            "amount": amount_shown(amount),
        },
    )


def amount_shown(amount: Any) -> dict[str, Any]:
    """Return the plain fields of WeChat's amount object, for evidence."""
    named = amount if isinstance(amount, dict) else {}
    return {name: value for name, value in named.items() if type(value) in (int, str)}
