"""What the operator collected and sent on (S3)."""

from typing import Any

from rest_framework import serializers
from rest_framework.generics import ListAPIView

from apps.accounts.roles import Act
from apps.common.openapi import documented_get
from apps.common.serializing import AmountField
from apps.income.models import Settlement
from apps.income.states import SettlementState


class SettlementOut(serializers.ModelSerializer):
    """One transfer to the landlord; `said` says why it waits or ended without money."""

    amount_yuan = AmountField()
    state = serializers.ChoiceField(choices=[(state.value, state.name) for state in SettlementState])

    class Meta:
        model = Settlement
        fields = [
            "id",
            "number",
            "account",
            "amount_yuan",
            "state",
            "said",
            "platform_number",
            "created_at",
            "ended_at",
        ]


@documented_get(
    "Transfers of what the operator collected; empty where money is direct",
    name="settlements",
    gives=SettlementOut(many=True),
    refuses=(401, 403),
)
class SettlementsView(ListAPIView):
    acts = {"GET": Act.SEE_BILLS}
    queryset = Settlement.objects.order_by("-id")
    serializer_class = SettlementOut
    filter_backends: list[Any] = []
