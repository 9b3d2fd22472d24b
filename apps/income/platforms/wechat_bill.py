"""WeChat Pay's trade bill: ask for its address, fetch the file, prove it by its hash, read it.

Every value begins with a backtick, so that spreadsheets leave long numbers alone; amounts are yuan. The columns are
found by their names: WeChat has added some over the years.
"""

import csv
import hashlib
import hmac
import io
import zlib
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from wechatpayv3 import WeChatPay
from wechatpayv3.utils import build_authorization

from apps.common.platforms import PlatformRefused
from apps.income.platforms.bills import (
    LARGEST_TEXT_BYTES,
    MOST_LINES,
    Bill,
    BillInvalid,
    BillLine,
    BillMissing,
    BillNotReady,
    LineKind,
    download,
    fen_exact,
    instant,
    yuan,
)
from apps.income.platforms.wechat_parties import Parties

_HOSTS = {"api.mch.weixin.qq.com": "https", "api2.mch.weixin.qq.com": "https"}
_NOT_READY = frozenset({"STATEMENT_CREATING", "BILL_CREATING"})
_NO_BILL = frozenset({"NO_STATEMENT_EXIST", "NO_BILL_EXIST"})
_KINDS = {"SUCCESS": LineKind.PAYMENT, "REFUND": LineKind.REFUND, "REVOKED": LineKind.REFUND}
_MONEY_STAYED = "FAIL"
# Under way to a bank, or back from a card that takes nothing any more: asked for, and no proof that it arrived.
_NOT_ENDED = frozenset({"PROCESSING", "CHANGE"})
_TOTALS = "总交易单数"
_GZIP = b"\x1f\x8b"


class BilledByWeChat:
    """The half of a merchant account that asks for its bills."""

    _sdk: WeChatPay
    _parties: Parties
    ask_sdk: Callable[..., dict[str, Any]]

    def bill(self, day: date) -> Bill:
        wanted = {"bill_date": day.isoformat(), "bill_type": "ALL", "tar_type": "GZIP"}
        try:
            answer = self.ask_sdk("trade_bill", **wanted, **self._parties.named)
        except PlatformRefused as refusal:
            if refusal.code in _NOT_READY:
                raise BillNotReady(refusal.code) from None
            if refusal.code in _NO_BILL:
                raise BillMissing(refusal.code) from None
            raise
        return read_bill(_fetched(answer, self._sdk._core), day)


def _fetched(answer: dict[str, Any], core: Any) -> bytes:
    """Return the unpacked file the answer names, once its hash was proved.

    :param core: the SDK's transport, which holds the platform's address and the merchant's key.
    """
    url, hash_value = str(answer.get("download_url") or ""), str(answer.get("hash_value") or "")
    if answer.get("hash_type") != "SHA1" or not hash_value:
        raise BillInvalid("BILL_HASH", "the answer names no SHA1")
    gateway, parts = urlsplit(core._gate_way), urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    authorization = build_authorization(path, "GET", core._mchid, core._cert_serial_no, core._private_key)
    file = download(
        "wechat",
        url,
        allowed={**_HOSTS, gateway.netloc: gateway.scheme},
        headers={"Authorization": authorization, "Accept": "*/*", "User-Agent": "rentmeter"},
    )
    text = _unpacked(file)
    # SHA1 is what WeChat offers; the hash itself came in a signed answer.
    found = hashlib.sha1(text, usedforsecurity=False).hexdigest()
    if not hmac.compare_digest(found, hash_value.lower()):
        raise BillInvalid("BILL_HASH", "the file is not the one that was announced")
    return text


def _unpacked(file: bytes) -> bytes:
    if not file.startswith(_GZIP):
        return file
    inflate = zlib.decompressobj(31)
    try:
        text = inflate.decompress(file, LARGEST_TEXT_BYTES + 1)
    except zlib.error:
        raise BillInvalid("BILL_NOT_READABLE", "not a gzip file") from None
    if len(text) > LARGEST_TEXT_BYTES:
        raise BillInvalid("BILL_TOO_LARGE", f"over {LARGEST_TEXT_BYTES} bytes unpacked")
    if not inflate.eof:
        raise BillInvalid("BILL_NOT_READABLE", "the file ends early")
    return text


def read_bill(text: bytes, day: date) -> Bill:
    """Return the lines of an unpacked bill, held against its own totals; pure.

    :raises BillInvalid: BILL_NOT_READABLE, BILL_TOO_LARGE or BILL_TOTALS.
    """
    try:
        rows = list(csv.reader(io.StringIO(text.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error):
        raise BillInvalid("BILL_NOT_READABLE", "not UTF-8 CSV") from None
    rows = [[cell.strip().removeprefix("`") for cell in row] for row in rows if row]
    ends = [place for place, row in enumerate(rows) if row[0] == _TOTALS]
    if len(ends) != 1 or len(rows) != ends[0] + 2 or ends[0] == 0:
        raise BillInvalid("BILL_NOT_READABLE", "no totals at the end")
    if ends[0] > MOST_LINES:
        raise BillInvalid("BILL_TOO_LARGE", f"{ends[0]} lines")
    listed = [_named(rows[0], row) for row in rows[1 : ends[0]]]
    lines = [line for line in map(_line, listed) if line is not None]
    _check_totals(_named(rows[ends[0]], rows[-1]), listed)
    return Bill(day, tuple(lines))


def _named(names: list[str], row: list[str]) -> dict[str, str]:
    if len(row) != len(names):
        raise BillInvalid("BILL_NOT_READABLE", "a line has other columns than the head")
    return dict(zip(names, row, strict=True))


def _line(row: dict[str, str]) -> BillLine | None:
    try:
        kind = _KINDS.get(row["交易状态"])
        if kind is None:
            raise BillInvalid("BILL_NOT_READABLE", "a state nobody knows")
        if row["货币种类"] != "CNY":
            raise BillInvalid("BILL_NOT_READABLE", "another currency")
        if kind is LineKind.REFUND and row.get("退款状态") == _MONEY_STAYED:
            return None
        sub_merchant = row.get("特约商户号", "")
        return BillLine(
            kind=kind,
            merchant_id=sub_merchant if sub_merchant not in ("", "0") else row["商户号"],
            out_trade_no=row["商户订单号"],
            transaction_id=row["微信订单号"],
            out_refund_no=row["商户退款单号"] if kind is LineKind.REFUND else "",
            amount_yuan=_amount(row, kind),
            fee_yuan=yuan(row["手续费"]),
            happened_at=instant(row["交易时间"]),
            is_ended=kind is LineKind.PAYMENT or row.get("退款状态") not in _NOT_ENDED,
        )
    except KeyError as missing:
        raise BillInvalid("BILL_NOT_READABLE", f"no column {missing}") from None


def _amount(row: dict[str, str], kind: LineKind) -> Decimal:
    """The order's total, and what was asked back of it: both before coupons, as our own books have them."""
    if kind is LineKind.PAYMENT:
        return fen_exact(row.get("订单金额") or row["应结订单金额"])
    return fen_exact(row.get("申请退款金额") or row["退款金额"])


def _check_totals(totals: dict[str, str], rows: list[dict[str, str]]) -> None:
    if totals.get(_TOTALS) != str(len(rows)):
        raise BillInvalid("BILL_TOTALS", "the number of lines")
    for total, column in (("订单总金额", "订单金额"), ("申请退款总金额", "申请退款金额")):
        if total in totals and yuan(totals[total]) != sum((yuan(row[column]) for row in rows), Decimal(0)):
            raise BillInvalid("BILL_TOTALS", total)
