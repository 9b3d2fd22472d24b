"""The platforms' daily bills, and where they differ from the books and the meters."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.generics import ListAPIView

from apps.accounts.roles import Act
from apps.common.openapi import documented_get
from apps.common.serializing import AmountField
from apps.income.models import BillDay, Difference
from apps.income.reconciliation import Kind
from apps.landing.api.streaming import CsvToo
from apps.landing.difference_words import Told, tell, why_waiting


class DifferenceOut(serializers.ModelSerializer):
    """One difference; `sentence` and `to_do` are in the caller's language."""

    day = serializers.DateField(source="bill.day")
    channel = serializers.CharField(source="bill.account.channel")
    kind = serializers.ChoiceField(choices=[(kind.value, kind.value) for kind in Kind])
    bill_yuan = AmountField(allow_null=True)
    ours_yuan = AmountField(allow_null=True)
    sentence = serializers.SerializerMethodField()
    to_do = serializers.SerializerMethodField()

    class Meta:
        model = Difference
        fields = [
            "id",
            "day",
            "channel",
            "kind",
            "why",
            "number",
            "payment",
            "refund",
            "meter",
            "bill_yuan",
            "ours_yuan",
            "bill_kwh",
            "ours_kwh",
            "state",
            "sentence",
            "to_do",
            "found_at",
            "settled_at",
            "note",
        ]

    def get_sentence(self, row: Difference) -> str:
        return tell(row).sentence

    def get_to_do(self, row: Difference) -> str:
        return tell(row).to_do


class BillDayOut(serializers.ModelSerializer):
    """One bill; `difference_yuan` is what it has more than the books, and `differences` are what explains it."""

    channel = serializers.CharField(source="account.channel")
    bill_paid_yuan = AmountField()
    bill_refunded_yuan = AmountField()
    bill_fee_yuan = serializers.DecimalField(max_digits=20, decimal_places=6)
    ours_paid_yuan = AmountField()
    ours_refunded_yuan = AmountField()
    difference_yuan = AmountField()
    waits_for = serializers.SerializerMethodField()
    open_differences = serializers.SerializerMethodField()
    differences = DifferenceOut(many=True)

    class Meta:
        model = BillDay
        fields = [
            "id",
            "day",
            "channel",
            "account",
            "state",
            "waits_for",
            "taken_at",
            "bill_payments",
            "bill_paid_yuan",
            "bill_refunded_yuan",
            "bill_fee_yuan",
            "ours_payments",
            "ours_paid_yuan",
            "ours_refunded_yuan",
            "difference_yuan",
            "open_differences",
            "differences",
        ]

    def get_waits_for(self, bill: BillDay) -> str:
        return why_waiting(bill)

    def get_open_differences(self, bill: BillDay) -> int:
        return sum(row.state == Difference.State.OPEN for row in bill.differences.all())


class BillDayLine(BillDayOut):
    """A bill as a line of a file: its differences are told in one cell."""

    differences = serializers.SerializerMethodField()  # type: ignore[assignment]

    def get_differences(self, bill: BillDay) -> str:
        told = ((row, tell(row)) for row in bill.differences.all())
        return "\n".join(_line(row, one) for row, one in told)


def _line(row: Difference, told: Told) -> str:
    """One difference in a cell: what it is, what it means, and while it is open what to do."""
    what = f"{told.name} {row.number}: {told.sentence}"
    return f"{what} → {told.to_do}" if row.state == Difference.State.OPEN else what


class BillDayFilter(django_filters.FilterSet):
    channel = django_filters.ChoiceFilter(
        field_name="account__channel", choices=[("wechat", "wechat"), ("alipay", "alipay")]
    )

    class Meta:
        model = BillDay
        fields = ["state"]

    @classmethod
    def get_filters(cls) -> dict[str, django_filters.Filter]:
        filters: dict[str, django_filters.Filter] = super().get_filters()
        filters["from"] = django_filters.DateFilter(field_name="day", lookup_expr="gte")
        filters["to"] = django_filters.DateFilter(field_name="day", lookup_expr="lt")
        return filters


@documented_get(
    "The platforms' daily bills held against payments and meters; a period means Beijing days",
    name="reconciliation",
    gives=BillDayOut(many=True),
    refuses=(400, 401, 403),
    has_csv=True,
)
class ReconciliationView(CsvToo, ListAPIView):
    csv_name = "reconciliation"
    acts = {"GET": Act.SEE_BILLS}
    queryset = BillDay.objects.all()
    serializer_class = BillDayOut
    filterset_class = BillDayFilter

    def get_queryset(self) -> QuerySet[BillDay]:
        return (
            BillDay.objects.select_related("account")
            .prefetch_related("differences__bill__account")
            .order_by("-id")
        )

    def get_serializer_class(self) -> Any:
        return BillDayLine if self.request.query_params.get("format") == "csv" else BillDayOut
