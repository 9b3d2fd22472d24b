"""A channel's bill of one day, held against our payments and refunds and against what meters proved; pure.

Three accounts of the same day: what the platform says it took and gave back, what we booked, and what energy stands in
the meters. Every difference is a finding of exactly one kind. What a bill proves to be paid is found here too, as
LOST_NOTIFY; booking it is left to the one way in.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from apps.income.platforms.bills import BillLine, LineKind
from apps.income.states import PaymentState, RechargeState, RefundState


class Kind(StrEnum):
    LOST_NOTIFY = "LOST_NOTIFY"
    DOUBLE_PAY = "DOUBLE_PAY"
    WRONG_AMOUNT = "WRONG_AMOUNT"
    MISSING_IN_BILL = "MISSING_IN_BILL"
    MISSING_HERE = "MISSING_HERE"
    REFUND_MISSING = "REFUND_MISSING"
    CREDIT_MISSING = "CREDIT_MISSING"
    CREDIT_DOUBLED = "CREDIT_DOUBLED"
    FOREIGN_MERCHANT = "FOREIGN_MERCHANT"
    IN_REVIEW = "IN_REVIEW"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSeen:
    """A payment of ours that the bill names, or that should be on it.

    :param belongs: whether it was paid on the bill's day, so that the bill has to name it.
    :param is_second: whether another payment paid for its order first.
    :param is_given_back: whether all of it is going back or went back.
    """

    id: UUID
    out_trade_no: str
    transaction_id: str
    state: str
    amount_yuan: Decimal
    belongs: bool
    is_second: bool = False
    is_given_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSeen:
    """A refund of ours.

    :param belongs: whether some bill up to this day has to name it, and none before it did.
    :param is_held: whether the payer's card did not take it: only the platform's own answer says where it went then.
    """

    id: UUID
    payment_id: UUID
    out_trade_no: str
    out_refund_no: str
    state: str
    amount_yuan: Decimal
    belongs: bool
    is_held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditSeen:
    """The energy a payment bought. `why` says what its meter does about it: QUEUED, UNKNOWN, FROZEN, REJECTED, …"""

    payment_id: UUID
    meter_id: UUID
    state: str
    is_proved: bool
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSeen:
    """What a meter proved to have been given, and what is booked for it, kWh; both since we know this body of it.

    :param payment_id: its newest payment, to which a difference is pinned.
    """

    meter_id: UUID
    payment_id: UUID
    proved_kwh: Decimal
    booked_kwh: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference. (`kind`, `number`) names it within its bill; `why` is its variant, "" for the usual one."""

    kind: Kind
    number: str
    why: str = ""
    payment_id: UUID | None = None
    refund_id: UUID | None = None
    meter_id: UUID | None = None
    bill_yuan: Decimal | None = None
    ours_yuan: Decimal | None = None
    bill_kwh: Decimal | None = None
    ours_kwh: Decimal | None = None
    line: BillLine | None = field(default=None, compare=False)


def hold_together(
    *,
    merchant_id: str,
    lines: Sequence[BillLine],
    payments: Iterable[PaymentSeen],
    refunds: Iterable[RefundSeen],
    credits: Iterable[CreditSeen] = (),
    meters: Iterable[MeterSeen] = (),
    strangers_are_expected: bool = False,
    too_young: Collection[UUID] = (),
) -> list[Finding]:
    """Return every difference, each once, in the order of the bill and then of our books.

    :param strangers_are_expected: whether the account takes money for others too, so that a line we never asked for
        is theirs and no finding.
    :param too_young: payments whose energy may still be on its way.
    """
    ours = {payment.out_trade_no: payment for payment in payments}
    backs = {(refund.out_trade_no, refund.out_refund_no): refund for refund in refunds}
    foreign = [line for line in lines if line.merchant_id != merchant_id]
    own = [line for line in lines if line.merchant_id == merchant_id]
    found: list[Finding] = []
    if not strangers_are_expected:
        found += [_foreign(line) for line in foreign]
    named = {line.out_trade_no for line in lines if line.kind is LineKind.PAYMENT}
    found += _payments(own, ours, strangers_are_expected)
    for payment in ours.values():
        if payment.belongs and payment.state == PaymentState.PAID and payment.out_trade_no not in named:
            found.append(
                Finding(
                    kind=Kind.MISSING_IN_BILL,
                    number=payment.out_trade_no,
                    payment_id=payment.id,
                    ours_yuan=payment.amount_yuan,
                )
            )
    found += _refunds(lines, own, backs, ours, strangers_are_expected)
    by_payment = {payment.id: payment for payment in ours.values()}
    found += _credits(credits, by_payment, too_young)
    found += _meters(meters, by_payment)
    return found


def _foreign(line: BillLine) -> Finding:
    return Finding(
        kind=Kind.FOREIGN_MERCHANT,
        number=line.out_refund_no or line.out_trade_no,
        why=line.kind.value,
        bill_yuan=line.amount_yuan,
        line=line,
    )


