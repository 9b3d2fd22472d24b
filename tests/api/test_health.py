"""Alive, ready and a few figures: what a supervisor asks, and what nobody else may."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from apps.landing.health import BEAT_TASK
from apps.meters.models import Gateway


@pytest.fixture
def parts(db: None) -> None:
    """A gateway and beat, both heard of just now."""
    now = timezone.now()
    Gateway.objects.create(name="gw1-a", node="gw1", stream="rm:letters:gw1-a", hello_at=now)
    every, _made = IntervalSchedule.objects.get_or_create(every=30, period="seconds")
    PeriodicTask.objects.create(name=BEAT_TASK, task=BEAT_TASK, interval=every, last_run_at=now)


def _ready() -> tuple[int, list[str]]:
    answer = Client().get("/readyz")
    return answer.status_code, answer.json()["missing"]


def test_alive_asks_nobody(django_assert_num_queries: Any, db: None) -> None:
    with django_assert_num_queries(0):
        assert Client().get("/healthz").status_code == 200


def test_ready_when_everything_was_heard_of(parts: None) -> None:
    assert _ready() == (200, [])


def test_a_gateway_that_fell_silent_is_missing(parts: None) -> None:
    Gateway.objects.update(hello_at=timezone.now() - timedelta(seconds=36))
    assert _ready() == (503, ["gateway"])


def test_a_gateway_that_was_buried_is_missing(parts: None) -> None:
    Gateway.objects.update(is_alive=False)
    assert _ready() == (503, ["gateway"])


def test_a_beat_that_fell_silent_or_never_ran_is_missing(parts: None) -> None:
    PeriodicTask.objects.update(last_run_at=timezone.now() - timedelta(seconds=91))
    assert _ready() == (503, ["beat"])
    PeriodicTask.objects.update(last_run_at=None)
    assert _ready() == (503, ["beat"])


def test_a_broker_that_does_not_answer_is_missing(parts: None, settings: Any) -> None:
    settings.BROKER_URL = "redis://127.0.0.1:9/0"
    assert _ready() == (503, ["broker"])


def test_figures_are_for_this_machine_only(parts: None) -> None:
    here = Client().get("/metrics")
    assert b"rentmeter_gateways_alive 1.0" in here.content
    assert Client(REMOTE_ADDR="203.0.113.7").get("/metrics").status_code == 404
    assert Client().get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 404
