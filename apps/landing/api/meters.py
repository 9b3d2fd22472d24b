"""A landlord's meters: what they show, what is asked of them, and their records."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.idempotency import idempotent
from apps.accounts.api.views import caller, parsed, scope_of_caller
from apps.accounts.roles import Act
from apps.common.openapi import documented, documented_get
from apps.common.scoping import own_scopes
from apps.income.models import Recharge
from apps.income.services.recharges import recharge_by_member
from apps.income.services.switching import switch
from apps.income.states import RechargeKind
from apps.landing.api import arranging_serializers as a
from apps.landing.api import claims, filters, selectors
from apps.landing.api import serializers as s
from apps.landing.api.streaming import CsvToo, OneForm
from apps.landing.qr import qr_image
from apps.landing.removal import remove_meter
from apps.meters.api.of_one_meter import OfOneMeter
from apps.meters.models import Command, Meter, StockedMeter
from apps.meters.services import commands
from apps.readings.models import Reading
from apps.readings.selectors import latest
from apps.tariffs.models import Price
from apps.tariffs.services import refuse_past_start, set_price


@documented_get("My meters", name="meters", gives=s.MeterOut(many=True), refuses=(400, 401, 403))
class MetersView(ListAPIView):
    acts = {"POST": Act.ARRANGE}
    queryset = Meter.objects.all()
    serializer_class = s.MeterOut
    filterset_class = filters.MeterFilter

    def get_queryset(self) -> QuerySet[Meter]:
        return selectors.meters_with_figures(timezone.now()).filter(archived_at=None)

    @own_scopes
    @documented(
        "Add a meter: claim it, hang it, price it",
        name="claim_meter",
        takes=a.ClaimIn,
        gives=s.MeterOut,
        status=201,
        refuses=(400, 401, 403, 404, 409, 422, 429),
        has_key=True,
    )
    def post(self, request: Request) -> Response:
        given = parsed(a.ClaimIn, request)
        stocked = claims.find_claimable(given)
        with scope_of_caller(request):
            return self._claim(request, stocked, given)

    @idempotent
    def _claim(self, request: Request, stocked: StockedMeter, given: dict[str, Any]) -> Response:
        meter = claims.claim(stocked=stocked, given=given, by_id=caller(request).pk)
        return Response(s.MeterOut(meter).data, status=201)


@documented_get("One meter", name="meter", gives=s.MeterOut)
class MeterView(RetrieveAPIView):
    acts = {"PATCH": Act.ARRANGE, "DELETE": Act.ARRANGE}
    queryset = Meter.objects.all()
    serializer_class = s.MeterOut
    lookup_url_kwarg = "meter_id"
    filter_backends: list[Any] = []

    def get_queryset(self) -> QuerySet[Meter]:
        return selectors.meters_with_figures(timezone.now())

    @documented(
        "Rename, move or note a meter, or set where it warns; the audit keeps what was",
        name="change_meter",
        takes=a.MeterIn,
        gives=s.MeterOut,
        refuses=(400, 401, 403, 404, 409, 410, 422),
        has_key=True,
    )
    @idempotent
    def patch(self, request: Request, meter_id: UUID) -> Response:
        claims.change(self.get_object(), parsed(a.MeterIn, request), by_id=caller(request).pk)
        return Response(s.MeterOut(self.get_object()).data)

    @documented(
        "Remove a meter from use; its records stay, its QR code answers 410",
        name="remove_meter",
        status=204,
        refuses=(401, 403, 404, 409),
    )
    def delete(self, request: Request, meter_id: UUID) -> Response:
        remove_meter(meter=self.get_object(), by_id=caller(request).pk, now=timezone.now())
        return Response(status=204)


class ReadView(OfOneMeter):
    acts = {"POST": Act.READ_METER}
    queryset = Command.objects.all()

    @documented(
        "Ask for a fresh reading; joins one that is under way",
        name="read_meter",
        gives=s.CommandOut,
        status=202,
        refuses=(401, 403, 404, 410, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, meter_id: UUID) -> Response:
        command = commands.ask_read(meter=self.meter, by_id=caller(request).pk, now=timezone.now())
        return Response(s.CommandOut(command).data, status=202)


class PowerView(OfOneMeter):
    acts = {"POST": Act.SWITCH}
    queryset = Command.objects.all()

    @documented(
        "Switch the power on or off; the newest wish wins. On with nothing left needs a grace, and the command is the "
        "credit that brings it",
        name="switch_meter",
        takes=s.PowerIn,
        gives=s.CommandOut,
        status=202,
        refuses=(400, 401, 403, 404, 409, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, meter_id: UUID) -> Response:
        given = parsed(s.PowerIn, request)
        meter, on = self.meter, given["state"] == "on"
        reading = latest(meter)
        remaining_kwh = reading.remaining_kwh if reading else None
        who, now = caller(request).pk, timezone.now()
        command = switch(
            meter=meter,
            on=on,
            reason=given["reason"],
            by_id=who,
            now=now,
            remaining_kwh=remaining_kwh,
            grace_kwh=given.get("grace_kwh"),
        )
        return Response(s.CommandOut(command).data, status=202)


@documented_get(
    "The meter's recharges",
    name="meter_recharges",
    gives=s.RechargeOut(many=True),
    refuses=(400, 401, 403, 404),
    has_csv=True,
)
class MeterRechargesView(CsvToo, OfOneMeter, ListAPIView):
    csv_name = "recharges"
    acts = {"GET": Act.VIEW, "POST": Act.RECHARGE}
    queryset = Recharge.objects.all()
    serializer_class = s.RechargeOut
    filterset_class = filters.RechargeFilter

    def get_queryset(self) -> QuerySet[Recharge]:
        return selectors.recharges_in_full().filter(meter=self.meter)

    @documented(
        "Recharge by hand: cash, a gift or a correction",
        name="recharge_meter",
        takes=s.RechargeIn,
        gives=s.RechargeOut,
        status=202,
        refuses=(400, 401, 403, 404, 409, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, meter_id: UUID) -> Response:
        given = parsed(s.RechargeIn, request)
        recharge = recharge_by_member(
            meter=self.meter,
            kind=RechargeKind(given["kind"].upper()),
            amount_yuan=given.get("amount_yuan"),
            energy_kwh=given.get("energy_kwh"),
            reason=given["reason"],
            by_id=caller(request).pk,
            now=timezone.now(),
        )
        return Response(s.RechargeOut(recharge).data, status=202)


@documented_get(
    "What the meter said",
    name="meter_readings",
    gives=s.ReadingOut(many=True),
    refuses=(400, 401, 403, 404),
    has_csv=True,
)
class MeterReadingsView(CsvToo, OfOneMeter, ListAPIView):
    csv_name = "readings"
    queryset = Reading.objects.all()
    serializer_class = s.ReadingOut
    filterset_class = filters.ReadingFilter


@documented_get(
    "What was asked of the meter",
    name="meter_commands",
    gives=s.CommandOut(many=True),
    refuses=(400, 401, 403, 404),
)
class MeterCommandsView(OfOneMeter, ListAPIView):
    queryset = Command.objects.all()
    serializer_class = s.CommandOut
    filterset_class = filters.CommandFilter


@documented_get("The meter's prices, newest first", name="meter_prices", gives=s.PriceOut(many=True))
class MeterPricesView(OfOneMeter, ListAPIView):
    acts = {"POST": Act.ARRANGE}
    queryset = Price.objects.all()
    serializer_class = s.PriceOut
    filter_backends: list[Any] = []

    @documented(
        "Set a price from a moment on; energy bought before keeps its own",
        name="set_meter_price",
        takes=s.PriceIn,
        gives=s.PriceOut,
        status=201,
        refuses=(400, 401, 403, 404, 409, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, meter_id: UUID) -> Response:
        given, now = parsed(s.PriceIn, request), timezone.now()
        refuse_past_start(given.get("active_from", now), now=now)
        price = set_price(
            meter=self.meter,
            price_yuan_per_kwh=given["price_yuan_per_kwh"],
            active_from=given.get("active_from", now),
            by_id=caller(request).pk,
            now=now,
        )
        return Response(s.PriceOut(price).data, status=201)


class QrSvgView(OfOneMeter):
    content_negotiation_class = OneForm
    queryset = Meter.objects.all()
    kind, media_type = "svg", "image/svg+xml"

    @documented("The code to print", name="meter_qr_svg", gives=OpenApiTypes.STR, media_type="image/svg+xml")
    def get(self, request: Request, meter_id: UUID) -> HttpResponse:
        return HttpResponse(qr_image(self.meter, self.kind), content_type=self.media_type)


class QrPngView(QrSvgView):
    kind, media_type = "png", "image/png"

    @documented("The code to print", name="meter_qr_png", gives=OpenApiTypes.BINARY, media_type="image/png")
    def get(self, request: Request, meter_id: UUID) -> HttpResponse:
        return super().get(request, meter_id)


@documented_get("One command with its life and its result", name="command", gives=s.CommandInFullOut)
class CommandView(RetrieveAPIView):
    queryset = Command.objects.prefetch_related("events")
    serializer_class = s.CommandInFullOut
    lookup_url_kwarg = "command_id"
    filter_backends: list[Any] = []
