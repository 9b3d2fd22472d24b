"""WeChat's refund that its payer's card does not take, finished otherwise: to another card, or to the merchant's bank.

Source: WeChat Pay documentation, merchant/4013071193 and partner/4013080627 (the call), 4013071031 (what becomes of
the money: it lies between payer and merchant until then). Which of its codes a refusal carries is not told there;
here they are the common ones.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.sandbox.books import ABNORMAL, Books
from apps.sandbox.faults import Faults
from apps.sandbox.merchants import WeChatMerchant
from apps.sandbox.orders import Refund
from apps.sandbox.signatures import oaep_opened

# 招行、交通、农行、建行、工商、中行、平安、浦发、中信、光大、民生、兴业、广发、邮储、宁波: debit cards alone.
BANKS = {
    "CMB_DEBIT": "招商银行", "COMM_DEBIT": "交通银行", "ABC_DEBIT": "农业银行", "CCB_DEBIT": "建设银行",
    "ICBC_DEBIT": "工商银行", "BOC_DEBIT": "中国银行", "PAB_DEBIT": "平安银行", "SPDB_DEBIT": "浦发银行",
    "CITIC_DEBIT": "中信银行", "CEB_DEBIT": "光大银行", "CMBC_DEBIT": "民生银行", "CIB_DEBIT": "兴业银行",
    "GDB_DEBIT": "广发银行", "PSBC_DEBIT": "邮储银行", "NBCB_DEBIT": "宁波银行",
}  # fmt: skip
MERCHANTS_BANK = "商户结算银行账户"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS finishes (
    merchant TEXT, out_request_no TEXT, channel TEXT, received_by TEXT, failed INTEGER, at TEXT,
    PRIMARY KEY (merchant, out_request_no)
) STRICT
"""


class FinishRefused(Exception):
    """The refund stays as it was; the code is the platform's own."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Finish:
    """Where an abnormal refund is going now. :param failed: that card does not take it either."""

    channel: str
    received_by: str
    failed: bool
    at: datetime


class AbnormalRefunds:
    """What merchants asked of their abnormal refunds; kept in the platforms' books, card and name never."""

    def __init__(self, books: Books, faults: Faults) -> None:
        self._books, self._faults = books, faults
        with books.transaction() as db:
            db.execute(_SCHEMA)

    def finish_of(self, refund: Refund | None) -> Finish | None:
        """Where it is going, if its merchant has asked for another way."""
        if refund is None:
            return None
        with self._books.transaction() as db:
            row = db.execute(
                "SELECT channel, received_by, failed, at FROM finishes WHERE merchant = ? AND out_request_no = ?",
                (refund.merchant, refund.out_request_no),
            ).fetchone()
        if row is None:
            return None
        return Finish(
            row["channel"], row["received_by"], bool(row["failed"]), datetime.fromisoformat(row["at"])
        )

    def finish(
        self,
        caller: WeChatMerchant,
        refund: Refund,
        fields: dict[str, Any],
        *,
        status: str,
        serial: str,
        now: datetime,
    ) -> None:
        """Send it the way the fields say; `caller` is whose platform key sealed the card and the name.

        :param status: what the refund is now; only ABNORMAL can be finished.
        :param serial: the request's `Wechatpay-Serial`.
        :raises FinishRefused: and nothing changed.
        """
        if fields.get("out_refund_no") != refund.out_request_no:
            raise FinishRefused(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
        match fields.get("type"):
            case "MERCHANT_BANK_CARD":
                channel, received_by = "ORIGINAL", MERCHANTS_BANK
            case "USER_BANK_CARD":
                channel, received_by = "OTHER_BANKCARD", _card(caller, fields, serial)
            case _:
                raise FinishRefused(400, "PARAM_ERROR", "参数错误：type")
        if status != "ABNORMAL":
            raise FinishRefused(400, "INVALID_REQUEST", "退款单状态不是退款异常")
        failed = self._faults.take((ABNORMAL,), "wechat", refund.out_trade_no) is not None
        with self._books.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO finishes VALUES (?, ?, ?, ?, ?, ?)",
                (refund.merchant, refund.out_request_no, channel, received_by, int(failed), now.isoformat()),
            )


def _card(caller: WeChatMerchant, fields: dict[str, Any], serial: str) -> str:
    if serial != caller.platform_key_id:
        raise FinishRefused(400, "PARAM_ERROR", "参数错误：Wechatpay-Serial")
    bank = BANKS.get(str(fields.get("bank_type")))
    if bank is None:
        raise FinishRefused(400, "PARAM_ERROR", "参数错误：bank_type")
    number = oaep_opened(caller.platform_key, fields.get("bank_account"))
    if number is None or re.fullmatch(r"[0-9]{12,19}", number, re.ASCII) is None:
        raise FinishRefused(400, "PARAM_ERROR", "参数错误：bank_account")
    if not oaep_opened(caller.platform_key, fields.get("real_name")):
        raise FinishRefused(400, "PARAM_ERROR", "参数错误：real_name")
    return f"{bank}借记卡{number[-4:]}"
