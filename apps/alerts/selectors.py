"""What happened to a meter, and what a renter may know of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import CharField, DateTimeField, F, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from apps.accounts.models import User
from apps.alerts.models import Alert
from apps.common.fields import energy_field
from apps.meters.models import CommandEvent, Lease, Meter
from apps.meters.selectors import own_leases, scope_of
from apps.meters.states import POWER_KINDS, CommandState

# What people want to know of a switching; how often it was sent is for the operator.
STEPS = {
    CommandState.QUEUED: "asked",
    CommandState.DONE: "done",
    CommandState.REJECTED: "refused",
    CommandState.EXPIRED: "expired",
    CommandState.CANCELLED: "cancelled",
}


@dataclass(frozen=True)
class Happening:
    """One thing that happened to a meter: a step of a switching, or an alert that was raised or is over."""

    id: UUID
    at: datetime
    kind: str
    step: str
    reason: str
    by: str
    remaining_kwh: Decimal | None


Cursor = tuple[datetime, UUID]


def alerts_in_full() -> QuerySet[Alert]:
    """Return alerts with everything their line shows."""
    return Alert.objects.select_related("meter__room", "acknowledged_by")


def happenings(meter: Meter, *, before: Cursor | None, most: int) -> list[Happening]:
    """Return up to `most` happenings of a meter, newest first, older than `before`."""
    switched = CommandEvent.objects.filter(
        command__meter=meter, command__kind__in=sorted(POWER_KINDS), state__in=list(STEPS)
    ).annotate(
        happened_at=F("at"),
        what=F("command__kind"),
        step=F("state"),
        why=F("command__reason"),
        who=Coalesce(F("command__requested_by__name"), Value(""), output_field=CharField()),
        left_kwh=Value(None, output_field=energy_field()),
    )
    raised = _alerts(meter, "raised", F("raised_at"))
    over = _alerts(meter, "over", F("cleared_at")).exclude(cleared_at=None)
    sources: list[QuerySet[Any]] = [_older(rows, before) for rows in (switched, raised, over)]
    rows = sources[0].union(*sources[1:], all=True).order_by("-happened_at", "-id")[:most]
    return [_happening(row) for row in rows]


def _alerts(meter: Meter, step: str, at: F) -> QuerySet[Any]:
    return Alert.objects.filter(meter=meter).annotate(
        happened_at=at,
        what=F("kind"),
        step=Value(step, output_field=CharField()),
        why=Value("", output_field=CharField()),
        who=Value("", output_field=CharField()),
        left_kwh=F("remaining_kwh"),
    )


def _older(rows: QuerySet[Any], before: Cursor | None) -> QuerySet[Any]:
    if before is not None:
        at, last = before
        at_value = Value(at, output_field=DateTimeField())
        rows = rows.filter(Q(happened_at__lt=at_value) | Q(happened_at=at_value, pk__lt=last))
    return rows.values_list("id", "happened_at", "what", "step", "why", "who", "left_kwh").order_by()


def _happening(row: Sequence[Any]) -> Happening:
    happened, at, kind, step, why, who, left_kwh = row
    return Happening(happened, at, str(kind).lower(), STEPS.get(step, step), why, who, left_kwh)


def own_alerts(user: User, *, before: UUID | None, most: int) -> list[tuple[Lease, Alert]]:
    """Return up to `most` alerts raised within the login's own leases, newest first, older than `before`."""
    mine: list[tuple[Lease, Alert]] = []
    for lease in own_leases(user):
        with scope_of(lease):
            rows = Alert.objects.filter(meter=lease.meter, raised_at__gte=lease.starts_at)
            # The reminder of a lease's end is for the landlord, and of the lease before.
            rows = rows.exclude(kind=Alert.Kind.LEASE_ENDED)
            if lease.ends_at is not None:
                rows = rows.filter(raised_at__lt=lease.ends_at)
            if before is not None:
                rows = rows.filter(pk__lt=before)
            mine += [(lease, alert) for alert in rows.order_by("-pk")[:most]]
    return sorted(mine, key=lambda line: line[1].pk, reverse=True)[:most]
