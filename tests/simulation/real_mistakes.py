"""What people get wrong at the services' doors. Each is refused, and the books are as they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from apps.common.errors import NotFound
from apps.common.ids import uuid7
from apps.income.models import Payment, Refund
from apps.income.services import freezes, orders, recharges, refund_asking, refund_reviews
from apps.income.states import UNDECIDED, Channel, RechargeKind, RefundState
from apps.meters.models import Meter
from apps.meters.post import ValkeyPost
from apps.meters.services import acts, commands, phone
from apps.meters.states import CommandKind, Errand, Way

if TYPE_CHECKING:
    from tests.simulation.real_office import RealOffice

AMOUNTS = ("", "1e2", "-1.00", "0", "6000.00", "1.234", "NaN", "١.00", "1.0.0", "000000000001.00", None)
NOT_A_NUMBER = Decimal("NaN")


def _row(rows: Any) -> Any:
    """The first of them; where there is none, the mistake cannot be made, which is as good as refused."""
    row = rows.order_by("pk").first()
    if row is None:
        raise NotFound("there is none")
    return row


@dataclass(frozen=True)
class Wrong:
    """Who does it where: a service, and what it is given."""

    office: RealOffice
    serial: str
    amount: Any

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
            self._order_with_a_used_key,
            self._order_at_a_removed_meter,
            lambda now: self._inside(self._unpaid, now),
            lambda now: self._inside(self._not_in_review, now),
            lambda now: self._inside(self._nobodys, now),
            lambda now: self._inside(self._at_a_removed_meter, now, self._recharge_one),
            lambda now: self._inside(self._at_a_removed_meter, now, self._phone),
            lambda now: self._inside(self._at_a_removed_meter, now, self._probe),
            lambda now: self._inside(self._not_frozen, now, self._probe),
            lambda now: self._inside(self._not_frozen, now, self._adopt),
        ]

    def _inside(self, act: Callable[..., Any], *given: Any) -> Any:
        with self.office.scope():
            return act(*given)

    @property
    def _by(self) -> UUID:
        by_id: UUID = self.office.owner.pk
        return by_id

    def _order(
        self,
        now: datetime,
        amount_yuan: Decimal = Decimal("0.001"),
        key: str = "",
        meter_id: UUID | None = None,
    ) -> Any:
        found = self.office.found(self.serial)
        return orders.open_order(
            found=replace(found, object_id=meter_id or found.object_id),
            amount_yuan=amount_yuan,
            channel=Channel.WECHAT,
            payer=None,
            payer_ip=None,
            caller="payer",
            idempotency_key=key,
            now=now,
        )

    def _order_with_a_used_key(self, now: datetime) -> Any:
        self._order(now, Decimal("30.00"), f"used-{self.serial}")
        return self._order(now, Decimal("31.00"), f"used-{self.serial}")

    def _order_at_a_removed_meter(self, now: datetime) -> Any:
        with self.office.scope():
            removed = _row(Meter.objects.filter(archived_at__isnull=False))
        return self._order(now, Decimal("30.00"), meter_id=removed.pk)

    def _unpaid(self, now: datetime) -> Any:
        payment = _row(Payment.objects.filter(state__in=sorted(UNDECIDED)))
        return self._refund("asked", now, payment.pk, None)

    def _not_in_review(self, now: datetime) -> Any:
        refund = _row(Refund.objects.exclude(state=RefundState.REVIEW))
        if now.microsecond % 2:
            return refund_reviews.retry_refund(refund_id=refund.pk, by_id=self._by, now=now)
        return refund_reviews.note_given_by_hand(refund_id=refund.pk, note="in cash", by_id=self._by, now=now)

    def _nobodys(self, now: datetime) -> Any:
        if now.microsecond % 2:
            return refund_reviews.withdraw_refund(refund_id=uuid7(), by_id=self._by, now=now)
        return refund_reviews.note_given_by_hand(refund_id=uuid7(), note=" ", by_id=self._by, now=now)

    def _at_a_removed_meter(self, now: datetime, act: Callable[[Meter, datetime], Any]) -> Any:
        return act(_row(Meter.objects.filter(archived_at__isnull=False)), now)

    def _not_frozen(self, now: datetime, act: Callable[[Meter, datetime], Any]) -> Any:
        return act(_row(Meter.objects.filter(serial=self.serial, frozen="")), now)

    def _recharge_one(self, meter: Meter, now: datetime) -> Any:
        return recharges.recharge_by_member(
            meter=meter,
            kind=RechargeKind.GIFT,
            amount_yuan=None,
            energy_kwh=Decimal(1),
            reason="by hand",
            by_id=self._by,
            now=now,
        )

    def _phone(self, meter: Meter, now: datetime) -> Any:
        return phone.open_session(
            post=ValkeyPost(),
            meter=meter,
            errand=Errand.RECHARGE,
            command_id=None,
            by_id=self._by,
            keeps_readings=False,
            now=now,
        )

    def _probe(self, meter: Meter, now: datetime) -> Any:
        return freezes.ask_probe(meter=meter, by_id=self._by, who="night shift", now=now)

    def _adopt(self, meter: Meter, now: datetime) -> Any:
        return freezes.resolve(
            post=ValkeyPost(),
            meter_id=meter.pk,
            way=Way.ADOPT,
            reason="seen by a person",
            by_id=self._by,
            who="night shift",
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
