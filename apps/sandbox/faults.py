"""Faults on request: what the pretend platforms do wrong next, and how often."""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from apps.sandbox.forging import ENVELOPES, WORDS

# Kinds that change one posted notify; the right one follows by the ordinary schedule.
FORGING = (*WORDS, *ENVELOPES)
# Kinds decided when the payment happens.
SCHEDULING = ("delay_notify", "lose_notify")
# Kinds of the merchant's own money going out, and of what it may do for others.
TRANSFERRING = (
    "lose_transfer_answer",
    "balance_low",
    "payee_day_limit",
    "transfer_system_error",
    "revoke_authorisation",
    # The merchant shared or withdrew what a refund would need.
    "refund_balance_low",
    # What a merchant from before the public-key mode gets: the platform's certificates, sealed.
    "serve_certificates",
)
# Kinds of what the platform does or answers when it is asked.
ANSWERING = (
    "lose_answer",
    "lose_refund_answer",
    # Nobody knows: 20000 at Alipay, SYSTEM_ERROR at WeChat, and nothing was done.
    "system_error",
    # Right answers that a careless reader loses: `}{` in a value, and Chinese in GBK. Alipay's only.
    "brace_answer",
    "gbk_answer",
    # The payer's card is gone (WeChat); the trade is past its refunds (Alipay).
    "refund_abnormal",
    "trade_finished",
    # The payer had her thumb on the button when the merchant closed the order.
    "pay_after_close",
)
KINDS = (*SCHEDULING, "repeat_notify", *FORGING, *ANSWERING, *TRANSFERRING)

MOST = 10_000


class FaultUnknown(ValueError):
    """The request for a fault makes no sense; the message says why."""


@dataclass(frozen=True)
class Fault:
    """`count` more times of one kind.

    `seconds` is the delay of `delay_notify`, `times` how often `repeat_notify` posts the notify at once;
    `channel` and `out_trade_no` narrow the fault to one platform or one order, empty means any.
    """

    kind: str
    count: int
    seconds: int = 5
    times: int = 3
    channel: str = ""
    out_trade_no: str = ""

    def fits(self, channel: str, out_trade_no: str) -> bool:
        """Whether the fault is meant for this order."""
        return self.channel in ("", channel) and self.out_trade_no in ("", out_trade_no)


class Faults:
    """A queue of faults, first in, first played. Kept in memory: a restart begins without faults."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def order(self, wish: Mapping[str, Any]) -> Fault:
        """Put a fault in the queue. :raises FaultUnknown: as `fault_of`."""
        fault = fault_of(wish)
        with self._lock:
            self._waiting.append(fault)
        return fault

    def take(self, kinds: Collection[str], channel: str, out_trade_no: str) -> Fault | None:
        """The next fault of one of these kinds for this order, used up by one."""
        with self._lock:
            for place, fault in enumerate(self._waiting):
                if fault.kind in kinds and fault.fits(channel, out_trade_no):
                    if fault.count == 1:
                        del self._waiting[place]
                    else:
                        self._waiting[place] = replace(fault, count=fault.count - 1)
                    return fault
        return None

    def waiting(self) -> list[Fault]:
        """What has not been played yet."""
        with self._lock:
            return list(self._waiting)

    def clear(self) -> None:
        """Behave again."""
        with self._lock:
            self._waiting.clear()


def fault_of(wish: Mapping[str, Any]) -> Fault:
    """Return the fault that is wished for. :raises FaultUnknown: for an unknown kind or numbers out of range."""
    fault = Fault(
        kind=_text(wish, "kind"),
        count=_number(wish, "count", 1),
        seconds=_number(wish, "seconds", 5),
        times=_number(wish, "times", 3),
        channel=_text(wish, "channel"),
        out_trade_no=_text(wish, "out_trade_no"),
    )
    if fault.kind not in KINDS:
        raise FaultUnknown(f"kind must be one of: {', '.join(KINDS)}")
    if fault.channel not in ("", "wechat", "alipay"):
        raise FaultUnknown("channel must be wechat or alipay")
    return fault


def _text(wish: Mapping[str, Any], name: str) -> str:
    value = wish.get(name, "")
    if not isinstance(value, str):
        raise FaultUnknown(f"{name} must be a text")
    return value


def _number(wish: Mapping[str, Any], name: str, default: int) -> int:
    value = wish.get(name, default)
    if isinstance(value, str) and value.isdigit() and len(value) < 6:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST:
        raise FaultUnknown(f"{name} must be a whole number from 1 to {MOST}")
    return value
