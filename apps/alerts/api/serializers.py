"""What is told of alerts and of a meter's history."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.alerts.models import Alert
from apps.common.serializing import EnergyField

ALERT_KINDS = Alert.Kind.choices


class AlertOut(serializers.ModelSerializer):
    """`cleared_at` null: it still holds. `remaining_kwh` is what the meter said when it was raised."""

    meter = serializers.UUIDField(source="meter_id")
    meter_name = serializers.CharField(source="meter.__str__")
    kind = serializers.ChoiceField(choices=ALERT_KINDS)
    remaining_kwh = EnergyField(allow_null=True)
    acknowledged_by = serializers.CharField(source="acknowledged_by.name", default="")

    class Meta:
        model = Alert
        fields = [
            "id",
            "meter",
            "meter_name",
            "kind",
            "remaining_kwh",
            "raised_at",
            "cleared_at",
            "acknowledged_at",
            "acknowledged_by",
        ]


class EventOut(serializers.Serializer):
    """`kind`: power_on, power_off, low_balance, switched_off, frozen. `step`: asked, done, refused, …; raised, over."""

    at = serializers.DateTimeField()
    kind = serializers.CharField()
    step = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    by = serializers.CharField(allow_blank=True)
    remaining_kwh = EnergyField(allow_null=True)


class EventsOut(serializers.Serializer):
    """Newest first; `next` is the address of older ones."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = EventOut(many=True)


class MyAlertOut(serializers.Serializer):
    """An alert raised within my own lease; what happened after its end is not mine to know."""

    id = serializers.UUIDField(source="alert.pk")
    lease = serializers.UUIDField(source="lease.pk")
    meter_name = serializers.CharField(source="lease.meter.__str__")
    kind = serializers.ChoiceField(source="alert.kind", choices=ALERT_KINDS)
    remaining_kwh = EnergyField(source="alert.remaining_kwh", allow_null=True)
    raised_at = serializers.DateTimeField(source="alert.raised_at")
    cleared_at = serializers.SerializerMethodField()

    def get_cleared_at(self, line: dict[str, Any]) -> str | None:
        lease, cleared_at = line["lease"], line["alert"].cleared_at
        if cleared_at is None or (lease.ends_at is not None and cleared_at >= lease.ends_at):
            return None
        return str(serializers.DateTimeField().to_representation(cleared_at))


class MyAlertsOut(serializers.Serializer):
    """Newest first; `next` is the address of older ones."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = MyAlertOut(many=True)


class SubscriptionIn(serializers.Serializer):
    """For one of my running leases, or the meter I rent; without a phone it is my own."""

    lease = serializers.UUIDField(required=False)
    meter = serializers.UUIDField(required=False)
    phone = serializers.CharField(max_length=20, required=False)
    on = serializers.BooleanField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("lease" in attrs) == ("meter" in attrs):
            raise serializers.ValidationError({"lease": _("Either a lease or a meter.")})
        return attrs


class SubscriptionOut(serializers.Serializer):
    lease = serializers.UUIDField()
    on = serializers.BooleanField()
    phone = serializers.CharField(allow_blank=True, help_text="Masked; empty when off.")
