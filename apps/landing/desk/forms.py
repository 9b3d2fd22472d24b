"""What a member fills in. A form asks; the services decide, and their refusals come back to its fields."""

import re
import unicodedata
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import INPUT_CLASSES, UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from apps.common.errors import Refused
from apps.income.states import RechargeKind
from apps.landing.desk.once import new_key
from apps.tariffs.services import refuse_past_start

_PLAIN = re.compile(r"-?[0-9]{1,9}(\.[0-9]+)?")


class PlainDecimalField(forms.DecimalField):
    """A number as people write money, energy and prices, full-width digits too; "1e2" and "NaN" are none."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str):
            value = unicodedata.normalize("NFKC", value).strip()
            if value and not _PLAIN.fullmatch(value):
                raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


def _decimal_box(**attrs: str) -> forms.TextInput:
    return UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off", **attrs})


def _moment_box() -> forms.DateTimeInput:
    return forms.DateTimeInput(
        attrs={"type": "datetime-local", "class": " ".join(INPUT_CLASSES)}, format="%Y-%m-%dT%H:%M"
    )


_MOMENTS = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]


class ActForm(forms.Form):
    """A form for one act on one meter; its key makes a second submit harmless."""

    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = {"key": new_key(), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)

    def take(self, refusal: Refused) -> None:
        """Put a service's refusal where it belongs: at the field it names, else over the form."""
        for field, problem in refusal.fields.items():
            if field in self.fields:
                self.add_error(field, str(refusal.detail or problem))
        if not self.errors:
            self.add_error(None, str(refusal.detail or refusal.code))


class ReasonForm(ActForm):
    reason = forms.CharField(label=_("Reason"), max_length=200, widget=UnfoldAdminTextInputWidget)


class PowerForm(ReasonForm):
    """The renter sees the reason, so the form says so."""

    field_order: tuple[str, ...] = ("reason",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = _("The renter will see this.")


class LendingPowerForm(PowerForm):
    """Switching on with nothing left: how much is lent has to be named."""

    grace_kwh = PlainDecimalField(
        label=_("Lend, kWh"),
        max_digits=6,
        decimal_places=2,
        localize=False,
        widget=_decimal_box(placeholder="2.00"),
        error_messages={"required": _("Say how much you lend, like 2.00.")},
    )
    field_order = ("grace_kwh", "reason")


class GraceEndForm(ReasonForm):
    PAID, FORGIVEN = "paid", "forgiven"
    how = forms.ChoiceField(
        label=_("How it ends"),
        choices=[(PAID, _("Cash taken")), (FORGIVEN, _("Written off"))],
        initial=PAID,
        widget=UnfoldAdminRadioSelectWidget,
    )
    field_order = ("how", "reason")


class PlainForm(ActForm):
    """Nothing to fill in: only to say yes, once."""


class ResetForm(ReasonForm):
    """The serial is typed by hand, so that nobody resets the wrong meter, or by mistake."""

    confirm = forms.CharField(
        label=_("The meter's serial number, typed"),
        max_length=20,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text=_("All twelve digits, as they stand on the meter."),
    )
    field_order = ("reason", "confirm")


class RechargeForm(ReasonForm):
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=[
            (RechargeKind.CASH.value, _("Cash taken")),
            (RechargeKind.GIFT.value, _("Gift")),
            (RechargeKind.CORRECTION.value, _("Correction")),
        ],
        initial=RechargeKind.CASH.value,
        widget=UnfoldAdminRadioSelectWidget,
    )
    amount_yuan = PlainDecimalField(
        label=_("Amount, yuan"),
        required=False,
        max_digits=12,
        decimal_places=2,
        localize=False,
        widget=_decimal_box(placeholder="50.00"),
        help_text=_("For cash: the money you took. The energy follows from today's price."),
    )
    energy_kwh = PlainDecimalField(
        label=_("Energy, kWh"),
        required=False,
        max_digits=12,
        decimal_places=2,
        localize=False,
        widget=_decimal_box(placeholder="10.00"),
        help_text=_("For a gift or a correction: the energy itself. No income is booked."),
    )
    field_order = ("kind", "amount_yuan", "energy_kwh", "reason")


class PriceForm(ActForm):
    price_yuan_per_kwh = PlainDecimalField(
        label=_("Price, yuan/kWh"),
        max_digits=8,
        decimal_places=4,
        min_value=Decimal("0.0001"),
        error_messages={
            "required": _("Say the price, like 0.6500."),
            "invalid": _("The price is a number, like 0.6500."),
            "min_value": _("The price must be more than 0 yuan/kWh."),
            "max_decimal_places": _("The price has at most four decimals, like 0.6500."),
            "max_digits": _("The price is at most 99.9999 yuan/kWh."),
            "max_whole_digits": _("The price is at most 99.9999 yuan/kWh."),
        },
        localize=False,
        widget=_decimal_box(placeholder="0.6500"),
        help_text=_("Energy bought before keeps its price. Renters see the new price and since when."),
    )
    active_from = forms.DateTimeField(
        label=_("From"),
        required=False,
        widget=_moment_box(),
        input_formats=_MOMENTS,
        help_text=_("Empty means now."),
    )
    field_order = ("price_yuan_per_kwh", "active_from")

    def clean_active_from(self) -> datetime:
        now = timezone.now()
        wanted: datetime = self.cleaned_data["active_from"] or now
        try:
            refuse_past_start(wanted, now=now)
        except Refused as refusal:
            raise forms.ValidationError(str(refusal.detail), code=refusal.code) from None
        return max(wanted, now)


class LeaseForm(ActForm):
    renter_name = forms.CharField(
        label=_("Renter's name"),
        max_length=60,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    renter_phone = forms.CharField(
        label=_("Renter's phone"),
        max_length=20,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "tel", "autocomplete": "off"}),
        help_text=_(
            "Optional. With it the renter logs in at the meter's code, and is told when energy runs low."
        ),
    )
    starts_at = forms.DateTimeField(
        label=_("Starts"),
        required=False,
        widget=_moment_box(),
        input_formats=_MOMENTS,
        help_text=_("Empty means now."),
    )
    field_order = ("renter_name", "renter_phone", "starts_at")


class LeaseEndForm(ActForm):
    ends_at = forms.DateTimeField(
        label=_("Ends"),
        required=False,
        widget=_moment_box(),
        input_formats=_MOMENTS,
        help_text=_("Empty means now."),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Written down beside the cash you hand back. Empty says that the lease ended."),
    )
    field_order = ("ends_at", "reason")


class SettingsForm(ActForm):
    low_below_kwh = PlainDecimalField(
        label=_("Warn below, kWh"),
        max_digits=6,
        decimal_places=2,
        min_value=Decimal("0"),
        localize=False,
        widget=_decimal_box(placeholder="10.00"),
    )
    note = forms.CharField(
        label=_("Where it hangs"), max_length=120, required=False, widget=UnfoldAdminTextInputWidget
    )
    field_order = ("low_below_kwh", "note")

    def changes(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("low_below_kwh", "note")}
