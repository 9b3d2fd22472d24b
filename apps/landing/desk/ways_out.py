"""The operator's pages of one frozen meter: what it says, the ways out, and one page to take each."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.common.errors import Refused
from apps.common.scoping import landlord_scope
from apps.common.sentences import in_a_row
from apps.income.services import freezes
from apps.landing.desk import words
from apps.landing.desk.base import ScopedModelAdmin, pretty_facts
from apps.meters.deciding.ways_out import Plan, WhyNot
from apps.meters.models import Command, Meter
from apps.meters.post import ValkeyPost
from apps.meters.states import OPEN, CommandKind, CommandState, Way

# At the desk the login says who it is.
_WHO = "desk"


class WhyForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("It stands in the audit for ever, and the landlord sees it."),
    )


def name_of(way: Way) -> str:
    return {
        Way.ADOPT: _("Adopt the meter's word"),
        Way.RESEND: _("Send the same bytes again"),
        Way.IMPORT: _("Import a foreign purchase"),
        Way.EPOCH: _("Start a device epoch"),
    }[way]


def does(plan: Plan) -> str:
    """What taking this way will do, in one sentence or two."""
    head = {
        CommandState.DONE: _("The open credit is in the meter."),
        CommandState.REJECTED: _("The meter never took the open credit; its energy waits in a new one."),
    }
    known = {"count": plan.count, "energy": words.energy(plan.purchased_kwh)}
    said = {
        Way.RESEND: _("The same bytes leave once more."),
        Way.IMPORT: _("%(energy)s bought elsewhere go into the books, without money.")
        % {"energy": words.energy(plan.foreign_kwh)},
        Way.EPOCH: _("A new body of the meter begins at count %(count)d, %(energy)s purchased.") % known,
        Way.ADOPT: _("Known from now on: count %(count)d, %(energy)s purchased.") % known,
    }[plan.way]
    return in_a_row([head.get(plan.head, "") if plan.head else "", said])


def _shown(way: Way, found: Plan | WhyNot, href: str) -> dict[str, Any]:
    is_open = isinstance(found, Plan)
    said = does(found) if isinstance(found, Plan) else str(freezes.WHY_NOT[found])
    return {"name": name_of(way), "is_open": is_open, "said": said, "href": href}


class WaysOutPages(ScopedModelAdmin):
    """Adds to the operator's meters the page of a frozen one's ways out."""

    def get_urls(self) -> list[URLPattern]:
        ways, take = self.admin_site.admin_view(self.ways_view), self.admin_site.admin_view(self.take_view)
        taken = [
            path(
                f"<path:object_id>/ways/{way.value}/",
                take,
                {"way": way.value},
                name=f"meters_meter_way_{way.value}",
            )
            for way in Way
        ]
        return [*taken, path("<path:object_id>/ways/", ways, name="meters_meter_ways"), *super().get_urls()]

    @admin.display(description=gettext_lazy("ways out"))
    def ways(self, row: Any) -> SafeString:
        if not row.frozen or row.archived_at is not None:
            return SafeString(words.NOTHING)
        address = reverse("ops:meters_meter_ways", args=[row.pk])
        return format_html('<a class="desk-link" href="{}">{}</a>', address, _("Ways out"))

    def _find(self, request: Any, object_id: Any) -> Meter | None:
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self.get_object(request, str(object_id))
        return found if isinstance(found, Meter) and found.archived_at is None else None

    def ways_view(self, request: Any, object_id: Any) -> HttpResponse:
        """Show what the meter said and what may be done; POST asks it anew."""
        meter = self._find(request, object_id)
        if meter is None or meter.landlord_id is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(object_id))
        now = timezone.now()
        if request.method == "POST":
            try:
                with landlord_scope(meter.landlord_id):
                    freezes.ask_probe(meter=meter, by_id=request.user.pk, who=_WHO, now=now)
            except Refused as refusal:
                self.message_user(request, str(refusal.detail), messages.ERROR)
            return redirect("ops:meters_meter_ways", object_id)
        return self._show(request, "desk/ways_out.html", meter, now)

    def take_view(self, request: Any, object_id: Any, way: str) -> HttpResponse:
        """Show the evidence and ask for a reason; POST takes the way, once."""
        meter = self._find(request, object_id)
        if meter is None or meter.landlord_id is None or way not in {one.value for one in Way}:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(object_id))
        form, now = WhyForm(request.POST or None), timezone.now()
        if request.method == "POST" and form.is_valid():
            try:
                with landlord_scope(meter.landlord_id):
                    done = freezes.resolve(
                        post=ValkeyPost(),
                        meter_id=meter.pk,
                        way=Way(way),
                        reason=form.cleaned_data["reason"],
                        by_id=request.user.pk,
                        who=_WHO,
                        now=now,
                    )
            except Refused as refusal:
                self.message_user(request, str(refusal.detail), messages.ERROR)
            else:
                self.message_user(request, does(done.plan), messages.SUCCESS)
            return redirect("ops:meters_meter_ways", object_id)
        return self._show(request, "desk/way_out.html", meter, now, chosen=Way(way), form=form)

    def _show(
        self,
        request: HttpRequest,
        template: str,
        meter: Meter,
        now: Any,
        *,
        chosen: Way | None = None,
        **more: Any,
    ) -> TemplateResponse:
        assert meter.landlord_id is not None
        with landlord_scope(meter.landlord_id):
            held = freezes.held(meter, now=now)
            probing = Command.objects.filter(
                meter=meter, kind=CommandKind.PROBE, state__in=sorted(OPEN)
            ).exists()
        cause = words.frozen(meter.frozen)
        ways = [
            _shown(way, found, reverse(f"ops:meters_meter_way_{way.value}", args=[meter.pk]))
            for way, found in held.ways.items()
        ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": meter,
            "title": f"{name_of(chosen)} · {meter.serial}" if chosen else f"{_('Ways out')} · {meter.serial}",
            "held": held,
            "meter": held.meter,
            "cause": cause,
            "since": words.how_long(meter.frozen_at, now) if meter.frozen_at else "",
            "waiting": words.energy(held.waiting_kwh),
            "evidence": pretty_facts(meter.frozen_evidence),
            "probed": pretty_facts(held.probe.result) if held.probe else "",
            "probed_when": words.age(held.probe.final_at, now) if held.probe and held.probe.final_at else "",
            "is_probing": probing,
            "ways": ways,
            "chosen": _shown(chosen, held.ways[chosen], "") if chosen else None,
            "is_grave": chosen is Way.EPOCH,
            "ways_url": reverse("ops:meters_meter_ways", args=[meter.pk]),
            **more,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, template, context)
