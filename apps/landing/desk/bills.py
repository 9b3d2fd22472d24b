"""Daily bills at both desks: what the platform says, what we say, and each difference with its next step."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.accounts.roles import Act
from apps.common.errors import Refused
from apps.income.bill_days import DayCompared, days_compared
from apps.income.models import BillDay, Difference
from apps.income.services.reconciliation import settle_difference
from apps.landing.desk import cells, charts, words
from apps.landing.desk.base import ScopedModelAdmin
from apps.landing.difference_words import tell, why_waiting

# As many as fit the width of a phone with bars that a thumb can tell apart.
_CHART_DAYS = 30
_TONES = {Difference.State.OPEN: "bad", Difference.State.HEALED: "good", Difference.State.SETTLED: "idle"}


class LookFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "look"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", _("Differs")), ("missing", _("Bill missing")), ("fine", _("Agrees"))]

    def queryset(self, request: Any, queryset: Any) -> Any:
        if self.value() == "missing":
            return queryset.filter(state=BillDay.State.WAITING)
        if self.value() == "open":
            return queryset.filter(open_count__gt=0)
        if self.value() == "fine":
            return queryset.filter(open_count=0, state=BillDay.State.TAKEN)
        return queryset


class BillDayAdmin(ScopedModelAdmin):
    seen_with = Act.SEE_BILLS
    list_display: Any = ("day", "account_said", "state_said", "by_bill", "by_books", "difference")
    list_filter: Any = (LookFilter, "account__channel")
    list_select_related: Any = ("account",)
    ordering = ("-day", "-id")
    date_hierarchy = None
    fields: Any = (
        "day",
        "account_said",
        "state_said",
        "by_bill",
        "by_books",
        "difference",
        "back_by_bill",
        "back_by_books",
        "fee",
        "compared",
    )
    change_form_template = "desk/bill.html"
    change_list_template = "desk/bill_list.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        return (
            super()
            .get_queryset(request)
            .annotate(open_count=Count("differences", filter=Q(differences__state=Difference.State.OPEN)))
        )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        csv_href = f"{reverse('api_reconciliation')}?format=csv" if self.admin_site.name == "admin" else ""
        context = {"csv_href": csv_href, "days": self._days(), "chart_days": _CHART_DAYS}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def _days(self) -> charts.Chart | None:
        """Draw the last days, what agrees below and what is still open above; None without any bill."""
        days = days_compared(timezone.now(), _CHART_DAYS)
        return charts.draw([self._bar(one) for one in days], say=words.money) if days else None

    def _bar(self, one: DayCompared) -> charts.Value:
        label = charts.day_label(one.day)
        href = (
            reverse(f"{self.admin_site.name}:income_billday_change", args=[one.bill_id])
            if one.bill_id
            else ""
        )
        if one.paid_yuan is None:
            return charts.Value(label, None, href, more=_("Bill missing"))
        figures = {"paid": words.money(one.paid_yuan), "open": words.money(one.open_yuan)}
        said = _("%(paid)s, of that %(open)s to look at") if one.open_yuan else _("%(paid)s, agrees")
        return charts.Value(label, one.paid_yuan, href, marked=one.open_yuan, more=said % figures)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.settle_view)
        own = path("<path:object_id>/settle/<uuid:difference_id>/", view, name="income_billday_settle")
        return [own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the bill with everything that differs, the open ones first."""
        row = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if row is not None:
            found = sorted(row.differences.order_by("id"), key=lambda one: one.state != Difference.State.OPEN)
            context = {
                "differences": [self._told(one) for one in found],
                "waits_for": why_waiting(row),
                "can_settle": self.admin_site.name == "admin" and self._may(request, Act.ARRANGE),
                "desk": self.admin_site.name,
            }
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def _told(self, row: Difference) -> dict[str, Any]:
        payment = f"{self.admin_site.name}:income_payment_change"
        meter = f"{self.admin_site.name}:meters_meter_change"
        return {
            "row": row,
            "told": tell(row),
            "tone": _TONES[Difference.State(row.state)],
            "is_open": row.state == Difference.State.OPEN,
            "payment_href": reverse(payment, args=[row.payment_id]) if row.payment_id else "",
            "meter_href": reverse(meter, args=[row.meter_id]) if row.meter_id else "",
        }

    def settle_view(self, request: Any, object_id: str, difference_id: UUID) -> HttpResponse:
        """Write down that a person has dealt with a difference; the form stands on the bill's page."""
        if not self._may(request, Act.SEE_BILLS):
            raise PermissionDenied
        row = self.find_hers(request, object_id, Act.ARRANGE)
        if isinstance(row, HttpResponse):
            return row
        if request.method == "POST":
            note = request.POST.get("note", "")[:200]
            try:
                settle_difference(
                    difference_id=difference_id, note=note, by_id=request.user.pk, now=timezone.now()
                )
            except Refused as refusal:
                self.message_user(request, str(refusal.detail), messages.ERROR)
            else:
                self.message_user(request, _("The difference is settled."), messages.SUCCESS)
        return redirect(f"{self.admin_site.name}:income_billday_change", row.pk)

    @admin.display(description=gettext_lazy("collection account"))
    def account_said(self, row: Any) -> str:
        return str(row.account)

    @admin.display(description=gettext_lazy("state"))
    def state_said(self, row: Any) -> SafeString:
        if row.state == BillDay.State.WAITING:
            return cells.said(words.Said(_("Bill missing"), "warn", why_waiting(row)))
        if row.open_count:
            text = ngettext("%(n)d difference", "%(n)d differences", row.open_count) % {"n": row.open_count}
            return cells.said(words.Said(text, "bad"))
        return cells.said(words.Said(_("Agrees"), "good"))

    @admin.display(description=gettext_lazy("paid, by the bill"), ordering="bill_paid_yuan")
    def by_bill(self, row: Any) -> str:
        return self._amount(row, row.bill_paid_yuan)

    @admin.display(description=gettext_lazy("paid, by our books"), ordering="ours_paid_yuan")
    def by_books(self, row: Any) -> str:
        return self._amount(row, row.ours_paid_yuan)

    @admin.display(description=gettext_lazy("difference"))
    def difference(self, row: Any) -> str:
        return self._amount(row, row.difference_yuan)

    @admin.display(description=gettext_lazy("given back, by the bill"))
    def back_by_bill(self, row: Any) -> str:
        return self._amount(row, row.bill_refunded_yuan)

    @admin.display(description=gettext_lazy("given back, by our books"))
    def back_by_books(self, row: Any) -> str:
        return self._amount(row, row.ours_refunded_yuan)

    @admin.display(description=gettext_lazy("channel fee"))
    def fee(self, row: Any) -> str:
        return self._amount(row, row.bill_fee_yuan)

    @admin.display(description=gettext_lazy("compared at"))
    def compared(self, row: Any) -> SafeString:
        return cells.instant(row.taken_at, timezone.now())

    def _amount(self, row: Any, amount_yuan: Any) -> str:
        return words.money(amount_yuan if row.state == BillDay.State.TAKEN else None)


class OperatorsBillDayAdmin(BillDayAdmin):
    """The same over all landlords, read-only."""

    list_display: Any = (
        "day",
        "landlord_name",
        "account_said",
        "state_said",
        "by_bill",
        "by_books",
        "difference",
    )
    list_select_related: Any = ("account", "landlord")


def register(site: Any) -> None:
    site.register(BillDay, OperatorsBillDayAdmin if site.name == "ops" else BillDayAdmin)
