"""The operator's page of one device in stock, and the two acts on it: bar it, allow it again."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.common.errors import Refused
from apps.landing.desk import words
from apps.landing.desk.base import ScopedModelAdmin
from apps.meters.models import StockedMeter
from apps.meters.services.stocking import DeviceClaimed, allow_device, bar_device, owner_name


class BarForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("It stands in the device's history."),
    )


class BarringPages(ScopedModelAdmin):
    """Adds to the stock's pages what bars a device and what allows it again."""

    change_form_template = "desk/stock_device.html"

    def get_urls(self) -> list[URLPattern]:
        bar, allow = self.admin_site.admin_view(self.bar_view), self.admin_site.admin_view(self.allow_view)
        return [
            path("<path:object_id>/bar/", bar, name="meters_stockedmeter_bar"),
            path("<path:object_id>/allow/", allow, name="meters_stockedmeter_allow"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if row is not None:
            owner = owner_name(row)
            last = row.events.filter(act="BARRED").order_by("-id").first()
            context = {
                "claimed": str(DeviceClaimed(owner).detail) if owner else "",
                "barred_since": words.moment(row.barred_at, timezone.now()) if row.barred_at else "",
                "barred_why": last.reason if last else "",
            }
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def bar_view(self, request: Any, object_id: str) -> HttpResponse:
        """Ask why; POST bars the device. The reason outlasts a refusal."""
        row = self._device(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        form = BarForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                done = bar_device(
                    stocked=row,
                    reason=form.cleaned_data["reason"],
                    by_id=request.user.pk,
                    now=timezone.now(),
                )
            except Refused as refusal:
                form.add_error(None, str(refusal.detail))
            else:
                said = _("The device is barred.") if done else _("The device was barred already.")
                self.message_user(request, said, messages.SUCCESS)
                return redirect("ops:meters_stockedmeter_change", row.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{_('Bar the device')} · {row.serial}",
            "opts": self.opts,
            "original": row,
            "form": form,
            "is_grave": True,
        }
        request.current_app = self.admin_site.name
        status = 422 if form.is_bound and not form.is_valid() else 200
        return TemplateResponse(request, "desk/stock_bar.html", context, status=status)

    def allow_view(self, request: Any, object_id: str) -> HttpResponse:
        row = self._device(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if request.method == "POST":
            done = allow_device(stocked=row, by_id=request.user.pk, now=timezone.now())
            said = _("The device is allowed again.") if done else _("The device is not barred.")
            self.message_user(request, said, messages.SUCCESS)
        return redirect("ops:meters_stockedmeter_change", row.pk)

    def _device(self, request: HttpRequest, object_id: str) -> StockedMeter | None:
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self.get_object(request, object_id)
        return found if isinstance(found, StockedMeter) else None
