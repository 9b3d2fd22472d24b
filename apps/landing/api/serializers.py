"""What a landlord's own systems and mini-programs take and give; an input is never an output."""

from typing import Any, Literal

from django.utils import timezone
from rest_framework import serializers

from apps.common.serializing import AmountField, EnergyField, LedgerAmountField, PriceField
from apps.income.models import Payment, Recharge
from apps.income.services.switching import MOST_GRACE_KWH
from apps.income.states import Channel, PaymentState, RechargeKind, RechargeState
from apps.landing.qr import qr_url
from apps.landing.review_words import payment_review
from apps.meters.models import Command, CommandEvent, Lease, Meter, Room, Site
from apps.meters.states import CommandKind, CommandState, PowerReason
from apps.readings.models import Reading
from apps.readings.selectors import is_stale
from apps.tariffs.models import Price

POWER_STATES = [("on", "on"), ("off", "off"), ("unknown", "unknown")]
CHANNELS = [(channel.value, channel.name) for channel in Channel]
COMMAND_STATES = [(state.value, state.name) for state in CommandState]


class PowerOut(serializers.Serializer):
    """`state` unknown: the meter has not said yet. `reason` why it is off; `since` when it was seen so."""

    state = serializers.ChoiceField(choices=POWER_STATES)
    reason = serializers.ChoiceField(choices=[(r.value, r.name) for r in PowerReason], allow_blank=True)
    since = serializers.DateTimeField(allow_null=True)


class MeterOut(serializers.ModelSerializer):
    """Total and remaining energy are of one reading, taken at `read_at`; all three null before the first."""

    name = serializers.CharField(source="room.__str__")
    site = serializers.UUIDField(source="room.site_id")
    site_name = serializers.CharField(source="room.site.name")
    room = serializers.UUIDField(source="room_id")
    price_yuan_per_kwh = PriceField(allow_null=True)
    price_since = serializers.DateTimeField(allow_null=True)
    remaining_kwh = EnergyField(allow_null=True)
    total_kwh = EnergyField(allow_null=True)
    read_at = serializers.DateTimeField(allow_null=True)
    is_stale = serializers.SerializerMethodField()
    is_online = serializers.BooleanField()
    power = serializers.SerializerMethodField()
    low_below_kwh = EnergyField()
    owed_kwh = EnergyField(help_text="Lent through this meter, proved and not repaid, whoever owes it.")
    qr_url = serializers.SerializerMethodField()

    class Meta:
        model = Meter
        fields = [
            "id",
            "serial",
            "profile",
            "name",
            "note",
            "site",
            "site_name",
            "room",
            "price_yuan_per_kwh",
            "price_since",
            "remaining_kwh",
            "total_kwh",
            "read_at",
            "is_stale",
            "is_online",
            "power",
            "power_kept",
            "lamp_on",
            "account_opened",
            "frozen",
            "low_below_kwh",
            "owed_kwh",
            "qr_url",
            "claimed_at",
            "archived_at",
        ]

    def get_is_stale(self, meter: Meter) -> bool:
        return is_stale(meter.profile, meter.read_at, timezone.now())  # type: ignore[attr-defined]

    def get_power(self, meter: Meter) -> PowerOut:
        state = {True: "on", False: "off", None: "unknown"}[meter.power_on]
        return PowerOut({"state": state, "reason": meter.power_reason, "since": meter.power_at}).data  # type: ignore[return-value]

    def get_qr_url(self, meter: Meter) -> str:
        return qr_url(meter)


class PowerIn(serializers.Serializer):
    """`reason` is shown to the renter. With nothing left in the meter, on needs `grace_kwh`: energy that is lent, comes
    as a credit and is repaid by the next recharge. With energy left it lends nothing.
    """

    state = serializers.ChoiceField(choices=["on", "off"])
    grace_kwh = EnergyField(least="0.01", most=str(MOST_GRACE_KWH), required=False)
    reason = serializers.CharField(max_length=200)


class CommandEventOut(serializers.ModelSerializer):
    state = serializers.ChoiceField(choices=COMMAND_STATES)

    class Meta:
        model = CommandEvent
        fields = ["at", "state", "note"]


class CommandOut(serializers.ModelSerializer):
    """Something asked of a meter. `number`: of a credit, the purchase count it brings the meter to."""

    kind = serializers.ChoiceField(choices=[(kind.value, kind.name) for kind in CommandKind])
    state = serializers.ChoiceField(choices=COMMAND_STATES)
    energy_kwh = EnergyField(allow_null=True)
    meter = serializers.UUIDField(source="meter_id")

    class Meta:
        model = Command
        fields = [
            "id",
            "meter",
            "kind",
            "state",
            "reason",
            "created_at",
            "expires_at",
            "final_at",
            "energy_kwh",
            "number",
        ]


class CommandInFullOut(CommandOut):
    """With every step of its life, and what the meter showed in the end."""

    events = CommandEventOut(many=True)
    result = serializers.DictField(child=serializers.CharField())

    class Meta(CommandOut.Meta):
        fields = [*CommandOut.Meta.fields, "events", "result"]


class RechargeIn(serializers.Serializer):
    """Cash: an amount, or an energy at today's price. A gift or a correction: an energy."""

    kind = serializers.ChoiceField(choices=["cash", "gift", "correction"])
    amount_yuan = AmountField(least="0.01", most="100000.00", required=False)
    energy_kwh = EnergyField(least="0.01", most="99999.99", required=False)
    reason = serializers.CharField(max_length=200)


