"""The platforms' daily bills, in their own formats, and what goes wrong with them on request.

On purpose, a bill of today is served as it stands, so that a day can be played in one sitting; the real platforms make
it from 09:00 of the next day. Nothing of the future is served.
"""

import hashlib
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from apps.sandbox.bill_files import Line, alipay_archive, wechat_file
from apps.sandbox.books import Books, new_transaction_id
from apps.sandbox.http import Answer, Request, json_answer
from apps.sandbox.orders import BEIJING, Channel, is_number, yuan_from_text

# Of lines: kept until they are cleared, so that a bill asked for again says the same.
OF_LINES = ("leave_out", "change_amount", "other_merchant", "add_payment", "add_refund", "pay_again")
# Of files: played once for each of `count`.
OF_FILES = ("not_ready", "no_bill", "wrong_hash", "broken_file", "wrong_totals", "other_address")

ADDRESS_LIVES: dict[Channel, timedelta] = {"wechat": timedelta(minutes=5), "alipay": timedelta(seconds=30)}
_MOST_KEPT = 50


class BillRefused(Exception):
    """A platform's own refusal; Alipay's has no status of its own."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class EditUnknown(ValueError):
    """The wish makes no sense; the message says why."""


@dataclass(frozen=True)
class Edit:
    """One lie of a bill. `out_request_no` makes it one about that refund instead of the payment."""

    kind: str
    channel: Channel
    merchant: str
    out_trade_no: str = ""
    out_request_no: str = ""
    amount_yuan: Decimal = Decimal("0.00")
    count: int = 1

    def is_about(self, line: Line) -> bool:
        return (self.out_trade_no, self.out_request_no) == (line.out_trade_no, line.out_request_no)


class Bills:
    """Bills of every merchant; addresses of files and edits are kept in memory only. Thread-safe."""

    def __init__(self, books: Books, clock: Callable[[], datetime]) -> None:
        self._books, self._clock = books, clock
        self._lock = threading.Lock()
        self._edits: list[Edit] = []
        self._files: dict[str, tuple[datetime, bytes]] = {}

    def order(self, wish: Mapping[str, Any]) -> Edit:
        """Put an edit into force. :raises EditUnknown: as `edit_of`."""
        edit = edit_of(wish)
        with self._lock:
            self._edits.append(edit)
        return edit

    def edits(self) -> list[Edit]:
        """What is in force."""
        with self._lock:
            return list(self._edits)

    def clear(self) -> None:
        """Tell the truth again."""
        with self._lock:
            self._edits.clear()

    def played(self, kind: str, channel: Channel, merchant: str) -> bool:
        """Whether a file edit of this kind is due now; uses it up by one."""
        with self._lock:
            for place, edit in enumerate(self._edits):
                if (edit.kind, edit.channel, edit.merchant) == (kind, channel, merchant):
                    self._edits[place : place + 1] = (
                        [replace(edit, count=edit.count - 1)] if edit.count > 1 else []
                    )
                    return True
        return False

    def may_ask(self, day: date) -> bool:
        """Whether a bill of this day can exist at all: three months back, nothing ahead."""
        today = self._clock().astimezone(BEIJING).date()
        return today - timedelta(days=92) <= day <= today

    def lines(self, channel: Channel, merchant: str, account: str, day: date) -> list[Line]:
        """What the bill says, lies included; `account` is whom it says they belong to."""
        since = datetime.combine(day, time(), BEIJING)
        until = since + timedelta(days=1)
        now = self._clock()
        utc = now.tzinfo
        paid, back = self._books.paid_between(channel, merchant, since.astimezone(utc), until.astimezone(utc))
        lines = [Line.of_payment(order, account) for order in paid]
        lines += [Line.of_refund(refund, order, account) for refund, order in back]
        for edit in self.edits():
            if (edit.channel, edit.merchant) == (channel, merchant):
                lines = _edited(lines, edit, account, max(since, min(now, until - timedelta(seconds=1))))
        return sorted(lines, key=lambda line: line.at)

    def asked_by_wechat(self, mchid: str, request: Request) -> dict[str, str]:
        """Answer `GET /v3/bill/tradebill`; a service provider asks for a sub-merchant's by `sub_mchid`."""
        query = request.query
        day = _day(query.get("bill_date", ""))
        if day is None or not self.may_ask(day) or query.get("bill_type", "ALL") != "ALL":
            raise BillRefused("PARAM_ERROR", "参数错误")
        merchant = query.get("sub_mchid", mchid)
        if self.played("not_ready", "wechat", merchant):
            raise BillRefused("STATEMENT_CREATING", "账单文件正在生成中，请稍后重试")
        if self.played("no_bill", "wechat", merchant) or not self._has_any("wechat", merchant, day):
            raise BillRefused("NO_STATEMENT_EXIST", "账单文件不存在，请确认商户在该日有交易")
        return self._wechat(merchant, day, request.base_url, packed=query.get("tar_type") == "GZIP")

    def wechat_file(self, request: Request) -> Answer:
        """Unsigned, as on the real platform: its hash is what proves it."""
        file = self.file(request.query.get("token", ""))
        if file is None:
            return json_answer(403, {"code": "NO_AUTH", "message": "下载地址已失效，请重新获取"})
        return Answer(200, file, {"Content-Type": "application/octet-stream"})

    def asked_by_alipay(self, app_id: str, seller_id: str, content: Mapping[str, Any], base_url: str) -> str:
        """Return the address for `bill.downloadurl.query`.

        Alipay has one word for a bill that is late and for a day without trades.
        """
        day = _day(str(content.get("bill_date", "")))
        if day is None or content.get("bill_type") != "trade" or not self.may_ask(day):
            raise BillRefused("isv.invalid-arguments", "入参不合法")
        late = [self.played(kind, "alipay", app_id) for kind in ("not_ready", "no_bill")]
        if any(late) or not self._has_any("alipay", app_id, day):
            raise BillRefused("isp.bill_not_exist", "账单不存在")
        return self._alipay(app_id, seller_id, day, base_url)

    def _has_any(self, channel: Channel, merchant: str, day: date) -> bool:
        lied = any((one.channel, one.merchant) == (channel, merchant) for one in self.edits())
        return lied or bool(self.lines(channel, merchant, merchant, day))

    def _wechat(self, merchant: str, day: date, base_url: str, *, packed: bool) -> dict[str, str]:
        """The answer to `/v3/bill/tradebill`: where the file lies, and its hash."""
        text, file = wechat_file(
            self.lines("wechat", merchant, merchant, day),
            wrong_totals=self.played("wrong_totals", "wechat", merchant),
            packed=packed,
        )
        hash_value = hashlib.sha1(text, usedforsecurity=False).hexdigest()
        if self.played("wrong_hash", "wechat", merchant):
            hash_value = hashlib.sha1(text + b" ", usedforsecurity=False).hexdigest()
        token = self._keep(file, "wechat", merchant)
        host = self._host(base_url, "wechat", merchant)
        url = f"{host}/v3/billdownload/file?token={token}"
        return {"hash_type": "SHA1", "hash_value": hash_value, "download_url": url}

    def _alipay(self, app_id: str, seller_id: str, day: date, base_url: str) -> str:
        """The address in the answer to `bill.downloadurl.query`."""
        archive = alipay_archive(
            self.lines("alipay", app_id, seller_id, day),
            seller_id=seller_id,
            day=day,
            made_at=self._clock(),
            wrong_totals=self.played("wrong_totals", "alipay", app_id),
        )
        token = self._keep(archive, "alipay", app_id)
        host = self._host(base_url, "alipay", app_id)
        name = f"{seller_id}_{day:%Y%m%d}.csv.zip"
        query = f"bizType=trade&userId={seller_id}0156&downloadFileName={name}&fileId={token}"
        return f"{host}/downloadBillFile.resource?{query}"

    def file(self, token: str) -> bytes | None:
        """The file behind an address, None once that has run out."""
        with self._lock:
            until, file = self._files.get(token, (None, b""))
        return file if until is not None and self._clock() <= until else None

    def _keep(self, file: bytes, channel: Channel, merchant: str) -> str:
        if self.played("broken_file", channel, merchant):
            file = file[: len(file) // 2]
        token = secrets.token_hex(16)
        with self._lock:
            self._files[token] = (self._clock() + ADDRESS_LIVES[channel], file)
            while len(self._files) > _MOST_KEPT:
                del self._files[next(iter(self._files))]
        return token

    def _host(self, base_url: str, channel: Channel, merchant: str) -> str:
        return "http://127.0.0.2:9" if self.played("other_address", channel, merchant) else base_url


def edit_of(wish: Mapping[str, Any]) -> Edit:
    """Return the lie that is wished for. :raises EditUnknown: for an unknown kind, channel, number or amount."""
    kind, channel, amount = wish.get("kind"), wish.get("channel"), wish.get("amount_yuan", "0.01")
    count = wish.get("count", 1)
    if kind not in (*OF_LINES, *OF_FILES):
        raise EditUnknown(f"kind must be one of: {', '.join((*OF_LINES, *OF_FILES))}")
    if channel not in ("wechat", "alipay"):
        raise EditUnknown("channel must be wechat or alipay")
    if not isinstance(wish.get("merchant"), str) or not wish["merchant"]:
        raise EditUnknown("merchant must be an mchid or an app_id")
    numbers = [wish.get(name, "") for name in ("out_trade_no", "out_request_no")]
    if not all(number == "" or is_number("alipay", number) for number in numbers):
        raise EditUnknown("a number is up to 64 of 0-9 A-Z a-z _")
    if kind in OF_LINES and not numbers[0]:
        raise EditUnknown("out_trade_no is missing")
    amount_yuan = yuan_from_text(amount)
    if amount_yuan is None or not isinstance(count, int) or not 1 <= count <= 100:
        raise EditUnknown("amount_yuan is yuan with two decimals, count from 1 to 100")
    return Edit(kind, channel, wish["merchant"], numbers[0], numbers[1], amount_yuan, count)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _edited(lines: list[Line], edit: Edit, account: str, at: datetime) -> list[Line]:
    match edit.kind:
        case "leave_out":
            return [line for line in lines if not edit.is_about(line)]
        case "change_amount":
            return [
                replace(one, amount_yuan=edit.amount_yuan) if edit.is_about(one) else one for one in lines
            ]
        case "other_merchant":
            stranger = account[:-1] + ("1" if account[-1] != "1" else "2")
            return [replace(line, account=stranger) if edit.is_about(line) else line for line in lines]
        case "add_payment":
            return [*lines, _stranger(edit, account, at)]
        case "add_refund":
            return [*lines, replace(_stranger(edit, account, at), out_request_no=edit.out_request_no or "R0")]
        case "pay_again":
            again = new_transaction_id(edit.channel, at)
            return lines + [replace(line, transaction_id=again) for line in lines if edit.is_about(line)]
    return lines


def _stranger(edit: Edit, account: str, at: datetime) -> Line:
    return Line(
        account=account,
        out_trade_no=edit.out_trade_no,
        transaction_id=new_transaction_id(edit.channel, at),
        out_request_no="",
        refund_id="",
        amount_yuan=edit.amount_yuan,
        order_yuan=edit.amount_yuan,
        at=at,
        app_id="",
        payer_id="",
        trade_type="JSAPI",
        description="",
    )
