"""A landlord's sites and rooms."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.idempotency import idempotent
from apps.accounts.api.views import caller, parsed
from apps.accounts.roles import Act
from apps.common.openapi import documented, documented_get
from apps.landing.api import arranging_serializers as a
from apps.landing.api import filters
from apps.landing.api import serializers as s
from apps.landing.api.claims import mine
from apps.meters.models import Room, Site
from apps.meters.services import places


@documented_get("My sites", name="sites", gives=s.SiteOut(many=True), refuses=(401, 403))
class SitesView(ListAPIView):
    acts = {"POST": Act.ARRANGE_SITES}
    queryset = Site.objects.all()
    serializer_class = s.SiteOut
    filter_backends: list[Any] = []

    @documented(
        "Add a site",
        name="add_site",
        takes=a.SiteIn,
        gives=s.SiteOut,
        status=201,
        refuses=(400, 401, 403, 409, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        given = parsed(a.SiteIn, request)
        site = places.add_site(**given, by_id=caller(request).pk, now=timezone.now())
        return Response(s.SiteOut(site).data, status=201)


class SiteView(APIView):
    acts = {"PATCH": Act.ARRANGE_SITES}

    @documented(
        "Rename a site or change its kind",
        name="change_site",
        takes=a.SiteChangeIn,
        gives=s.SiteOut,
        refuses=(400, 401, 403, 404, 409, 422),
        has_key=True,
    )
    @idempotent
    def patch(self, request: Request, site_id: UUID) -> Response:
        site: Site = get_object_or_404(Site.objects.all(), pk=site_id)
        changes = parsed(a.SiteChangeIn, request)
        places.change_site(site=site, changes=changes, by_id=caller(request).pk, now=timezone.now())
        return Response(s.SiteOut(site).data)


@documented_get("My rooms", name="rooms", gives=s.RoomOut(many=True), refuses=(400, 401, 403))
class RoomsView(ListAPIView):
    acts = {"POST": Act.ARRANGE}
    queryset = Room.objects.all()
    serializer_class = s.RoomOut
    filterset_class = filters.RoomFilter

    @documented(
        "Add a room",
        name="add_room",
        takes=a.RoomIn,
        gives=s.RoomOut,
        status=201,
        refuses=(400, 401, 403, 409, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        given = parsed(a.RoomIn, request)
        given["site"] = mine(Site, given["site"], "site")
        room = places.add_room(**given, by_id=caller(request).pk, now=timezone.now())
        return Response(s.RoomOut(room).data, status=201)


class RoomView(APIView):
    acts = {"PATCH": Act.ARRANGE}

    @documented(
        "Rename a room; its meters follow, and the audit keeps the old name",
        name="change_room",
        takes=a.RoomChangeIn,
        gives=s.RoomOut,
        refuses=(400, 401, 403, 404, 409, 422),
        has_key=True,
    )
    @idempotent
    def patch(self, request: Request, room_id: UUID) -> Response:
        room: Room = get_object_or_404(Room.objects.all(), pk=room_id)
        changes = parsed(a.RoomChangeIn, request)
        places.change_room(room=room, changes=changes, by_id=caller(request).pk, now=timezone.now())
        return Response(s.RoomOut(room).data)
