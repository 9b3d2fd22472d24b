"""A payment platform in memory: it takes money, tells of it (or not), gives it back, and may not answer."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from apps.income.platforms import base
from tests.simulation.faults import Fault, Faults

MERCHANT = "1900000109"


@dataclass
class Charged:
    """One order at the platform. `given_back` holds our refund numbers, each once."""

    amount_yuan: Decimal
    transaction_id: str = ""
    is_closed: bool = False
    given_back: dict[str, Decimal] = field(default_factory=dict)


class SimulatedPlatform:
    """The shape of `apps.income.platforms.base.Platform`; signatures are `tests/income`'s business."""

    channel = "wechat"
    merchant_id = MERCHANT
    app_id = "wx0000000000000001"

    def __init__(self, dice: random.Random, faults: Faults) -> None:
        self._dice = dice
        self._faults = faults
        self.orders: dict[str, Charged] = {}

    def _answer(self) -> None:
        if self._faults.hits(Fault.PLATFORM_SILENT):
            raise base.PlatformUnreachable("no answer")

    def pay(self, out_trade_no: str) -> bool:
        """The payer pays, if there is such an order and it is open."""
        order = self.orders.get(out_trade_no)
        if order is None or order.is_closed or order.transaction_id:
            return False
        order.transaction_id = f"4200{len([o for o in self.orders.values() if o.transaction_id]):020d}"
        return True

    def prove(self, out_trade_no: str) -> None:
        self._answer()

    def create_charge(self, request: base.ChargeRequest) -> base.Charge:
        self.orders.setdefault(request.out_trade_no, Charged(request.amount_yuan))
        self._answer()
        return base.Charge(bridge=None, qr_text="weixin://wxpay/bizpayurl?pr=simulated")

    def query(self, out_trade_no: str, *, by_qr: bool = True) -> base.PlatformResult:
        self._answer()
        return self._said(out_trade_no)

    def close(self, out_trade_no: str) -> base.PlatformResult:
        order = self.orders.get(out_trade_no)
        if order is not None and not order.transaction_id:
            order.is_closed = True
        self._answer()
        return self._said(out_trade_no)

    def refund(self, request: base.RefundRequest) -> base.RefundResult:
        order = self.orders[request.out_trade_no]
        order.given_back.setdefault(request.out_refund_no, request.refund_yuan)
        self._answer()
        return self.query_refund(request.out_trade_no, request.out_refund_no)

    def query_refund(self, out_trade_no: str, out_refund_no: str) -> base.RefundResult:
        self._answer()
        amount = self.orders[out_trade_no].given_back.get(out_refund_no)
        known: base.RefundState = "PROCESSING" if self._dice.random() < 0.5 else "DONE"
        state: base.RefundState = known if amount is not None else "UNKNOWN_REFUND"
        return base.RefundResult(
            out_refund_no=out_refund_no, state=state, refund_yuan=amount, evidence={"state": state}
        )

    def read_notify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> base.PlatformResult:
        return self._said(json.loads(body)["out_trade_no"])

    def notify_answer(self, ok: bool) -> tuple[int, str, bytes]:
        return (200 if ok else 500), "application/json", b"{}"

    def _said(self, out_trade_no: str) -> base.PlatformResult:
        order = self.orders.get(out_trade_no)
        state: base.State = "UNKNOWN_ORDER"
        if order is not None:
            state = "PAID" if order.transaction_id else "CLOSED" if order.is_closed else "PENDING"
        return base.PlatformResult(
            channel=self.channel,
            merchant_id=MERCHANT,
            app_id=self.app_id,
            out_trade_no=out_trade_no,
            transaction_id=(order.transaction_id or None) if order else None,
            state=state,
            amount_yuan=order.amount_yuan if order else None,
            currency="CNY",
            paid_at=None,
            payer_id=None,
            evidence={"state": state},
        )
