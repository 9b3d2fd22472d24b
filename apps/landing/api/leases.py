"""Who rents: in, out, and by which link."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.idempotency import idempotent
from apps.accounts.api.views import caller, parsed
from apps.accounts.roles import Act
from apps.common.openapi import documented, documented_get
from apps.common.scoping import landlord_scope, own_scopes
from apps.landing.api import arranging_serializers as a
from apps.landing.api import filters
from apps.landing.api import serializers as s
from apps.landing.api.claims import mine
from apps.landing.moving_in import move_in
from apps.landing.moving_out import move_out
from apps.landing.selectors import find_meter
from apps.meters.api.of_one_meter import OfOneMeter
from apps.meters.models import Lease, Meter, Share
from apps.meters.services import sharing


@documented_get(
    "Who rents, and who rented", name="leases", gives=s.LeaseOut(many=True), refuses=(400, 401, 403)
)
class LeasesView(ListAPIView):
    acts = {"POST": Act.ARRANGE}
    queryset = Lease.objects.select_related("meter__room", "renter")
    serializer_class = s.LeaseOut
    filterset_class = filters.LeaseFilter

    @documented(
        "A renter moves in",
        name="begin_lease",
        takes=a.LeaseIn,
        gives=s.LeaseOut,
        status=201,
        refuses=(400, 401, 403, 409, 410, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        given, now, by_id = parsed(a.LeaseIn, request), timezone.now(), caller(request).pk
        meter: Meter = mine(Meter, given["meter"], "meter")
        lease = move_in(
            meter=meter,
            renter_name=given["renter_name"],
            renter_phone=given["renter_phone"],
            starts_at=given.get("starts_at", now),
            by_id=by_id,
            now=now,
        )
        return Response(s.LeaseOut(lease).data, status=201)


class LeaseEndView(APIView):
    acts = {"POST": Act.ARRANGE}

    @documented(
        "A renter moves out: asks for the closing reading and says what is left of her lease",
        name="end_lease",
        takes=a.LeaseEndIn,
        gives=a.ClosingOut,
        refuses=(400, 401, 403, 404, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, lease_id: UUID) -> Response:
        lease: Lease = get_object_or_404(Lease.objects.all(), pk=lease_id)
        given, now = parsed(a.LeaseEndIn, request), timezone.now()
        closing = move_out(
            lease=lease,
            ends_at=given.get("ends_at", now),
            reason=given["reason"],
            by_id=caller(request).pk,
            now=now,
        )
        return Response(a.ClosingOut(closing).data)


@documented_get("The links given away", name="meter_shares", gives=a.ShareOut(many=True))
class SharesView(OfOneMeter, ListAPIView):
    """No Idempotency-Key: its kept answer would hold the token in clear."""

    acts = {"GET": Act.ARRANGE, "POST": Act.ARRANGE}
    queryset = Share.objects.all()
    serializer_class = a.ShareOut
    filter_backends: list[Any] = []

    def get_queryset(self) -> QuerySet[Share]:
        return super().get_queryset()

    @documented(
        "Make a link to the meter's page, by which its renter takes up her lease",
        name="share_meter",
        gives=a.NewShareOut,
        status=201,
        refuses=(401, 403, 404, 410),
    )
    def post(self, request: Request, meter_id: UUID) -> Response:
        by_id = caller(request).pk
        token, share = sharing.share_meter(meter=self.meter, by_id=by_id, now=timezone.now())
        share.token = token  # type: ignore[attr-defined]
        return Response(a.NewShareOut(share).data, status=201)


class ShareView(APIView):
    acts = {"DELETE": Act.ARRANGE}

    @documented("Revoke a link; from then on it answers 410", name="revoke_share", status=204)
    def delete(self, request: Request, share_id: UUID) -> Response:
        share: Share = get_object_or_404(Share.objects.all(), pk=share_id)
        sharing.revoke_share(share=share, by_id=caller(request).pk, now=timezone.now())
        return Response(status=204)


@own_scopes
class AcceptShareView(APIView):
    permission_classes = [IsAuthenticated]

    @documented(
        "Become the renter of the lease the landlord shared",
        name="accept_share",
        gives=a.AcceptedOut,
        refuses=(401, 404, 409, 410),
        of_landlord=False,
    )
    def post(self, request: Request, share_token: str) -> Response:
        lease = sharing.accept_share(token=share_token, user=caller(request), now=timezone.now())
        return Response(a.AcceptedOut(lease).data)


@own_scopes
class AcceptLeaseView(APIView):
    permission_classes = [IsAuthenticated]

    @documented(
        "Become the renter of the lease at this meter, where the landlord named the phone of this login",
        name="accept_lease",
        gives=a.AcceptedOut,
        refuses=(401, 404, 409, 410),
        of_landlord=False,
    )
    def post(self, request: Request, token: str) -> Response:
        now = timezone.now()
        found = find_meter(token, now)
        with landlord_scope(found.landlord_id):
            lease = sharing.accept_lease(meter_id=found.object_id, user=caller(request), now=now)
            return Response(a.AcceptedOut(lease).data)
