"""What both platforms demand of an order before anything is sent."""

import re
from datetime import datetime

_OUT_TRADE_NO = re.compile(r"[0-9A-Za-z_]{6,32}")
LONGEST_NOTIFY_URL = 255


def checked_out_trade_no(out_trade_no: str) -> str:
    """Return the number. It becomes part of an address, so its alphabet is checked, not escaped.

    :raises ValueError: unless 6 to 32 of `[0-9A-Za-z_]`, what WeChat and Alipay both take.
    """
    if not _OUT_TRADE_NO.fullmatch(out_trade_no):
        raise ValueError("out_trade_no is 6 to 32 of 0-9 A-Z a-z _")
    return out_trade_no


def checked_notify_url(notify_url: str) -> str:
    """Return the URL. :raises ValueError: if WeChat would refuse it (a query string, over 255 characters)."""
    if not notify_url.startswith(("https://", "http://")) or "?" in notify_url or "#" in notify_url:
        raise ValueError("a notify URL is absolute and has no query string")
    if len(notify_url) > LONGEST_NOTIFY_URL:
        raise ValueError("a notify URL has at most 255 characters")
    return notify_url


def checked_instant(instant: datetime) -> datetime:
    """Return it. :raises ValueError: if it names no zone."""
    if instant.tzinfo is None:
        raise ValueError("an instant names its zone")
    return instant
