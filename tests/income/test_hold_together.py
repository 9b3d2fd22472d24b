"""The comparison itself: each planted fault is found as exactly one thing, and a day without faults as nothing."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.income.platforms.bills import BillLine, LineKind
from apps.income.reconciliation import (
    CreditSeen,
    Finding,
    Kind,
    MeterSeen,
    PaymentSeen,
    RefundSeen,
    hold_together,
)

AT = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
OURS, THEIRS = "1900000101", "1900000202"
_SPACE = UUID(int=1)


def _id(name: str) -> UUID:
    return uuid5(_SPACE, name)


def _line(number: str, **changes: Any) -> BillLine:
    line = BillLine(
        kind=LineKind.PAYMENT,
        merchant_id=OURS,
        out_trade_no=number,
        transaction_id=f"42{number}",
        amount_yuan=Decimal("50.00"),
        happened_at=AT,
    )
    return replace(line, **changes)


def _back(number: str, **changes: Any) -> BillLine:
    return _line(number, kind=LineKind.REFUND, out_refund_no=f"{number}F01", **changes)


def _paid(number: str, **changes: Any) -> PaymentSeen:
    payment = PaymentSeen(
        id=_id(number),
        out_trade_no=number,
        transaction_id=f"42{number}",
        state="PAID",
        amount_yuan=Decimal("50.00"),
        belongs=True,
    )
    return replace(payment, **changes)


def _refund(number: str, **changes: Any) -> RefundSeen:
    refund = RefundSeen(
        id=_id(f"{number}F01"),
        payment_id=_id(number),
        out_trade_no=number,
        out_refund_no=f"{number}F01",
        state="DONE",
        amount_yuan=Decimal("50.00"),
        belongs=True,
    )
    return replace(refund, **changes)


def _credit(number: str, **changes: Any) -> CreditSeen:
    credit = CreditSeen(payment_id=_id(number), meter_id=_id("meter"), state="CREDITED", is_proved=True)
    return replace(credit, **changes)


def _meter(number: str, proved: str, booked: str) -> MeterSeen:
    return MeterSeen(
        meter_id=_id("meter"), payment_id=_id(number), proved_kwh=Decimal(proved), booked_kwh=Decimal(booked)
    )


def _found(**day: Any) -> list[tuple[str, str, str]]:
    findings: list[Finding] = hold_together(
        **{"merchant_id": OURS, "lines": [], "payments": [], "refunds": [], **day}
    )
    return [(one.kind.value, one.number, one.why) for one in findings]


GIVEN_BACK = {
    "payments": [_paid("P1", is_given_back=True)],
    "credits": [_credit("P1", state="CANCELLED", is_proved=False)],
}
CLEAN = {
    "lines": [_line("P1"), _line("P2"), _back("P2")],
    "payments": [_paid("P1"), _paid("P2", is_given_back=True)],
    "refunds": [_refund("P2")],
    "credits": [_credit("P1"), _credit("P2", state="CANCELLED", is_proved=False)],
    "meters": [_meter("P1", "76.92", "76.92")],
}


def test_a_day_without_faults_has_no_findings() -> None:
    assert _found(**CLEAN) == []
    assert _found() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"payments": [_paid("P1", state="PENDING", transaction_id="", belongs=False)], "credits": []},
         ("LOST_NOTIFY", "P1", "")),
        ({"payments": [_paid("P1", state="CLOSED", transaction_id="", belongs=False)], "credits": []},
         ("LOST_NOTIFY", "P1", "")),
        ({"payments": [_paid("P1", is_second=True, is_given_back=True)], "credits": []},
         ("DOUBLE_PAY", "P1", "GIVEN_BACK")),
        ({"payments": [_paid("P1", is_second=True)], "credits": []}, ("DOUBLE_PAY", "P1", "KEPT")),
        ({"lines": [_line("P1"), _line("P1", transaction_id="43P1")]}, ("DOUBLE_PAY", "43P1", "SAME_NUMBER")),
        ({"lines": [_line("P1", transaction_id="43P1")]}, ("DOUBLE_PAY", "P1", "SAME_NUMBER")),
        ({"lines": [_line("P1", amount_yuan=Decimal("49.99"))]}, ("WRONG_AMOUNT", "P1", "")),
        ({"lines": [_line("P1", amount_yuan=Decimal("50.01"))],
          "payments": [_paid("P1", state="REVIEW", transaction_id="", belongs=False)], "credits": []},
         ("WRONG_AMOUNT", "P1", "")),
        ({"payments": [_paid("P1", state="REVIEW", belongs=False)], "credits": []}, ("IN_REVIEW", "P1", "")),
        ({"lines": []}, ("MISSING_IN_BILL", "P1", "")),
        ({"payments": [], "credits": []}, ("MISSING_HERE", "P1", "")),
        ({"lines": [_line("P1"), _back("P1")]}, ("REFUND_MISSING", "P1F01", "UNKNOWN_HERE")),
        ({"refunds": [_refund("P1")], **GIVEN_BACK}, ("REFUND_MISSING", "P1F01", "NOT_IN_BILL")),
        ({"lines": [_line("P1"), _back("P1")], "refunds": [_refund("P1", state="PROCESSING")], **GIVEN_BACK},
         ("REFUND_MISSING", "P1F01", "NOT_BOOKED")),
        ({"lines": [_line("P1"), _back("P1", amount_yuan=Decimal("5.00"))], "refunds": [_refund("P1")], **GIVEN_BACK},
         ("WRONG_AMOUNT", "P1F01", "REFUND")),
        ({"credits": [_credit("P1", state="OPEN", is_proved=False, why="UNKNOWN")]},
         ("CREDIT_MISSING", "P1", "UNKNOWN")),
        ({"credits": []}, ("CREDIT_MISSING", "P1", "NOTHING_BOUGHT")),
        ({"meters": [_meter("P1", "0.00", "76.92")]}, ("CREDIT_MISSING", "P1", "METER")),
        ({"meters": [_meter("P1", "153.84", "76.92")]}, ("CREDIT_DOUBLED", "P1", "METER")),
        ({"lines": [_line("P1", merchant_id=THEIRS)]}, ("FOREIGN_MERCHANT", "P1", "PAYMENT")),
        ({"lines": [_line("P1"), _back("P9", merchant_id=THEIRS)]}, ("FOREIGN_MERCHANT", "P9F01", "REFUND")),
    ],
)  # fmt: skip
def test_each_planted_fault_is_found_as_what_it_is_and_nothing_else(
    changes: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    day = {"lines": [_line("P1")], "payments": [_paid("P1")], "credits": [_credit("P1")], **changes}
    assert _found(**day) == [expected]


def test_of_the_nine_kinds_none_goes_without_a_planted_fault() -> None:
    [planted] = [
        mark.args[1]
        for mark in test_each_planted_fault_is_found_as_what_it_is_and_nothing_else.pytestmark  # type: ignore[attr-defined]
    ]
    assert {expected[0] for _changes, expected in planted} == set(Kind)


def test_energy_that_is_young_and_payments_of_other_days_are_left_alone() -> None:
    waiting = [_credit("P1", state="OPEN", is_proved=False, why="QUEUED")]
    day = {"lines": [_line("P1")], "payments": [_paid("P1")], "credits": waiting}
    assert _found(**day, too_young={_id("P1")}) == []
    assert _found(payments=[_paid("P1", belongs=False)]) == []
    assert _found(refunds=[_refund("P1", belongs=False)]) == []


def test_an_account_that_collects_for_many_knows_its_own_lines_only() -> None:
    lines = [_line("P1"), _line("S1"), _back("S1")]
    day = {"lines": lines, "payments": [_paid("P1")], "credits": [_credit("P1")]}
    assert _found(**day, strangers_are_expected=True) == []
    assert [kind for kind, _number, _why in _found(**day)] == ["MISSING_HERE", "REFUND_MISSING"]


_FAULTS = ("fine", "lost", "amount", "billed", "unbooked", "foreign")


@given(st.lists(st.sampled_from(_FAULTS), max_size=12))
def test_any_mixture_of_faults_is_told_apart_and_explains_the_difference_to_the_fen(
    faults: list[str],
) -> None:
    lines, payments, credits = [], [], []
    for place, fault in enumerate(faults):
        number = f"P{place}"
        amount_yuan = Decimal(place + 1)
        line, payment = _line(number, amount_yuan=amount_yuan), _paid(number, amount_yuan=amount_yuan)
        if fault == "lost":
            payment = replace(payment, state="PENDING", transaction_id="", belongs=False)
        if fault == "amount":
            line = replace(line, amount_yuan=amount_yuan + Decimal("0.01"))
        if fault == "foreign":
            line = replace(line, merchant_id=THEIRS)
        if fault != "billed":
            lines.append(line)
        if fault not in ("unbooked", "foreign"):
            payments.append(payment)
        credits.append(_credit(number))
    found = hold_together(merchant_id=OURS, lines=lines, payments=payments, refunds=[], credits=credits)
    assert len(found) == sum(fault != "fine" for fault in faults)
    ours_yuan = sum(one.amount_yuan for one in payments if one.state == "PAID")
    difference_yuan = sum(line.amount_yuan for line in lines) - ours_yuan
    explained_yuan = sum(
        (one.bill_yuan or 0) - (0 if one.kind is Kind.LOST_NOTIFY else one.ours_yuan or 0) for one in found
    )
    assert difference_yuan == explained_yuan
