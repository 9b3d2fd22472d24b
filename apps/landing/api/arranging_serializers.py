"""How a landlord arranges her house over REST: meters, places, leases, links."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.common.serializing import AmountField, EnergyField, LedgerAmountField, PriceField
from apps.landing.api.serializers import CommandOut, LeaseOut
from apps.meters.models import Share, Site

SITE_KINDS = Site.Kind.choices


class ClaimIn(serializers.Serializer):
    """A meter by the QR code on it or its printed serial, with the code on the card in its box.

    `room` is one of my rooms; `location` names one instead, made if it is new, in `site` or my first one.
    """

    qr_token = serializers.CharField(max_length=64, required=False, default="")
    serial = serializers.CharField(max_length=12, required=False, default="")
    claim_code = serializers.CharField(max_length=40)
    room = serializers.UUIDField(required=False)
    location = serializers.CharField(max_length=40, required=False)
    building = serializers.CharField(max_length=40, required=False, default="", allow_blank=True)
    floor = serializers.CharField(max_length=20, required=False, default="", allow_blank=True)
    site = serializers.UUIDField(required=False)
    price_yuan_per_kwh = PriceField(least="0.0001", most="99.9999")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if bool(attrs["qr_token"]) == bool(attrs["serial"]):
            raise serializers.ValidationError({"qr_token": _("Either the QR code or the serial.")})
        if ("room" in attrs) == ("location" in attrs):
            raise serializers.ValidationError({"room": _("Either one of your rooms or a location.")})
        return attrs


class MeterIn(serializers.Serializer):
    """What is left out stays. `name` renames the room it hangs in, `room` moves it to another one."""

    name = serializers.CharField(max_length=40, required=False)
    room = serializers.UUIDField(required=False)
    note = serializers.CharField(max_length=120, required=False, allow_blank=True)
    low_below_kwh = EnergyField(least="0.00", most="9999.99", required=False)


class SiteIn(serializers.Serializer):
    name = serializers.CharField(max_length=60)
    kind = serializers.ChoiceField(choices=SITE_KINDS, required=False, default=Site.Kind.RENTAL)


class SiteChangeIn(serializers.Serializer):
    """What is left out stays."""

    name = serializers.CharField(max_length=60, required=False)
    kind = serializers.ChoiceField(choices=SITE_KINDS, required=False)


class RoomIn(serializers.Serializer):
    site = serializers.UUIDField()
    building = serializers.CharField(max_length=40, required=False, default="", allow_blank=True)
    floor = serializers.CharField(max_length=20, required=False, default="", allow_blank=True)
    name = serializers.CharField(max_length=40)


class RoomChangeIn(serializers.Serializer):
    """What is left out stays; the meters in the room follow its name."""

    building = serializers.CharField(max_length=40, required=False, allow_blank=True)
    floor = serializers.CharField(max_length=20, required=False, allow_blank=True)
    name = serializers.CharField(max_length=40, required=False)


class LeaseIn(serializers.Serializer):
    """Without `starts_at` the lease begins now. The renter takes it up herself by a share link."""

    meter = serializers.UUIDField()
    renter_name = serializers.CharField(max_length=60)
    renter_phone = serializers.CharField(max_length=20, required=False, default="", allow_blank=True)
    starts_at = serializers.DateTimeField(required=False)


class LeaseEndIn(serializers.Serializer):
    """Without `ends_at` the lease ends now. `reason` is kept beside the cash that is handed back."""

    ends_at = serializers.DateTimeField(required=False)
    reason = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)


class ClosingOut(serializers.Serializer):
    """An ended lease and what is left of it. `closing_read` asks the meter once more; null for a later end."""

    lease = LeaseOut()
    carried_yuan = LedgerAmountField(help_text="Paid, and too little for a step of energy.")
    handed_back_yuan = AmountField(
        help_text="Cash to hand to the renter for it, rounded up to the fen; booked once, 0.00 for a later end."
    )
    on_its_way_yuan = LedgerAmountField(help_text="Paid for energy the meter has not proved yet.")
    remaining_kwh = EnergyField(allow_null=True, help_text="In the meter as it said nearest to the end.")
    read_at = serializers.DateTimeField(allow_null=True)
    owed_kwh = EnergyField(help_text="Lent to the renter, and not repaid; it stays with this lease.")
    owed_yuan = LedgerAmountField(help_text="What that was worth on the day it was lent.")
    closing_read = CommandOut(allow_null=True)


class ShareOut(serializers.ModelSerializer):
    """A link that was given away; its token is not kept."""

    meter = serializers.UUIDField(source="meter_id")
    lease = serializers.UUIDField(source="lease_id", allow_null=True)

    class Meta:
        model = Share
        fields = ["id", "meter", "lease", "created_at", "revoked_at"]


class NewShareOut(ShareOut):
    """The token and its address are shown this once."""

    token = serializers.CharField()
    url = serializers.SerializerMethodField()

    class Meta(ShareOut.Meta):
        fields = [*ShareOut.Meta.fields, "token", "url"]

    def get_url(self, share: Any) -> str:
        return f"{settings.PUBLIC_BASE_URL}/q/{share.token}"


class AcceptedOut(serializers.Serializer):
    """The lease that is mine now."""

    lease = serializers.UUIDField(source="pk")
    meter_name = serializers.CharField(source="meter.__str__")
    site_name = serializers.CharField(source="meter.room.site.name")
    qr_token = serializers.CharField(source="meter.qr_token")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)


class DayOut(serializers.Serializer):
    """A local date at the midnight that closed it. Null is a gap, never a zero."""

    date = serializers.DateField()
    total_kwh = EnergyField(allow_null=True)
    remaining_kwh = EnergyField(allow_null=True)
    used_kwh = EnergyField(allow_null=True, help_text="Null too where the day before is a gap.")
    taken_at = serializers.DateTimeField(allow_null=True)
    source = serializers.CharField(  # type: ignore[assignment]
        allow_blank=True, help_text="FREEZE, NEAREST, or empty for a gap."
    )


class DaysOut(serializers.Serializer):
    """Newest first; `next` is the address of older ones."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = DayOut(many=True)


class MyDayOut(DayOut):
    lease = serializers.UUIDField()
    meter_name = serializers.CharField()


class MyDaysOut(DaysOut):
    results = MyDayOut(many=True)


class MeterModelOut(serializers.Serializer):
    """A model's plate. `bearer` says how it talks; a sleeping one takes its commands later."""

    profile = serializers.CharField(source="name")
    model = serializers.CharField()
    description = serializers.CharField()
    bearer = serializers.CharField()
    has_bluetooth = serializers.SerializerMethodField()
    phases = serializers.IntegerField()
    un_v = serializers.CharField()
    ib_a = serializers.CharField()
    imax_a = serializers.CharField()
    frequency_hz = serializers.CharField()
    accuracy_class = serializers.CharField()
    pulses_per_kwh = serializers.IntegerField()
    max_power_kw = serializers.SerializerMethodField()
    credit_step_kwh = EnergyField()
    reading_interval_s = serializers.IntegerField()

    def get_has_bluetooth(self, profile: Any) -> bool:
        return bool(profile.ble)

    def get_max_power_kw(self, profile: Any) -> str:
        return f"{profile.max_power_kw:.2f}"


class MeterModelsOut(serializers.Serializer):
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = MeterModelOut(many=True)
