"""Is this process alive, can it work, and a few figures about it: for supervisors, not for people."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import redis
from django.core.exceptions import ObjectDoesNotExist
from django.db.utils import Error as DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone
from django.views import View
from django_celery_beat.models import PeriodicTask
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from apps.common.broker import connect
from apps.meters.models import Gateway, Presence

BEAT_TASK = "common.beat_is_alive"
GATEWAY_SILENT = timedelta(seconds=35)
BEAT_SILENT = timedelta(seconds=90)
_LOOPBACK = ("127.0.0.1", "::1")


class HealthView(View):
    """The process answers. Asks nobody else, so that a database that is away restarts no healthy process."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse({"status": "alive"})


class ReadyView(View):
    """Everything a recharge needs is there; else 503, naming what is missing."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        missing = missing_parts(timezone.now())
        status = "missing" if missing else "ready"
        return JsonResponse({"status": status, "missing": missing}, status=503 if missing else 200)


class MetricsView(View):
    """Prometheus figures of this process and of the gateways; for this machine only.

    A request that came through a proxy of this machine looks local too, so a forwarded one is refused.
    """

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
        if request.META.get("REMOTE_ADDR") not in _LOOPBACK or forwarded:
            raise Http404
        return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def missing_parts(now: datetime) -> list[str]:
    """Return which of database, broker, gateway and beat do not answer or were not heard of lately."""
    parts: dict[str, Callable[[datetime], bool]] = {
        "database": _database_answers,
        "broker": _broker_answers,
        "gateway": _gateway_was_heard,
        "beat": _beat_was_heard,
    }
    return [name for name, is_there in parts.items() if not is_there(now)]


def _database_answers(now: datetime) -> bool:
    try:
        Gateway.objects.exists()
    except DatabaseError:
        return False
    return True


def _broker_answers(now: datetime) -> bool:
    try:
        with connect() as broker:
            return bool(broker.ping())
    except redis.RedisError:
        return False


def _gateway_was_heard(now: datetime) -> bool:
    try:
        return Gateway.objects.filter(is_alive=True, hello_at__gte=now - GATEWAY_SILENT).exists()
    except DatabaseError:
        return False


def _beat_was_heard(now: datetime) -> bool:
    try:
        ran_at = PeriodicTask.objects.values_list("last_run_at", flat=True).get(name=BEAT_TASK)
    except (DatabaseError, ObjectDoesNotExist):
        return False
    return ran_at is not None and now - ran_at <= BEAT_SILENT


class _Fleet(Collector):
    """How many gateways live and how many meters they hold; counted when asked."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily(
            "rentmeter_gateways_alive",
            "Gateway processes that said hello lately.",
            value=Gateway.objects.filter(is_alive=True).count(),
        )
        yield GaugeMetricFamily(
            "rentmeter_meters_online",
            "Meters whose socket a gateway holds.",
            value=Presence.objects.filter(is_online=True).count(),
        )

    def describe(self) -> list[GaugeMetricFamily]:
        """Say nothing beforehand: registering must not ask the database."""
        return []


REGISTRY.register(_Fleet())

urlpatterns = [
    path("healthz", HealthView.as_view(), name="healthz"),
    path("readyz", ReadyView.as_view(), name="readyz"),
    path("metrics", MetricsView.as_view(), name="metrics"),
]
