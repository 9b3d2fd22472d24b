"""The landlord's inbox and a meter's history."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import django_filters
from django import forms
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.idempotency import idempotent
from apps.accounts.api.periods import LIMIT, PeriodFilter
from apps.accounts.api.views import caller
from apps.accounts.roles import Act
from apps.alerts import selectors, services
from apps.alerts.api import serializers as s
from apps.alerts.models import Alert
from apps.common.api import limit
from apps.common.openapi import documented, documented_get
from apps.meters.models import Meter


class YesOrNo(django_filters.BooleanFilter):
    """`true` or `false`; anything else is refused, not taken for no filter at all."""

    field_class = forms.TypedChoiceField

    def __init__(self, **kwargs: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(choices=choices, coerce="true".__eq__, empty_value=None, **kwargs)


class AlertFilter(PeriodFilter):
    """`open`: whether it still holds; `seen`: whether a member has acknowledged it."""

    instant_field = "raised_at"
    meter = django_filters.UUIDFilter(field_name="meter_id")
    open = YesOrNo(field_name="cleared_at", lookup_expr="isnull")
    seen = YesOrNo(field_name="acknowledged_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Alert
        fields: list[str] = []


@documented_get("My meters' alerts", name="alerts", gives=s.AlertOut(many=True), refuses=(400, 401, 403))
class AlertsView(ListAPIView):
    queryset = Alert.objects.all()
    serializer_class = s.AlertOut
    filterset_class = AlertFilter

    def get_queryset(self) -> QuerySet[Alert]:
        return selectors.alerts_in_full()


class AcknowledgeView(APIView):
    acts = {"POST": Act.READ_METER}

    @documented(
        "Say that an alert was seen; the first to say so stands",
        name="acknowledge_alert",
        gives=s.AlertOut,
        refuses=(401, 403, 404, 422),
        has_key=True,
    )
    @idempotent
    def post(self, request: Request, alert_id: UUID) -> Response:
        alert = get_object_or_404(Alert.objects.all(), pk=alert_id)
        services.acknowledge(alert=alert, by_id=caller(request).pk, now=timezone.now())
        return Response(s.AlertOut(selectors.alerts_in_full().get(pk=alert_id)).data)


class EventsView(APIView):
    @documented(
        "What happened to the meter: switched, ran low, recovered",
        name="meter_events",
        gives=s.EventsOut,
        refuses=(400, 401, 403, 404),
        parameters=[OpenApiParameter("before", str), LIMIT],
    )
    def get(self, request: Request, meter_id: UUID) -> Response:
        meter = get_object_or_404(Meter.objects.all(), pk=meter_id)
        most = limit(request)
        lines = selectors.happenings(meter, before=_before(request), most=most + 1)
        page = {"next": _older(request, lines, most), "previous": None, "results": lines[:most]}
        return Response(s.EventsOut(page).data)


def _before(request: Request) -> selectors.Cursor | None:
    text = request.query_params.get("before", "")
    if not text:
        return None
    moment, _comma, last = text.partition(",")
    try:
        at: datetime | None = parse_datetime(moment)
        if at is None or at.tzinfo is None:
            raise ValueError(text)
        return at, UUID(last)
    except ValueError:
        raise ValidationError({"before": _("Take it from `next`.")}) from None


def _older(request: Request, lines: list[selectors.Happening], most: int) -> str | None:
    if len(lines) <= most:
        return None
    last = lines[most - 1]
    query = {"before": f"{last.at.isoformat()},{last.id}", "limit": most}
    return request.build_absolute_uri(f"{request.path}?{urlencode(query)}")
