"""The landlord's and the operator's desk on PostgreSQL: money given back, frozen meters, a device that is swapped."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.common.errors import Refused, Words
from apps.income import postings
from apps.income.models import Payment, Recharge, Refund
from apps.income.services import crediting, freezes, recharges, refund_asking, refund_reviews
from apps.income.services.ledger import balance
from apps.income.states import (
    NOT_ENDED,
    UNDECIDED,
    PaymentState,
    RechargeKind,
    RechargeState,
    RefundState,
    RefundWay,
)
from apps.meters.models import Command, Lease, Meter
from apps.meters.post import ValkeyPost
from apps.meters.services import registry
from apps.meters.states import CommandKind, Purpose, Way
from tests.simulation.devices import Device
from tests.simulation.faults import Fault, Faults
from tests.simulation.people import Wish
from tests.simulation.platforms import Charged, SimulatedPlatform
from tests.simulation.virtual_time import VirtualTime

if TYPE_CHECKING:
    from tests.simulation.real_office import RealOffice

LOOK_S = 25
STEP_KWH = Decimal("0.01")


class RealDesk:
    """`asked` runs an act in a process that may die of it, and returns a refusal instead of raising it."""

    def __init__(
        self,
        time: VirtualTime,
        dice: random.Random,
        faults: Faults,
        office: RealOffice,
        asked: Callable[[str, Any], Any],
    ) -> None:
        self._time = time
        self._dice = dice
        self._faults = faults
        self._office = office
        self._asked = asked
        time.after(LOOK_S, self._look)

    # Money

    def give_back(self, number: str) -> None:
        """A member is asked for the money of a payment, or for a part of it."""
        with self._office.scope():
            row = Payment.objects.select_related("recharge__command").filter(out_trade_no=number).first()
            if row is None or row.state != PaymentState.PAID:
                return
            credit = getattr(row, "recharge", None)
            if credit is not None and credit.command.number is not None:
                self._faults.count(Fault.CANCEL_LATE)
                letter = self._office.state(credit.meter.serial).letter
                if letter and (letter.command_id, letter.purpose) == (credit.command_id, Purpose.DELIVER):
                    self._faults.count(Fault.REFUND_RACES)
        wishes = (None, None, row.amount_yuan / 2, row.amount_yuan * 2, Decimal("0.005"))
        asked = self._ask_back(row.pk, self._dice.choice(wishes))
        if isinstance(asked, Refund) and asked.state == RefundState.WAITING and self._dice.random() < 0.5:
            self._time.after(self._dice.uniform(0, 10), self._withdraw, asked.pk)
        if self._dice.random() < 0.4:
            again_s = self._dice.choice((0, 3, 90))
            self._time.after(again_s, self._ask_back, row.pk, self._dice.choice(wishes))

    def _ask_back(self, payment_id: UUID, amount_yuan: Decimal | None) -> Any:
        def ask(now: datetime) -> Refund:
            with self._office.scope():
                return refund_asking.ask_refund(
                    post=ValkeyPost(),
                    payment_id=payment_id,
                    reason="asked",
                    by_id=self._office.owner.pk,
                    now=now,
                    amount_yuan=amount_yuan,
                )

        asked = self._asked("refund", ask)
        self._office.after_money()
        return asked

    def _credit_after_all(self, payment_id: UUID) -> None:
        """A payment was set aside, and a member wants it credited: the platform's fresh word decides."""

        def ask(now: datetime) -> Payment:
            with self._office.scope():
                return crediting.ask_to_credit(
                    payment_id=payment_id, reason="he showed me", by_id=self._office.owner.pk, now=now
                )

        self._asked("credit", ask)

    def _look(self) -> None:
        """A member looks at what came to no end by itself."""
        self._time.after(self._dice.uniform(5, LOOK_S), self._look)
        reviewed, owed = self._unfinished()
        for refund_id in reviewed:
            self._end(refund_id)
        for payment_id in owed:
            if self._dice.random() < 0.5:
                self._credit_after_all(payment_id)
            else:
                self._ask_back(payment_id, None)
        if self._dice.random() < 0.2:
            with self._office.scope():
                waiting = Refund.objects.filter(state=RefundState.WAITING).order_by("id").first()
            self._withdraw(waiting.pk if waiting else None)

    def _withdraw(self, refund_id: UUID | None) -> None:
        """Who asked for the money changes her mind while it waits for the meter."""

        def withdraw(now: datetime) -> None:
            with self._office.scope():
                refund_reviews.withdraw_refund(refund_id=refund_id, by_id=self._office.owner.pk, now=now)

        self._asked("withdraw", withdraw)

    def has_work(self) -> bool:
        return any(self._unfinished())

    def left_undone(self) -> list[str]:
        """Return what a member could not end however often she tried: money that nobody can give back."""
        reviewed, owed = self._unfinished()
        return [f"no way out for refund {pk}" for pk in reviewed] + [f"no way back for {pk}" for pk in owed]

    def _unfinished(self) -> tuple[list[UUID], list[UUID]]:
        """Refunds that wait for a person, and payments of which money is held that buys nothing."""
        with self._office.scope():
            refunds = (
                Refund.objects.filter(state=RefundState.REVIEW).order_by("id").values_list("pk", flat=True)
            )
            under_way = Refund.objects.filter(state__in=sorted(NOT_ENDED)).values("payment_id")
            paid = Payment.objects.filter(state__in=[PaymentState.PAID, PaymentState.REVIEW])
            idle = list(paid.exclude(pk__in=under_way).order_by("id").values_list("pk", "state"))
            owed = [pk for pk, state in idle if state == PaymentState.REVIEW or owed_yuan(pk)]
            return list(refunds), owed

    def _end(self, refund_id: UUID) -> None:
        by_hand = self._dice.random() < 0.4

        def end(now: datetime) -> None:
            by_id = self._office.owner.pk
            with self._office.scope():
                if by_hand:
                    refund_reviews.note_given_by_hand(
                        refund_id=refund_id, note="in cash", by_id=by_id, now=now
                    )
                else:
                    refund_reviews.retry_refund(refund_id=refund_id, by_id=by_id, now=now)

        self._asked("review", end)

    # Frozen meters

    def frozen_meters(self) -> list[str]:
        with self._office.scope():
            rows = freezes.frozen_meters().order_by("serial")
            return [row.serial for rows in freezes.by_cause(rows).values() for row in rows]

    def ask_probe(self, serial: str) -> None:
        def probe(now: datetime) -> None:
            with self._office.scope():
                freezes.ask_probe(meter=self._office.meter(serial), by_id=None, who="night shift", now=now)

        self._asked("probe", probe)

    def ways_of(self, serial: str) -> list[Way] | None:
        def look(now: datetime) -> freezes.Held:
            with self._office.scope():
                return freezes.held(self._office.meter(serial), now=now)

        held = self._asked("held", look)
        if not isinstance(held, freezes.Held) or held.probe is None:
            return None
        return [way for way, plan in held.ways.items() if isinstance(plan, freezes.Plan)]

    def resolve(self, serial: str, way: Way) -> bool:
        before = self._office.state(serial)
        head = before.head_credit

        def end(now: datetime) -> freezes.Resolution:
            with self._office.scope():
                return freezes.resolve(
                    post=ValkeyPost(),
                    meter_id=self._office.meter_ids[serial],
                    way=way,
                    reason="seen by a person",
                    by_id=None,
                    who="night shift",
                    now=now,
                )

        self._asked("resolve", end)
        self._office.disturb()
        self._office.after_money()
        begun = self._office.state(serial).device_epoch != before.device_epoch
        return begun and head is not None and head.number is not None

    # Rooms

    def end_lease(self, serial: str) -> None:
        def end(now: datetime) -> None:
            with self._office.scope():
                for lease in Lease.objects.filter(meter=self._office.meter(serial), ends_at=None):
                    registry.end_lease(lease=lease, ends_at=now, by_id=self._office.owner.pk, now=now)

        self._asked("end_lease", end)

    def swap(self, old: str, spare: Device, remaining_kwh: Decimal) -> bool:
        """Take a meter out of use and hang another one in its room; what was left goes along as a correction."""

        def hang(now: datetime) -> Meter:
            with self._office.scope():
                by_id, meter = self._office.owner.pk, self._office.meter(old)
                leases = list(Lease.objects.filter(meter=meter, ends_at=None).select_related("renter"))
                for lease in leases:
                    registry.end_lease(lease=lease, ends_at=now, by_id=by_id, now=now)
                registry.archive_meter(meter=meter, in_use_above=_money_under_way, by_id=by_id, now=now)
                new = self._office.hang(spare.serial, spare.profile.name, meter.room, now)
                for lease in leases:
                    registry.begin_lease(meter=new, renter=lease.renter, starts_at=now, by_id=by_id, now=now)
                left_kwh = remaining_kwh.quantize(STEP_KWH, rounding="ROUND_DOWN")
                if left_kwh > 0:
                    recharges.recharge_by_member(
                        meter=new,
                        kind=RechargeKind.CORRECTION,
                        amount_yuan=None,
                        energy_kwh=left_kwh,
                        reason="left in the old meter",
                        by_id=by_id,
                        now=now,
                    )
                return new

        hung = self._asked("swap", hang)
        with self._office.scope():
            new = Meter.objects.filter(serial=spare.serial).first()
        if new is not None:
            self._office.meter_ids[spare.serial] = new.pk
            self._office.after_money()
        return isinstance(hung, Meter) or (new is not None and not isinstance(hung, Refused))


