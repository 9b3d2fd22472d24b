"""Hold a bill against our payments, refunds and meters; book what it proves, and write down what differs."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit
from apps.common.errors import Conflict, NotFound
from apps.common.platforms import BEIJING
from apps.income import postings
from apps.income.models import (
    BillDay,
    BillRow,
    CollectionAccount,
    Difference,
    Entry,
    Payment,
    Recharge,
    Refund,
)
from apps.income.platforms.base import Bill, BillLine, LineKind, PlatformResult, RefundResult
from apps.income.reconciliation import (
    CreditSeen,
    Finding,
    Kind,
    MeterSeen,
    PaymentSeen,
    RefundSeen,
    hold_together,
)
from apps.income.services.fees import set_fee
from apps.income.services.ledger import balance
from apps.income.services.payments import Applied, apply_payment_result
from apps.income.services.refunds import apply_refund_result
from apps.income.states import HOLDS_MONEY, PaymentState, RechargeState, RefundState, RefundWay
from apps.meters.models import Command, Meter
from apps.meters.services.commands import ReasonMissing
from apps.meters.states import CREDIT_KINDS, OPEN, CommandState

# Energy that is younger than this may still be on its way.
_DELIVERED_WITHIN = timedelta(hours=1)
_FEN = Decimal("0.01")
_ZERO = Decimal("0.00")
_PUT_RIGHT = {Kind.DOUBLE_PAY: "GIVEN_BACK"}
_MENDED = (Applied.PAID, Applied.GIVEN_BACK)


class AlreadySettled(Conflict):
    code = "already_settled"
    detail = _("This difference is settled already.")


def reconcile(
    *, account: CollectionAccount, bill_id: UUID, told: Bill, app_id: str, now: datetime
) -> BillDay:
    """Write down a bill and everything that differs from it, and book what it proves; one transaction, in scope.

    Locks the bill's row, so that two runs follow each other. A payment the bill proves goes the one way in. Differences
    of an earlier run keep what a person did with them; those that are gone are settled.
    """
    with transaction.atomic():
        bill = BillDay.objects.select_for_update(of=("self",)).get(pk=bill_id)
        _write_rows(bill, told.lines)
        mended = _mend(account, _compared(account, bill, told, now), told.day, app_id, now)
        found = _compared(account, bill, told, now, fresh=frozenset(mended))
        _right_fees(account, told.lines, now)
        _write_down(bill, [*mended.values(), *found], now)
        _add_up(account, bill, told, now)
        audit.record("bill.compare", on=bill, by_id=None, now=now, day=bill.day, differences=len(found))
    return bill


def _write_rows(bill: BillDay, lines: Iterable[BillLine]) -> None:
    bill.rows.all().delete()
    BillRow.objects.bulk_create(
        BillRow(
            bill=bill,
            kind=line.kind,
            merchant_id=line.merchant_id,
            out_trade_no=line.out_trade_no,
            transaction_id=line.transaction_id,
            out_refund_no=line.out_refund_no,
            amount_yuan=line.amount_yuan,
            fee_yuan=line.fee_yuan,
            happened_at=line.happened_at,
        )
        for line in lines
    )


def _compared(
    account: CollectionAccount, bill: BillDay, told: Bill, now: datetime, fresh: frozenset[UUID] = frozenset()
) -> list[Finding]:
    """:param fresh: payments booked just now, whose energy is only beginning its way."""
    payments = _payments(account, told)
    seen = [_seen(payment, told.day) for payment in payments]
    belonging = [payment for payment in payments if _belongs(payment, told.day)]
    return hold_together(
        merchant_id=account.merchant_id,
        lines=told.lines,
        payments=seen,
        refunds=_refunds(account, bill, told),
        credits=_credits(belonging),
        meters=_meters(belonging, told.day),
        strangers_are_expected=not account.can.funds_direct,
        too_young=fresh | _young(belonging, now),
    )


def _young(belonging: list[Payment], now: datetime) -> set[UUID]:
    """Payments that were told, or whose energy set out, only just now."""
    since = now - _DELIVERED_WITHIN
    young = Recharge.objects.filter(payment__in=belonging, created_at__gt=since).values_list(
        "payment_id", flat=True
    )
    just_paid = {payment.pk for payment in belonging if payment.paid_at and payment.paid_at > since}
    return just_paid | {payment_id for payment_id in young if payment_id}


def _of_merchant(account: CollectionAccount) -> Q:
    """Rows of every key set of the same merchant: keys change, the account at the platform does not."""
    return Q(
        account__channel=account.channel,
        account__merchant_id=account.merchant_id,
        account__strategy=account.strategy,
    )


def _payments(account: CollectionAccount, told: Bill) -> list[Payment]:
    since, until = _bounds(told.day)
    numbers = {line.out_trade_no for line in told.lines}
    asked = Q(out_trade_no__in=numbers) | Q(state=PaymentState.PAID, paid_at__gte=since, paid_at__lt=until)
    return list(
        Payment.objects.filter(_of_merchant(account), asked)
        .select_related("order", "account")
        .annotate(
            giving_yuan=Sum("refunds__amount_yuan", filter=Q(refunds__state__in=sorted(HOLDS_MONEY))),
            paid_for_order=Count(
                "order__payments",
                filter=Q(order__payments__state=PaymentState.PAID),
                distinct=True,
            ),
            has_recharge=Count("recharge", distinct=True),
        )
        .order_by("id")
    )


def _bounds(day: date) -> tuple[datetime, datetime]:
    since = datetime(day.year, day.month, day.day, tzinfo=BEIJING)
    return since, since + timedelta(days=1)


def _belongs(payment: Payment, day: date) -> bool:
    return payment.paid_at is not None and payment.paid_at.astimezone(BEIJING).date() == day


def _seen(payment: Any, day: date) -> PaymentSeen:
    return PaymentSeen(
        id=payment.pk,
        out_trade_no=payment.out_trade_no,
        transaction_id=payment.transaction_id,
        state=payment.state,
        amount_yuan=payment.amount_yuan,
        belongs=_belongs(payment, day),
        is_second=payment.paid_for_order > 1 and not payment.has_recharge,
        is_given_back=(payment.giving_yuan or 0) >= payment.amount_yuan,
    )


def _refunds(account: CollectionAccount, bill: BillDay, told: Bill) -> list[RefundSeen]:
    """Refunds the bill names, and those that ended on its day: the platform's moment lies between asking and ending."""
    since, until = _bounds(told.day)
    numbers = {line.out_refund_no for line in told.lines if line.out_refund_no}
    rows = Refund.objects.filter(
        Q(out_refund_no__in=numbers)
        | Q(state=RefundState.DONE, way=RefundWay.CHANNEL, done_at__gte=since, done_at__lt=until),
        payment__in=Payment.objects.filter(_of_merchant(account)).values("pk"),
    ).select_related("payment")
    earlier = _of_merchant_by_bill(account).exclude(pk=bill.pk).filter(state=BillDay.State.TAKEN)
    on_earlier = set(
        BillRow.objects.filter(bill__in=earlier.values("pk"), kind=LineKind.REFUND)
        .values_list("out_refund_no", flat=True)
        .filter(out_refund_no__in=[row.out_refund_no for row in rows])
    )
    compared = set(earlier.values_list("day", flat=True))
    seen = []
    for row in rows:
        first = row.created_at.astimezone(BEIJING).date()
        asked_days = {first + timedelta(days=n) for n in range(max((told.day - first).days, 0))}
        ended = row.done_at is not None and since <= row.done_at < until
        belongs = ended and row.out_refund_no not in on_earlier and asked_days <= compared
        seen.append(
            RefundSeen(
                id=row.pk,
                payment_id=row.payment_id,
                out_trade_no=row.payment.out_trade_no,
                out_refund_no=row.out_refund_no,
                state=row.state,
                amount_yuan=row.amount_yuan,
                belongs=belongs,
            )
        )
    return seen


