"""A platform's bill of one day: what it says it took and gave back, and the rules its files must keep.

Sources: WeChat Pay "trade bill" (made from 09:00 of the next day, to be fetched after 10:00; the file is unsigned, so
the SHA1 of the signed answer decides), Alipay `alipay.data.dataservice.bill.downloadurl.query` (address good for 30 s).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from urllib.parse import urlsplit

import requests

from apps.common.outside import outside_call
from apps.common.platforms import (
    BEIJING,
    TIMEOUT_S,
    PlatformAnswerInvalid,
    PlatformError,
    PlatformRefused,
    PlatformUnreachable,
)

# A landlord's day is a few kilobytes; what is larger is not hers, or not a bill.
LARGEST_FILE_BYTES = 16 * 1024 * 1024
LARGEST_TEXT_BYTES = 64 * 1024 * 1024
MOST_LINES = 200_000

_YUAN = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,6})?")


class LineKind(StrEnum):
    PAYMENT = "PAYMENT"
    REFUND = "REFUND"


class BillNotReady(PlatformError):
    """The platform has not made the bill yet; ask again later."""


class BillMissing(PlatformError):
    """The platform has no bill of that day: nothing was traded, or it will be late."""


class BillInvalid(PlatformAnswerInvalid):
    """A file that is not believed; nothing of it is used.

    `code`: BILL_HASH (not the file the signed answer named), BILL_TOO_LARGE, BILL_NOT_READABLE, BILL_TOTALS (its lines
    do not come to its own totals), BILL_WRONG_DAY, BILL_ADDRESS (it lies somewhere else than at the platform).
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class BillLine:
    """One payment or refund by the platform's own account.

    :param merchant_id: whose account the line names; the sub-merchant's where there is one.
    :param out_refund_no: ours; empty on a payment.
    :param amount_yuan: the order's total or what went back, positive.
    :param fee_yuan: what the platform kept of it; negative where it gave some back.
    :param happened_at: aware, UTC.
    :param is_ended: False for a refund that was asked for and had not arrived when the bill was made.
    """

    kind: LineKind
    merchant_id: str
    out_trade_no: str
    transaction_id: str
    out_refund_no: str = ""
    amount_yuan: Decimal
    fee_yuan: Decimal = Decimal(0)
    happened_at: datetime
    is_ended: bool = True


@dataclass(frozen=True, slots=True)
class Bill:
    """All lines of one merchant and one Beijing day, in the file's order."""

    day: date
    lines: tuple[BillLine, ...]


def download(
    channel: str, url: str, *, allowed: Mapping[str, str], headers: Mapping[str, str] | None = None
) -> bytes:
    """Return a file from one of the `allowed` hosts (host with port -> scheme), as it came, within the cap.

    :raises BillInvalid: BILL_ADDRESS or BILL_TOO_LARGE.
    :raises PlatformRefused, PlatformUnreachable: as every call.
    """
    parts = urlsplit(url)
    if allowed.get(parts.netloc) != parts.scheme:
        raise BillInvalid("BILL_ADDRESS", parts.hostname or "")
    with outside_call(channel):
        try:
            with requests.get(
                url, headers=dict(headers or {}), timeout=TIMEOUT_S, allow_redirects=False, stream=True
            ) as reply:
                if reply.status_code >= 500 or reply.status_code == 429:
                    raise PlatformUnreachable(f"{channel} answered HTTP {reply.status_code}")
                if reply.status_code != 200:
                    raise PlatformRefused(f"HTTP_{reply.status_code}", "the bill's address")
                file = bytearray()
                for piece in reply.iter_content(64 * 1024):
                    file += piece
                    if len(file) > LARGEST_FILE_BYTES:
                        raise BillInvalid("BILL_TOO_LARGE", f"over {LARGEST_FILE_BYTES} bytes")
        except requests.RequestException as error:
            raise PlatformUnreachable(f"{channel}: {type(error).__name__}") from None
    return bytes(file)


def yuan(text: str) -> Decimal:
    """Return a bill's amount, whatever its sign. :raises BillInvalid: unless plain digits, at most six decimals."""
    if not _YUAN.fullmatch(text):
        raise BillInvalid("BILL_NOT_READABLE", "not an amount")
    return Decimal(text)


def fen_exact(text: str) -> Decimal:
    """Return a bill's amount of whole fen, its sign left out. :raises BillInvalid: if it has more than two decimals."""
    amount_yuan = abs(yuan(text))
    exact = amount_yuan.quantize(Decimal("0.01"))
    if exact != amount_yuan:
        raise BillInvalid("BILL_NOT_READABLE", "an amount is whole fen")
    return exact


def instant(text: str) -> datetime:
    """Return a bill's time, which is Beijing's. :raises BillInvalid: for anything else."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING).astimezone(UTC)
    except ValueError:
        raise BillInvalid("BILL_NOT_READABLE", "not a time") from None
