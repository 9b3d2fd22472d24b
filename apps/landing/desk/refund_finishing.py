"""A refund that its payer's card did not take, at the desk: to another card of hers, or to the merchant's own bank.

The card goes from the form to the platform and is kept nowhere, so a form that could not be sent is typed again.
"""

import unicodedata
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.accounts.roles import Act
from apps.accounts.selectors import scope_of
from apps.common.errors import Refused
from apps.common.scoping import own_scopes
from apps.income.models import Payment, Refund
from apps.income.platforms.base import PayersCard
from apps.income.services.finishing import CardInvalid, NotHalted, checked_card, finish_refund, is_halted
from apps.income.states import FinishWay, RefundState
from apps.landing.desk import words
from apps.landing.desk.forms import ActForm
from apps.landing.desk.refunds import RefundPages, state_words

_BANKS = [
    ("ICBC_DEBIT", gettext_lazy("Industrial and Commercial Bank (ICBC)")),
    ("ABC_DEBIT", gettext_lazy("Agricultural Bank")),
    ("BOC_DEBIT", gettext_lazy("Bank of China")),
    ("CCB_DEBIT", gettext_lazy("Construction Bank")),
    ("COMM_DEBIT", gettext_lazy("Bank of Communications")),
    ("PSBC_DEBIT", gettext_lazy("Postal Savings Bank")),
    ("CMB_DEBIT", gettext_lazy("China Merchants Bank")),
    ("CITIC_DEBIT", gettext_lazy("CITIC Bank")),
    ("CEB_DEBIT", gettext_lazy("Everbright Bank")),
    ("CMBC_DEBIT", gettext_lazy("Minsheng Bank")),
    ("PAB_DEBIT", gettext_lazy("Ping An Bank")),
    ("SPDB_DEBIT", gettext_lazy("Pudong Development Bank")),
    ("CIB_DEBIT", gettext_lazy("Industrial Bank (CIB)")),
    ("GDB_DEBIT", gettext_lazy("Guangfa Bank")),
    ("NBCB_DEBIT", gettext_lazy("Bank of Ningbo")),
]


class _NeverShownAgain(UnfoldAdminTextInputWidget):
    """A box that a refused form comes back with empty."""

    def format_value(self, value: Any) -> None:
        return None


class FinishForm(ActForm):
    """Names of fields that begin with `card` are what `typed` keeps nowhere."""

    how = forms.ChoiceField(
        label=gettext_lazy("Where it goes"),
        choices=[
            (FinishWay.CARD.value, gettext_lazy("To another bank card of the payer")),
            (FinishWay.MERCHANT.value, gettext_lazy("To the merchant's own bank account")),
        ],
        initial=FinishWay.CARD.value,
        widget=UnfoldAdminRadioSelectWidget,
        help_text=gettext_lazy(
            "From the merchant's own account you hand the money over by yourself, and write it down then."
        ),
    )
    card_bank = forms.ChoiceField(
        label=gettext_lazy("Bank"),
        required=False,
        choices=[("", "—"), *_BANKS],
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("WeChat Pay sends to debit cards of these banks alone."),
    )
    card_number = forms.CharField(
        label=gettext_lazy("Card number"),
        required=False,
        max_length=40,
        widget=_NeverShownAgain(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    card_name = forms.CharField(
        label=gettext_lazy("Name on the card"),
        required=False,
        max_length=60,
        widget=_NeverShownAgain(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy(
            "Exactly as the bank has it. Card and name go to WeChat Pay, and are kept nowhere here."
        ),
    )
    field_order = ("how", "card_bank", "card_number", "card_name")

    card: PayersCard | None = None

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if given.get("how") == FinishWay.CARD.value and not self.errors:
            number = unicodedata.normalize("NFKC", given["card_number"])
            try:
                self.card = checked_card(
                    bank=given["card_bank"],
                    number="".join(one for one in number if one not in " -"),
                    name=given["card_name"],
                )
            except CardInvalid as refusal:
                for field, problem in refusal.fields.items():
                    self.add_error(field, str(problem))
        return given


class RefundFinishingPages(RefundPages):
    """Adds to the acts on a payment the one that sends a halted refund another way.

    Whose card it is nobody here can tell, so it is the owner's alone, like the accounts that take money.
    """

    def act_views(self) -> dict[str, Callable[..., Any]]:
        return {**super().act_views(), "refund-finish": self.refund_finish_view}

    def refund_context(self, request: Any, payment: Payment) -> dict[str, Any]:
        found = super().refund_context(request, payment)
        may = self._may(request, Act.GOVERN) and self.admin_site.name == "admin"
        is_offered = may and _halted(payment) is not None
        return {**found, "refund_finish_url": self.address("refund_finish", payment) if is_offered else ""}

    @own_scopes
    @method_decorator(sensitive_post_parameters("card_number", "card_name"))
    def refund_finish_view(self, request: Any, object_id: str) -> HttpResponse:
        """Show the form, or have the platform send it; no scope is open while the platform is asked."""
        if self.admin_site.name != "admin" or request.membership is None:
            raise PermissionDenied
        with scope_of(request.membership):
            payment = self.find_hers(request, object_id, Act.GOVERN)
            if isinstance(payment, HttpResponse):
                return payment
            refund = _halted(payment)
        if refund is None:
            self.message_user(request, str(NotHalted.detail), messages.WARNING)
            return redirect(self.address("change", payment))
        form = FinishForm(request.POST) if request.method == "POST" else FinishForm()
        if request.method == "POST" and form.is_valid():
            try:
                sent = finish_refund(
                    landlord_id=payment.landlord_id,
                    refund_id=refund.pk,
                    card=form.card,
                    by_id=request.user.pk,
                    now=timezone.now(),
                )
            except Refused as refusal:
                form.take(refusal)
            else:
                is_good = sent.state != RefundState.REVIEW
                said = state_words(sent, payment)[0].text
                self.message_user(request, said, messages.SUCCESS if is_good else messages.WARNING)
                return redirect(self.address("change", payment))
        with scope_of(request.membership):
            page = self.show_form(
                request,
                payment,
                form,
                title=_("Send the refund another way"),
                button=_("Send %(amount)s") % {"amount": words.money(refund.amount_yuan)},
                explains=_(
                    "The payer's bank card takes no money any more, and WeChat Pay holds the money until you say where "
                    "it shall go. Ask the payer for another card; if there is none, have it sent to the merchant's own "
                    "bank account."
                ),
                is_grave=True,
            )
            # The page asks the database while it is written, and this view opens its own scopes.
            return page.render()


def _halted(payment: Payment) -> Refund | None:
    rows = Refund.objects.filter(payment=payment, state=RefundState.REVIEW).select_related("payment")
    return next((refund for refund in rows if is_halted(refund)), None)
