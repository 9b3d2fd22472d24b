"""A meter that speaks is reachable, whatever became of the news about its session."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from apps.meters import tasks
from apps.meters.models import Presence, StockedMeter
from apps.meters.post import SERIALS, SERIALS_VERSION, valkey
from apps.meters.services import presence

SERIAL = "000000219990"
NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Grants:
    """A post that keeps what it was given."""

    def __init__(self) -> None:
        self.granted: list[tuple[UUID, int]] = []

    def ask(self, serial: str, letter: Any) -> None:
        raise AssertionError("nobody asked for a letter")

    def grant(self, gateway: str, serial: str, session: UUID, epoch: int) -> None:
        self.granted.append((session, epoch))

    def refuse(self, gateway: str, serial: str, session: UUID, reason: str) -> None:
        raise AssertionError("nobody is to be refused")


@pytest.fixture
def post(db: None) -> Grants:
    StockedMeter.objects.create(serial=SERIAL, profile="dtsy-4g-ble")
    presence.gateway_said_hello(gateway="gw1-a", node="gw1", stream="s", now=NOW)
    return Grants()


def log_in(post: Grants, session: UUID, at: datetime) -> None:
    presence.grant_logins(
        post=post, gateway="gw1-a", logins=[{"serial": SERIAL, "session": str(session)}], now=at
    )


def speak(post: Grants, session: UUID, at: datetime, epoch: int = 1) -> None:
    seen = {"serial": SERIAL, "session": str(session), "epoch": epoch, "at": at.isoformat()}
    presence.meters_were_seen(post=post, gateway="gw1-a", seen=[seen], now=at)


def test_a_meter_whose_gateway_was_taken_for_dead_is_online_again_when_it_speaks(post: Grants) -> None:
    session = uuid4()
    log_in(post, session, NOW)
    presence.bury_silent_gateways(now=NOW + 40 * SECOND)
    assert not Presence.objects.get(serial=SERIAL).is_online
    presence.gateway_said_hello(gateway="gw1-a", node="gw1", stream="s", now=NOW + 41 * SECOND)
    speak(post, session, NOW + 42 * SECOND)
    row = Presence.objects.get(serial=SERIAL)
    assert (row.is_online, row.epoch) == (True, 1)


def test_a_login_that_comes_late_does_not_keep_the_living_session_from_letters(post: Grants) -> None:
    old, living = uuid4(), uuid4()
    log_in(post, old, NOW)
    log_in(post, living, NOW + 5 * SECOND)
    log_in(post, old, NOW + 10 * SECOND)
    speak(post, living, NOW + 60 * SECOND)
    assert post.granted[-1] == (living, 4)
    assert Presence.objects.get(serial=SERIAL).session == living


def test_old_news_of_a_session_changes_nothing(post: Grants) -> None:
    old, living = uuid4(), uuid4()
    log_in(post, old, NOW)
    log_in(post, living, NOW + 5 * SECOND)
    speak(post, old, NOW + 4 * SECOND)
    assert Presence.objects.get(serial=SERIAL).session == living


def test_a_session_that_missed_its_newer_epoch_is_told_again_and_one_that_has_it_is_not(post: Grants) -> None:
    other, living = uuid4(), uuid4()
    log_in(post, other, NOW)
    log_in(post, living, NOW + 5 * SECOND)
    post.granted.clear()
    speak(post, living, NOW + 60 * SECOND, epoch=1)
    assert post.granted == [(living, 2)]
    speak(post, living, NOW + 65 * SECOND, epoch=2)
    assert post.granted == [(living, 2)]


def test_a_hello_brings_the_serial_map_back_to_a_broker_that_was_emptied(db: None) -> None:
    StockedMeter.objects.create(serial=SERIAL, profile="dtsy-4g-ble")
    StockedMeter.objects.create(
        serial="000000219991", profile="dtsy-4g-ble", qr_token="another", barred_at=NOW
    )
    told = {"gateway": "gw1-a", "node": "gw1", "stream": "rm:letters:gw1-a"}
    tasks.gateway_hello(**told)
    valkey().delete(SERIALS, SERIALS_VERSION)
    tasks.gateway_hello(**told)
    assert valkey().exists(SERIALS_VERSION)
    assert {serial: json.loads(of) for serial, of in valkey().hgetall(SERIALS).items()} == {
        SERIAL.encode(): {"profile": "dtsy-4g-ble"}
    }
