"""What people get wrong at the services' doors. Each is refused, and the books are as they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from apps.common.ids import uuid7
from apps.income.services import orders, recharges, refund_asking, refund_reviews
from apps.income.states import Channel, RechargeKind
from apps.meters.post import ValkeyPost
from apps.meters.services import acts, commands
from apps.meters.states import CommandKind

if TYPE_CHECKING:
    from tests.simulation.real_office import RealOffice

AMOUNTS = ("", "1e2", "-1.00", "0", "6000.00", "1.234", "NaN", "١.00")
NOT_A_NUMBER = Decimal("NaN")


@dataclass(frozen=True)
class Wrong:
    """Who does it where: a service, and what it is given."""

    office: RealOffice
    serial: str
    amount: str

    def acts(self) -> list[Callable[[datetime], Any]]:
        return [
            lambda now: orders.parse_amount(self.amount),
            lambda now: orders.find_order("R000000NOBODY"),
            self._order,
            lambda now: self._inside(self._refund, "", now, uuid7(), None),
            lambda now: self._inside(self._refund, "asked", now, uuid7(), None),
            lambda now: self._inside(self._review, now),
            lambda now: self._inside(self._retry, now),
            lambda now: self._inside(self._recharge, now, RechargeKind.CASH, None, None, "by hand"),
            lambda now: self._inside(self._recharge, now, RechargeKind.CASH, NOT_A_NUMBER, None, "by hand"),
            lambda now: self._inside(
                self._recharge, now, RechargeKind.CASH, Decimal("1.234"), None, "by hand"
            ),
            lambda now: self._inside(self._recharge, now, RechargeKind.CASH, None, Decimal(-1), "by hand"),
            lambda now: self._inside(self._recharge, now, RechargeKind.GIFT, Decimal(1), None, "by hand"),
            lambda now: self._inside(
                self._recharge, now, RechargeKind.GIFT, None, Decimal("0.001"), "by hand"
            ),
            lambda now: self._inside(self._recharge, now, RechargeKind.IMPORT, None, Decimal(1), "by hand"),
            lambda now: self._inside(self._recharge, now, RechargeKind.GIFT, None, Decimal(1), " "),
            lambda now: self._inside(self._reset, now, "000000000000"),
            lambda now: self._inside(self._reset, now, self.serial, " "),
            lambda now: self._inside(self._switch, now),
        ]

    def _inside(self, act: Callable[..., Any], *given: Any) -> Any:
        with self.office.scope():
            return act(*given)

    @property
    def _by(self) -> UUID:
        by_id: UUID = self.office.owner.pk
        return by_id

    def _order(self, now: datetime) -> Any:
        return orders.open_order(
            found=self.office.found(self.serial),
            amount_yuan=Decimal("0.001"),
            channel=Channel.WECHAT,
            payer=None,
            payer_ip=None,
            caller="payer",
            idempotency_key="",
            now=now,
        )

    def _refund(self, reason: str, now: datetime, payment_id: UUID, amount: Decimal | None) -> Any:
        return refund_asking.ask_refund(
            post=ValkeyPost(),
            payment_id=payment_id,
            reason=reason,
            by_id=self._by,
            now=now,
            amount_yuan=amount,
        )

    def _review(self, now: datetime) -> Any:
        return refund_reviews.note_given_by_hand(refund_id=uuid7(), note="in cash", by_id=self._by, now=now)

    def _retry(self, now: datetime) -> Any:
        return refund_reviews.retry_refund(refund_id=uuid7(), by_id=self._by, now=now)

    def _recharge(
        self, now: datetime, kind: RechargeKind, amount: Decimal | None, energy: Decimal | None, reason: str
    ) -> Any:
        return recharges.recharge_by_member(
            meter=self.office.meter(self.serial),
            kind=kind,
            amount_yuan=amount,
            energy_kwh=energy,
            reason=reason,
            by_id=self._by,
            now=now,
        )

    def _reset(self, now: datetime, typed: str, reason: str = "a new renter") -> Any:
        return acts.ask_reset(
            meter=self.office.meter(self.serial),
            kind=CommandKind.RESET_ENERGY,
            reason=reason,
            typed_serial=typed,
            by_id=self._by,
            now=now,
        )

    def _switch(self, now: datetime) -> Any:
        return commands.ask_power(
            meter=self.office.meter(self.serial),
            on=True,
            reason="asked",
            by_id=self._by,
            now=now,
            remaining_kwh=Decimal(0),
        )
