"""Who works for the landlord; the owner's business alone."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import members
from apps.accounts.api import serializers as s
from apps.accounts.api.idempotency import idempotent
from apps.accounts.api.views import caller, parsed
from apps.accounts.models import Member
from apps.accounts.roles import Act, Role
from apps.common.openapi import documented, documented_get
from apps.common.scoping import current_landlord_id
from apps.meters.models import Site


@documented_get("Who works for me", name="members", gives=s.MemberOut(many=True), refuses=(400, 401, 403))
class MembersView(ListAPIView):
    acts = {"GET": Act.GOVERN, "POST": Act.GOVERN}
    queryset = Member.objects.all()
    serializer_class = s.MemberOut
    filter_backends: list[Any] = []

    def get_queryset(self) -> QuerySet[Member]:
        return members.members_of(current_landlord_id())

    @documented(
        "Take somebody on by her phone",
        name="add_member",
        takes=s.MemberIn,
        gives=s.MemberOut,
        status=201,
        refuses=(400, 401, 403, 409, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request) -> Response:
        given, now = parsed(s.MemberIn, request), timezone.now()
        given["role"], given["sites"] = Role(given["role"]), _sites(given["sites"])
        by_id = caller(request).pk
        member = members.add_member(landlord_id=current_landlord_id(), **given, by_id=by_id, now=now)
        return Response(s.MemberOut(member).data, status=201)


class MemberView(APIView):
    acts = {"PATCH": Act.GOVERN, "DELETE": Act.GOVERN}

    @documented(
        "Change a member's role, and the sites she may see; an owner is always left, and sees all",
        name="change_member",
        takes=s.MemberChangeIn,
        gives=s.MemberOut,
        refuses=(400, 401, 403, 404, 409, 422),
        has_key=True,
    )
    @idempotent
    def patch(self, request: Request, member_id: UUID) -> Response:
        given = parsed(s.MemberChangeIn, request)
        member = members.change_member(
            member=_member(member_id),
            role=Role(given["role"]) if "role" in given else None,
            sites=_sites(given["sites"]) if "sites" in given else None,
            by_id=caller(request).pk,
            now=timezone.now(),
        )
        return Response(s.MemberOut(member).data)

    @documented(
        "End a membership; an owner is always left",
        name="remove_member",
        status=204,
        refuses=(401, 403, 404, 409),
    )
    def delete(self, request: Request, member_id: UUID) -> Response:
        members.remove_member(member=_member(member_id), by_id=caller(request).pk, now=timezone.now())
        return Response(status=204)


def _sites(site_ids: list[UUID]) -> dict[UUID, str]:
    """Return the landlord's sites that a body names; one foreign among them is as missing as none."""
    found = {site.pk: site.name for site in Site.objects.filter(pk__in=site_ids)}
    if len(found) < len(set(site_ids)):
        raise ValidationError({"sites": _("There is no such thing among yours.")})
    return found


def _member(member_id: UUID) -> Member:
    found: Member = get_object_or_404(members.members_of(current_landlord_id()), pk=member_id)
    return found
