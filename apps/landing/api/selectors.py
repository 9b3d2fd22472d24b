"""Lists of a landlord's things as REST shows them, each in a constant number of queries."""

from datetime import datetime
from decimal import Decimal

from django.db.models import OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from apps.income.models import Grace, Payment, Recharge
from apps.income.states import DEBTS
from apps.meters.models import Command, Meter
from apps.meters.selectors import online_by_serial
from apps.meters.states import CommandKind
from apps.readings.selectors import with_latest
from apps.tariffs.models import Price


def meters_with_figures(now: datetime) -> QuerySet[Meter]:
    """Return the landlord's meters, archived ones too, with their newest reading, price and presence."""
    price = Price.objects.filter(meter=OuterRef("pk"), active_from__lte=now).order_by("-active_from")
    debts = Grace.objects.filter(recharge__meter=OuterRef("pk"), state__in=sorted(DEBTS))
    owed = debts.order_by().values("recharge__meter").annotate(sum=Sum("recharge__energy_kwh")).values("sum")
    return with_latest(Meter.objects.select_related("room__site")).annotate(
        is_online=online_by_serial(),
        price_yuan_per_kwh=Subquery(price.values("price_yuan_per_kwh")[:1]),
        price_since=Subquery(price.values("active_from")[:1]),
        owed_kwh=Coalesce(Subquery(owed), Value(Decimal("0.00"))),
    )


def recharges_in_full() -> QuerySet[Recharge]:
    """Return recharges with everything their line shows."""
    return Recharge.objects.select_related("meter__room", "command", "made_by", "payment__order")


def payments_in_full() -> QuerySet[Payment]:
    """Return payments with everything their line shows."""
    return Payment.objects.select_related("order__meter__room", "account")


def last_read_asked_at(meter: Meter) -> datetime | None:
    """Return when anybody last asked for a fresh reading of this meter."""
    reads = Command.objects.filter(meter=meter, kind=CommandKind.READ).order_by("-id")
    return reads.values_list("created_at", flat=True).first()