def _of_merchant_by_bill(account: CollectionAccount) -> "QuerySet[BillDay]":
    return BillDay.objects.filter(_of_merchant(account))


def _credits(belonging: list[Payment]) -> list[CreditSeen]:
    rows = Recharge.objects.filter(payment__in=belonging).select_related("command", "meter")
    return [
        CreditSeen(
            payment_id=row.payment_id,
            meter_id=row.meter_id,
            state=row.state,
            is_proved=row.state == RechargeState.CREDITED or row.command.state == CommandState.DONE,
            why="FROZEN" if row.meter.frozen else row.command.state,
        )
        for row in rows
        if row.payment_id is not None
    ]


def _meters(belonging: list[Payment], day: date) -> list[MeterSeen]:
    """Meters whose newest payment, of any account, is one of these: so each difference is told on one bill only."""
    since, until = _bounds(day)
    paid_through = {payment.order.meter_id for payment in belonging}
    newest = dict(
        Payment.objects.filter(
            order__meter__in=paid_through, state=PaymentState.PAID, paid_at__lt=until, paid_at__gte=since
        )
        .values_list("order__meter")
        .annotate(Max("paid_at"))
    )
    seen = []
    for payment in belonging:
        meter = Meter.objects.get(pk=payment.order.meter_id)
        if newest.get(meter.pk) != payment.paid_at:
            continue
        if meter.purchased_kwh is None or meter.opening_purchased_kwh is None or _unproved(meter):
            continue
        waiting = Recharge.objects.filter(
            meter=meter,
            state=RechargeState.OPEN,
            command__state=CommandState.DONE,
            command__device_epoch=meter.device_epoch,
        ).aggregate(sum=Sum("energy_kwh"))["sum"] or Decimal(0)
        booked = balance(postings.Asset.KWH, postings.meter_energy(meter.pk, meter.device_epoch)) + waiting
        seen.append(
            MeterSeen(
                meter_id=meter.pk,
                payment_id=payment.pk,
                proved_kwh=meter.purchased_kwh - meter.opening_purchased_kwh,
                booked_kwh=booked.quantize(_FEN),
            )
        )
    return seen


