"""What stands on the landlord's desk though the desk does not know it: apps that lie beside `landing`.

`alerts` and `landing` import nothing of each other (see .importlinter); here, above both, they meet.
"""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import BooleanField, Value
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.accounts.roles import Act
from apps.alerts import desk as inbox
from apps.alerts.models import Alert
from apps.landing.desk import cells, words
from apps.landing.desk.account_notes import account_notes
from apps.landing.desk.base import ScopedModelAdmin
from apps.landing.desk.navigation import Link
from apps.landing.desk.sites import landlord_site


class AlertAdmin(ScopedModelAdmin):
    """The inbox: unread first, each with its meter one touch away and a button that marks it handled."""

    by_parent = ("meter",)
    change_list_template = "desk/inbox_list.html"
    list_display = ("place", "what", "left", "when", "handled")
    list_display_links = None
    list_filter = (inbox.HandledFilter, "kind")
    list_select_related = inbox.LISTED_WITH
    search_fields = ("meter__room__name", "meter__serial")
    search_help_text = gettext_lazy("Room or serial")
    ordering = ("-id",)
    actions = ("mark_handled",)
    fields = ("place", "what", "left", "when", "handled")
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.handled_view)
        return [path("<path:object_id>/handled/", view, name="alerts_alert_handled"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        notes = account_notes(timezone.now()) if self._may(request, Act.GOVERN) else []
        return super().changelist_view(request, {"account_notes": notes, **(extra_context or {})})

    def has_handle_permission(self, request: HttpRequest) -> bool:
        return self._may(request, Act.READ_METER)

    def get_queryset(self, request: HttpRequest) -> Any:
        may = Value(self.has_handle_permission(request), output_field=BooleanField())
        return super().get_queryset(request).annotate(may_handle=may)

    @admin.display(description=gettext_lazy("meter"), ordering="meter__room__name")
    def place(self, alert: Any) -> SafeString:
        address = reverse(f"{self.admin_site.name}:meters_meter_change", args=[alert.meter_id])
        return format_html('<a href="{}">{}</a>', address, cells.place(alert.meter))

    @admin.display(description=gettext_lazy("alert"), ordering="kind")
    def what(self, alert: Any) -> SafeString:
        if inbox.is_over(alert):
            over = _("over since %(when)s") % {"when": words.moment(alert.cleared_at, timezone.now())}
            return cells.said(words.Said(inbox.what_happened(alert), "idle", over))
        tone = "warn" if alert.kind == Alert.Kind.LOW_BALANCE else "bad"
        return cells.said(words.Said(inbox.what_happened(alert), tone))

    @admin.display(description=gettext_lazy("remaining energy"), ordering="remaining_kwh")
    def left(self, alert: Any) -> str:
        return words.energy(alert.remaining_kwh)

    @admin.display(description=gettext_lazy("since"), ordering="id")
    def when(self, alert: Any) -> SafeString:
        return cells.instant(alert.raised_at, timezone.now())

    @admin.display(description=gettext_lazy("handled"))
    def handled(self, alert: Any) -> SafeString:
        if alert.acknowledged_at is not None:
            by = alert.acknowledged_by or _("the system")
            when = words.moment(alert.acknowledged_at, timezone.now())
            return cells.said(words.Said(_("Handled"), "good", f"{by} · {when}"))
        if not alert.may_handle:
            return cells.said(words.Said(_("Not handled yet"), "idle"))
        address = reverse(f"{self.admin_site.name}:alerts_alert_handled", args=[alert.pk])
        # The list is one form already, with its token: the button sends that form to another address.
        return format_html(
            '<button class="desk-button" formaction="{}" formmethod="post">{}</button>',
            address,
            _("Mark as handled"),
        )

    def handled_view(self, request: Any, object_id: str) -> HttpResponse:
        """Mark one alert; a foreign one is as missing as none."""
        if not self.has_handle_permission(request):
            raise PermissionDenied
        alert = self.get_object(request, object_id)
        if alert is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if request.method == "POST":
            self._handle(request, [alert])
        return redirect(f"{self.admin_site.name}:alerts_alert_changelist")

    @admin.action(description=gettext_lazy("Mark as handled"), permissions=["handle"])
    def mark_handled(self, request: Any, chosen: Any) -> None:
        self._handle(request, chosen)

    def _handle(self, request: Any, alerts: Any) -> None:
        done = inbox.handle(alerts, by_id=request.user.pk, now=timezone.now())
        if done:
            said = ngettext("%(n)d alert is handled.", "%(n)d alerts are handled.", done) % {"n": done}
            self.message_user(request, said, messages.SUCCESS)
        else:
            self.message_user(request, _("Somebody has handled it already; nothing was done twice."))


def inbox_link() -> Link:
    return Link(
        _("Alerts"),
        "notifications",
        "alerts_alert_changelist",
        count=inbox.unread_count,
        said=inbox.unread_said,
    )


landlord_site.register(Alert, AlertAdmin)
landlord_site.join(inbox_link)
