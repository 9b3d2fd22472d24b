"""What a renter is told of her own leases, and where to."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.periods import LIMIT
from apps.accounts.api.views import caller, parsed
from apps.accounts.codes import checked_phone
from apps.accounts.messaging import masked_phone
from apps.alerts import selectors, services
from apps.alerts.api import serializers as s
from apps.common.api import limit
from apps.common.errors import NotFound
from apps.common.openapi import documented
from apps.common.scoping import own_scopes
from apps.meters.models import Lease
from apps.meters.selectors import own_leases, scope_of


@own_scopes
class MyAlertsView(APIView):
    permission_classes = [IsAuthenticated]

    @documented(
        "Alerts within my own leases, newest first",
        name="my_alerts",
        gives=s.MyAlertsOut,
        refuses=(400, 401),
        of_landlord=False,
        parameters=[OpenApiParameter("before", UUID), LIMIT],
    )
    def get(self, request: Request) -> Response:
        most = limit(request)
        mine = selectors.own_alerts(caller(request), before=_before(request), most=most + 1)
        lines = [{"lease": lease, "alert": alert} for lease, alert in mine[:most]]
        query = urlencode({"before": mine[most - 1][1].pk, "limit": most}) if len(mine) > most else ""
        older = request.build_absolute_uri(f"{request.path}?{query}") if query else None
        return Response(s.MyAlertsOut({"next": older, "previous": None, "results": lines}).data)


@own_scopes
class MySubscriptionsView(APIView):
    permission_classes = [IsAuthenticated]

    @documented(
        "Have low-balance messages of my lease sent to a phone, or no longer",
        name="subscribe",
        takes=s.SubscriptionIn,
        gives=s.SubscriptionOut,
        refuses=(400, 401, 404),
        of_landlord=False,
    )
    def post(self, request: Request) -> Response:
        given, user = parsed(s.SubscriptionIn, request), caller(request)
        lease = _running_lease(own_leases(user), given)
        if not given["on"]:
            return Response(s.SubscriptionOut(_subscribe(lease, "")).data)
        phone = checked_phone(given.get("phone") or user.renter.phone or user.username)
        return Response(s.SubscriptionOut(_subscribe(lease, phone)).data)


def _running_lease(leases: list[Lease], given: dict[str, Any]) -> Lease:
    now = timezone.now()
    for lease in leases:
        is_running = lease.starts_at <= now and (lease.ends_at is None or now < lease.ends_at)
        if (
            is_running
            and given.get("lease") in (None, lease.pk)
            and given.get("meter") in (None, lease.meter_id)
        ):
            return lease
    raise NotFound(_("You have no such lease now."))


def _subscribe(lease: Lease, phone: str) -> dict[str, Any]:
    """Subscribe a phone, or none; the lease is locked, so that two clicks make one subscription."""
    now = timezone.now()
    with scope_of(lease):
        Lease.objects.select_for_update(of=("self",)).get(pk=lease.pk)
        if phone:
            services.subscribe(lease=lease, phone=phone, now=now)
        else:
            services.unsubscribe(lease=lease, now=now)
    return {"lease": lease.pk, "on": bool(phone), "phone": masked_phone(phone) if phone else ""}


def _before(request: Request) -> UUID | None:
    text = request.query_params.get("before", "")
    try:
        return UUID(text) if text else None
    except ValueError:
        raise ValidationError({"before": _("Not an id.")}) from None
