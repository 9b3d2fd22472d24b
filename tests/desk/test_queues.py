"""The Celery operator's page, against a real Valkey and a real worker."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from apps.common.broker import BrokerAway, connect
from apps.common.queue import QUEUES
from apps.common.scoping import current
from config.celery import app
from tests.people import Street


@pytest.fixture
def ops(street: Street, at_desk: Callable[[Any], Client]) -> Client:
    return at_desk(street.operator)


@pytest.fixture
def empty_queues() -> Iterator[Any]:
    """This process's own part of Valkey, with nothing in it."""
    with connect() as broker:
        broker.flushdb()
        yield broker
        broker.flushdb()


def send(task: str, queue: str, *, ago: timedelta = timedelta()) -> None:
    """Ring as the processes do; `ago` dates the envelope back."""
    sent_at = (datetime.now(UTC) - ago).isoformat()
    headers = {"sent_at": sent_at} if ago else None
    with app.connection(django_settings.BROKER_URL) as connection:
        app.send_task(task, queue=queue, retry=False, headers=headers, connection=connection)


def queues(client: Client) -> dict[str, Any]:
    return {queue.name: queue for queue in client.get("/ops/queues/").context["report"].queues}


def test_queues_stand_by_urgency_with_length_and_oldest_wait(ops: Client, empty_queues: Any) -> None:
    send("income.look_at_payment", "money", ago=timedelta(minutes=5))
    send("income.look_at_payment", "money")
    empty_queues.lpush("alerts", "what nobody here has written")
    found = queues(ops)
    assert tuple(found) == QUEUES
    assert (found["money"].length, found["money"].oldest) == ("2", "5 minutes")
    assert (found["alerts"].length, found["alerts"].oldest) == ("1", "")
    assert (found["delivery"].length, found["delivery"].oldest) == ("0", "")
    assert {queue.said.text for queue in found.values()} == {"No worker serves it"}


def test_the_command_that_empties_a_queue_empties_it_alone(
    ops: Client, empty_queues: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Celery's command line writes its --broker there, for every process started after it.
    monkeypatch.setenv("CELERY_BROKER_URL", django_settings.BROKER_URL)
    send("alerts.look", "alerts")
    send("income.look", "money")
    command = queues(ops)["alerts"].throw_away
    assert command.startswith("celery --app config.celery purge ")
    app.start(["--broker", django_settings.BROKER_URL, *command.split()[3:]])
    assert {name: queue.length for name, queue in queues(ops).items()} == {
        "money": "1",
        "delivery": "0",
        "readings": "0",
        "alerts": "0",
    }


@pytest.fixture
def worker(empty_queues: Any) -> Iterator[None]:
    """A real worker, for the two most urgent queues."""
    app_and_broker = ("--app", "config.celery", "--broker", django_settings.BROKER_URL)
    command = (sys.executable, "-m", "celery", *app_and_broker, "worker", "--pool", "threads")
    process = subprocess.Popen(
        (*command, "--queues", "money,delivery"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    yield
    process.terminate()
    process.wait(timeout=20)


@pytest.mark.thorough
def test_a_worker_is_seen_with_the_queues_it_serves(ops: Client, worker: None) -> None:
    found = queues(ops)
    until = time.monotonic() + 90
    while not found["money"].workers and time.monotonic() < until:
        found = queues(ops)
    assert [len(found[name].workers) for name in QUEUES] == [1, 1, 0, 0]
    assert found["money"].said.text == "Empty"
    assert found["alerts"].said.text == "No worker serves it"


def test_what_a_worker_holds_too_long_is_told(ops: Client, empty_queues: Any) -> None:
    taken_at = (datetime.now(UTC) - timedelta(seconds=150)).timestamp()
    empty_queues.hset("unacked", "tag", "[]")
    empty_queues.zadd("unacked_index", {"tag": taken_at})
    in_hand = ops.get("/ops/queues/").context["report"].in_hand
    assert (in_hand.text, in_hand.tone) == ("1", "warn")
    assert in_hand.more.startswith("the oldest for 2 minutes")


def test_without_valkey_the_page_opens_and_says_so(ops: Client, settings: Any) -> None:
    settings.BROKER_URL = "redis://127.0.0.1:1/0"
    answer = ops.get("/ops/queues/")
    assert answer.status_code == 200
    assert "Valkey does not answer" in answer.content.decode()
    assert {queue.length for queue in answer.context["report"].queues} == {""}


def test_the_broker_is_asked_outside_every_scope(ops: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("apps.landing.desk.queues.look_at_broker", lambda: seen.append(current()) or _away())
    ops.get("/ops/queues/")
    assert seen == [None]


def _away() -> Any:
    raise BrokerAway("closed")
