"""Doorbells and the gateways' letters: load, one service, safe to run twice."""

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from apps.accounts import doors, tries
from apps.common.queue import LandlordTask, database_is_away
from apps.common.scoping import landlord_scope
from apps.meters import deciding as d
from apps.meters.post import ValkeyPost
from apps.meters.services import delivery, presence, schedules
from apps.meters.states import Outcome
from apps.meters.store import PostgresStore

log = logging.getLogger(__name__)


@shared_task(base=LandlordTask, name="meters.take_turn")
def take_turn(*, meter_id: str, **_: Any) -> None:
    """Do what is due for one meter."""
    event = d.Rung(now=timezone.now())
    delivery.take_turn(store=PostgresStore(), post=ValkeyPost(), meter_id=UUID(meter_id), event=event)


@shared_task(name="meters.gateway_hello")
def gateway_hello(*, gateway: str, node: str, stream: str, **_: Any) -> None:
    """Note that a gateway lives; give it the serial map if it, or Valkey, is new."""
    post = ValkeyPost()
    is_new = presence.gateway_said_hello(gateway=gateway, node=node, stream=stream, now=timezone.now())
    if is_new or not post.has_serials():
        presence.publish_serial_map(post=post, now=timezone.now())


@shared_task(name="meters.publish_serials")
def publish_serials(**_: Any) -> None:
    """Tell the gateways which serials may log in: the stock has changed."""
    presence.publish_serial_map(post=ValkeyPost(), now=timezone.now())


@shared_task(name="meters.meters_logged_in", bind=True, max_retries=10)
def meters_logged_in(self: Any, *, gateway: str, logins: list[dict[str, Any]], **_: Any) -> None:
    """Grant logins, then let every meter that came online go on with what waited for it.

    A login may overtake its gateway's hello by a moment; it comes again at once, for the gateway itself would
    repeat it only after half a minute.
    """
    if not presence.has_said_hello(gateway):
        raise self.retry(countdown=1, kwargs={"gateway": gateway, "logins": logins})
    post = ValkeyPost()
    now = timezone.now()
    for found in presence.grant_logins(post=post, gateway=gateway, logins=logins, now=now):
        _go_on(found, post=post, now=now)


def _go_on(found: doors.Found, *, post: ValkeyPost, now: datetime) -> None:
    with landlord_scope(found.landlord_id):
        state = delivery.take_turn(
            store=PostgresStore(), post=post, meter_id=found.object_id, event=d.LoggedIn(now=now)
        )
        if state.count is None:
            # Nothing of this meter is known yet: its landlord need not wait for the clock.
            schedules.read_by_the_clock(meter_id=found.object_id, now=now)
        elif state.profile.sleeps:
            schedules.read_on_waking(meter_id=found.object_id, now=now)


@shared_task(name="meters.meters_gone")
def meters_gone(*, gateway: str, sessions: list[dict[str, Any]], **_: Any) -> None:
    """Note sessions that ended."""
    presence.meters_went(gateway=gateway, sessions=sessions, now=timezone.now())


@shared_task(name="meters.meters_seen")
def meters_seen(*, gateway: str, seen: list[dict[str, Any]], **_: Any) -> None:
    """Note who said something; a session that was not on record goes on like one that has just logged in.

    So does a meter whose module sleeps, for it hears nothing but now; a reading that is due is asked for.
    """
    post, now = ValkeyPost(), timezone.now()
    for found in presence.meters_were_seen(post=post, gateway=gateway, seen=seen, now=now):
        _go_on(found, post=post, now=now)
    for landlord_id, meter_id in schedules.awake(entry["serial"] for entry in seen):
        with landlord_scope(landlord_id):
            schedules.read_on_waking(meter_id=meter_id, now=now)
            event = d.LoggedIn(now=now)
            delivery.take_turn(store=PostgresStore(), post=post, meter_id=meter_id, event=event)


@shared_task(name="meters.clock_drifted")
def clock_drifted(*, clocks: list[dict[str, Any]], **_: Any) -> None:
    """Note clocks that are wrong."""
    presence.clocks_drifted(clocks=clocks, now=timezone.now())


@shared_task(name="meters.takeover_storm")
def takeover_storm(*, serials: list[dict[str, Any]], **_: Any) -> None:
    """Note serials that are fought over."""
    presence.meters_were_fought_over(serials=serials, now=timezone.now())


@shared_task(name="meters.letters_answered")
def letters_answered(*, answers: list[dict[str, Any]], **_: Any) -> None:
    """Take in what became of letters, each in its own landlord's scope; one that fails does not stop the rest."""
    found = doors.open_many(doors.Kind.SERIAL, [answer["serial"] for answer in answers])
    failures = 0
    for answer in answers:
        door = found.get(answer["serial"])
        if door is None:
            continue
        try:
            with landlord_scope(door.landlord_id):
                delivery.take_answer(
                    post=ValkeyPost(),
                    meter_id=door.object_id,
                    command_id=UUID(answer["command"]),
                    attempt=answer["attempt"],
                    epoch=answer["epoch"],
                    outcome=Outcome(answer["outcome"]),
                    replies=answer["replies"],
                    now=timezone.now(),
                )
        except Exception as error:
            if database_is_away(error):
                raise
            failures += 1
            log.exception("the answer to command %s could not be taken in", answer["command"])
    if failures:
        # The letters stay open; their deadlines bring them back.
        log.warning("%d of %d answers were not taken in", failures, len(answers))


@shared_task(name="meters.read_due_meters")
def read_due_meters(**_: Any) -> None:
    """Ask the meters whose reading is due, a share of the fleet at a time; nobody, if a call has just been.

    Calls that waited for a database that was away would else all ask at once.
    """
    now, every_s = timezone.now(), settings.READ_DUE_EVERY_S
    # Beat is never quite punctual, so a little less than from one call to the next.
    if tries.take("read_due_meters", "", most=1, within=timedelta(seconds=every_s) * 4 / 5, now=now):
        return
    for landlord_id, meter_id in schedules.meters_to_read(now=now, call_every_s=every_s):
        with landlord_scope(landlord_id):
            schedules.read_by_the_clock(meter_id=meter_id, now=now)
