"""What lists may be narrowed by."""

import django_filters
from django.db.models import QuerySet

from apps.accounts.api.periods import PeriodFilter
from apps.income.models import Payment, Recharge
from apps.income.states import Channel
from apps.meters.models import Command, Lease, Meter, Room
from apps.readings.models import Reading


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
