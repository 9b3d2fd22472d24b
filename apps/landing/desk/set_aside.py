"""A payment that was put aside, at the desk: why, and the way to credit it after all."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.roles import Act
from apps.common.scoping import landlord_scope
from apps.income.models import Payment, Recharge
from apps.income.services.crediting import NotSetAside, ask_to_credit
from apps.income.states import UNDER_WAY, PaymentState, RechargeState, RefundState
from apps.landing.desk import words
from apps.landing.desk.forms import ActForm, ReasonForm
from apps.landing.desk.refund_finishing import RefundFinishingPages
from apps.landing.review_words import payment_review

_MOVING = sorted(UNDER_WAY | {RefundState.WAITING})


class SetAsidePages(RefundFinishingPages):
    """Adds to the acts on a payment the one that credits it, for the landlord and for the operator."""

    def act_views(self) -> dict[str, Callable[..., Any]]:
        return {**super().act_views(), "credit": self.credit_view}

    def set_aside_context(self, request: Any, payment: Payment) -> dict[str, Any]:
        """Return what the payment's page says of its being set aside; empty for every other payment."""
        if payment.state != PaymentState.REVIEW:
            return {}
        is_asking = payment.poll_at is not None
        may = self._may(request, Act.ARRANGE) and not is_asking
        return {
            "set_aside_why": payment_review(payment.review_reason),
            "credit_url": self.address("credit", payment) if may else "",
            "credit_asking": words.channel(payment.channel) if is_asking else "",
            "credit_answer": payment_review(payment.credit_answer),
        }

    def under_way_context(self, payment: Payment) -> dict[str, Any]:
        """Return what goes on by itself now: a credit, a refund, the platform being asked; the page follows it."""
        recharge = Recharge.objects.filter(payment=payment, state=RechargeState.OPEN).first()
        is_refunding = payment.refunds.filter(state__in=_MOVING).exists()
        is_asking = payment.state == PaymentState.REVIEW and payment.poll_at is not None
        return {
            "is_under_way": bool(recharge) or is_refunding or is_asking,
            "on_its_way": _("The energy is on its way to the meter; this page shows when it is there.")
            if recharge
            else "",
            "meter_url": self.address("change", self.meter_of(payment)),
        }

    def credit_view(self, request: Any, object_id: str) -> HttpResponse:
        """Ask for a reason; POST has the platform asked, once."""
        payment = self.find(request, object_id, Act.ARRANGE)
        if isinstance(payment, HttpResponse):
            return payment
        if payment.state != PaymentState.REVIEW and request.method != "POST":
            self.message_user(request, str(NotSetAside.detail), messages.WARNING)
            return redirect(self.address("change", payment))
        platform = words.channel(payment.channel)

        def act(form: ActForm) -> str:
            ask_to_credit(
                payment_id=payment.pk,
                reason=form.cleaned_data["reason"],
                by_id=request.user.pk,
                now=timezone.now(),
            )
            return _("%(who)s is asked now. This page shows by itself what comes of it.") % {"who": platform}

        # The operator sees all landlords, and acts within one.
        with landlord_scope(payment.landlord_id):
            return self.do_act(
                request,
                payment,
                ReasonForm,
                act,
                title=_("Credit this payment"),
                button=_("Ask %(who)s, then credit it") % {"who": platform},
                explains=_(
                    "%(who)s is asked anew about this payment. If amount, merchant and number agree with the "
                    "order now, its energy goes to the meter, once. If not, nothing happens, and the payment's "
                    "page says what differs."
                )
                % {"who": platform},
            )
