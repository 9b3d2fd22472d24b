"""Receipts: by order number for who holds it, by payment for the landlord; and what is asked of her for them."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.idempotency import idempotent
from apps.accounts.api.views import caller, parsed
from apps.accounts.roles import Act
from apps.common.openapi import documented
from apps.common.scoping import own_scopes
from apps.common.serializing import AmountField, EnergyField, LedgerAmountField, PriceField
from apps.income.models import Payment
from apps.income.services.fapiao import mark_fapiao_issued
from apps.income.services.orders import find_order
from apps.income.states import Channel
from apps.landing.api.labels import pdf
from apps.landing.api.streaming import OneForm
from apps.landing.paper.receipt import receipt_pdf
from apps.landing.receipts import ask_for_fapiao, receipt_of_order, receipt_of_payment


class RefundLineOut(serializers.Serializer):
    """Money that went back; `done_at` null while it is on its way."""

    number = serializers.CharField()
    amount_yuan = AmountField()
    done_at = serializers.DateTimeField(allow_null=True)


class FapiaoOut(serializers.Serializer):
    """What was asked for; `number` and `issued_at` once the landlord has made it."""

    buyer_title = serializers.CharField()
    buyer_tax_no = serializers.CharField()
    number = serializers.CharField()
    requested_at = serializers.DateTimeField()
    issued_at = serializers.DateTimeField(allow_null=True)


class ReceiptOut(serializers.Serializer):
    """Paid + carried in = energy × price + carried out, exactly; all as it was on its day."""

    number = serializers.CharField()
    platform_number = serializers.CharField()
    channel = serializers.ChoiceField(choices=[(channel.value, channel.name) for channel in Channel])
    landlord_name = serializers.CharField()
    place = serializers.CharField()
    meter_serial = serializers.CharField()
    ordered_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField()
    credited_at = serializers.DateTimeField(allow_null=True)
    amount_yuan = AmountField()
    price_yuan_per_kwh = PriceField()
    energy_kwh = EnergyField()
    repaid_kwh = EnergyField(
        help_text="Of it, what repaid energy that was lent before; the rest went into the meter."
    )
    carried_in_yuan = LedgerAmountField()
    carried_out_yuan = LedgerAmountField()
    refunds = RefundLineOut(many=True)
    fapiao = FapiaoOut(allow_null=True)


class FapiaoIn(serializers.Serializer):
    buyer_title = serializers.CharField(max_length=100)
    buyer_tax_no = serializers.CharField(max_length=30, required=False, allow_blank=True, default="")


class FapiaoIssuedIn(serializers.Serializer):
    number = serializers.CharField(max_length=30)


@own_scopes
class OrderReceiptView(APIView):
    permission_classes = [AllowAny]

    @documented(
        "The receipt of a paid order",
        name="order_receipt",
        gives=ReceiptOut,
        refuses=(401, 404),
        of_landlord=False,
    )
    def get(self, request: Request, no: str) -> Response:
        return Response(ReceiptOut(receipt_of_order(find_order(no))).data)


@own_scopes
class OrderReceiptPdfView(APIView):
    permission_classes = [AllowAny]
    content_negotiation_class = OneForm

    @documented(
        "The receipt of a paid order, to print or keep",
        name="order_receipt_pdf",
        gives=OpenApiTypes.BINARY,
        media_type="application/pdf",
        refuses=(401, 404),
        of_landlord=False,
    )
    def get(self, request: Request, no: str) -> Any:
        return pdf(receipt_pdf(receipt_of_order(find_order(no))), "receipt.pdf")


@own_scopes
class OrderFapiaoView(APIView):
    permission_classes = [AllowAny]

    @documented(
        "Ask the landlord for a fapiao; may be sent again with another title until it is made",
        name="ask_for_fapiao",
        takes=FapiaoIn,
        gives=ReceiptOut,
        refuses=(400, 401, 404, 409, 422),
        of_landlord=False,
    )
    def post(self, request: Request, no: str) -> Response:
        given = parsed(FapiaoIn, request)
        receipt = ask_for_fapiao(find_order(no), now=timezone.now(), **given)
        return Response(ReceiptOut(receipt).data)


class PaymentReceiptView(APIView):
    acts = {"GET": Act.SEE_INCOME}

    @documented("The receipt of a payment", name="payment_receipt", gives=ReceiptOut)
    def get(self, request: Request, payment_id: UUID) -> Response:
        return Response(ReceiptOut(receipt_of_payment(payment_id)).data)


class PaymentReceiptPdfView(APIView):
    acts = {"GET": Act.SEE_INCOME}
    content_negotiation_class = OneForm

    @documented(
        "The receipt of a payment, to print or keep",
        name="payment_receipt_pdf",
        gives=OpenApiTypes.BINARY,
        media_type="application/pdf",
    )
    def get(self, request: Request, payment_id: UUID) -> Any:
        return pdf(receipt_pdf(receipt_of_payment(payment_id)), "receipt.pdf")


class PaymentFapiaoView(APIView):
    acts = {"POST": Act.ARRANGE}

    @documented(
        "Say that the fapiao is made, under the tax bureau's number",
        name="fapiao_issued",
        takes=FapiaoIssuedIn,
        gives=ReceiptOut,
        refuses=(400, 401, 403, 404, 409, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, payment_id: UUID) -> Response:
        payment = get_object_or_404(Payment.objects.all(), pk=payment_id)
        number = parsed(FapiaoIssuedIn, request)["number"]
        mark_fapiao_issued(payment=payment, number=number, by_id=caller(request).pk, now=timezone.now())
        return Response(ReceiptOut(receipt_of_payment(payment_id)).data)
