"""What WeChat Pay says of a refund, in the trade's words; and what it asks of one to be finished otherwise. Pure.

Sources: WeChat Pay documentation, merchant/4013071041 (where a refund arrived), 4013071031 and 4013071193 (a refund
that its payer's card does not take), and the same pages of the partner edition.
"""

import re
from typing import Any

from apps.common.platforms import PlatformAnswerInvalid
from apps.income.platforms.amounts import yuan_from_fen
from apps.income.platforms.base import FinishRequest, RefundResult, RefundState

REFUND_STATES: dict[str, RefundState] = {
    "SUCCESS": "DONE",
    "PROCESSING": "PROCESSING",
    "CLOSED": "CLOSED",
    "ABNORMAL": "ABNORMAL",
}

# Debit cards of these banks alone take a refund that the payer's first card did not.
BANKS = (
    "CMB_DEBIT", "COMM_DEBIT", "ABC_DEBIT", "CCB_DEBIT", "ICBC_DEBIT", "BOC_DEBIT", "PAB_DEBIT", "SPDB_DEBIT",
    "CITIC_DEBIT", "CEB_DEBIT", "CMBC_DEBIT", "CIB_DEBIT", "GDB_DEBIT", "PSBC_DEBIT", "NBCB_DEBIT",
)  # fmt: skip
# What one RSA-2048 block seals with OAEP and SHA1.
LONGEST_SEALED_BYTES = 214

# 商户基本账户 or 商户结算银行账户, where a refund's money arrived; every other place is the payer's.
_MERCHANTS_OWN = "商户"
_REFUND_ID = re.compile(r"[0-9A-Za-z_]{1,32}", re.ASCII)
_CARD_NUMBER = re.compile(r"[0-9]{12,19}", re.ASCII)

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
    received_by = str(answer.get("user_received_account") or "")
    is_returned = received_by.startswith(_MERCHANTS_OWN)
    if state == "DONE" and is_returned:
        state = "RETURNED"
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
            # A payer's account is named with its last digits: that is hers.
            **({"received_by": received_by[:64]} if is_returned else {}),
            "amount": amount_shown(amount),
        },
    )


def is_card_number(text: str) -> bool:
    return _CARD_NUMBER.fullmatch(text) is not None


def is_card_name(text: str) -> bool:
    """Whether there is a name, and it fits what is sealed."""
    return bool(text.strip()) and len(text.encode()) <= LONGEST_SEALED_BYTES


def checked_finish(request: FinishRequest) -> dict[str, str]:
    """Return the fields of a call that finishes an abnormal refund; card and name in clear, for the SDK to seal.

    :raises ValueError: naming what no platform would take, never its value.
    """
    if not _REFUND_ID.fullmatch(request.refund_id):
        raise ValueError("refund_id is not a platform's number")
    card = request.card
    if card is None:
        return {"refund_id": request.refund_id, "type": "MERCHANT_BANK_CARD"}
    if card.bank not in BANKS:
        raise ValueError("bank is not one that takes a refund")
    if not is_card_number(card.number):
        raise ValueError("number is not a bank card's")
    if not is_card_name(card.name):
        raise ValueError("name is empty or too long")
    return {
        "refund_id": request.refund_id,
        "type": "USER_BANK_CARD",
        "bank_type": card.bank,
        "bank_account": card.number,
        "real_name": card.name,
    }


def amount_shown(amount: Any) -> dict[str, Any]:
    """Return the plain fields of WeChat's amount object, for evidence."""
    named = amount if isinstance(amount, dict) else {}
    return {name: value for name, value in named.items() if type(value) in (int, str)}
