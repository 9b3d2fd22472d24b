"""A merchant's own money sent to a person: WeChat's transfer bills, Alipay's `fund.trans.uni.transfer`.

Both compare the payee's name with the ID card. What the platforms would know of a payee is told on the control port
(`POST /payees`); of a payee nobody told of, every name is right. Figures and words as in the platforms' documents.
"""

import json
import secrets
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.sandbox.books import Books
from apps.sandbox.faults import Faults
from apps.sandbox.http import Answer, Request, json_answer
from apps.sandbox.merchants import AlipayMerchant, WeChatMerchant
from apps.sandbox.orders import beijing, fen, rfc3339, yuan_from_fen, yuan_from_text
from apps.sandbox.signatures import oaep_opened

CONFIRM_WITHIN = timedelta(hours=24)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS transfers (
    channel TEXT, merchant TEXT, number TEXT, amount_yuan TEXT, payee TEXT, name TEXT, platform_number TEXT,
    state TEXT, why TEXT, made_at TEXT, PRIMARY KEY (channel, merchant, number)
) STRICT;
CREATE TABLE IF NOT EXISTS payees (payee TEXT PRIMARY KEY, name TEXT) STRICT;
"""


class TransferRefused(Exception):
    """No transfer was made; the code is the platform's own."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Transfer:
    """One transfer; `state` is WAITING (for the payee), DONE or FAILED with `why`."""

    channel: str
    merchant: str
    number: str
    amount_yuan: Decimal
    payee: str
    name: str
    platform_number: str
    state: str
    why: str
    made_at: datetime


