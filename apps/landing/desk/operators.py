"""The operator's view of what is under way at every landlord's: read-only, each row with its landlord."""

from typing import Any

from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import AuditLine
from apps.income.models import Payment
from apps.landing.desk import cells, payments, records, words
from apps.landing.desk.base import ScopedModelAdmin, pretty_facts
from apps.landing.desk.stuck import LATE
from apps.landing.desk.ways_out import WaysOutPages
from apps.meters.models import Command, Letter, Meter
from apps.meters.selectors import online_by_serial
from apps.meters.states import OPEN, Frozen


class WithoutTheEnded(admin.SimpleListFilter):
    """What has not ended, unless all is asked for; `unasked` is what the reader sees chosen then."""

    unasked: Any

    def choices(self, changelist: Any) -> Any:
        yield {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
            "display": self.unasked,
        }
        yield from list(super().choices(changelist))[1:]


class AgeFilter(WithoutTheEnded):
    unasked = gettext_lazy("Open")
    title = gettext_lazy("age")
    parameter_name = "age"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [("late", _("Open for over a minute")), ("all", _("Ended too"))]

    def queryset(self, request: Any, queryset: Any) -> Any:
        if self.value() == "all":
            return queryset
        still_open = queryset.filter(state__in=sorted(OPEN))
        return (
            still_open.filter(created_at__lt=timezone.now() - LATE) if self.value() == "late" else still_open
        )


class CommandAdmin(records.CommandAdmin):
    list_display = ("age", "landlord_name", "place", "what", "state_said", "tries", "number")
    list_filter = (AgeFilter,)
    list_select_related = ("meter__room__site", "landlord", "requested_by")
    ordering = ("id",)
    fields = (
        "landlord_name",
        "place",
        "what",
        "number",
        "state_said",
        "tries",
        "reason",
        "asker",
        "when",
        "ended",
        "life",
        "result_said",
    )

    @admin.display(description=gettext_lazy("age"), ordering="id")
    def age(self, row: Any) -> str:
        return words.how_long(row.created_at, timezone.now())

    @admin.display(description=gettext_lazy("tries"), ordering="attempts")
    def tries(self, row: Any) -> int:
        return int(row.attempts)

    @admin.display(description=gettext_lazy("evidence"))
    def result_said(self, row: Any) -> SafeString:
        return pretty_facts(row.result)


class LetterOutFilter(WithoutTheEnded):
    unasked = gettext_lazy("Out")
    title = gettext_lazy("state")
    parameter_name = "letters"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [("all", _("Closed too"))]

    def queryset(self, request: Any, queryset: Any) -> Any:
        return queryset if self.value() == "all" else queryset.filter(state=Letter.State.OUT)


class LetterAdmin(ScopedModelAdmin):
    list_display = ("age", "landlord_name", "place", "why", "became", "due", "node")
    list_filter = (LetterOutFilter,)
    list_select_related = ("landlord", "meter__room__site")
    search_fields = ("meter__serial",)
    search_help_text = gettext_lazy("Serial")
    ordering = ("-id",)
    fields = ("landlord_name", "place", "why", "became", "age", "due", "node", "bytes")

    @admin.display(description=gettext_lazy("age"), ordering="id")
    def age(self, row: Any) -> str:
        return words.how_long(row.created_at, timezone.now())

    @admin.display(description=gettext_lazy("meter"))
    def place(self, row: Any) -> SafeString:
        return cells.place(row.meter)

    @admin.display(description=gettext_lazy("purpose"))
    def why(self, row: Any) -> str:
        said = {
            "COUNT": _("read the purchase count"),
            "DELIVER": _("deliver a credit"),
            "PROVE": _("prove a credit"),
            "SWITCH": _("switch"),
            "CHECK": _("check the switch"),
            "READ": _("read"),
        }.get(row.purpose, row.purpose)
        return f"{said} · {row.attempt}"

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def became(self, row: Any) -> SafeString:
        return cells.said(
            {
                "OUT": words.Said(_("out"), "warn"),
                "ANSWERED": words.Said(_("answered"), "good"),
                "LOST": words.Said(_("lost"), "bad", str(row.outcome)),
            }.get(row.state, words.Said(row.state))
        )

    @admin.display(description=gettext_lazy("deadline"), ordering="deadline_at")
    def due(self, row: Any) -> SafeString:
        return cells.instant(row.deadline_at, timezone.now())

    @admin.display(description=gettext_lazy("gateway"))
    def node(self, row: Any) -> str:
        return str(row.gateway).partition("-")[0]

    @admin.display(description=gettext_lazy("bytes asked and answered"))
    def bytes(self, row: Any) -> SafeString:
        pairs = enumerate(zip(row.frames, [*row.replies, *[None] * len(row.frames)], strict=False), start=1)
        return pretty_facts({f"{n}": f"{asked} → {answer or words.NOTHING}" for n, (asked, answer) in pairs})


