"""Switching a meter: on, off, and with nothing left only on what is lent; and how that is settled by hand."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.roles import Act
from apps.common.errors import Refused
from apps.income.services.switching import is_at_zero, switch
from apps.landing.desk import graces
from apps.landing.desk.act_page import ActPages
from apps.landing.desk.forms import ActForm, GraceEndForm, LendingPowerForm, PowerForm
from apps.meters.models import Meter


class PowerPages(ActPages):
    """The pages of a meter that are about its power."""

    def power_on_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._power(
            request,
            object_id,
            on=True,
            title=_("Switch on"),
            explains=_("The meter closes its switch. What is connected may start at once."),
        )

    def power_off_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._power(
            request,
            object_id,
            on=False,
            title=_("Switch off"),
            explains=_(
                "The renter's light goes out and stays out until you switch it on again. Remaining energy is kept."
            ),
        )

    def grace_view(self, request: Any, object_id: str) -> HttpResponse:
        now = timezone.now()

        def act(meter: Meter, form: ActForm) -> str:
            return graces.end_by_form(
                form, holder=graces.holder_of(meter, now), by_id=request.user.pk, now=now
            )

        meter = self.find(request, object_id, Act.ARRANGE)
        if isinstance(meter, HttpResponse):
            return meter
        return self._act(
            request,
            object_id,
            Act.ARRANGE,
            GraceEndForm,
            act,
            title=_("Settle what was lent"),
            button=_("Record it"),
            explains=graces.explains_end(graces.holder_of(meter, now), now),
        )

    def grace_withdraw_view(self, request: Any, object_id: str) -> HttpResponse:
        """Withdraw what has not left for the meter; the button stands on the meter's page."""
        meter = self.find_hers(request, object_id, Act.ARRANGE)
        if isinstance(meter, HttpResponse):
            return meter
        if request.method == "POST":
            try:
                said = graces.withdraw_of(meter, by_id=request.user.pk, now=timezone.now())
            except Refused as refusal:
                self.message_user(request, str(refusal.detail), messages.ERROR)
            else:
                self.message_user(request, said, messages.SUCCESS)
        return redirect(self.address("change", meter))

    def _graces(self, request: Any, meter: Meter, now: Any) -> list[dict[str, Any]]:
        if not self._may(request, Act.SEE_INCOME):
            return []
        arranges = self._may(request, Act.ARRANGE)
        lines = graces.lines_of(meter, now)
        for line in lines:
            ends = arranges and line["can_end"]
            line["end_url"] = self.address("grace", line["thing"]) if ends else ""
            is_hers = arranges and self.admin_site.name == "admin"
            withdraws = is_hers and line["can_withdraw"]
            line["withdraw_url"] = self.address("grace_withdraw", meter) if withdraws else ""
        return lines

    def _power(self, request: Any, object_id: str, *, on: bool, title: str, explains: str) -> HttpResponse:
        def act(meter: Any, form: ActForm) -> None:
            switch(
                meter=meter,
                on=on,
                reason=form.cleaned_data["reason"],
                by_id=request.user.pk,
                now=timezone.now(),
                remaining_kwh=meter.remaining_kwh,
                grace_kwh=form.cleaned_data.get("grace_kwh"),
            )

        meter = self.find(request, object_id, Act.SWITCH)
        if isinstance(meter, HttpResponse):
            return meter
        lends = on and is_at_zero(meter.remaining_kwh)
        return self._act(
            request,
            object_id,
            Act.SWITCH,
            LendingPowerForm if lends else PowerForm,
            act,
            title=title,
            button=title,
            explains=graces.explains_lending() if lends else explains,
            is_grave=not on,
        )

    def _act(
        self,
        request: Any,
        object_id: str,
        needs: Act,
        form_class: type[ActForm],
        act: Callable[[Any, Any], Any],
        *,
        initial: Callable[[Any], dict[str, Any]] = lambda meter: {},
        **words_of_it: Any,
    ) -> HttpResponse:
        meter = self.find(request, object_id, needs)
        if isinstance(meter, HttpResponse):
            return meter
        return self.do_act(
            request, meter, form_class, lambda form: act(meter, form), initial=initial(meter), **words_of_it
        )
