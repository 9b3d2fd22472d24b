"""What a phone at the meter is given, and what it may say."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from apps.common.serializing import EnergyField
from apps.meters.carrying import Reason, Told

# The longest frame has 267 bytes; what a phone heard around it may be as long again.
LONGEST_HEX = 2 * 600
MOST_ANSWERS = 64

ERRANDS = [("read", "read"), ("recharge", "recharge")]


class ErrandIn(serializers.Serializer):
    """What the phone is to do. A member needs no order: the meter's first waiting energy is carried."""

    purpose = serializers.ChoiceField(choices=ERRANDS)


class PayersErrandIn(ErrandIn):
    """`order` is the number of a paid order for this meter; a recharge needs it."""

    order = serializers.CharField(max_length=40, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["purpose"] == "recharge" and not attrs.get("order"):
            raise serializers.ValidationError({"order": self.fields["order"].error_messages["required"]})
        return attrs


class ServiceOut(serializers.Serializer):
    """A Bluetooth service to look for, in this order; `chunk` bytes at most in one write, `gap_ms` between two."""

    service = serializers.CharField()
    write = serializers.CharField()
    notify = serializers.CharField()
    write_type = serializers.ChoiceField(choices=[("write", "write"), ("writeNoResponse", "writeNoResponse")])
    chunk = serializers.IntegerField()
    gap_ms = serializers.IntegerField()


class FrameOut(serializers.Serializer):
    """One question to the meter, to be written as it is."""

    seq = serializers.IntegerField()
    hex = serializers.CharField()


class PhoneSessionOut(serializers.Serializer):
    """Frames handed out ahead: the phone may lose its connection now and say later what the meter answered."""

    id = serializers.UUIDField(source="errands.session.pk")
    expires_at = serializers.DateTimeField(source="errands.session.expires_at")
    meter_name = serializers.CharField()
    answer_timeout_s = serializers.IntegerField()
    services = ServiceOut(many=True)
    frames = FrameOut(many=True)


class AnswerIn(serializers.Serializer):
    """What the phone heard after one frame, or an `error` in its own words."""

    seq = serializers.IntegerField(min_value=1, max_value=1_000)
    hex = serializers.CharField(max_length=LONGEST_HEX, required=False, allow_blank=True)
    error = serializers.CharField(max_length=200, required=False)


class AnswersIn(serializers.Serializer):
    """One answer, or several in `answers`. `at` says when the phone stood at the meter, if it tells later."""

    seq = serializers.IntegerField(min_value=1, max_value=1_000, required=False)
    hex = serializers.CharField(max_length=LONGEST_HEX, required=False, allow_blank=True)
    error = serializers.CharField(max_length=200, required=False)
    at = serializers.DateTimeField(required=False)
    answers = AnswerIn(many=True, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("seq" in attrs) == ("answers" in attrs):
            raise serializers.ValidationError({"seq": self.fields["seq"].error_messages["required"]})
        if not 1 <= len(attrs.get("answers", [1])) <= MOST_ANSWERS:
            too_many = _("Between 1 and %(most)s answers.") % {"most": MOST_ANSWERS}
            raise serializers.ValidationError({"answers": too_many})
        return attrs


class CarriedReadingOut(serializers.Serializer):
    """What the meter's answers say, as the phone brought them."""

    remaining_kwh = EnergyField()
    total_kwh = EnergyField()


class ErrandOut(serializers.Serializer):
    """The next frames, or the outcome. A credit is `confirmed` by the meter's own session alone; what a phone says
    of it is `pending` until then."""

    id = serializers.UUIDField()
    outcome = serializers.ChoiceField(choices=[(told.value, told.name) for told in Told], allow_null=True)
    reason = serializers.ChoiceField(
        choices=[(reason.value, reason.name) for reason in Reason if reason], allow_null=True
    )
    detail = serializers.CharField(help_text="One sentence in the caller's language.")
    expires_at = serializers.DateTimeField()
    reading = CarriedReadingOut(allow_null=True)
    frames = FrameOut(many=True)