class Transfers:
    """What was sent to whom; kept in the platforms' books."""

    def __init__(self, books: Books, faults: Faults) -> None:
        self._books, self._faults = books, faults
        with books.transaction() as db:
            for statement in filter(str.strip, _SCHEMA.split(";")):
                db.execute(statement)

    def know_payee(self, request: Request) -> Answer:
        """Whose account it is, by the ID card."""
        try:
            wish = json.loads(request.body or b"{}")
            payee, name = str(wish["payee"]), str(wish["name"])
        except (ValueError, KeyError, TypeError):
            return json_answer(400, {"code": "invalid", "detail": "payee and name are needed"})
        with self._books.transaction() as db:
            db.execute("INSERT OR REPLACE INTO payees VALUES (?, ?)", (payee, name))
        return json_answer(200, {"payee": payee})

    def confirm(self, number: str, now: datetime) -> Answer:
        """The payee takes the money, within 24 hours."""
        with self._books.transaction() as db:
            rows = db.execute(
                "UPDATE transfers SET state = 'DONE' WHERE number = ? AND state = 'WAITING' AND made_at > ?",
                (number, (now - CONFIRM_WITHIN).isoformat()),
            )
            return json_answer(200 if rows.rowcount else 409, {"confirmed": rows.rowcount})

    def age(self, number: str, now: datetime) -> Answer:
        """Let a day pass for one transfer: the payee has not confirmed in time."""
        with self._books.transaction() as db:
            rows = db.execute(
                "UPDATE transfers SET made_at = ? WHERE number = ?",
                ((now - CONFIRM_WITHIN).isoformat(), number),
            )
            return json_answer(200 if rows.rowcount else 404, {"aged": rows.rowcount})

    def shown(self, now: datetime) -> list[dict[str, str]]:
        """The newest transfers, for people and programs; names stay inside."""
        with self._books.transaction() as db:
            rows = db.execute("SELECT * FROM transfers ORDER BY rowid DESC LIMIT 200").fetchall()
        return [
            {
                "channel": one.channel,
                "merchant": one.merchant,
                "number": one.number,
                "amount_yuan": str(one.amount_yuan),
                "state": one.state,
                "why": one.why,
            }
            for one in (_read(row, now) for row in rows)
        ]

    def wechat_transfer(
        self, merchant: WeChatMerchant, fields: dict[str, Any], now: datetime
    ) -> dict[str, Any]:
        """`POST /v3/fund-app/mch-transfer/transfer-bills`: made once per number; the payee has to confirm."""
        number, openid = str(fields.get("out_bill_no", "")), str(fields.get("openid", ""))
        amount_yuan = yuan_from_fen(fields.get("transfer_amount"))
        if amount_yuan is None or amount_yuan < Decimal("0.10") or not number.isalnum() or not openid:
            raise TransferRefused(400, "PARAM_ERROR", "参数错误")
        if not fields.get("transfer_scene_report_infos") or fields.get("appid") != merchant.appid:
            raise TransferRefused(400, "PARAM_ERROR", "参数错误：transfer_scene_report_infos")
        name = _decrypted(merchant, fields.get("user_name"))
        if not name and amount_yuan >= Decimal("2000"):
            raise TransferRefused(400, "PARAM_ERROR", "转账金额大于等于2000元，收款用户姓名必填")
        made = self._make("wechat", merchant.mchid, number, amount_yuan, openid, name, "WAITING", now)
        return self._wechat(made)

    def wechat_query(self, merchant: WeChatMerchant, number: str, now: datetime) -> dict[str, Any]:
        """The same by its number."""
        found = self._find("wechat", merchant.mchid, number, now)
        if found is None:
            raise TransferRefused(404, "NOT_FOUND", "记录不存在")
        return self._wechat(found)

    def _wechat(self, one: Transfer) -> dict[str, Any]:
        states = {"WAITING": "WAIT_USER_CONFIRM", "DONE": "SUCCESS", "FAILED": "FAIL"}
        content = {
            "out_bill_no": one.number,
            "transfer_bill_no": one.platform_number,
            "create_time": rfc3339(one.made_at),
            "transfer_amount": fen(one.amount_yuan),
            "state": states[one.state],
        }
        if one.state == "WAITING":
            content["package_info"] = f"affffddafdfafddffda{one.platform_number}"
        if one.why:
            content["fail_reason"] = one.why
        return content

    def alipay_transfer(
        self, merchant: AlipayMerchant, content: dict[str, Any], now: datetime
    ) -> dict[str, Any]:
        """`alipay.fund.trans.uni.transfer`: at once and without confirming; refused for a wrong name."""
        payee = content.get("payee_info")
        payee = payee if isinstance(payee, dict) else {}
        number, identity = str(content.get("out_biz_no", "")), str(payee.get("identity", ""))
        amount_yuan = yuan_from_text(content.get("trans_amount"))
        if amount_yuan is None or amount_yuan < Decimal("0.10") or not number or not identity:
            raise TransferRefused(200, "INVALID_PARAMETER", "参数有误")
        if payee.get("identity_type") == "ALIPAY_LOGON_ID" and not payee.get("name"):
            raise TransferRefused(200, "INVALID_PARAMETER", "收款方姓名必填")
        name = str(payee.get("name") or "")
        made = self._make("alipay", merchant.number, number, amount_yuan, identity, name, "DONE", now)
        if made.state == "FAILED":
            raise TransferRefused(200, made.why, "转账失败")
        return self._alipay(made)

    def alipay_query(
        self, merchant: AlipayMerchant, content: dict[str, Any], now: datetime
    ) -> dict[str, Any]:
        """`alipay.fund.trans.common.query`."""
        found = self._find("alipay", merchant.number, str(content.get("out_biz_no", "")), now)
        if found is None:
            raise TransferRefused(200, "ORDER_NOT_EXIST", "转账订单不存在")
        return self._alipay(found)

    def _alipay(self, one: Transfer) -> dict[str, Any]:
        content = {
            "out_biz_no": one.number,
            "order_id": one.platform_number,
            "status": "SUCCESS" if one.state == "DONE" else "FAIL",
            "trans_amount": str(one.amount_yuan),
            "trans_date": beijing(one.made_at),
        }
        return content | ({"fail_reason": one.why} if one.why else {})

    def _find(self, channel: str, merchant: str, number: str, now: datetime) -> Transfer | None:
        with self._books.transaction() as db:
            row = db.execute(
                "SELECT * FROM transfers WHERE channel = ? AND merchant = ? AND number = ?",
                (channel, merchant, number),
            ).fetchone()
        return _read(row, now) if row else None

    def _make(
        self,
        channel: str,
        merchant: str,
        number: str,
        amount_yuan: Decimal,
        payee: str,
        name: str,
        state: str,
        now: datetime,
    ) -> Transfer:
        known = self._find(channel, merchant, number, now)
        if known is not None:
            if (known.amount_yuan, known.payee) != (amount_yuan, payee):
                raise TransferRefused(400, "ALREADY_EXISTS", "商户单号已存在，参数不一致")
            return known
        if self._faults.take(("transfer_system_error",), channel, number):
            raise TransferRefused(500, "SYSTEM_ERROR", "系统错误")
        if self._faults.take(("balance_low",), channel, number):
            code = "NOT_ENOUGH" if channel == "wechat" else "PAYER_BALANCE_NOT_ENOUGH"
            raise TransferRefused(403, code, "资金不足")
        why = ""
        if self._faults.take(("payee_day_limit",), channel, number):
            why = "DAY_RECEIVED_QUOTA_EXCEED" if channel == "wechat" else "EXCEED_LIMIT_DM_MAX_AMOUNT"
        elif not self._is_name_of(payee, name):
            why = "NAME_NOT_CORRECT" if channel == "wechat" else "PAYEE_USER_INFO_ERROR"
        made = Transfer(
            channel,
            merchant,
            number,
            amount_yuan,
            payee,
            name,
            f"13300{secrets.randbelow(10**23):023d}",
            "FAILED" if why else state,
            why,
            now,
        )
        # Alipay keeps nothing of a transfer it refused: the same number may be used again.
        if not (why and channel == "alipay"):
            values = [*vars(made).values()]
            with self._books.transaction() as db:
                db.execute(
                    f"INSERT INTO transfers VALUES ({', '.join('?' * len(values))})",  # noqa: S608
                    [value.isoformat() if value is now else str(value) for value in values],
                )
        return made

    def _is_name_of(self, payee: str, name: str) -> bool:
        with self._books.transaction() as db:
            row = db.execute("SELECT name FROM payees WHERE payee = ?", (payee,)).fetchone()
        return row is None or not name or row["name"] == name


def _decrypted(merchant: WeChatMerchant, sealed: object) -> str:
    if not isinstance(sealed, str) or not sealed:
        return ""
    name = oaep_opened(merchant.platform_key, sealed)
    if name is None:
        raise TransferRefused(400, "PARAM_ERROR", "user_name 解密失败")
    return name


def _read(row: sqlite3.Row, now: datetime) -> Transfer:
    values: dict[str, Any] = dict(row)
    made_at = datetime.fromisoformat(values["made_at"])
    if values["state"] == "WAITING" and now >= made_at + CONFIRM_WITHIN:
        values |= {"state": "FAILED", "why": "OVERDUE_CLOSE"}
    return Transfer(**values | {"made_at": made_at, "amount_yuan": Decimal(values["amount_yuan"])})