class RechargeOut(serializers.ModelSerializer):
    """amount + carried in = (energy + repaid) x price + carried out, exactly. `energy_kwh` goes into the meter;
    `repaid_kwh` was bought as well, and repays energy that was lent before.
    """

    meter = serializers.UUIDField(source="meter_id")
    meter_name = serializers.CharField(source="meter.__str__")
    kind = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=[(state.value, state.name) for state in RechargeState])
    amount_yuan = AmountField()
    carried_in_yuan = LedgerAmountField()
    carried_out_yuan = LedgerAmountField()
    price_yuan_per_kwh = PriceField()
    energy_kwh = EnergyField()
    repaid_kwh = EnergyField()
    made_by = serializers.CharField(source="made_by.name", default="")
    order_no = serializers.CharField(source="payment.order.no", default=None, allow_null=True)
    command = serializers.UUIDField(source="command_id")
    command_state = serializers.ChoiceField(source="command.state", choices=COMMAND_STATES)

    class Meta:
        model = Recharge
        fields = [
            "id",
            "meter",
            "meter_name",
            "kind",
            "state",
            "amount_yuan",
            "carried_in_yuan",
            "carried_out_yuan",
            "price_yuan_per_kwh",
            "energy_kwh",
            "repaid_kwh",
            "reason",
            "made_by",
            "order_no",
            "command",
            "command_state",
            "created_at",
            "credited_at",
        ]

    def get_kind(self, recharge: Recharge) -> str:
        return RechargeKind(recharge.kind).lower()


class ReadingOut(serializers.ModelSerializer):
    total_kwh = EnergyField()
    remaining_kwh = EnergyField()

    class Meta:
        model = Reading
        fields = ["id", "taken_at", "received_at", "source", "total_kwh", "remaining_kwh"]


class PriceIn(serializers.Serializer):
    """Without `active_from` the price holds from now on."""

    price_yuan_per_kwh = PriceField(least="0.0001", most="99.9999")
    active_from = serializers.DateTimeField(required=False)


class PriceOut(serializers.ModelSerializer):
    price_yuan_per_kwh = PriceField()

    class Meta:
        model = Price
        fields = ["id", "price_yuan_per_kwh", "active_from", "set_at"]


class SiteOut(serializers.ModelSerializer):
    class Meta:
        model = Site
        fields = ["id", "name", "kind", "time_zone"]


class RoomOut(serializers.ModelSerializer):
    site = serializers.UUIDField(source="site_id")

    class Meta:
        model = Room
        fields = ["id", "site", "building", "floor", "name"]


class LeaseOut(serializers.ModelSerializer):
    meter = serializers.UUIDField(source="meter_id")
    meter_name = serializers.CharField(source="meter.__str__")
    renter_name = serializers.CharField(source="renter.name")
    renter_phone = serializers.CharField(source="renter.phone")

    class Meta:
        model = Lease
        fields = ["id", "meter", "meter_name", "renter_name", "renter_phone", "starts_at", "ends_at"]


class PaymentOut(serializers.ModelSerializer):
    """What the platform did. Energy depends on PAID. `review_reason` says why a person has to look, as it was noted,
    and `review_detail` in the caller's language. `credit_state` says how far crediting a payment that was put aside is:
    ASKING its platform, REFUSED with `credit_detail`, else empty.
    """

    order_no = serializers.CharField(source="order.no")
    meter = serializers.UUIDField(source="order.meter_id")
    meter_name = serializers.CharField(source="order.meter.__str__")
    channel = serializers.ChoiceField(choices=CHANNELS)
    state = serializers.ChoiceField(choices=[(state.value, state.name) for state in PaymentState])
    amount_yuan = AmountField()
    fee_yuan = AmountField(allow_null=True, help_text="What the channel kept; null while nothing is paid.")
    funds_direct = serializers.BooleanField(
        source="account.can.funds_direct", help_text="false: collected by the operator, then transferred."
    )
    review_detail = serializers.SerializerMethodField()
    credit_state = serializers.SerializerMethodField()
    credit_detail = serializers.SerializerMethodField()

    class Meta:
        model = Payment
        fields = [
            "id",
            "order_no",
            "meter",
            "meter_name",
            "channel",
            "out_trade_no",
            "transaction_id",
            "amount_yuan",
            "fee_yuan",
            "funds_direct",
            "state",
            "review_reason",
            "review_detail",
            "credit_state",
            "credit_detail",
            "created_at",
            "paid_at",
        ]

    def get_review_detail(self, payment: Payment) -> str:
        return payment_review(payment.review_reason)

    def get_credit_state(self, payment: Payment) -> Literal["", "ASKING", "REFUSED"]:
        if payment.state != PaymentState.REVIEW:
            return ""
        if payment.poll_at is not None:
            return "ASKING"
        return "REFUSED" if payment.credit_answer else ""

    def get_credit_detail(self, payment: Payment) -> str:
        return payment_review(payment.credit_answer) if payment.state == PaymentState.REVIEW else ""


class ChannelIncomeOut(serializers.Serializer):
    channel = serializers.ChoiceField(choices=CHANNELS)
    gross_yuan = AmountField()
    refunded_yuan = AmountField()
    fee_yuan = AmountField(help_text="What the channel kept.")
    net_yuan = AmountField(help_text="Gross less refunds and fee: what reaches the bank.")
    payments = serializers.IntegerField()


class IncomeOut(serializers.Serializer):
    """What came in within the period, from the books. Cash taken by hand is never channel income."""

    channels = ChannelIncomeOut(many=True)
    gross_yuan = AmountField()
    refunded_yuan = AmountField()
    fee_yuan = AmountField()
    net_yuan = AmountField()
    cash_yuan = AmountField()

    def get_fields(self) -> dict[str, Any]:
        """Add `from`, which no class attribute can be called, and `to`."""
        ends = {
            "from": serializers.DateTimeField(source="since", allow_null=True),
            "to": serializers.DateTimeField(source="until", allow_null=True),
        }
        return {**ends, **super().get_fields()}
