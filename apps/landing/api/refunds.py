"""Give a payment back, and see what became of it."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.idempotency import idempotent
from apps.accounts.api.views import caller, parsed
from apps.accounts.roles import Act
from apps.common.openapi import documented
from apps.common.serializing import AmountField
from apps.income.models import Payment, Refund
from apps.income.services.refunds import ask_refund
from apps.income.states import RefundState
from apps.meters.post import ValkeyPost


class RefundIn(serializers.Serializer):
    reason = serializers.CharField(max_length=200)


class RefundOut(serializers.ModelSerializer):
    """Money on its way back, the way it came; it is back once the state is DONE."""

    state = serializers.ChoiceField(choices=[(state.value, state.name) for state in RefundState])
    amount_yuan = AmountField()

    class Meta:
        model = Refund
        fields = [
            "id",
            "out_refund_no",
            "amount_yuan",
            "state",
            "reason",
            "review_reason",
            "created_at",
            "done_at",
        ]


class PaymentRefundsView(ListAPIView):
    acts = {"GET": Act.SEE_INCOME, "POST": Act.ARRANGE}
    queryset = Refund.objects.all()
    serializer_class = RefundOut
    filter_backends: list[Any] = []

    def get_queryset(self) -> QuerySet[Refund]:
        payment = get_object_or_404(Payment.objects.all(), pk=self.kwargs["payment_id"])
        return Refund.objects.filter(payment=payment).order_by("-id")

    @documented("What went back of a payment", name="payment_refunds", gives=RefundOut(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @documented(
        "Give all that is left of a payment back; refused once its energy has left for the meter",
        name="refund_payment",
        takes=RefundIn,
        gives=RefundOut,
        status=202,
        refuses=(400, 401, 403, 404, 409, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, payment_id: UUID) -> Response:
        given = parsed(RefundIn, request)
        refund = ask_refund(
            post=ValkeyPost(),
            payment_id=payment_id,
            reason=given["reason"],
            by_id=caller(request).pk,
            now=timezone.now(),
        )
        return Response(RefundOut(refund).data, status=202)
