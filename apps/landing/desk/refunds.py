"""Giving a payment back at the desk: what is possible now in words, how far it is, and what a person has to decide."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounts.roles import Act
from apps.common.errors import Refused
from apps.income.models import Payment, Refund
from apps.income.refund_selectors import CAN_BE_ASKED, Refundable, refundable_of
from apps.income.refundable import Possible
from apps.income.services.finishing import is_halted
from apps.income.services.refund_asking import ask_refund
from apps.income.services.refund_reviews import note_given_by_hand, retry_refund, withdraw_refund
from apps.income.services.refunds import WITH_THE_MERCHANT
from apps.income.states import RefundState, RefundWay
from apps.landing.desk import words
from apps.landing.desk.act_page import ActPages
from apps.landing.desk.forms import ActForm, PlainDecimalField, ReasonForm
from apps.landing.desk.meters import as_listed
from apps.landing.review_words import refund_review
from apps.meters.models import Meter
from apps.meters.post import ValkeyPost


class RefundForm(ReasonForm):
    amount_yuan = PlainDecimalField(
        label=gettext_lazy("Amount, yuan"),
        min_value=Decimal("0.01"),
        max_digits=12,
        decimal_places=2,
        localize=False,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        error_messages={
            "invalid": gettext_lazy("The amount is a number, like 50.00."),
            "min_value": gettext_lazy("The amount must be more than 0 yuan."),
            "max_decimal_places": gettext_lazy("The amount has at most two decimals, like 50.00."),
        },
    )
    field_order = ("amount_yuan", "reason")


class ByHandForm(ActForm):
    note = forms.CharField(
        label=gettext_lazy("How you gave it back"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Cash, or a transfer: when, and to whom."),
    )


class RefundPages(ActPages):
    """The acts that give a payment back, below the payment's own page."""

    def act_views(self) -> dict[str, Callable[..., Any]]:
        return {
            "refund": self.refund_view,
            "refund-again": self.refund_again_view,
            "refund-by-hand": self.refund_by_hand_view,
            "refund-withdraw": self.refund_withdraw_view,
        }

    def meter_of(self, thing: Any) -> Any:
        if not hasattr(thing, "shown_meter"):
            meters = as_listed(Meter.objects.all(), timezone.now())
            thing.shown_meter = meters.get(pk=thing.order.meter_id)
        return thing.shown_meter

    def refund_context(self, request: Any, payment: Payment) -> dict[str, Any]:
        """Return what the payment's page says of giving it back."""
        found, now = refundable_of(payment), timezone.now()
        rows = Refund.objects.filter(payment=payment).select_related("made_by").order_by("id")
        may = self._may(request, Act.ARRANGE) and self.admin_site.name == "admin"
        is_review = any(row.state == RefundState.REVIEW for row in rows)
        # What is with the merchant already, the platform cannot send.
        is_asked_again = is_review and all(row.review_reason != WITH_THE_MERCHANT for row in rows)
        is_waiting = any(row.state == RefundState.WAITING for row in rows)
        return {
            "refund_words": possible_words(found),
            "refund_figures": _figures(found),
            "refunds": [_shown(row, payment, now) for row in rows],
            "refund_url": self.address("refund", payment) if may and found.possible in CAN_BE_ASKED else "",
            "refund_again_url": self.address("refund_again", payment) if may and is_asked_again else "",
            "refund_withdraw_url": self.address("refund_withdraw", payment) if may and is_waiting else "",
            "refund_by_hand_url": self.address("refund_by_hand", payment) if may and is_review else "",
        }

    def refund_view(self, request: Any, object_id: str) -> HttpResponse:
        payment = self.find_hers(request, object_id, Act.ARRANGE)
        if isinstance(payment, HttpResponse):
            return payment
        found = refundable_of(payment)
        if found.possible not in CAN_BE_ASKED and request.method != "POST":
            self.message_user(request, possible_words(found), messages.WARNING)
            return redirect(self.address("change", payment))

        def act(form: ActForm) -> str:
            refund = ask_refund(
                post=ValkeyPost(),
                payment_id=payment.pk,
                amount_yuan=form.cleaned_data["amount_yuan"],
                reason=form.cleaned_data["reason"],
                by_id=request.user.pk,
                now=timezone.now(),
            )
            return state_words(refund, payment)[0].text

        return self.do_act(
            request,
            payment,
            RefundForm,
            act,
            title=_("Give money back"),
            button=_("Give it back"),
            explains=possible_words(found),
            is_grave=True,
            initial={"amount_yuan": f"{found.can_go_yuan:.2f}"},
        )

    def refund_by_hand_view(self, request: Any, object_id: str) -> HttpResponse:
        payment = self.find_hers(request, object_id, Act.ARRANGE)
        if isinstance(payment, HttpResponse):
            return payment
        refund = _in_review(payment)
        if refund is None:
            self.message_user(request, _("No refund of this payment waits for a person."), messages.WARNING)
            return redirect(self.address("change", payment))

        def act(form: ActForm) -> None:
            note_given_by_hand(
                refund_id=refund.pk,
                note=form.cleaned_data["note"],
                by_id=request.user.pk,
                now=timezone.now(),
            )

        return self.do_act(
            request,
            payment,
            ByHandForm,
            act,
            title=_("Given back by hand"),
            button=_("I gave %(amount)s back") % {"amount": words.money(refund.amount_yuan)},
            explains=_by_hand_words(refund),
            is_grave=True,
        )

    def refund_again_view(self, request: Any, object_id: str) -> HttpResponse:
        """Ask the platform again; the button stands on the payment's page."""
        payment = self.find_hers(request, object_id, Act.ARRANGE)
        if isinstance(payment, HttpResponse):
            return payment
        refund = _in_review(payment)
        if request.method == "POST" and refund is not None:
            try:
                retry_refund(refund_id=refund.pk, by_id=request.user.pk, now=timezone.now())
            except Refused as refusal:
                self.message_user(request, str(refusal.detail), messages.ERROR)
            else:
                said = _(
                    "The platform is asked again, under the same number: the money can go back only once."
                )
                self.message_user(request, said, messages.SUCCESS)
        return redirect(self.address("change", payment))

    def refund_withdraw_view(self, request: Any, object_id: str) -> HttpResponse:
        """Let the energy have its way after all; the button stands on the payment's page."""
        payment = self.find_hers(request, object_id, Act.ARRANGE)
        if isinstance(payment, HttpResponse):
            return payment
        refund = Refund.objects.filter(payment=payment, state=RefundState.WAITING).first()
        if request.method == "POST":
            try:
                withdraw_refund(
                    refund_id=refund.pk if refund else None, by_id=request.user.pk, now=timezone.now()
                )
            except Refused as refusal:
                self.message_user(request, str(refusal.detail), messages.ERROR)
            else:
                said = _("Withdrawn: nothing goes back, and the energy goes its way to the meter.")
                self.message_user(request, said, messages.SUCCESS)
        return redirect(self.address("change", payment))


