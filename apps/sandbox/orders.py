"""An order as both platforms keep it, and the rules of the real platforms about what an order may be."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Literal
from urllib.parse import urlsplit

Channel = Literal["wechat", "alipay"]

BEIJING = timezone(timedelta(hours=8))
FEN = Decimal("0.01")
# Alipay's ceiling for one trade; WeChat publishes none and gets the same.
CEILING_YUAN = Decimal("100000000.00")

_WECHAT_NUMBER = re.compile(r"[0-9A-Za-z_\-|*]{6,32}", re.ASCII)
_ALIPAY_NUMBER = re.compile(r"[0-9A-Za-z_]{1,64}", re.ASCII)
_YUAN = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,2})?", re.ASCII)
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class State(StrEnum):
    """Where an order stands; REFUND means that some or all of the money went back."""

    NOTPAY = "NOTPAY"
    SUCCESS = "SUCCESS"
    CLOSED = "CLOSED"
    REFUND = "REFUND"


class Why(StrEnum):
    """Why the books refuse something; each platform has its own code for it."""

    CHANGED = "changed"
    PAID = "paid"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    UNPAID = "unpaid"
    TOO_MUCH = "too_much"


class OrderRefused(Exception):
    """The books say no, for the reason in `why`."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True)
class Order:
    """One merchant's order.

    `merchant` is the mchid or app_id, `reached` says whether the trade exists for the merchant (an Alipay QR
    or page order does not before the payer has opened it), `terms` is the fingerprint of everything that must
    not change under the same number. Instants are aware and in UTC.
    """

    channel: Channel
    merchant: str
    app_id: str
    out_trade_no: str
    trade_type: str
    amount_yuan: Decimal
    description: str
    payer_id: str
    notify_url: str
    return_url: str
    attach: str
    terms: str
    created_at: datetime
    expires_at: datetime
    reached: bool
    transaction_id: str
    state: State = State.NOTPAY
    paid_at: datetime | None = None
    refunded_yuan: Decimal = Decimal("0.00")

    @property
    def is_paid(self) -> bool:
        """Whether the money was taken, even if it went back later."""
        return self.state in (State.SUCCESS, State.REFUND)

    @property
    def is_wholly_refunded(self) -> bool:
        """Whether nothing of the payment is left with the merchant."""
        return self.is_paid and self.refunded_yuan >= self.amount_yuan

    def seen_at(self, now: datetime) -> "Order":
        """The order as it stands at `now`: an unpaid one past its time is closed by itself."""
        if self.state is State.NOTPAY and now >= self.expires_at:
            return replace(self, state=State.CLOSED)
        return self


@dataclass(frozen=True)
class Refund:
    """Money back to the payer; `out_request_no` is the merchant's number that makes it happen once."""

    channel: Channel
    merchant: str
    out_trade_no: str
    out_request_no: str
    amount_yuan: Decimal
    refund_id: str
    notify_url: str
    made_at: datetime


def terms_of(fields: Mapping[str, str]) -> str:
    """Fingerprint of the parameters an order may not change under its number."""
    text = "\n".join(f"{key}={fields[key]}" for key in sorted(fields))
    return hashlib.sha256(text.encode()).hexdigest()


def is_number(channel: Channel, text: object) -> bool:
    """WeChat: 6–32 of `0-9A-Za-z_-|*`. Alipay: up to 64 of `0-9A-Za-z_`."""
    pattern = _WECHAT_NUMBER if channel == "wechat" else _ALIPAY_NUMBER
    return isinstance(text, str) and pattern.fullmatch(text) is not None


def yuan_from_fen(total: object) -> Decimal | None:
    """WeChat's whole fen as yuan, or None if it is not a whole number of 1 fen or more within the ceiling."""
    if not isinstance(total, int) or isinstance(total, bool) or total < 1:
        return None
    amount_yuan = (Decimal(total) * FEN).quantize(FEN)
    return amount_yuan if amount_yuan <= CEILING_YUAN else None


def fen(amount_yuan: Decimal) -> int:
    """Yuan as WeChat's whole fen; the amounts kept here have exactly two decimals."""
    return int(amount_yuan / FEN)


def yuan_from_text(value: object) -> Decimal | None:
    """Alipay's yuan with at most two decimals, 0.01 or more, or None; the ceiling is for the caller."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    if _YUAN.fullmatch(str(value)) is None:
        return None
    amount_yuan = Decimal(str(value)).quantize(FEN)
    return amount_yuan if amount_yuan >= FEN else None


def is_callback(url: object, *, query_allowed: bool = False) -> bool:
    """Whether a platform would call or send somebody to `url`.

    As on the real platforms an https address without query string; plain http passes for this machine only.
    """
    if not isinstance(url, str) or not 0 < len(url) <= 255 or not url.isascii():
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return False
    if not host or parts.username or parts.fragment or (("?" in url) and not query_allowed):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)


def beijing(moment: datetime) -> str:
    """`2026-11-23 14:03:09`, Alipay's way of writing an instant."""
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def rfc3339(moment: datetime) -> str:
    """`2026-11-23T14:03:09+08:00`, WeChat's way of writing an instant."""
    return moment.astimezone(BEIJING).isoformat(timespec="seconds")
