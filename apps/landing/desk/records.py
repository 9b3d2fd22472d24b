"""A landlord's records: nothing here can be changed, and every list stands newest first."""

from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import AuditLine
from apps.accounts.roles import Act
from apps.income.models import Recharge
from apps.landing.desk import acts, cells, words
from apps.landing.desk.base import ScopedModelAdmin
from apps.meters.models import Command
from apps.meters.states import OPEN
from apps.readings.models import Reading
from apps.tariffs.models import Price


class OfAMeter(ScopedModelAdmin):
    """Records of one meter each, found by its room or serial."""

    by_parent = ("meter",)
    list_select_related: Any = ("meter__room__site",)
    search_fields: Any = ("meter__room__name", "meter__serial")
    search_help_text = gettext_lazy("Room or serial")

    @admin.display(description=gettext_lazy("meter"))
    def place(self, row: Any) -> SafeString:
        return cells.place(row.meter)


class RechargeAdmin(OfAMeter):
    seen_with = Act.SEE_INCOME
    list_display: Any = ("when", "place", "energy", "amount", "kind", "state_said", "maker")
    list_filter: Any = ("kind", "state")
    list_select_related: Any = ("meter__room__site", "made_by")
    search_fields: Any = ("meter__room__name", "meter__serial", "reason", "payment__out_trade_no")
    search_help_text = gettext_lazy("Room, serial, order or reason")
    ordering = ("-id",)
    fields: Any = (
        "meter",
        "kind",
        "state_said",
        "energy",
        "amount",
        "price_said",
        "carried_in",
        "carried_out",
        "reason",
        "maker",
        "when",
        "credited",
    )

    @admin.display(description=gettext_lazy("time"), ordering="id")
    def when(self, row: Any) -> SafeString:
        return cells.instant(row.created_at, timezone.now())

    @admin.display(description=gettext_lazy("energy"), ordering="energy_kwh")
    def energy(self, row: Any) -> str:
        if not row.repaid_kwh:
            return words.energy(row.energy_kwh)
        said = _("%(energy)s, and %(repaid)s that were lent")
        return said % {"energy": words.energy(row.energy_kwh), "repaid": words.energy(row.repaid_kwh)}

    @admin.display(description=gettext_lazy("amount"), ordering="amount_yuan")
    def amount(self, row: Any) -> str:
        return words.money(row.amount_yuan) if row.amount_yuan else words.NOTHING

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_said(self, row: Any) -> SafeString:
        tone = {"CREDITED": "good", "OPEN": "warn"}.get(row.state, "idle")
        return cells.said(words.Said(row.get_state_display(), tone))

    @admin.display(description=gettext_lazy("by"))
    def maker(self, row: Any) -> str:
        return str(row.made_by) if row.made_by else _("the renter")

    @admin.display(description=gettext_lazy("price"))
    def price_said(self, row: Any) -> str:
        return words.price(row.price_yuan_per_kwh)

    @admin.display(description=gettext_lazy("carried from before"))
    def carried_in(self, row: Any) -> str:
        return f"{row.carried_in_yuan:.6f}"

    @admin.display(description=gettext_lazy("carried to the next"))
    def carried_out(self, row: Any) -> str:
        return f"{row.carried_out_yuan:.6f}"

    @admin.display(description=gettext_lazy("in the meter since"))
    def credited(self, row: Any) -> SafeString:
        return cells.instant(row.credited_at, timezone.now())


class ReadingAdmin(OfAMeter):
    list_display: Any = ("when", "place", "total", "remaining", "source", "received")
    list_filter: Any = ("source",)
    ordering = ("-taken_at", "-id")
    fields: Any = ("meter", "when", "total", "remaining", "source", "received")

    @admin.display(description=gettext_lazy("taken"), ordering="taken_at")
    def when(self, row: Any) -> SafeString:
        return cells.instant(row.taken_at, timezone.now())

    @admin.display(description=gettext_lazy("received"), ordering="received_at")
    def received(self, row: Any) -> SafeString:
        return cells.instant(row.received_at, timezone.now())

    @admin.display(description=gettext_lazy("total energy"), ordering="total_kwh")
    def total(self, row: Any) -> str:
        return words.energy(row.total_kwh)

    @admin.display(description=gettext_lazy("remaining energy"), ordering="remaining_kwh")
    def remaining(self, row: Any) -> str:
        return words.energy(row.remaining_kwh)


class OpenFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "open"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", _("Under way")), ("no", _("Ended"))]

    def queryset(self, request: Any, queryset: Any) -> Any:
        if self.value() == "yes":
            return queryset.filter(state__in=sorted(OPEN))
        return queryset.exclude(state__in=sorted(OPEN)) if self.value() == "no" else queryset


class CommandAdmin(OfAMeter):
    list_display: Any = ("when", "place", "what", "state_said", "reason", "asker")
    list_filter: Any = (OpenFilter,)
    list_select_related: Any = ("meter__room__site", "requested_by")
    search_fields: Any = ("meter__room__name", "meter__serial", "reason")
    search_help_text = gettext_lazy("Room, serial or reason")
    ordering = ("-id",)
    fields: Any = ("place", "what", "state_said", "reason", "asker", "when", "ended", "life")

    @admin.display(description=gettext_lazy("asked"), ordering="id")
    def when(self, row: Any) -> SafeString:
        return cells.instant(row.created_at, timezone.now())

    @admin.display(description=gettext_lazy("ended"), ordering="final_at")
    def ended(self, row: Any) -> SafeString:
        return cells.instant(row.final_at, timezone.now())

    @admin.display(description=gettext_lazy("command"), ordering="kind")
    def what(self, row: Any) -> str:
        kind = words.command_kind(row.kind)
        return f"{kind} {words.energy(row.energy_kwh)}" if row.energy_kwh is not None else kind

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_said(self, row: Any) -> SafeString:
        return cells.said(words.command_state(row.state))

    @admin.display(description=gettext_lazy("by"))
    def asker(self, row: Any) -> str:
        return str(row.requested_by) if row.requested_by else _("the system")

    @admin.display(description=gettext_lazy("what became of it"))
    def life(self, row: Any) -> SafeString:
        events = list(row.events.order_by("id"))
        return cells.life(words.command_life(row.state, row.created_at, events))


class PriceAdmin(OfAMeter):
    list_display: Any = ("place", "price", "starts", "setter")
    list_select_related: Any = ("meter__room__site", "set_by")
    ordering = ("-active_from", "-id")
    fields: Any = ("meter", "price", "starts", "setter")

    @admin.display(description=gettext_lazy("price"), ordering="price_yuan_per_kwh")
    def price(self, row: Any) -> str:
        return words.price(row.price_yuan_per_kwh)

    @admin.display(description=gettext_lazy("from"), ordering="active_from")
    def starts(self, row: Any) -> SafeString:
        return cells.instant(row.active_from, timezone.now())

    @admin.display(description=gettext_lazy("by"))
    def setter(self, row: Any) -> str:
        return str(row.set_by) if row.set_by else _("the system")


class AuditAdmin(ScopedModelAdmin):
    seen_with = Act.ARRANGE
    list_display: Any = ("when", "who", "act_said", "facts_said")
    list_select_related: Any = ("by",)
    search_fields: Any = ("act", "by__name")
    search_help_text = gettext_lazy("Act or name")
    ordering = ("-id",)
    fields: Any = ("when", "who", "act_said", "facts_said")

    @admin.display(description=gettext_lazy("time"), ordering="id")
    def when(self, row: Any) -> SafeString:
        return cells.instant(row.at, timezone.now())

    @admin.display(description=gettext_lazy("by"))
    def who(self, row: Any) -> str:
        return str(row.by) if row.by else _("the system")

    @admin.display(description=gettext_lazy("act"), ordering="act")
    def act_said(self, row: Any) -> str:
        return acts.name_of(row.act)

    @admin.display(description=gettext_lazy("facts"))
    def facts_said(self, row: Any) -> str:
        return acts.facts_of(row.facts, timezone.now())


def register(site: Any) -> None:
    site.register(Recharge, RechargeAdmin)
    site.register(Reading, ReadingAdmin)
    site.register(Command, CommandAdmin)
    site.register(Price, PriceAdmin)
    site.register(AuditLine, AuditAdmin)
