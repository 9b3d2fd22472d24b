"""The landlord's settings: what holds for all her meters, on one page; the owner's alone."""

from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import INPUT_CLASSES, UnfoldAdminTextInputWidget

from apps.accounts import changes
from apps.accounts.models import Landlord
from apps.common.errors import Refused
from apps.landing.desk.forms import ActForm, PlainDecimalField
from apps.landing.desk.once import do_once

_FIELDS = (
    "name",
    "phone",
    "minimum_recharge_yuan",
    "low_below_kwh",
    "protected_from",
    "protected_until",
    "time_zone",
)


def _hour_box() -> forms.TimeInput:
    return forms.TimeInput(attrs={"type": "time", "class": " ".join(INPUT_CLASSES)}, format="%H:%M")


class HouseForm(ActForm):
    name = forms.CharField(
        label=gettext_lazy("Your name, or your firm's"),
        max_length=60,
        help_text=gettext_lazy("Renters see its first character only."),
        widget=UnfoldAdminTextInputWidget,
    )
    phone = forms.CharField(
        label=gettext_lazy("Contact phone"),
        max_length=20,
        required=False,
        help_text=gettext_lazy(
            "Renters who have paid and are still in the dark call it. It need not be the phone you log in with."
        ),
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "tel", "autocomplete": "tel"}),
    )
    minimum_recharge_yuan = PlainDecimalField(
        label=gettext_lazy("Minimum recharge, yuan"),
        max_digits=12,
        decimal_places=2,
        localize=False,
        help_text=gettext_lazy("Nobody can order less. Orders that are open keep theirs."),
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    low_below_kwh = PlainDecimalField(
        label=gettext_lazy("New meters warn below, kWh"),
        max_digits=6,
        decimal_places=2,
        localize=False,
        help_text=gettext_lazy(
            "For meters you add from now on. The others keep theirs, each on its own page."
        ),
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    protected_from = forms.TimeField(
        label=gettext_lazy("Nobody is switched off from"), required=False, widget=_hour_box()
    )
    protected_until = forms.TimeField(
        label=gettext_lazy("Until"),
        required=False,
        help_text=gettext_lazy(
            "The time at the site, also past midnight. Leave both empty for no such hours."
        ),
        widget=_hour_box(),
    )
    time_zone = forms.CharField(
        label=gettext_lazy("Time zone of this desk"),
        max_length=40,
        help_text=gettext_lazy("In it the desk shows times and adds up months. Each site keeps its own."),
        widget=UnfoldAdminTextInputWidget(attrs={"list": "time-zones", "autocomplete": "off"}),
    )
    field_order = _FIELDS

    def changes(self) -> dict[str, Any]:
        given = {name: self.cleaned_data[name] for name in _FIELDS}
        hours = (given.pop("protected_from"), given.pop("protected_until"))
        return {**given, "protected_hours": hours}


def answer(request: Any, *, now: datetime) -> HttpResponse | dict[str, Any]:
    """Change what was sent, once, and go back to the page; else say what to show."""
    landlord: Landlord = request.membership.landlord
    form = HouseForm(initial={name: getattr(landlord, name) for name in _FIELDS})
    if request.method == "POST":
        form = HouseForm(request.POST)
        if form.is_valid() and _changed(request, form, now):
            return redirect(request.path)
    return {"title": _("Settings"), "form": form, "zones": sorted(available_timezones())}


def _changed(request: Any, form: HouseForm, now: datetime) -> bool:
    user_id, landlord = request.user.pk, request.membership.landlord
    try:
        done = do_once(
            user_id=user_id,
            key=form.cleaned_data["key"],
            act=lambda: changes.change_landlord(landlord=landlord, by_id=user_id, now=now, **form.changes()),
            now=now,
        )
    except Refused as refusal:
        form.take(refusal)
        return False
    said = _("Saved.") if done else _("This form was sent already; nothing was done twice.")
    messages.success(request, said)
    return True