def _payments(
    own: Sequence[BillLine], ours: Mapping[str, PaymentSeen], strangers_are_expected: bool
) -> Iterator[Finding]:
    by_number: dict[str, list[BillLine]] = defaultdict(list)
    for line in own:
        if line.kind is LineKind.PAYMENT:
            by_number[line.out_trade_no].append(line)
    for number, paid in by_number.items():
        payment = ours.get(number)
        if payment is None:
            if not strangers_are_expected:
                for line in paid:
                    yield Finding(
                        kind=Kind.MISSING_HERE,
                        number=line.transaction_id if len(paid) > 1 else number,
                        bill_yuan=line.amount_yuan,
                        line=line,
                    )
            continue
        known = next((line for line in paid if line.transaction_id == payment.transaction_id), paid[0])
        for line in paid:
            if line is not known:
                yield Finding(
                    kind=Kind.DOUBLE_PAY,
                    number=line.transaction_id,
                    why="SAME_NUMBER",
                    payment_id=payment.id,
                    bill_yuan=line.amount_yuan,
                    ours_yuan=payment.amount_yuan,
                    line=line,
                )
        yield from _one_payment(known, payment)


def _one_payment(line: BillLine, payment: PaymentSeen) -> Iterator[Finding]:
    kind, why = None, ""
    if line.amount_yuan != payment.amount_yuan:
        kind = Kind.WRONG_AMOUNT
    elif payment.state == PaymentState.REVIEW:
        kind = Kind.IN_REVIEW
    elif payment.state != PaymentState.PAID:
        kind = Kind.LOST_NOTIFY
    elif line.transaction_id != payment.transaction_id:
        kind, why = Kind.DOUBLE_PAY, "SAME_NUMBER"
    elif payment.is_second:
        kind, why = Kind.DOUBLE_PAY, "GIVEN_BACK" if payment.is_given_back else "KEPT"
    if kind is not None:
        yield Finding(
            kind=kind,
            number=payment.out_trade_no,
            why=why,
            payment_id=payment.id,
            bill_yuan=line.amount_yuan,
            ours_yuan=payment.amount_yuan,
            line=line,
        )


def _refunds(
    lines: Sequence[BillLine],
    own: Sequence[BillLine],
    backs: Mapping[tuple[str, str], RefundSeen],
    ours: Mapping[str, PaymentSeen],
    strangers_are_expected: bool,
) -> Iterator[Finding]:
    named = {(line.out_trade_no, line.out_refund_no) for line in lines if line.kind is LineKind.REFUND}
    for line in own:
        if line.kind is not LineKind.REFUND:
            continue
        refund = backs.get((line.out_trade_no, line.out_refund_no))
        payment = ours.get(line.out_trade_no)
        if refund is None and payment is None and strangers_are_expected:
            continue
        kind, why = None, ""
        if refund is None:
            kind, why = Kind.REFUND_MISSING, "UNKNOWN_HERE"
        elif refund.amount_yuan != line.amount_yuan:
            kind, why = Kind.WRONG_AMOUNT, "REFUND"
        elif refund.state != RefundState.DONE and line.is_ended and not refund.is_held:
            kind, why = Kind.REFUND_MISSING, "NOT_BOOKED"
        if kind is not None:
            yield Finding(
                kind=kind,
                number=line.out_refund_no or line.out_trade_no,
                why=why,
                payment_id=refund.payment_id if refund else payment.id if payment else None,
                refund_id=refund.id if refund else None,
                bill_yuan=line.amount_yuan,
                ours_yuan=refund.amount_yuan if refund else None,
                line=line,
            )
    for key, refund in backs.items():
        if refund.belongs and refund.state == RefundState.DONE and key not in named:
            yield Finding(
                kind=Kind.REFUND_MISSING,
                number=refund.out_refund_no,
                why="NOT_IN_BILL",
                payment_id=refund.payment_id,
                refund_id=refund.id,
                ours_yuan=refund.amount_yuan,
            )


def _credits(
    credits: Iterable[CreditSeen], by_payment: Mapping[UUID, PaymentSeen], too_young: Collection[UUID]
) -> Iterator[Finding]:
    """What was paid for and neither stands proved in a meter nor goes back."""
    bought: dict[UUID, list[CreditSeen]] = defaultdict(list)
    for credit in credits:
        bought[credit.payment_id].append(credit)
    for payment in by_payment.values():
        if not payment.belongs or payment.state != PaymentState.PAID or payment.is_given_back:
            continue
        if payment.id in too_young:
            continue
        energy = [credit for credit in bought[payment.id] if credit.state != RechargeState.CANCELLED]
        if any(credit.is_proved for credit in energy):
            continue
        if payment.is_second:
            # That it bought nothing is told as DOUBLE_PAY.
            continue
        yield Finding(
            kind=Kind.CREDIT_MISSING,
            number=payment.out_trade_no,
            why=energy[0].why if energy else "NOTHING_BOUGHT",
            payment_id=payment.id,
            meter_id=energy[0].meter_id if energy else None,
            ours_yuan=payment.amount_yuan,
        )


def _meters(meters: Iterable[MeterSeen], by_payment: Mapping[UUID, PaymentSeen]) -> Iterator[Finding]:
    for meter in meters:
        if meter.proved_kwh == meter.booked_kwh:
            continue
        payment = by_payment.get(meter.payment_id)
        more = meter.proved_kwh > meter.booked_kwh
        yield Finding(
            kind=Kind.CREDIT_DOUBLED if more else Kind.CREDIT_MISSING,
            number=payment.out_trade_no if payment else str(meter.payment_id),
            why="METER",
            payment_id=meter.payment_id,
            meter_id=meter.meter_id,
            bill_kwh=meter.proved_kwh,
            ours_kwh=meter.booked_kwh,
        )
