"""The renter's side: by QR token and order number, which open doors; nothing here is found by id.

Every view opens short scopes of its own, because the landlord is known only behind the door, and a platform is
never called inside one.
"""

from datetime import timedelta
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.periods import LIMIT
from apps.accounts.api.views import caller, parsed
from apps.common.addresses import address_of
from apps.common.api import limit
from apps.common.errors import Refused
from apps.common.openapi import documented
from apps.common.scoping import landlord_scope, own_scopes
from apps.income.services.cancelling import cancel_order
from apps.income.services.orders import find_order, open_order
from apps.income.states import Channel
from apps.landing import rented
from apps.landing.api import renter_serializers as s
from apps.landing.api import selectors
from apps.landing.api.payer import caller_of, payer_of
from apps.landing.api.serializers import CommandOut
from apps.landing.order_progress import OrderProgress, order_progress
from apps.landing.selectors import find_meter, meter_page
from apps.meters.models import Command, Meter
from apps.meters.services.commands import MeterArchived, ask_read

READ_APART = timedelta(minutes=1)
_LONGEST_KEY = 255


class ReadAMomentAgo(Refused):
    code = "throttled"
    status = 429
    detail = _("The meter was asked a moment ago; wait a little before you ask again.")

    def __init__(self, *, seconds: int) -> None:
        said = ngettext(
            "The meter was asked a moment ago. You can ask again in %(n)d second.",
            "The meter was asked a moment ago. You can ask again in %(n)d seconds.",
            seconds,
        )
        super().__init__(said % {"n": seconds}, retry_after_s=seconds)


@own_scopes
class MeterPageView(APIView):
    permission_classes = [AllowAny]

    @documented(
        "What the QR code shows",
        name="meter_page",
        gives=s.MeterPageOut,
        refuses=(401, 404, 410),
        of_landlord=False,
    )
    def get(self, request: Request, token: str) -> Response:
        now = timezone.now()
        return Response(s.MeterPageOut(meter_page(find_meter(token, now), now)).data)


@own_scopes
class NewOrderView(APIView):
    permission_classes = [AllowAny]

    @documented(
        "Order energy for this meter",
        name="open_order",
        takes=s.OrderIn,
        gives=s.NewOrderOut,
        status=201,
        refuses=(400, 401, 404, 409, 410, 422, 503),
        of_landlord=False,
        has_key=True,
    )
    def post(self, request: Request, token: str) -> Response:
        given, now = parsed(s.OrderIn, request), timezone.now()
        found = find_meter(token, now)
        opened = open_order(
            found=found,
            amount_yuan=given["amount_yuan"],
            channel=Channel(given["channel"]),
            payer=payer_of(request, given["channel"]),
            payer_ip=address_of(request) or None,
            caller=caller_of(request),
            idempotency_key=idempotency_key(request),
            now=now,
            on_phone=given["on_phone"],
        )
        progress = order_progress(find_order(opened.order.no), now)
        return Response(s.NewOrderOut({"progress": progress, "quote": opened.quote}).data, status=201)


@own_scopes
class FreshReadingView(APIView):
    permission_classes = [AllowAny]

    @documented(
        "Ask the meter for a fresh reading; once a minute per meter",
        name="read_meter_by_qr",
        gives=CommandOut,
        status=202,
        refuses=(401, 404, 409, 410, 429),
        of_landlord=False,
    )
    def post(self, request: Request, token: str) -> Response:
        found = find_meter(token, timezone.now())
        with landlord_scope(found.landlord_id):
            return Response(CommandOut(_ask_read_in_turn(found.object_id)).data, status=202)


@own_scopes
class OrderView(APIView):
    permission_classes = [AllowAny]

    @documented(
        "Where an order stands; `Retry-After` says when to ask again",
        name="order",
        gives=s.OrderOut,
        refuses=(401, 404),
        of_landlord=False,
    )
    def get(self, request: Request, no: str) -> Response:
        return _order(order_progress(find_order(no), timezone.now()))


@own_scopes
class CancelOrderView(APIView):
    permission_classes = [AllowAny]

    @documented(
        "Take an order back while nothing is paid",
        name="cancel_order",
        gives=s.OrderOut,
        refuses=(401, 404, 409, 503),
        of_landlord=False,
    )
    def post(self, request: Request, no: str) -> Response:
        found, now = find_order(no), timezone.now()
        cancel_order(found=found, now=now)
        return _order(order_progress(found, now))


@own_scopes
class MyMetersView(APIView):
    permission_classes = [IsAuthenticated]

    @documented("The meters I rent", name="my_meters", gives=s.MyMetersOut, refuses=(401,), of_landlord=False)
    def get(self, request: Request) -> Response:
        return Response(s.MyMetersOut({"results": rented.meters_of(caller(request), timezone.now())}).data)


@own_scopes
class MyRechargesView(APIView):
    permission_classes = [IsAuthenticated]

    @documented(
        "The recharges of my own leases, newest first",
        name="my_recharges",
        gives=s.MyRechargesOut,
        refuses=(400, 401),
        of_landlord=False,
        parameters=[OpenApiParameter("before", UUID), LIMIT],
    )
    def get(self, request: Request) -> Response:
        before, most = _cursor(request)
        mine = rented.recharges_of(caller(request), before=before, limit=most + 1)
        older = f"?before={mine[most - 1].pk}&limit={most}" if len(mine) > most else None
        next_page = request.build_absolute_uri(f"{request.path}{older}") if older else None
        page = {"next": next_page, "previous": None, "results": mine[:most]}
        return Response(s.MyRechargesOut(page).data)


def _order(progress: OrderProgress) -> Response:
    response = Response(s.OrderOut(progress).data)
    if progress.ask_again_in_s is not None:
        response["Retry-After"] = str(progress.ask_again_in_s)
    return response


def _ask_read_in_turn(meter_id: UUID) -> Command:
    """Ask for a reading unless one was asked for within the minute; locks the meter."""
    meter: Meter = Meter.objects.select_for_update(of=("self",)).get(pk=meter_id)
    if meter.archived_at is not None:
        raise MeterArchived()
    now, last_at = timezone.now(), selectors.last_read_asked_at(meter)
    if last_at is not None and now < last_at + READ_APART:
        raise ReadAMomentAgo(seconds=1 + int((last_at + READ_APART - now).total_seconds()))
    return ask_read(meter=meter, by_id=None, now=now)


def idempotency_key(request: Request) -> str:
    """Return the caller's Idempotency-Key, empty without one; 400 where it is too long."""
    key: str = request.headers.get("Idempotency-Key", "")
    if len(key) > _LONGEST_KEY:
        raise ValidationError({"Idempotency-Key": _("At most 255 characters.")})
    return key


def _cursor(request: Request) -> tuple[UUID | None, int]:
    before = request.query_params.get("before")
    try:
        cursor = UUID(before) if before else None
    except ValueError:
        raise ValidationError({"before": _("Not an id.")}) from None
    return cursor, limit(request)
