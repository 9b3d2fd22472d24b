"""What a difference between bill, books and meters is called, what it means, and what a person does about it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.income.models import BillDay
from apps.income.reconciliation import Kind


@dataclass(frozen=True)
class Told:
    """A name for the kind, one sentence of what was found, one of what to do next."""

    name: str
    sentence: str
    to_do: str


_NAMES = {
    Kind.LOST_NOTIFY: gettext_noop("Notification lost"),
    Kind.DOUBLE_PAY: gettext_noop("Paid twice"),
    Kind.WRONG_AMOUNT: gettext_noop("Amounts differ"),
    Kind.MISSING_IN_BILL: gettext_noop("Not on the bill"),
    Kind.MISSING_HERE: gettext_noop("Not in the books"),
    Kind.REFUND_MISSING: gettext_noop("Refund missing"),
    Kind.CREDIT_MISSING: gettext_noop("Energy missing"),
    Kind.CREDIT_DOUBLED: gettext_noop("Energy doubled"),
    Kind.FOREIGN_MERCHANT: gettext_noop("Another merchant"),
    Kind.IN_REVIEW: gettext_noop("Paid, and set aside"),
}
_SENTENCES: dict[tuple[Kind, str], tuple[str, str]] = {
    (Kind.LOST_NOTIFY, ""): (
        gettext_noop("The bill shows a payment of %(bill)s that nobody had told us of. It is booked now."),
        gettext_noop("Nothing: the energy is on its way to the meter."),
    ),
    (Kind.DOUBLE_PAY, "GIVEN_BACK"): (
        gettext_noop("An order was paid through both channels. The second %(bill)s went back by themselves."),
        gettext_noop("Nothing: the refund is under way."),
    ),
    (Kind.DOUBLE_PAY, "KEPT"): (
        gettext_noop("An order was paid through both channels, and the second %(bill)s are still here."),
        gettext_noop("Give the second payment back on its page."),
    ),
    (Kind.DOUBLE_PAY, "SAME_NUMBER"): (
        gettext_noop("The bill names another payment of %(bill)s for an order that is paid already."),
        gettext_noop("Ask the platform about both numbers; give the second back in its own console."),
    ),
    (Kind.WRONG_AMOUNT, ""): (
        gettext_noop("The bill says %(bill)s, the order was %(ours)s."),
        gettext_noop("Look at the payment in the platform's console and settle the rest with the renter."),
    ),
    (Kind.WRONG_AMOUNT, "REFUND"): (
        gettext_noop("The bill says %(bill)s went back, the refund was %(ours)s."),
        gettext_noop("Look at the refund in the platform's console and settle the rest with the renter."),
    ),
    (Kind.MISSING_IN_BILL, ""): (
        gettext_noop("We booked a payment of %(ours)s that day, and the bill does not name it."),
        gettext_noop("Look for its number in the platform's console; if it is not there, ask the platform."),
    ),
    (Kind.MISSING_HERE, ""): (
        gettext_noop("The bill names a payment of %(bill)s that this system never asked for."),
        gettext_noop(
            "Nothing if you use this merchant account elsewhere too; else ask who else has its keys."
        ),
    ),
    (Kind.REFUND_MISSING, "UNKNOWN_HERE"): (
        gettext_noop("The bill shows that %(bill)s went back, and no refund was asked for here."),
        gettext_noop("Find out who gave it back in the platform's console. The meter keeps its energy."),
    ),
    (Kind.REFUND_MISSING, "NOT_BOOKED"): (
        gettext_noop(
            "The bill shows that a refund of %(bill)s is done, and nobody had told us. It is booked now."
        ),
        gettext_noop("Nothing."),
    ),
    (Kind.REFUND_MISSING, "NOT_IN_BILL"): (
        gettext_noop("We booked a refund of %(ours)s, and the bill does not name it."),
        gettext_noop(
            "Look for its number in the platform's console; the renter may still wait for her money."
        ),
    ),
    (Kind.CREDIT_MISSING, ""): (
        gettext_noop("%(ours)s were paid, and the meter has not proved the energy yet."),
        gettext_noop("See whether the meter is online; the renter can carry the energy by Bluetooth."),
    ),
    (Kind.CREDIT_MISSING, "FROZEN"): (
        gettext_noop("%(ours)s were paid, and the meter's recharges are on hold."),
        gettext_noop("Open the meter: it says why, and what to do."),
    ),
    (Kind.CREDIT_MISSING, "REJECTED"): (
        gettext_noop("%(ours)s were paid, and the meter refused the energy."),
        gettext_noop("Give the money back, or see why the meter refuses."),
    ),
    (Kind.CREDIT_MISSING, "NOTHING_BOUGHT"): (
        gettext_noop("%(ours)s were paid, and no energy was bought with it."),
        gettext_noop("Give the money back on the payment's page."),
    ),
    (Kind.CREDIT_MISSING, "METER"): (
        gettext_noop("The meter proves %(bill_kwh)s kWh of purchases, the books have %(ours_kwh)s kWh."),
        gettext_noop("Read the meter again; if it stays so, correct its energy with a reason."),
    ),
    (Kind.CREDIT_DOUBLED, "METER"): (
        gettext_noop("The meter proves %(bill_kwh)s kWh of purchases, the books have only %(ours_kwh)s kWh."),
        gettext_noop("Read the meter again; if it stays so, find out who sold it energy."),
    ),
    (Kind.FOREIGN_MERCHANT, ""): (
        gettext_noop("A line of %(bill)s on the bill belongs to another merchant. Nothing of it was booked."),
        gettext_noop("Ask the platform whose bill this is, and check the keys of the collection account."),
    ),
    (Kind.IN_REVIEW, ""): (
        gettext_noop(
            "The bill shows %(bill)s as paid, and here the payment is set aside. Nothing was credited."
        ),
        gettext_noop("Open the payment: it says why. Credit it there, or give the money back."),
    ),
}


def kind_name(kind: str) -> str:
    return _(_NAMES[Kind(kind)])


def tell(row: Any) -> Told:
    """Say one difference in words, in the language in force."""
    kind = Kind(row.kind)
    sentence, to_do = _SENTENCES.get((kind, row.why)) or _SENTENCES[(kind, "")]
    figures = {
        "bill": _yuan(row.bill_yuan),
        "ours": _yuan(row.ours_yuan),
        "bill_kwh": row.bill_kwh,
        "ours_kwh": row.ours_kwh,
    }
    if kind is Kind.LOST_NOTIFY and row.state == "OPEN":
        return Told(
            kind_name(kind),
            _("The bill shows a payment of %(bill)s that is not booked here.") % figures,
            _("Open the payment: it says why it could not be booked."),
        )
    return Told(kind_name(kind), _(sentence) % figures, _(to_do))


def _yuan(amount_yuan: Decimal | None) -> str:
    return "–" if amount_yuan is None else _("%(amount)s yuan") % {"amount": f"{amount_yuan:,.2f}"}


def why_waiting(bill: BillDay) -> str:
    """Why there is no bill to compare yet, and what happens next; "" once there is."""
    if bill.state == BillDay.State.TAKEN:
        return ""
    if bill.said.startswith("BILL_"):
        return _("The platform's file was not right and was not used. It is asked for again by itself.")
    if bill.said in ("KEYS", "SIGN_ERROR", "NO_AUTH") or bill.said.startswith("isv."):
        return _("The platform refuses our keys. Check the collection account.")
    return _("The platform has not made it yet. It is asked for again by itself.")