def owed_yuan(payment_id: UUID) -> Decimal:
    """What of a payment is held and buys nothing: it has to go back."""
    return balance(postings.Asset.CNY, postings.owed(payment_id))


def _money_under_way(meter: Meter) -> dict[str, Words]:
    reasons: dict[str, Words] = {}
    if Payment.objects.filter(order__meter=meter, state__in=[*UNDECIDED, PaymentState.REVIEW]).exists():
        reasons["order"] = _("An order is open.")
    if Recharge.objects.filter(meter=meter, state=RechargeState.OPEN).exists():
        reasons["credit"] = _("Energy is on its way to it.")
    return reasons


def disagreements(number: str, charged: Charged, row: Payment | None) -> list[str]:
    """Hold one order of a platform against our payment: what arrived is in a meter, waits for it, or went back."""
    if not charged.transaction_id:
        return []
    if row is None or (row.state, row.transaction_id) != (PaymentState.PAID, charged.transaction_id):
        return [f"payment {number} was made, and is {row.state if row else 'unknown'} here"]
    refunds = list(Refund.objects.filter(payment=row, state=RefundState.DONE))
    by_channel = {r.out_refund_no: r.amount_yuan for r in refunds if r.way == RefundWay.CHANNEL}
    wrong = []
    if by_channel != charged.given_back:
        wrong.append(f"{number}: the platform gave back {charged.given_back}, here {by_channel}")
    back_yuan = sum((refund.amount_yuan for refund in refunds), Decimal(0))
    recharge = getattr(row, "recharge", None)
    stands = recharge is not None and recharge.state != RechargeState.CANCELLED
    bought_yuan = recharge.amount_yuan if recharge is not None and stands else Decimal(0)
    if charged.paid_yuan != back_yuan + bought_yuan + owed_yuan(row.pk):
        wrong.append(
            f"{number}: {charged.paid_yuan} arrived, {back_yuan} went back, {bought_yuan} bought energy"
        )
    return wrong


def unlike_the_ledger(platform: SimulatedPlatform, account_id: UUID) -> list[str]:
    """Hold what a channel's account gave by the ledger against what the platform took and gave back."""
    arrived = sum((order.paid_yuan for order in platform.orders.values()), Decimal(0))
    back = sum((sum(order.given_back.values()) for order in platform.orders.values()), Decimal(0))
    booked = -balance(postings.Asset.CNY, postings.channel_account(account_id))
    same = booked == arrived - back
    return [] if same else [f"{platform.channel}: {booked} yuan are booked, {arrived - back} were taken"]


def wished_since(known: set[UUID]) -> list[Wish]:
    """The power that goes with what was lent is wished for by the product, once the meter has the energy."""
    rows = Command.objects.filter(kind=CommandKind.POWER_ON).exclude(pk__in=known)
    found = rows.values_list("pk", "meter__serial", "wish_version")
    return [Wish(pk, serial, version, on=True) for pk, serial, version in found]
