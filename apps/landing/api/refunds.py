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
from rest_framework.views import APIView

from apps.accounts.api.idempotency import idempotent
from apps.accounts.api.views import caller, parsed
from apps.accounts.roles import Act
from apps.common.openapi import documented, documented_get
from apps.common.serializing import AmountField
from apps.income.models import Payment, Refund
from apps.income.services.refund_asking import ask_refund
from apps.income.services.refund_reviews import note_given_by_hand, retry_refund, withdraw_refund
from apps.income.states import RefundState, RefundWay
from apps.landing.review_words import refund_review
from apps.meters.post import ValkeyPost


class RefundIn(serializers.Serializer):
    """Without an amount, all that is left goes back."""

    reason = serializers.CharField(max_length=200)
    amount_yuan = AmountField(least="0.01", required=False)


class ByHandIn(serializers.Serializer):
    note = serializers.CharField(max_length=200, help_text="How it was given: cash, a transfer, to whom.")


class RefundOut(serializers.ModelSerializer):
    """Money on its way back; it is back once the state is DONE.

    WAITING: its energy has left, and the meter has to say first whether it took it. REVIEW: the platform cannot, and a
    person decides. `way` is CHANNEL, the way the money came, or HAND.
    """

    state = serializers.ChoiceField(choices=[(state.value, state.name) for state in RefundState])
    way = serializers.ChoiceField(choices=[(way.value, way.name) for way in RefundWay])
    amount_yuan = AmountField()
    detail = serializers.SerializerMethodField(
        help_text="Why it came to no end of its own and what to do, in the caller's language; else empty."
    )

    class Meta:
        model = Refund
        fields = [
            "id",
            "out_refund_no",
            "amount_yuan",
            "state",
            "way",
            "reason",
            "review_reason",
            "detail",
            "created_at",
            "done_at",
        ]

    def get_detail(self, refund: Refund) -> str:
        return refund_review(refund.review_reason)


@documented_get("What went back of a payment", name="payment_refunds", gives=RefundOut(many=True))
class PaymentRefundsView(ListAPIView):
    acts = {"GET": Act.SEE_INCOME, "POST": Act.ARRANGE}
    queryset = Refund.objects.all()
    serializer_class = RefundOut
    filter_backends: list[Any] = []

    def get_queryset(self) -> QuerySet[Refund]:
        payment = get_object_or_404(Payment.objects.all(), pk=self.kwargs["payment_id"])
        return Refund.objects.filter(payment=payment).order_by("-id")

    @documented(
        "Give a payment back, all that is left of it or a part; never for energy that the meter has. Waits where the "
        "energy has left already, until the meter has said whether it took it",
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
            amount_yuan=given.get("amount_yuan"),
            by_id=caller(request).pk,
            now=timezone.now(),
        )
        return Response(RefundOut(refund).data, status=202)


class RetryRefundView(APIView):
    acts = {"POST": Act.ARRANGE}

    @documented(
        "Ask the platform again for a refund a person has looked at; its number stays, so it goes back once",
        name="retry_refund",
        gives=RefundOut,
        status=202,
        refuses=(401, 403, 404, 409, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, refund_id: UUID) -> Response:
        refund = retry_refund(refund_id=refund_id, by_id=caller(request).pk, now=timezone.now())
        return Response(RefundOut(refund).data, status=202)


class RefundByHandView(APIView):
    acts = {"POST": Act.ARRANGE}

    @documented(
        "Write down that a refund its platform cannot make was given back by hand",
        name="refund_by_hand",
        takes=ByHandIn,
        gives=RefundOut,
        refuses=(400, 401, 403, 404, 409, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, refund_id: UUID) -> Response:
        note = parsed(ByHandIn, request)["note"]
        refund = note_given_by_hand(
            refund_id=refund_id, note=note, by_id=caller(request).pk, now=timezone.now()
        )
        return Response(RefundOut(refund).data)


class WithdrawRefundView(APIView):
    acts = {"POST": Act.ARRANGE}

    @documented(
        "Withdraw a refund that waits for the meter: nothing goes back, and the energy has its way",
        name="withdraw_refund",
        gives=RefundOut,
        refuses=(401, 403, 404, 409, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, refund_id: UUID) -> Response:
        refund = withdraw_refund(refund_id=refund_id, by_id=caller(request).pk, now=timezone.now())
        return Response(RefundOut(refund).data)
