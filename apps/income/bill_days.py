"""The last days of bills against books, day by day, for a drawing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from django.db.models import Sum
from django.db.models.functions import Coalesce, Greatest

from apps.common.platforms import BEIJING
from apps.income.models import BillDay, Difference


@dataclass(frozen=True)
class DayCompared:
    """One Beijing day over all accounts in scope.

    `paid_yuan` is what bill or books name, whichever is more; None while no bill of that day is compared. `open_yuan`
    is how much of it is in payments that a person has to look at. `bill_id` is the day's bill with most of that.
    """

    day: date
    paid_yuan: Decimal | None
    open_yuan: Decimal
    bill_id: UUID | None


def days_compared(now: datetime, count: int) -> list[DayCompared]:
    """Return the days from the first bill of the last `count` days to the newest, oldest first; empty without any.

    Before the first there was nothing to compare, and what follows the newest is not due yet.
    """
    since = now.astimezone(BEIJING).date() - timedelta(days=count)
    bills = BillDay.objects.filter(day__gte=since).order_by("day", "id")
    stake = Greatest(Coalesce("bill_yuan", Decimal(0)), Coalesce("ours_yuan", Decimal(0)))
    still_open = dict(
        Difference.objects.filter(bill__in=bills.order_by().values("pk"), state=Difference.State.OPEN)
        .order_by()
        .values_list("bill_id")
        .annotate(sum=Sum(stake))
    )
    found = {
        day: _day(day, list(those), still_open) for day, those in groupby(bills, key=lambda bill: bill.day)
    }
    if not found:
        return []
    first, last = min(found), max(found)
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [found.get(day) or DayCompared(day, None, Decimal(0), None) for day in days]


def _day(day: date, bills: Iterable[BillDay], still_open: dict[UUID, Decimal]) -> DayCompared:
    rows = sorted(bills, key=lambda bill: still_open.get(bill.pk, Decimal(0)), reverse=True)
    taken = [bill for bill in rows if bill.state == BillDay.State.TAKEN]
    if not taken:
        return DayCompared(day, None, Decimal(0), rows[0].pk)
    paid_yuan = sum((max(bill.bill_paid_yuan, bill.ours_paid_yuan) for bill in taken), Decimal(0))
    open_yuan = sum((still_open.get(bill.pk, Decimal(0)) for bill in taken), Decimal(0))
    return DayCompared(day, paid_yuan, min(open_yuan, paid_yuan), taken[0].pk)