def _unproved(meter: Meter) -> bool:
    """Whether a credit's bytes are stored and its end is not known: until then nobody can compare."""
    return Command.objects.filter(
        meter=meter, kind__in=sorted(CREDIT_KINDS), state__in=sorted(OPEN), number__isnull=False
    ).exists()


def _mend(
    account: CollectionAccount, found: list[Finding], day: date, app_id: str, now: datetime
) -> dict[UUID, Finding]:
    """Book what the bill proves; returns what that put right, by payment or refund."""
    mended: dict[UUID, Finding] = {}
    for finding in found:
        line = finding.line
        if line is None or finding.payment_id is None:
            continue
        evidence = {
            "bill": day.isoformat(),
            "transaction_id": line.transaction_id,
            "said": str(line.amount_yuan),
        }
        if finding.kind is Kind.REFUND_MISSING and finding.why == "NOT_BOOKED" and finding.refund_id:
            told = RefundResult(
                out_refund_no=line.out_refund_no,
                state="DONE",
                refund_yuan=line.amount_yuan,
                evidence=evidence,
            )
            owner = Payment.objects.select_related("account").get(pk=finding.payment_id).account
            refund = apply_refund_result(account=owner, result=told, now=now)
            if refund is not None and refund.state == RefundState.DONE:
                mended[finding.refund_id] = finding
        elif line.kind is LineKind.PAYMENT and finding.why != "SAME_NUMBER":
            payment = Payment.objects.select_related("account").get(pk=finding.payment_id)
            if payment.state == PaymentState.PAID:
                _look_at(payment, finding)
                continue
            result = PlatformResult(
                channel=account.channel,
                merchant_id=line.merchant_id,
                app_id=app_id,
                out_trade_no=line.out_trade_no,
                transaction_id=line.transaction_id,
                state="PAID",
                amount_yuan=line.amount_yuan,
                currency="CNY",
                paid_at=line.happened_at,
                payer_id=None,
                evidence=evidence,
            )
            if apply_payment_result(account=payment.account, result=result, now=now) in _MENDED:
                mended[payment.pk] = finding
    return mended


def _look_at(payment: Payment, finding: Finding) -> None:
    """A paid payment whose bill differs is a case for a person, wherever such cases are listed."""
    if finding.kind is Kind.WRONG_AMOUNT:
        Payment.objects.filter(pk=payment.pk, review_reason="").update(
            review_reason=f"paid {finding.bill_yuan} instead of {finding.ours_yuan} yuan"
        )


def _right_fees(account: CollectionAccount, lines: Iterable[BillLine], now: datetime) -> None:
    """Make the fee of a payment what the bill says; one whose money goes back keeps its own account of fees."""
    fees = {line.transaction_id: line.fee_yuan for line in lines if line.kind is LineKind.PAYMENT}
    rows = Payment.objects.select_for_update(of=("self",)).filter(
        _of_merchant(account), transaction_id__in=fees, state=PaymentState.PAID, fee_yuan__isnull=False
    )
    for payment in rows.select_related("account"):
        fee_yuan = fees[payment.transaction_id].quantize(_FEN, ROUND_HALF_UP)
        reference = f"payment:{payment.pk}:fee:bill"
        if fee_yuan == payment.fee_yuan or not 0 <= fee_yuan < payment.amount_yuan:
            continue
        if payment.refunds.exists() or Entry.objects.filter(reference=reference).exists():
            continue
        set_fee(payment=payment, fee_yuan=fee_yuan, reference=reference, now=now)