class FrozenFilter(admin.SimpleListFilter):
    title = gettext_lazy("recharges on hold")
    parameter_name = "frozen"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [(reason.value, words.frozen(reason.value).text) for reason in Frozen]

    def queryset(self, request: Any, queryset: Any) -> Any:
        return queryset.filter(frozen=self.value(), archived_at=None) if self.value() else queryset


class MeterAdmin(WaysOutPages):
    list_display = ("serial", "landlord_name", "place", "held", "held_for", "ways", "count", "online")
    list_filter = (FrozenFilter,)
    list_select_related = ("landlord", "room__site")
    search_fields = ("serial", "landlord__name", "room__name")
    search_help_text = gettext_lazy("Serial, landlord or room")
    # A removed meter may still be frozen, and waits for nobody.
    ordering = (F("archived_at").asc(nulls_first=True), F("frozen_at").asc(nulls_last=True), "serial")
    fields = (
        "serial",
        "profile",
        "landlord_name",
        "place",
        "held",
        "held_for",
        "what_to_do",
        "ways",
        "evidence",
        "count",
        "purchased_kwh",
        "body",
        "online",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(is_online=online_by_serial())

    @admin.display(description=gettext_lazy("room"))
    def place(self, row: Any) -> SafeString:
        return cells.place(row)

    @admin.display(description=gettext_lazy("recharges on hold"), ordering="frozen")
    def held(self, row: Any) -> SafeString:
        said = words.frozen(row.frozen)
        return cells.said(words.Said(said.text, said.tone)) if row.frozen else SafeString(words.NOTHING)

    @admin.display(description=gettext_lazy("for"), ordering="frozen_at")
    def held_for(self, row: Any) -> str:
        return words.how_long(row.frozen_at, timezone.now())

    @admin.display(description=gettext_lazy("what to do"))
    def what_to_do(self, row: Any) -> str:
        return words.frozen(row.frozen).more or words.NOTHING

    @admin.display(description=gettext_lazy("evidence"))
    def evidence(self, row: Any) -> SafeString:
        return pretty_facts(row.frozen_evidence)

    @admin.display(description=gettext_lazy("body of the device"))
    def body(self, row: Any) -> str:
        return str(row.device_epoch)

    @admin.display(description=gettext_lazy("purchase count"))
    def count(self, row: Any) -> str:
        return _("not known") if row.purchase_count is None else str(row.purchase_count)

    @admin.display(description=gettext_lazy("connection"))
    def online(self, row: Any) -> SafeString:
        return cells.said(words.online(row.is_online))


class PaymentAdmin(payments.PaymentAdmin):
    list_display = ("when", "landlord_name", "place", "amount", "channel", "state_said", "our_no")
    list_filter = (payments.ReviewFilter, "channel")
    list_select_related = ("landlord", "order__meter__room__site")
    fields = ("landlord_name", *payments.PaymentAdmin.fields, "evidence_said")

    @admin.display(description=gettext_lazy("evidence"))
    def evidence_said(self, row: Any) -> SafeString:
        return pretty_facts(row.evidence)


class AuditAdmin(records.AuditAdmin):
    list_display = ("when", "landlord_name", "who", "act_said", "facts_said")
    list_select_related = ("by", "landlord")
    search_fields = ("act", "by__name", "landlord__name")


def register(site: Any) -> None:
    site.register(Command, CommandAdmin)
    site.register(Letter, LetterAdmin)
    site.register(Meter, MeterAdmin)
    site.register(Payment, PaymentAdmin)
    site.register(AuditLine, AuditAdmin)
