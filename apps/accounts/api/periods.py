"""Periods in a query, half-open: from the first moment up to, not with, the last; dates in the landlord's zone."""

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework.exceptions import ValidationError

_NOT_AN_INSTANT = _("Give a date like 2026-11-23, or a time with its offset like 2026-11-23T06:00:00+08:00.")


def instant(text: str, zone: ZoneInfo) -> datetime:
    """Return the moment a text names; a date is its first moment in `zone`.

    :raises ValueError: if it names none, or a time without an offset.
    """
    day: date | None = parse_date(text)
    if day is not None:
        return datetime.combine(day, time.min, tzinfo=zone)
    moment = parse_datetime(text.replace(" ", "+"))
    if moment is None or moment.tzinfo is None:
        raise ValueError(text)
    return moment


def landlord_zone(request: Any) -> ZoneInfo:
    """Return the zone in which the landlord of this request counts days."""
    return ZoneInfo(request._request.membership.landlord.time_zone)


def period(request: Any) -> tuple[datetime | None, datetime | None]:
    """Return `from` and `to` of the query; None where one is left out."""
    ends: list[datetime | None] = []
    for name in ("from", "to"):
        text = request.query_params.get(name, "")
        try:
            ends.append(instant(text, landlord_zone(request)) if text else None)
        except ValueError:
            raise ValidationError({name: _NOT_AN_INSTANT}) from None
    return ends[0], ends[1]


PERIOD = [
    OpenApiParameter("from", OpenApiTypes.STR, description="First moment or local date, included."),
    OpenApiParameter("to", OpenApiTypes.STR, description="Last moment or local date, not included."),
]


def dates(request: Any) -> tuple[date | None, date | None]:
    """Return `from` and `to` of the query as local dates; None where one is left out."""
    ends: list[date | None] = []
    for name in ("from", "to"):
        text = request.query_params.get(name, "")
        try:
            day = parse_date(text)
        except ValueError:
            day = None
        if text and day is None:
            raise ValidationError({name: _("Give a date like 2026-11-23.")})
        ends.append(day)
    return ends[0], ends[1]


DATES = [
    OpenApiParameter("from", OpenApiTypes.DATE, description="First local date, included."),
    OpenApiParameter("to", OpenApiTypes.DATE, description="Last local date, not included."),
]


LIMIT = OpenApiParameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": 500, "default": 50},
    description="Lines a page, at most 500.",
)


class InstantText(forms.CharField):
    """A text that names a moment; which one depends on the landlord's zone if it is a date."""

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        try:
            if text:
                instant(text, ZoneInfo("UTC"))
        except ValueError:
            raise forms.ValidationError(_NOT_AN_INSTANT) from None
        return text


@extend_schema_field({"type": "string", "description": "A moment with its offset, or a local date."})
class InstantFilter(django_filters.Filter):
    """One end of a period."""

    field_class = InstantText

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return qs
        return super().filter(qs, instant(value, landlord_zone(self.parent.request)))


class PeriodFilter(django_filters.FilterSet):
    """`from` and `to` on the instant a subclass names."""

    instant_field = ""

    @classmethod
    def get_filters(cls) -> dict[str, django_filters.Filter]:
        filters: dict[str, django_filters.Filter] = super().get_filters()
        if cls.instant_field:
            filters["from"] = InstantFilter(field_name=cls.instant_field, lookup_expr="gte")
            filters["to"] = InstantFilter(field_name=cls.instant_field, lookup_expr="lt")
        return filters