def _write_down(bill: BillDay, found: list[Finding], now: datetime) -> None:
    mended_kinds = {Kind.LOST_NOTIFY, Kind.REFUND_MISSING}
    known = {
        _key(row.kind, row.number, row.why): row for row in bill.differences.select_for_update(of=("self",))
    }
    still: set[tuple[str, str, bool]] = set()
    for finding in found:
        key = _key(finding.kind, finding.number, finding.why)
        still.add(key)
        is_right = finding.why == _PUT_RIGHT.get(finding.kind) or (
            finding.kind in mended_kinds
            and finding.why in ("", "NOT_BOOKED")
            and finding.line is not None
            and _is_right_now(finding)
        )
        figures = {
            "why": finding.why,
            "payment_id": finding.payment_id,
            "refund_id": finding.refund_id,
            "meter_id": finding.meter_id,
            "bill_yuan": finding.bill_yuan,
            "ours_yuan": finding.ours_yuan,
            "bill_kwh": finding.bill_kwh,
            "ours_kwh": finding.ours_kwh,
        }
        state = Difference.State.HEALED if is_right else Difference.State.OPEN
        row = known.get(key)
        if row is None:
            Difference.objects.create(
                bill=bill, kind=finding.kind, number=finding.number, state=state, found_at=now, **figures
            )
        elif row.state != Difference.State.SETTLED or row.settled_by_id is None:
            Difference.objects.filter(pk=row.pk).update(**figures, state=state, settled_at=None)
    for key, row in known.items():
        if key not in still:
            Difference.objects.filter(pk=row.pk, state=Difference.State.OPEN).update(
                state=Difference.State.SETTLED, settled_at=now
            )


def _is_right_now(finding: Finding) -> bool:
    if finding.kind is Kind.LOST_NOTIFY:
        return Payment.objects.filter(pk=finding.payment_id, state=PaymentState.PAID).exists()
    return Refund.objects.filter(pk=finding.refund_id, state=RefundState.DONE).exists()


def _key(kind: str, number: str, why: str) -> tuple[str, str, bool]:
    """One difference over several runs; whether energy is missing by a payment or by a meter are two."""
    return (str(kind), number, why == "METER")


def _add_up(account: CollectionAccount, bill: BillDay, told: Bill, now: datetime) -> None:
    payments = {payment.out_trade_no: payment for payment in _payments(account, told)}
    refunds = {refund.out_refund_no: refund for refund in _refunds(account, bill, told)}
    lines = told.lines
    if not account.can.funds_direct:
        lines = tuple(line for line in lines if line.out_trade_no in payments)
    paid = [line for line in lines if line.kind is LineKind.PAYMENT]
    back = [line for line in lines if line.kind is LineKind.REFUND]
    named = {line.out_trade_no for line in paid}
    named_back = {line.out_refund_no for line in back}
    ours = [
        payment
        for number, payment in payments.items()
        if payment.state == PaymentState.PAID and (number in named or _belongs(payment, told.day))
    ]
    ours_back = [
        refund
        for number, refund in refunds.items()
        if refund.state == RefundState.DONE and (number in named_back or refund.belongs)
    ]
    bill.state, bill.said, bill.taken_at = BillDay.State.TAKEN, "", now
    bill.bill_payments, bill.ours_payments = len(paid), len(ours)
    bill.bill_paid_yuan = sum((line.amount_yuan for line in paid), _ZERO)
    bill.bill_refunded_yuan = sum((line.amount_yuan for line in back), _ZERO)
    bill.bill_fee_yuan = sum((line.fee_yuan for line in lines), _ZERO)
    bill.ours_paid_yuan = sum((payment.amount_yuan for payment in ours), _ZERO)
    bill.ours_refunded_yuan = sum((refund.amount_yuan for refund in ours_back), _ZERO)
    bill.save()


def settle_difference(*, difference_id: UUID, note: str, by_id: UUID, now: datetime) -> Difference:
    """Return a difference a person has dealt with, with her note. Moves no money. Audited.

    :raises NotFound, ReasonMissing, AlreadySettled: and nothing was written.
    """
    row = Difference.objects.filter(pk=difference_id).first()
    if row is None:
        raise NotFound(_("There is no such difference."))
    if not note.strip():
        raise ReasonMissing(fields={"note": _("Required.")})
    changed = Difference.objects.filter(pk=row.pk, state=Difference.State.OPEN).update(
        state=Difference.State.SETTLED, settled_at=now, settled_by_id=by_id, note=note.strip()[:200]
    )
    if not changed:
        raise AlreadySettled()
    row.refresh_from_db()
    audit.record("difference.settle", on=row, by_id=by_id, now=now, number=row.number, reason=row.note)
    return row
