"""What the set-up of a collection account asks for and says, at both desks."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from apps.common.errors import Refused
from apps.income.models import CollectionAccount
from apps.income.setting_up import ASKED
from apps.income.states import CheckState
from apps.income.strategies import Strategy, capabilities
from apps.landing.desk import words
from apps.landing.desk.forms import ActForm


def check_words(account: CollectionAccount) -> words.Said:
    """The state of the check as a word with its tone."""
    tone = {CheckState.VERIFIED: "good", CheckState.MISMATCH: "bad", CheckState.PENDING: "warn"}
    return words.Said(account.get_check_state_display(), tone.get(CheckState(account.check_state), "idle"))


def way_words(strategy: str) -> str:
    """How the money comes to the landlord."""
    return {
        "S0": _("Cash by hand"),
        "S1": _("Direct to your own merchant account"),
        "S2": _("Direct to you as the operator's sub-merchant"),
        "S3": _("Transferred, not direct: the operator collects and sends it on"),
    }[strategy]


class PasswordForm(ActForm):
    """An act that moves money elsewhere asks who is sitting there."""

    password = forms.CharField(
        label=gettext_lazy("Your password"),
        max_length=128,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
        help_text=gettext_lazy("Asked again, because this decides where the money goes."),
    )


class NameForm(PasswordForm):
    payee_name = forms.CharField(
        label=gettext_lazy("Name on the ID card"),
        max_length=60,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    field_order = ("payee_name", "password")


class SetUpForm(PasswordForm):
    """The fields one strategy asks for on one channel; nothing secret comes back into the page."""

    contact_phone = forms.CharField(
        label=gettext_lazy("Phone to tell of changes"),
        max_length=20,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "tel"}),
    )

    def __init__(self, strategy: str, channel: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        asked = ASKED[strategy, channel]
        for one in asked:
            widget = UnfoldAdminTextareaWidget if one.is_long else UnfoldAdminTextInputWidget
            attrs = {"autocomplete": "off", "spellcheck": "false"} | ({"rows": "4"} if one.is_long else {})
            field_class = _Hidden if one.is_secret else forms.CharField
            self.fields[one.name] = field_class(
                label=one.label,
                help_text=one.where,
                required=not one.is_optional,
                max_length=20_000,
                widget=widget(attrs=attrs),
            )
        names = [one.name for one in asked]
        if capabilities(strategy, channel).needs_payee_name:
            self.fields["payee_name"] = _Hidden(
                label=gettext_lazy("Name on the ID card"),
                max_length=60,
                help_text=gettext_lazy("Exactly as on the card; the platform compares it."),
                widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
            )
            names.append("payee_name")
        self.asked = [one.name for one in asked]
        self.order_fields([*names, "contact_phone", "password"])

    def take(self, refusal: Refused) -> None:
        known = {name: text for name, text in refusal.fields.items() if name in self.fields}
        for name, text in known.items():
            self.add_error(name, str(text if name in self.asked else refusal.detail or text))
        if not known:
            self.add_error(None, str(refusal.detail or refusal.code))


class _Hidden(forms.CharField):
    """Text that a page never repeats, even to correct another field."""

    def get_bound_field(self, form: Any, field_name: str) -> Any:
        bound = super().get_bound_field(form, field_name)
        bound.value = lambda: ""  # type: ignore[method-assign]
        return bound


def more_on(strategy: Strategy) -> str:
    """What a way means for her, in a sentence or two."""
    return {
        Strategy.S0: _("Needs nothing. You take cash and enter it; renters cannot pay by phone yet."),
        Strategy.S1: _("Every payment lands in your own account at once. The operator never touches it."),
        Strategy.S2: _(
            "Without a merchant number of your own: the platform checks your ID card and pays you directly."
        ),
        Strategy.S3: _(
            "The money goes to the operator first, who transfers it to you under your ID-card name. The operator "
            "has to switch it on, because the law limits collecting for others."
        ),
    }[strategy]
