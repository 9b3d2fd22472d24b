"""What lists may be narrowed by. A period is half-open: from the first moment up to, not with, the last."""

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

from apps.income.models import Payment, Recharge
from apps.income.states import Channel
from apps.meters.models import Command, Lease, Meter, Room
from apps.readings.models import Reading

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


class MeterFilter(django_filters.FilterSet):
    site = django_filters.UUIDFilter(field_name="room__site_id")
    power = django_filters.ChoiceFilter(
        choices=[("on", "on"), ("off", "off"), ("unknown", "unknown")], method="by_power"
    )

    class Meta:
        model = Meter
        fields: list[str] = []

    def by_power(self, meters: QuerySet[Meter], name: str, value: str) -> QuerySet[Meter]:
        return meters.filter(power_on={"on": True, "off": False, "unknown": None}[value])


class RoomFilter(django_filters.FilterSet):
    site = django_filters.UUIDFilter(field_name="site_id")

    class Meta:
        model = Room
        fields: list[str] = []


class LeaseFilter(django_filters.FilterSet):
    meter = django_filters.UUIDFilter(field_name="meter_id")

    class Meta:
        model = Lease
        fields: list[str] = []


class ReadingFilter(PeriodFilter):
    instant_field = "taken_at"

    class Meta:
        model = Reading
        fields: list[str] = []


class CommandFilter(PeriodFilter):
    instant_field = "created_at"

    class Meta:
        model = Command
        fields: list[str] = []


class RechargeFilter(PeriodFilter):
    instant_field = "created_at"
    meter = django_filters.UUIDFilter(field_name="meter_id")

    class Meta:
        model = Recharge
        fields: list[str] = []


class PaymentFilter(PeriodFilter):
    """A period means the moment of payment, so unpaid ones are then left out."""

    instant_field = "paid_at"
    meter = django_filters.UUIDFilter(field_name="order__meter_id")
    channel = django_filters.ChoiceFilter(choices=[(c.value, c.name) for c in Channel])

    class Meta:
        model = Payment
        fields: list[str] = []
