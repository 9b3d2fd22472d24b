"""The meters of a landlord: the list she opens first, and where she finds one of them again."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.accounts.roles import Act
from apps.common.errors import Refused
from apps.landing.desk import cells, words
from apps.landing.desk.meter_page import MeterPages
from apps.landing.paper.labels import labels
from apps.landing.selectors import meters_to_label
from apps.meters.models import Meter, Site
from apps.meters.selectors import online_by_serial
from apps.meters.services.commands import ask_read
from apps.readings.looks import Look, with_look
from apps.readings.selectors import is_stale
from apps.tariffs.models import Price


class LookFilter(admin.SimpleListFilter):
    title = gettext_lazy("needs a look")
    parameter_name = "look"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [(look.value, words.look(look.value).text) for look in Look]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(look=self.value()) if self.value() in set(Look) else queryset


class SiteFilter(admin.SimpleListFilter):
    """Her own sites only: the choices come from the open scope, and so do the rows."""

    title = gettext_lazy("site")
    parameter_name = "site"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), name) for pk, name in Site.objects.order_by("name").values_list("pk", "name")]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = {key for key, _name in self.lookup_choices}
        if self.value() is None:
            return queryset
        return queryset.filter(room__site=self.value()) if self.value() in chosen else queryset.none()


class ArchivedFilter(admin.SimpleListFilter):
    title = gettext_lazy("in use")
    parameter_name = "archived"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", _("Removed"))]

    def choices(self, changelist: Any) -> Any:
        yield {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
            "display": _("In use"),
        }
        yield from list(super().choices(changelist))[1:]

    def queryset(self, request: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return (
            queryset.exclude(archived_at=None) if self.value() == "yes" else queryset.filter(archived_at=None)
        )


def as_listed(meters: QuerySet[Any], now: Any) -> QuerySet[Any]:
    """Annotate meters with all that a row or page shows, so that no row asks again."""
    price = Price.objects.filter(meter=OuterRef("pk"), active_from__lte=now).order_by("-active_from")
    return (
        with_look(meters, now)
        .select_related("room__site")
        .annotate(
            price_yuan_per_kwh=Subquery(price.values("price_yuan_per_kwh")[:1]),
            price_since=Subquery(price.values("active_from")[:1]),
            is_online=online_by_serial(),
        )
    )


class MeterAdmin(MeterPages):
    change_list_template = "desk/meter_list.html"
    list_display = ("place", "remaining", "power", "age", "price", "online")
    list_filter = (LookFilter, SiteFilter, ArchivedFilter)
    search_fields = ("room__name", "room__building", "room__site__name", "serial", "note")
    search_help_text = gettext_lazy("Room, building, site or serial")
    ordering = ("room__site__name", "room__building", "room__floor", "room__name", "id")
    actions = ("read_now", "print_labels")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        context = {"may_arrange": self._may(request, Act.ARRANGE)}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return as_listed(super().get_queryset(request), timezone.now())

    @admin.display(description=gettext_lazy("meter"), ordering="room__name")
    def place(self, meter: Any) -> SafeString:
        return cells.place(meter)

    @admin.display(description=gettext_lazy("remaining energy"), ordering="remaining_kwh")
    def remaining(self, meter: Any) -> SafeString:
        return cells.remaining(meter.remaining_kwh, meter.low_below_kwh)

    @admin.display(description=gettext_lazy("power"), ordering="power_on")
    def power(self, meter: Any) -> SafeString:
        return cells.said(words.power(meter.power_on, meter.power_reason))

    @admin.display(description=gettext_lazy("reading"), ordering="read_at")
    def age(self, meter: Any) -> SafeString:
        now = timezone.now()
        return cells.reading_age(meter.read_at, is_stale(meter.profile, meter.read_at, now), now)

    @admin.display(description=gettext_lazy("price"), ordering="price_yuan_per_kwh")
    def price(self, meter: Any) -> str:
        return words.price(meter.price_yuan_per_kwh)

    @admin.display(description=gettext_lazy("connection"))
    def online(self, meter: Any) -> SafeString:
        return cells.said(words.online(meter.is_online))

    def has_read_permission(self, request: HttpRequest) -> bool:
        return self._may(request, Act.READ_METER)

    @admin.action(description=gettext_lazy("Read now"), permissions=["read"])
    def read_now(self, request: Any, chosen: QuerySet[Any]) -> None:
        """Ask each chosen meter for a reading; a forged key chooses nothing, because it is not in the list."""
        asked, now = 0, timezone.now()
        for meter in chosen:
            try:
                ask_read(meter=meter, by_id=request.user.pk, now=now)
            except Refused as refusal:
                self.message_user(request, f"{meter}: {refusal.detail}", messages.WARNING)
            else:
                asked += 1
        said = ngettext("%(n)d meter is being read.", "%(n)d meters are being read.", asked) % {"n": asked}
        self.message_user(request, said, messages.SUCCESS)

    @admin.action(description=gettext_lazy("Print QR labels"))
    def print_labels(self, request: Any, chosen: QuerySet[Any]) -> HttpResponse | None:
        """Answer with a sheet of labels for the chosen meters; a removed one needs none."""
        in_use = meters_to_label(list(chosen.values_list("pk", flat=True)))
        if not in_use:
            self.message_user(
                request, _("A removed meter needs no label; choose one in use."), messages.WARNING
            )
            return None
        return HttpResponse(
            labels(in_use),
            content_type="application/pdf",
            headers={"Content-Disposition": 'inline; filename="labels.pdf"'},
        )


def register(site: Any) -> None:
    site.register(Meter, MeterAdmin)
