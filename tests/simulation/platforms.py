"""Payment platforms in memory: they take money, tell of it (or not), give it back (or not), and may not answer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from apps.income.platforms import base
from tests.simulation.faults import Fault, Faults

MERCHANT = "1900000109"
# How a platform decides on a refund; CLOSED and ABNORMAL move no money.
FATES: tuple[base.RefundState, ...] = ("DONE", "DONE", "DONE", "DONE", "DONE", "ABNORMAL", "CLOSED")


@dataclass
class Charged:
    """One order at the platform. `given_back` and `fates` are by our refund numbers."""

    amount_yuan: Decimal
    paid_yuan: Decimal = Decimal(0)
    transaction_id: str = ""
    is_closed: bool = False
    is_scanned: bool = True
    given_back: dict[str, Decimal] = field(default_factory=dict)
    fates: dict[str, base.RefundState] = field(default_factory=dict)


class SimulatedPlatform:
    """The shape of `apps.income.platforms.base.Platform`; signatures are `tests/income`'s business."""

    merchant_id = MERCHANT
    app_id = "wx0000000000000001"

    def __init__(self, channel: str, dice: random.Random, faults: Faults) -> None:
        self.channel = channel
        self._dice = dice
        self._faults = faults
        self.orders: dict[str, Charged] = {}
        self.on_refund: Callable[[str, str, str], None] = lambda channel, number, refund: None

    def _answer(self) -> None:
        if self._faults.hits(Fault.PLATFORM_SILENT):
            raise base.PlatformUnreachable("no answer")

    def pay(self, out_trade_no: str) -> bool:
        """The payer pays, if there is such an order and it is open."""
        order = self.orders.get(out_trade_no)
        if order is None or order.is_closed or order.transaction_id:
            return False
        paid = len([one for one in self.orders.values() if one.transaction_id])
        order.transaction_id = f"4200{self.channel[:1]}{paid:020d}"
        order.paid_yuan, order.is_scanned = order.amount_yuan, True
        if self._faults.hits(Fault.PAID_OTHERWISE):
            order.paid_yuan += Decimal("0.01")
        return True

    def prove(self, out_trade_no: str) -> None:
        self._answer()

    def create_charge(self, request: base.ChargeRequest) -> base.Charge:
        if self._dice.random() < 0.3:
            # Where the platform is silent, its silence may mean that it heard nothing.
            self._answer()
        made = Charged(request.amount_yuan, is_scanned=self.channel == "wechat")
        self.orders.setdefault(request.out_trade_no, made)
        self._answer()
        return base.Charge(bridge=None, qr_text="weixin://wxpay/bizpayurl?pr=simulated")

    def query(self, out_trade_no: str, *, by_qr: bool = True) -> base.PlatformResult:
        self._answer()
        said = self._said(out_trade_no)
        return replace(said, state="PENDING") if self._is_unscanned(out_trade_no) and by_qr else said

    def _is_unscanned(self, out_trade_no: str) -> bool:
        order = self.orders.get(out_trade_no)
        return order is not None and not order.is_scanned

    def close(self, out_trade_no: str) -> base.PlatformResult:
        """A code that nobody has scanned is no order yet: it is called closed, and can still be paid."""
        order = self.orders.get(out_trade_no)
        if order is not None and order.is_scanned and not order.transaction_id:
            order.is_closed = True
        self._answer()
        said = self._said(out_trade_no)
        return replace(said, state="CLOSED") if self._is_unscanned(out_trade_no) else said

    def refund(self, request: base.RefundRequest) -> base.RefundResult:
        order, number = self.orders[request.out_trade_no], request.out_refund_no
        if order.fates.get(number, "ABNORMAL") == "ABNORMAL":
            if self._faults.hits(Fault.REFUND_REFUSED):
                raise base.PlatformRefused("NOT_ENOUGH", "the account holds too little")
            fate = order.fates[number] = self._dice.choice(FATES)
            if fate == "DONE":
                order.given_back[number] = request.refund_yuan
            self.on_refund(self.channel, request.out_trade_no, number)
        self._answer()
        return self.query_refund(request.out_trade_no, number)

    def query_refund(self, out_trade_no: str, out_refund_no: str) -> base.RefundResult:
        self._answer()
        result = self._refund_result(out_trade_no, out_refund_no)
        if result.state == "UNKNOWN_REFUND" or self._faults.healed or self._dice.random() < 0.5:
            return result
        state: base.RefundState = "PROCESSING"
        return base.RefundResult(out_refund_no=out_refund_no, state=state, refund_yuan=None, evidence={})

    def _refund_result(self, out_trade_no: str, out_refund_no: str) -> base.RefundResult:
        order = self.orders[out_trade_no]
        state = order.fates.get(out_refund_no, "UNKNOWN_REFUND")
        amount = order.given_back.get(out_refund_no)
        return base.RefundResult(
            out_refund_no=out_refund_no, state=state, refund_yuan=amount, evidence={"state": state}
        )

    def read_notify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> base.PlatformResult:
        """Tell what a notify proves; one whose signature does not fit proves nothing."""
        told = json.loads(body)
        match headers.get("signed"):
            case "by somebody else":
                raise base.NotifyRefused("BAD_SIGNATURE", "nobody we know")
            case "for another key":
                raise base.NotifyRefused("DECRYPTION", "sealed with another key")
            case "for another app":
                raise base.NotifyRefused("WRONG_APP", out_trade_no=told["out_trade_no"])
        refund = self._refund_result(told["out_trade_no"], told["refund"]) if told.get("refund") else None
        return self._said(told["out_trade_no"], refund)

    def notify_answer(self, ok: bool) -> tuple[int, str, bytes]:
        return (200 if ok else 500), "application/json", b"{}"

    def _said(self, out_trade_no: str, refund: base.RefundResult | None = None) -> base.PlatformResult:
        order = self.orders.get(out_trade_no)
        state: base.State = "UNKNOWN_ORDER"
        if order is not None and order.is_scanned:
            state = "PAID" if order.transaction_id else "CLOSED" if order.is_closed else "PENDING"
        if refund is not None:
            state = "REFUNDED"
        return base.PlatformResult(
            channel=self.channel,
            merchant_id=MERCHANT,
            app_id=self.app_id,
            out_trade_no=out_trade_no,
            transaction_id=(order.transaction_id or None) if order else None,
            state=state,
            amount_yuan=(order.paid_yuan or order.amount_yuan) if order else None,
            currency="CNY",
            paid_at=None,
            payer_id=None,
            evidence={"state": state},
            refund=refund,
        )
