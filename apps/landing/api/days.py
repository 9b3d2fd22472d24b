"""A meter's days."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.periods import DATES, LIMIT, dates
from apps.accounts.api.views import caller
from apps.common.api import limit
from apps.common.openapi import documented
from apps.common.scoping import Scope, current_landlords_scope, opened_again, own_scopes
from apps.landing import rented
from apps.landing.api import arranging_serializers as s
from apps.landing.api.streaming import PAGE, Line, OneForm, csv_response, wants_csv
from apps.meters.models import Meter
from apps.readings.records import day_lines, days_on_record


class MeterDaysView(APIView):
    content_negotiation_class = OneForm

    @documented(
        "The meter's days, newest first; a day nobody can vouch for is a gap",
        name="meter_daily_readings",
        gives=s.DaysOut,
        refuses=(400, 401, 403, 404),
        parameters=[*DATES, LIMIT],
        has_csv=True,
    )
    def get(self, request: Request, meter_id: UUID) -> Any:
        meter: Meter = get_object_or_404(Meter.objects.select_related("room__site"), pk=meter_id)
        first, end = _asked(request, meter)
        if wants_csv(request):
            return csv_response(
                "daily-readings", s.DayOut, _pages(current_landlords_scope(), meter, first, end)
            )
        begin = max(first, end - timedelta(days=limit(request)))
        page = {"next": _older(request, first, begin), "previous": None}
        return Response(s.DaysOut({**page, "results": day_lines(meter, first=begin, end=end)}).data)


@own_scopes
class MyDaysView(APIView):
    permission_classes = [IsAuthenticated]

    @documented(
        "The days of my own leases, newest first",
        name="my_daily_readings",
        gives=s.MyDaysOut,
        refuses=(400, 401),
        of_landlord=False,
        parameters=[OpenApiParameter("lease", UUID), OpenApiParameter("before", date), LIMIT],
    )
    def get(self, request: Request) -> Response:
        lease, before, days = request.query_params.get("lease", ""), _day_before(request), limit(request)
        user, lease_id, now = caller(request), _id(lease), timezone.now()
        lines, begin = rented.days_of(user, lease_id=lease_id, before=before, days=days, now=now)
        query = {"before": begin, "limit": days, **({"lease": lease} if lease else {})}
        older = request.build_absolute_uri(f"{request.path}?{urlencode(query)}") if begin else None
        return Response(s.MyDaysOut({"next": older, "previous": None, "results": lines}).data)


def _day_before(request: Request) -> date | None:
    text = request.query_params.get("before", "")
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if text and day is None:
        raise ValidationError({"before": _("Give a date like 2026-11-23.")})
    return day


def _id(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        raise ValidationError({"lease": _("Not an id.")}) from None


def _asked(request: Request, meter: Meter) -> tuple[date, date]:
    """The dates asked for, within the record: what came before it and what is still to come is no gap."""
    first, today = days_on_record(meter, now=timezone.now())
    since, until = dates(request)
    begin, end = max(first, since or first), min(today, until or today)
    return begin, max(begin, end)


def _older(request: Request, first: date, begin: date) -> str | None:
    if begin <= first:
        return None
    query = {"from": first, "to": begin, "limit": limit(request)}
    return request.build_absolute_uri(f"{request.path}?{urlencode(query)}")


def _pages(scope: Scope, meter: Meter, first: date, end: date) -> Iterator[list[Line]]:
    while end > first:
        begin = max(first, end - timedelta(days=PAGE))
        with opened_again(scope):
            lines = day_lines(meter, first=begin, end=end)
        yield [dict(line) for line in s.DayOut(lines, many=True).data]
        end = begin
