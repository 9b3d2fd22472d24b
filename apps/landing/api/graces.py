"""Energy that was lent: what is owed, and how it ends other than by a recharge."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.idempotency import idempotent
from apps.accounts.api.views import caller, parsed
from apps.accounts.roles import Act
from apps.common.openapi import documented, documented_get
from apps.common.serializing import AmountField, EnergyField, LedgerAmountField, PriceField
from apps.income.models import Grace
from apps.income.services.graces import end_grace
from apps.income.states import GraceState
from apps.meters.api.of_one_meter import OfOneMeter


class GraceOut(serializers.ModelSerializer):
    """Energy lent at zero. GIVEN: on its way. OWED: in the meter, and the next recharge of its `lease` repays it (null:
    of the vacant meter). REPAYING, REPAID: `repaid_by` is that recharge. PAID: cash was taken. FORGIVEN: written off.
    """

    meter = serializers.UUIDField(source="recharge.meter_id")
    meter_name = serializers.CharField(source="recharge.meter.__str__")
    lease = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=[(state.value, state.name) for state in GraceState])
    energy_kwh = EnergyField()
    price_yuan_per_kwh = PriceField(source="recharge.price_yuan_per_kwh", help_text="Of the day it was lent.")
    worth_yuan = LedgerAmountField()
    paid_yuan = AmountField()
    reason = serializers.CharField(source="recharge.reason")
    made_by = serializers.CharField(source="recharge.made_by.name", default="")
    lent_at = serializers.DateTimeField(source="recharge.created_at")
    credited_at = serializers.DateTimeField(source="recharge.credited_at", allow_null=True)
    repaid_by = serializers.UUIDField(source="repaid_by_id", allow_null=True)

    class Meta:
        model = Grace
        fields = [
            "id",
            "meter",
            "meter_name",
            "lease",
            "state",
            "energy_kwh",
            "price_yuan_per_kwh",
            "worth_yuan",
            "paid_yuan",
            "reason",
            "made_by",
            "lent_at",
            "credited_at",
            "repaid_by",
            "ended_at",
            "ended_reason",
        ]

    def get_lease(self, grace: Grace) -> UUID | None:
        kind, _colon, pk = grace.holder.partition(":")
        return UUID(pk) if kind == "lease" else None


class GraceEndIn(serializers.Serializer):
    """`paid`: cash was taken for it, what it was worth on its day rounded down to the fen. `forgiven`: written off."""

    how = serializers.ChoiceField(choices=["paid", "forgiven"])
    reason = serializers.CharField(max_length=200)


@documented_get("Energy that was lent through this meter", name="meter_graces", gives=GraceOut(many=True))
class MeterGracesView(OfOneMeter, ListAPIView):
    acts = {"GET": Act.SEE_INCOME}
    queryset = Grace.objects.all()
    serializer_class = GraceOut
    filter_backends: list[Any] = []

    def get_queryset(self) -> QuerySet[Grace]:
        rows = Grace.objects.filter(recharge__meter=self.meter)
        return rows.select_related("recharge__meter__room", "recharge__made_by")


class GraceEndView(APIView):
    acts = {"POST": Act.ARRANGE}

    @documented(
        "Note that a grace was paid in cash, or write it off",
        name="end_grace",
        takes=GraceEndIn,
        gives=GraceOut,
        refuses=(400, 401, 403, 404, 409, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, grace_id: UUID) -> Response:
        given = parsed(GraceEndIn, request)
        grace = end_grace(
            grace_id=grace_id,
            was_paid=given["how"] == "paid",
            reason=given["reason"],
            by_id=caller(request).pk,
            now=timezone.now(),
        )
        return Response(GraceOut(grace).data)
