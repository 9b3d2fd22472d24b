"""The landlord's inbox as her desk needs it: what a line says, which are unread, and marking them handled.

Bound to no site: alerts and the desk do not know each other, `config/desk.py` brings them together.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.alerts.models import Alert
from apps.alerts.services import acknowledge

LISTED_WITH = ("meter__room__site", "acknowledged_by")


class HandledFilter(admin.SimpleListFilter):
    """Unread first: the inbox opens on what nobody has handled."""

    title = gettext_lazy("handled")
    parameter_name = "handled"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", _("Handled")), ("all", _("All"))]

    def choices(self, changelist: Any) -> Any:
        yield {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
            "display": _("Not handled yet"),
        }
        yield from list(super().choices(changelist))[1:]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        return queryset.filter(acknowledged_at__isnull=self.value() != "yes")


def unread_count() -> int:
    """Return how many alerts of the landlord in scope nobody has handled."""
    return Alert.objects.filter(acknowledged_at=None).count()


def unread_said(count: int) -> str:
    """Return the one sentence of the home page; empty for none."""
    if not count:
        return ""
    return ngettext(
        "%(n)d alert that nobody has handled yet", "%(n)d alerts that nobody has handled yet", count
    ) % {"n": count}


def what_happened(alert: Alert) -> str:
    """Return what a line says of its alert."""
    if alert.kind == Alert.Kind.SWITCHED_OFF:
        return _("No energy left, the power went off")
    if alert.kind == Alert.Kind.FROZEN:
        return _("Recharges on hold: meter and books differ; the platform looks into it")
    if alert.kind == Alert.Kind.LEASE_ENDED:
        return _("The lease is over: settle what is left, or begin the next one")
    return _("Energy runs low")


def is_over(alert: Alert) -> bool:
    return alert.cleared_at is not None


def handle(alerts: Iterable[Alert], *, by_id: UUID, now: datetime) -> int:
    """Mark alerts as handled and return how many were not; may run twice, the first to say so stands."""
    return sum(acknowledge(alert=alert, by_id=by_id, now=now) for alert in alerts)
