"""Alipay's trade bill: ask for its address, fetch the archive, read the CSV in it (GB 18030, tabs behind the values).

The archive has no hash; its own checksums and the address from a signed answer are what there is. The account stands
in the head, not on the lines.
"""

import csv
import io
import re
import zipfile
import zlib
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from apps.common.alipay_gateway import AlipayGateway
from apps.common.platforms import PlatformRefused
from apps.income.platforms.bills import (
    LARGEST_TEXT_BYTES,
    MOST_LINES,
    Bill,
    BillInvalid,
    BillLine,
    BillMissing,
    LineKind,
    download,
    fen_exact,
    instant,
    yuan,
)

_HOSTS = {"dwbillcenter.alipay.com": "http"}
_NO_BILL = frozenset({"BILL_NOT_EXIST", "isp.bill_not_exist", "isv.bill_not_exist"})
_KINDS = {"交易": LineKind.PAYMENT, "退款": LineKind.REFUND}
_ACCOUNT = re.compile(r"#账号：\[(2088[0-9]{12})[0-9]{0,4}\]")
_BEGINS = re.compile(r"#起始日期：\[([0-9]{4})年([0-9]{2})月([0-9]{2})日")
_FIRST_COLUMN = "支付宝交易号"
_MOST_MEMBERS = 10


def fetch_bill(gateway: AlipayGateway, day: date) -> Bill:
    """Return the bill of one Beijing day.

    :raises BillMissing, BillInvalid, PlatformError: nothing is to be concluded.
    """
    wanted: dict[str, Any] = {"bill_type": "trade", "bill_date": day.isoformat()}
    try:
        answer = gateway.ask("alipay.data.dataservice.bill.downloadurl.query", wanted)
    except PlatformRefused as refusal:
        if refusal.code in _NO_BILL:
            raise BillMissing(refusal.code) from None
        raise
    url = str(answer.get("bill_download_url") or "")
    home, host = urlsplit(gateway._gateway), urlsplit(url).netloc
    allowed = {**_HOSTS, home.netloc: home.scheme}
    if host in _HOSTS and url.startswith("https://"):
        allowed[host] = "https"
    return read_bill(unpacked(download("alipay", url, allowed=allowed)), day)


def unpacked(archive: bytes) -> str:
    """Return the text of the archive's list of trades; pure. :raises BillInvalid: BILL_NOT_READABLE, BILL_TOO_LARGE."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as file:
            members = file.infolist()
            if len(members) > _MOST_MEMBERS:
                raise BillInvalid("BILL_TOO_LARGE", f"{len(members)} files")
            left = LARGEST_TEXT_BYTES
            for member in members:
                with file.open(member) as opened:
                    content = opened.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise BillInvalid("BILL_TOO_LARGE", f"over {LARGEST_TEXT_BYTES} bytes unpacked")
                text = content.decode("gb18030")
                if f"\n{_FIRST_COLUMN}," in text:
                    return text
    except (zipfile.BadZipFile, zlib.error, UnicodeDecodeError, RuntimeError, NotImplementedError, EOFError):
        raise BillInvalid("BILL_NOT_READABLE", "not a zip of GBK files") from None
    raise BillInvalid("BILL_NOT_READABLE", "no list of trades in the archive")


def read_bill(text: str, day: date) -> Bill:
    """Return the lines of an unpacked bill; pure. :raises BillInvalid: BILL_NOT_READABLE, BILL_WRONG_DAY, …"""
    account = _ACCOUNT.search(text)
    begins = _BEGINS.search(text)
    if account is None or begins is None:
        raise BillInvalid("BILL_NOT_READABLE", "no account or no day in the head")
    if tuple(int(part) for part in begins.groups()) != (day.year, day.month, day.day):
        raise BillInvalid("BILL_WRONG_DAY", "the file is of another day")
    try:
        rows = list(
            csv.reader(line for line in text.split("\n") if line.strip() and not line.startswith("#"))
        )
    except csv.Error:
        raise BillInvalid("BILL_NOT_READABLE", "not CSV") from None
    rows = [[cell.strip() for cell in row] for row in rows]
    if not rows or rows[0][0] != _FIRST_COLUMN:
        raise BillInvalid("BILL_NOT_READABLE", "no head")
    if len(rows) > MOST_LINES:
        raise BillInvalid("BILL_TOO_LARGE", f"{len(rows)} lines")
    lines = tuple(_line(rows[0], row, account[1]) for row in rows[1:])
    _check_totals(text, lines)
    return Bill(day, lines)


def _line(names: list[str], cells: list[str], merchant_id: str) -> BillLine:
    if len(cells) != len(names):
        raise BillInvalid("BILL_NOT_READABLE", "a line has other columns than the head")
    row = dict(zip(names, cells, strict=True))
    try:
        kind = _KINDS.get(row["业务类型"])
        if kind is None:
            raise BillInvalid("BILL_NOT_READABLE", "a kind nobody knows")
        return BillLine(
            kind=kind,
            merchant_id=merchant_id,
            out_trade_no=row["商户订单号"],
            transaction_id=row[_FIRST_COLUMN],
            out_refund_no=row["退款批次号/请求号"] if kind is LineKind.REFUND else "",
            amount_yuan=fen_exact(row["订单金额（元）"]),
            # Alipay writes what it takes as a negative amount.
            fee_yuan=-yuan(row["服务费（元）"]) if row["服务费（元）"] else Decimal(0),
            happened_at=instant(row["完成时间"]),
        )
    except KeyError as missing:
        raise BillInvalid("BILL_NOT_READABLE", f"no column {missing}") from None


def _check_totals(text: str, lines: tuple[BillLine, ...]) -> None:
    said = re.search(r"#交易合计：([0-9]+)笔.*?退款合计：([0-9]+)笔", text)
    payments = sum(line.kind is LineKind.PAYMENT for line in lines)
    if said is None or (int(said[1]), int(said[2])) != (payments, len(lines) - payments):
        raise BillInvalid("BILL_TOTALS", "the number of lines")