def _in_review(payment: Payment) -> Refund | None:
    refund: Refund | None = Refund.objects.filter(payment=payment, state=RefundState.REVIEW).first()
    return refund


def _by_hand_words(refund: Refund) -> str:
    if refund.review_reason == WITH_THE_MERCHANT:
        return _(
            "The money is in the merchant's own bank account. Hand it over to the payer, then write down how; it was "
            "owed until then."
        )
    if is_halted(refund):
        return _(
            "WeChat Pay holds this money, and holds it on after you wrote something down. First have it sent to the "
            "merchant's own bank account; then hand it over."
        )
    return _(
        "First see on the platform's own pages that this refund did not go through. "
        "Then write down how you gave the money back; the platform is not asked again."
    )


def possible_words(found: Refundable) -> str:
    """Say what giving this payment back comes to now, and what to do."""
    return {
        Possible.NOW: _("No meter has energy for this money. All of it or a part can go back now."),
        Possible.NOW_AND_REST_RECHARGED: _(
            "The energy has not left for the meter, so all of it or a part can go back now. "
            "Of a part, the rest still goes into the meter as energy."
        ),
        Possible.AFTER_THE_METER: _(
            "The energy has left for the meter, and only the meter can say whether it took it. "
            "You can ask now: if it did not, the money goes back by itself; if it did, nothing does."
        ),
        Possible.THE_REST_NOW: _(
            "The energy of the rest is in the meter. What bought none can go back now: %(amount)s, of which an "
            "earlier refund came to nothing."
        )
        % {"amount": words.money(found.can_go_yuan)},
        Possible.UNDER_WAY: _("A refund is under way. Wait for its end before you give another part back."),
        Possible.IN_THE_METER: _(
            "The energy is in the meter and cannot be taken out again, so nothing can go back. "
            "What is too little for a step of energy is carried on, and handed back when the lease ends."
        ),
        Possible.NOTHING_LEFT: _("All of it has gone back."),
        Possible.NOT_PAID: _("This payment was never paid, so there is nothing to give back."),
        Possible.NOT_PROVED: _(
            "The platform has not proved that this money is in your account, so it cannot be given back from here. "
            "Look for it on the platform's own pages, by the payment's number."
        ),
    }[found.possible]


def state_words(refund: Refund, payment: Payment) -> tuple[words.Said, str]:
    """Return how far a refund is, and what follows or what to do."""
    platform = words.channel(payment.channel)
    by_hand = refund.way == RefundWay.HAND
    said = {
        RefundState.WAITING: (
            words.Said(_("waits for the meter"), "warn"),
            _(
                "It goes by itself once the meter has proved that it did not take the energy. Until then you can "
                "withdraw it: nothing goes back, and the energy goes its way."
            ),
        ),
        RefundState.CREATED: (words.Said(_("asked of %(who)s") % {"who": platform}, "idle"), ""),
        RefundState.PROCESSING: (
            words.Said(
                _("on its way to %(where)s") % {"where": words.finish_way(refund.finish_way)}
                if refund.finish_way
                else _("on its way back"),
                "idle",
            ),
            _("%(who)s is bringing it back; that may take days with a bank card.") % {"who": platform},
        ),
        RefundState.DONE: (
            words.Said(_("given back by hand") if by_hand else _("has gone back"), "good"),
            "",
        ),
        RefundState.CLOSED: (
            words.Said(_("given up, no money moved"), "idle"),
            refund_review(refund.review_reason),
        ),
        RefundState.REVIEW: (words.Said(_("needs you"), "bad"), refund_review(refund.review_reason)),
    }
    return said[RefundState(refund.state)]


def _figures(found: Refundable) -> list[tuple[str, str]]:
    lines = [(_("Arrived"), words.money(found.arrived_yuan)), (_("Gone back"), words.money(found.gone_yuan))]
    if found.on_its_way_yuan:
        lines.append((_("On its way back"), words.money(found.on_its_way_yuan)))
    return [*lines, (_("Can go back now"), words.money(found.can_go_yuan))]


def _shown(row: Refund, payment: Payment, now: Any) -> dict[str, Any]:
    said, more = state_words(row, payment)
    reason = _("the order was paid twice") if row.reason == "the order was paid twice" else row.reason
    return {
        "amount": words.money(row.amount_yuan),
        "said": said,
        "more": more,
        "reason": reason,
        "number": row.out_refund_no,
        "by": row.made_by or _("the system"),
        "asked": words.moment(row.created_at, now),
        "done": words.moment(row.done_at, now) if row.done_at else "",
    }
