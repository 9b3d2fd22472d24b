"""Payments through the platforms: what became of each, what can go back of it, its receipt and its fapiao."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.roles import Act
from apps.common.errors import Refused
from apps.income.models import Payment
from apps.income.selectors import payments_in_review, receipt_of
from apps.income.services.fapiao import mark_fapiao_issued
from apps.income.states import PaymentState
from apps.landing.desk import account_forms, cells, words
from apps.landing.desk.set_aside import SetAsidePages
from apps.landing.receipts import receipt_context
from apps.landing.review_words import payment_review


class PaymentStateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        shown = (PaymentState.PAID, PaymentState.PENDING, PaymentState.REVIEW, PaymentState.CLOSED)
        return [(state.value, words.payment_state(state.value).text) for state in shown]

    def queryset(self, request: Any, queryset: Any) -> Any:
        if self.value() == PaymentState.PENDING:
            return queryset.filter(state__in=[PaymentState.CREATED, PaymentState.PENDING])
        return queryset.filter(state=self.value()) if self.value() else queryset


class ReviewFilter(admin.SimpleListFilter):
    title = gettext_lazy("needs a look")
    parameter_name = "review"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", _("Needs a look"))]

    def queryset(self, request: Any, queryset: Any) -> Any:
        if self.value() != "yes":
            return queryset
        return queryset.filter(pk__in=payments_in_review().order_by().values("pk"))


class PaymentAdmin(SetAsidePages):
    seen_with = Act.SEE_INCOME
    by_parent = ("order__meter",)
    list_display: Any = ("when", "place", "amount", "channel", "state_said", "our_no")
    list_filter: Any = (ReviewFilter, PaymentStateFilter, "channel")
    list_select_related: Any = ("order__meter__room__site",)
    search_fields: Any = ("out_trade_no", "transaction_id", "order__no", "order__meter__room__name")
    search_help_text = gettext_lazy("Order, the platform's number or room")
    ordering = ("-id",)
    fields: Any = (
        "place",
        "amount",
        "fee",
        "way",
        "channel",
        "state_said",
        "review",
        "order_no",
        "our_no",
        "transaction_id",
        "when",
        "paid",
    )
    change_form_template = "desk/payment.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.fapiao_view)
        return [path("<path:object_id>/fapiao/", view, name="income_payment_fapiao"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the payment with what can go back of it, its receipt and the fapiao that was asked for."""
        row = self.get_object(request, object_id)
        receipt = receipt_of(row) if row is not None else None
        context = receipt_context(receipt) if receipt else {}
        if row is not None:
            context |= self.refund_context(request, row) | self.set_aside_context(request, row)
            context |= self.under_way_context(row)
        context["can_issue"] = self._may(request, Act.ARRANGE) and self.admin_site.name == "admin"
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def fapiao_view(self, request: Any, object_id: str) -> HttpResponse:
        """Write down that the fapiao is made; the button stands on the payment's page."""
        row = self.find_hers(request, object_id, Act.ARRANGE)
        if isinstance(row, HttpResponse):
            return row
        if request.method == "POST":
            number = request.POST.get("number", "")[:40]
            try:
                mark_fapiao_issued(payment=row, number=number, by_id=request.user.pk, now=timezone.now())
            except Refused as refusal:
                self.message_user(request, str(refusal.detail), messages.ERROR)
            else:
                self.message_user(request, _("The fapiao is written down as made."), messages.SUCCESS)
        return redirect(f"{self.admin_site.name}:income_payment_change", row.pk)

    @admin.display(description=gettext_lazy("ordered"), ordering="id")
    def when(self, row: Any) -> SafeString:
        return cells.instant(row.created_at, timezone.now())

    @admin.display(description=gettext_lazy("paid"), ordering="paid_at")
    def paid(self, row: Any) -> SafeString:
        return cells.instant(row.paid_at, timezone.now())

    @admin.display(description=gettext_lazy("meter"))
    def place(self, row: Any) -> SafeString:
        return cells.place(row.order.meter)

    @admin.display(description=gettext_lazy("amount"), ordering="amount_yuan")
    def amount(self, row: Any) -> str:
        return words.money(row.amount_yuan)

    @admin.display(description=gettext_lazy("channel fee"), ordering="fee_yuan")
    def fee(self, row: Any) -> str:
        return words.NOTHING if row.fee_yuan is None else words.money(row.fee_yuan)

    @admin.display(description=gettext_lazy("way"))
    def way(self, row: Any) -> str:
        return account_forms.way_words(row.strategy)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_said(self, row: Any) -> SafeString:
        said = words.payment_state(row.state)
        return cells.said(words.Said(said.text, said.tone, payment_review(row.review_reason)))

    @admin.display(description=gettext_lazy("why it needs a look"))
    def review(self, row: Any) -> str:
        return payment_review(row.review_reason) or words.NOTHING

    @admin.display(description=gettext_lazy("order number"))
    def order_no(self, row: Any) -> str:
        return str(row.order.no)

    @admin.display(description=gettext_lazy("our payment number"), ordering="out_trade_no")
    def our_no(self, row: Any) -> str:
        return str(row.out_trade_no)


def register(site: Any) -> None:
    site.register(Payment, PaymentAdmin)
