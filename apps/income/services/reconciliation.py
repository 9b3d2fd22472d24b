"""Hold a bill against our payments, refunds and meters; book what it proves, and write down what differs."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit
from apps.common.errors import Conflict, NotFound
from apps.income.models import (
    BillDay,
    BillRow,
    CollectionAccount,
    Difference,
    Entry,
    Payment,
    Refund,
)
from apps.income.platforms.base import Bill, BillLine, LineKind, PlatformResult, RefundResult
from apps.income.reconciliation import Finding, Kind
from apps.income.services.fees import set_fee
from apps.income.services.on_record import belongs_to, compared, of_merchant, payments_of, refunds_of
from apps.income.services.payments import Applied, apply_payment_result
from apps.income.services.refunds import apply_refund_result
from apps.income.states import HOLDS_MONEY, PaymentState, RefundState
from apps.meters.services.commands import ReasonMissing

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
        if not account.can.funds_direct:
            told = _own_part(account, told)
        _write_rows(bill, told.lines)
        mended = _mend(account, compared(account, bill, told, now), told.day, app_id, now)
        found = compared(account, bill, told, now, fresh=frozenset(mended))
        _right_fees(account, told.lines, now)
        _write_down(bill, [*mended.values(), *found], now)
        _add_up(account, bill, told, now)
        audit.record("bill.compare", on=bill, by_id=None, now=now, day=bill.day, differences=len(found))
    return bill


def _own_part(account: CollectionAccount, told: Bill) -> Bill:
    """Return the lines of the operator's bill that are this landlord's: what others took stands in no book of hers."""
    numbers = {line.out_trade_no for line in told.lines}
    payments = Payment.objects.filter(of_merchant(account), out_trade_no__in=numbers)
    own = set(payments.values_list("out_trade_no", flat=True))
    return replace(told, lines=tuple(line for line in told.lines if line.out_trade_no in own))


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
        of_merchant(account), transaction_id__in=fees, state=PaymentState.PAID, fee_yuan__isnull=False
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
    payments = {payment.out_trade_no: payment for payment in payments_of(account, told)}
    refunds = {refund.out_refund_no: refund for refund in refunds_of(account, bill, told)}
    paid = [line for line in told.lines if line.kind is LineKind.PAYMENT]
    back = [line for line in told.lines if line.kind is LineKind.REFUND]
    named = {line.out_trade_no for line in paid}
    named_back = {line.out_refund_no for line in back}
    asked_back = {line.out_refund_no for line in back if not line.is_ended}
    ours = [
        payment
        for number, payment in payments.items()
        if payment.state == PaymentState.PAID and (number in named or belongs_to(payment, told.day))
    ]
    ours_back = [
        refund
        for number, refund in refunds.items()
        if (refund.state == RefundState.DONE and (number in named_back or refund.belongs))
        or (
            refund.state in HOLDS_MONEY
            and (number in asked_back or (refund.is_held and number in named_back))
        )
    ]
    bill.state, bill.said, bill.taken_at = BillDay.State.TAKEN, "", now
    bill.bill_payments, bill.ours_payments = len(paid), len(ours)
    bill.bill_paid_yuan = sum((line.amount_yuan for line in paid), _ZERO)
    bill.bill_refunded_yuan = sum((line.amount_yuan for line in back), _ZERO)
    bill.bill_fee_yuan = sum((line.fee_yuan for line in told.lines), _ZERO)
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
