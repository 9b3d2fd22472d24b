"""Credit a payment that was put aside."""

from uuid import UUID

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.idempotency import idempotent
from apps.accounts.api.views import caller, parsed
from apps.accounts.roles import Act
from apps.common.openapi import documented
from apps.income.services.crediting import ask_to_credit
from apps.landing.api.selectors import payments_in_full
from apps.landing.api.serializers import PaymentOut


class CreditIn(serializers.Serializer):
    reason = serializers.CharField(max_length=200)


class PaymentCreditView(APIView):
    acts = {"POST": Act.ARRANGE}

    @documented(
        "Have the platform asked anew about a payment that was put aside, and credit it if every field agrees",
        name="credit_payment",
        takes=CreditIn,
        gives=PaymentOut,
        status=202,
        refuses=(400, 401, 403, 404, 409, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, payment_id: UUID) -> Response:
        reason = parsed(CreditIn, request)["reason"]
        ask_to_credit(payment_id=payment_id, reason=reason, by_id=caller(request).pk, now=timezone.now())
        return Response(PaymentOut(payments_in_full().get(pk=payment_id)).data, status=202)
