"""The operator's machines and people. Read-only, but for the schedules."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.admin import (
    CrontabScheduleAdmin,
    IntervalScheduleAdmin,
    PeriodicTaskAdmin,
    PeriodicTaskForm,
)
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.accounts.models import Landlord, Member
from apps.landing.desk import cells, words
from apps.landing.desk.base import ScopedModelAdmin
from apps.meters.models import Gateway, Presence


class GatewayAdmin(ScopedModelAdmin):
    list_display = ("name", "node", "alive", "hello", "sessions")
    ordering = ("-hello_at",)
    fields = ("name", "node", "alive", "hello")

    def get_queryset(self, request: HttpRequest) -> Any:

        held = Count("presence", filter=Q(presence__is_online=True))
        return super().get_queryset(request).annotate(held=held)

    @admin.display(description=gettext_lazy("alive"), ordering="is_alive")
    def alive(self, row: Any) -> SafeString:
        said = words.Said(_("Alive"), "good") if row.is_alive else words.Said(_("Gone"), "idle")
        return cells.said(said)

    @admin.display(description=gettext_lazy("last hello"), ordering="hello_at")
    def hello(self, row: Any) -> str:
        return words.age(row.hello_at, timezone.now())

    @admin.display(description=gettext_lazy("sessions"), ordering="held")
    def sessions(self, row: Any) -> int:
        return int(row.held)


class PresenceAdmin(ScopedModelAdmin):
    list_display = ("serial", "online", "for_long", "seen", "epoch", "gateway_name")
    list_filter = ("is_online",)
    search_fields = ("serial",)
    search_help_text = gettext_lazy("Serial")
    ordering = ("-since",)
    list_select_related = ("gateway",)
    fields = ("serial", "online", "for_long", "seen", "epoch", "gateway_name")

    @admin.display(description=gettext_lazy("connection"), ordering="is_online")
    def online(self, row: Any) -> SafeString:
        return cells.said(words.online(row.is_online))

    @admin.display(description=gettext_lazy("for"), ordering="since")
    def for_long(self, row: Any) -> str:
        return words.how_long(row.since, timezone.now())

    @admin.display(description=gettext_lazy("last seen"), ordering="seen_at")
    def seen(self, row: Any) -> str:
        return words.age(row.seen_at, timezone.now())

    @admin.display(description=gettext_lazy("gateway"))
    def gateway_name(self, row: Any) -> str:
        return row.gateway.node if row.gateway else words.NOTHING


class LandlordAdmin(ScopedModelAdmin):
    list_display = ("name", "phone", "minimum", "created")
    search_fields = ("name", "phone")
    ordering = ("name",)
    fields = ("name", "phone", "minimum", "time_zone", "created", "payment")

    @admin.display(description=gettext_lazy("minimum recharge"))
    def minimum(self, row: Any) -> str:
        return words.money(row.minimum_recharge_yuan)

    @admin.display(description=gettext_lazy("since"), ordering="created_at")
    def created(self, row: Any) -> SafeString:
        return cells.instant(row.created_at, timezone.now())

    @admin.display(description=gettext_lazy("collection accounts"))
    def payment(self, row: Any) -> SafeString:
        href = reverse(f"{self.admin_site.name}:income_collectionaccount_set_up", args=[row.pk])
        return format_html(
            '<a class="desk-button" href="{}">{}</a>', href, _("Set up how this landlord is paid")
        )


class UserAdmin(ScopedModelAdmin):
    list_display = ("username", "name", "is_operator", "is_active")
    list_filter = ("is_operator", "is_active")
    search_fields = ("username", "name")
    ordering = ("username",)
    fields = ("username", "name", "is_operator", "is_active", "last_login")


class MemberAdmin(ScopedModelAdmin):
    list_display = ("user", "landlord_name", "role")
    list_filter = ("role",)
    list_select_related = ("user", "landlord")
    search_fields = ("user__name", "user__username", "landlord__name")
    ordering = ("landlord__name", "user__username")
    fields = ("user", "landlord", "role")


class ScheduleDesk(ScopedModelAdmin):
    """Schedules are the operator's to change."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(self.admin_site.has_permission(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.admin_site.has_permission(request))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.admin_site.has_permission(request))

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        return super().lookup_allowed(lookup, value, request) or lookup.startswith("start_time__")


class TaskForm(PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "regtask" in self.fields:
            self.fields["regtask"].widget = UnfoldAdminSelectWidget(choices=self.fields["regtask"].choices)
        if "task" in self.fields:
            self.fields["task"].widget = UnfoldAdminTextInputWidget()


class PeriodicTaskDesk(ScheduleDesk, PeriodicTaskAdmin):
    form = TaskForm
    list_display = ("name", "enabled", "cycle", "ran")
    list_filter = ("enabled",)
    date_hierarchy = None
    actions = ("enable_tasks", "disable_tasks")

    @admin.display(description=gettext_lazy("cycle"))
    def cycle(self, row: Any) -> str:
        return str(row.scheduler)

    @admin.display(description=gettext_lazy("last run"), ordering="last_run_at")
    def ran(self, row: Any) -> str:
        return words.age(row.last_run_at, timezone.now())


class IntervalDesk(ScheduleDesk, IntervalScheduleAdmin):
    inlines = ()


class CrontabDesk(ScheduleDesk, CrontabScheduleAdmin):
    inlines = ()


def register(site: Any) -> None:
    site.register(Gateway, GatewayAdmin)
    site.register(Presence, PresenceAdmin)
    site.register(Landlord, LandlordAdmin)
    site.register(get_user_model(), UserAdmin)
    site.register(Member, MemberAdmin)
    site.register(PeriodicTask, PeriodicTaskDesk)
    site.register(IntervalSchedule, IntervalDesk)
    site.register(CrontabSchedule, CrontabDesk)
