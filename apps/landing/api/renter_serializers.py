"""What a renter or payer is told. The sources are what the page shows too (`selectors`, `order_progress`)."""

from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.common.serializing import AmountField, EnergyField, LedgerAmountField, PriceField
from apps.income.services.orders import LARGEST_ORDER_YUAN
from apps.income.states import OPEN_GRACES, OrderState, RechargeState
from apps.landing.api.serializers import CHANNELS, PowerOut
from apps.landing.order_progress import OrderProgress

ORDER_STATES = [(state.value, state.name) for state in OrderState]


class LentOut(serializers.Serializer):
    """What the landlord lent. OWED: the next recharge repays it. GIVEN: on its way to the meter. REPAYING: a recharge
    that repays it is on its way.
    """

    state = serializers.ChoiceField(choices=[(state.value, state.name) for state in sorted(OPEN_GRACES)])
    energy_kwh = EnergyField()
    lent_at = serializers.DateTimeField()


class MeterPageOut(serializers.Serializer):
    """What anybody who holds the QR code may know. Figures are null before the first reading."""

    meter_name = serializers.CharField()
    site_name = serializers.CharField()
    landlord_name = serializers.CharField(help_text="The first character and two stars.")
    contact_phone = serializers.CharField()
    price_yuan_per_kwh = PriceField(allow_null=True)
    price_since = serializers.DateTimeField(allow_null=True)
    next_price_yuan_per_kwh = PriceField(allow_null=True, help_text="Announced, from `next_price_from` on.")
    next_price_from = serializers.DateTimeField(allow_null=True)
    remaining_kwh = EnergyField(allow_null=True)
    total_kwh = EnergyField(allow_null=True)
    read_at = serializers.DateTimeField(allow_null=True)
    days_left = serializers.IntegerField(allow_null=True)
    is_stale = serializers.BooleanField()
    is_online = serializers.BooleanField()
    power = PowerOut()
    channels = serializers.ListField(child=serializers.ChoiceField(choices=CHANNELS))
    presets_yuan = serializers.ListField(child=AmountField())
    minimum_recharge_yuan = AmountField()
    carried_yuan = LedgerAmountField(help_text="Left over from earlier recharges; counts with the next.")
    lent = LentOut(allow_null=True)


class RepaysOut(serializers.Serializer):
    """The part of an order's energy that repays what was lent."""

    energy_kwh = EnergyField()
    lent_at = serializers.DateTimeField()


class OrderIn(serializers.Serializer):
    """Who pays comes from the login. Without a payer the answer holds a QR to scan, or on a phone Alipay's page."""

    amount_yuan = AmountField(least="0.01", most=str(LARGEST_ORDER_YUAN))
    channel = serializers.ChoiceField(choices=CHANNELS)
    on_phone = serializers.BooleanField(
        default=False, help_text="The payer is in a phone's browser outside both apps, and can scan nothing."
    )


class QuoteOut(serializers.Serializer):
    """amount + carried in = energy x price + carried out, exactly."""

    energy_kwh = EnergyField()
    price_yuan_per_kwh = PriceField()
    carried_in_yuan = LedgerAmountField()
    carried_out_yuan = LedgerAmountField()
    repays = RepaysOut(allow_null=True, help_text="Of `energy_kwh`, what does not go into the meter.")


class NewOrderOut(serializers.Serializer):
    """An order to be paid: `bridge` for the channel's own JavaScript bridge, `qr_text` to show as a code, or `pay_url`
    to open in the payer's browser.
    """

    no = serializers.CharField(source="progress.no")
    out_trade_no = serializers.CharField(source="progress.out_trade_no")
    state = serializers.ChoiceField(source="progress.state", choices=ORDER_STATES)
    channel = serializers.ChoiceField(source="progress.channel", choices=CHANNELS)
    amount_yuan = AmountField(source="progress.amount_yuan")
    quote = serializers.SerializerMethodField()
    bridge = serializers.DictField(source="progress.bridge", child=serializers.CharField(), allow_null=True)
    qr_text = serializers.SerializerMethodField()
    pay_url = serializers.SerializerMethodField()
    expires_at = serializers.DateTimeField(source="progress.expires_at")

    @extend_schema_field(QuoteOut)
    def get_quote(self, new: dict[str, Any]) -> dict[str, Any]:
        bought, repays = new["quote"], new["progress"].repays
        return QuoteOut({**asdict(bought), "repays": repays}).data

    def get_qr_text(self, new: dict[str, object]) -> str | None:
        return getattr(new["progress"], "qr_text", "") or None

    def get_pay_url(self, new: dict[str, OrderProgress]) -> str | None:
        progress = new["progress"]
        if not progress.by_page:
            return None
        return settings.PUBLIC_BASE_URL + reverse("page:pay", args=[progress.qr_token, progress.no])


class StepsOut(serializers.Serializer):
    """When each step was reached; null for those still ahead."""

    created_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    delivering_at = serializers.DateTimeField(allow_null=True)
    credited_at = serializers.DateTimeField(allow_null=True)
    light_on_at = serializers.DateTimeField(allow_null=True)


class OrderOut(serializers.Serializer):
    """Where an order stands. Before it is paid, `energy_kwh` is the quote; what of it `repays` energy that was lent
    does not go into the meter.
    """

    no = serializers.CharField()
    out_trade_no = serializers.CharField()
    state = serializers.ChoiceField(choices=ORDER_STATES)
    channel = serializers.ChoiceField(choices=CHANNELS)
    amount_yuan = AmountField()
    energy_kwh = EnergyField(allow_null=True)
    repays = RepaysOut(allow_null=True)
    price_yuan_per_kwh = PriceField()
    steps = StepsOut()
    detail = serializers.CharField(help_text="One sentence in the caller's language.")
    power = PowerOut()
    can_cancel = serializers.BooleanField()


class MyMeterOut(MeterPageOut):
    """A meter I rent or rented, with the token in its QR code. Before and after my lease without figures."""

    lease = serializers.UUIDField()
    qr_token = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)


class MyRechargeOut(serializers.Serializer):
    id = serializers.UUIDField()
    meter_name = serializers.CharField(source="meter.__str__")
    order_no = serializers.CharField(source="payment.order.no", default=None, allow_null=True)
    kind = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=[(state.value, state.name) for state in RechargeState])
    amount_yuan = AmountField()
    price_yuan_per_kwh = PriceField()
    energy_kwh = EnergyField(help_text="What goes into the meter.")
    repaid_kwh = EnergyField(help_text="Bought too, and repays energy that was lent before.")
    created_at = serializers.DateTimeField()
    credited_at = serializers.DateTimeField(allow_null=True)

    def get_kind(self, recharge: object) -> str:
        return str(getattr(recharge, "kind", "")).lower()


class MyMetersOut(serializers.Serializer):
    results = MyMeterOut(many=True)


class MyRechargesOut(serializers.Serializer):
    """Newest first; `next` is the address of older ones."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = MyRechargeOut(many=True)
