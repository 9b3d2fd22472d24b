"""Listen to the gateways: who is there, which meter is on which socket, whose letters are fenced off."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F

from apps.accounts import doors
from apps.meters.models import Gateway, Presence, StockedMeter
from apps.meters.post import Post, ValkeyPost

log = logging.getLogger(__name__)

GATEWAY_SILENT = timedelta(seconds=35)


def gateway_said_hello(*, gateway: str, node: str, stream: str, now: datetime) -> bool:
    """Note that this gateway start lives; an earlier start of the same node is dead, and its sessions with it.

    May run twice. Returns whether it was new, so that the caller publishes the serial map.
    """
    with transaction.atomic():
        _row, is_new = Gateway.objects.update_or_create(
            name=gateway, defaults={"node": node, "stream": stream, "hello_at": now, "is_alive": True}
        )
        if is_new:
            dead = Gateway.objects.filter(node=node, is_alive=True).exclude(name=gateway)
            Presence.objects.filter(gateway__in=dead, is_online=True).update(is_online=False, since=now)
            dead.update(is_alive=False)
    return is_new


def has_said_hello(gateway: str) -> bool:
    """Say whether this start of a gateway was ever heard of, dead or alive."""
    return Gateway.objects.filter(name=gateway).exists()


def bury_silent_gateways(*, now: datetime) -> int:
    """Take gateways that stopped saying hello for dead, and their sessions for offline; returns how many."""
    silent = Gateway.objects.filter(is_alive=True, hello_at__lt=now - GATEWAY_SILENT)
    names = list(silent.values_list("name", flat=True))
    if names:
        Presence.objects.filter(gateway__in=names, is_online=True).update(is_online=False, since=now)
        Gateway.objects.filter(name__in=names).update(is_alive=False)
    return len(names)


def publish_serial_map(*, post: ValkeyPost, now: datetime) -> int:
    """Publish every serial that may log in, with its profile; returns how many."""
    rows = StockedMeter.objects.filter(barred_at=None).values_list("serial", "profile")
    serials = {serial: {"profile": profile} for serial, profile in rows}
    post.publish_serials(serials, version=now.isoformat())
    return len(serials)


def grant_logins(
    *, post: Post, gateway: str, logins: Iterable[dict[str, Any]], now: datetime
) -> list[doors.Found]:
    """Grant each proven login epoch + 1 and tell the gateway; returns the landlords' meters that came online.

    One conditional update a serial: the same session granted twice keeps its epoch. A barred or unknown serial
    is refused.
    """
    logins = list(logins)
    if not Gateway.objects.filter(name=gateway, is_alive=True).exists():
        return []
    known = set(
        StockedMeter.objects.filter(serial__in=[x["serial"] for x in logins], barred_at=None).values_list(
            "serial", flat=True
        )
    )
    granted: list[str] = []
    for login in logins:
        serial, session = login["serial"], UUID(login["session"])
        if serial not in known:
            post.refuse(gateway, serial, session, "unknown serial")
            continue
        with transaction.atomic():
            Presence.objects.get_or_create(serial=serial)
            Presence.objects.filter(serial=serial).exclude(session=session, gateway_id=gateway).update(
                gateway=gateway,
                session=session,
                epoch=F("epoch") + 1,
                is_online=True,
                since=now,
                seen_at=now,
            )
            Presence.objects.filter(serial=serial, session=session).update(is_online=True, seen_at=now)
            row = Presence.objects.get(serial=serial)
        post.grant(gateway, serial, session, row.epoch)
        granted.append(serial)
    return list(doors.open_many(doors.Kind.SERIAL, granted).values())


def meters_went(*, gateway: str, sessions: Iterable[dict[str, Any]], now: datetime) -> None:
    """Note that these sessions ended; a session that has been replaced meanwhile changes nothing."""
    for gone in sessions:
        Presence.objects.filter(
            serial=gone["serial"], gateway_id=gateway, session=UUID(gone["session"]), is_online=True
        ).update(is_online=False, since=now)


def meters_were_seen(
    *, post: Post, gateway: str, seen: Iterable[dict[str, Any]], now: datetime
) -> list[doors.Found]:
    """Note when each session last said anything; returns the landlords' meters that came online by it.

    A session that speaks but is not the one on record (its gateway was silent and taken for dead, or an old
    login came late and took its place), or never heard of its newer epoch, is granted anew; its gateway would
    not announce it again by itself.
    """
    seen = list(seen)
    serials = [entry["serial"] for entry in seen]
    Presence.objects.filter(serial__in=serials, gateway_id=gateway).update(seen_at=now)
    rows = {row.serial: row for row in Presence.objects.filter(serial__in=serials)}
    unrecorded = [entry for entry in seen if _is_news(rows.get(entry["serial"]), gateway, entry)]
    return grant_logins(post=post, gateway=gateway, logins=unrecorded, now=now) if unrecorded else []


def _is_news(row: Presence | None, gateway: str, entry: dict[str, Any]) -> bool:
    if row is None or row.since is None:
        return False
    recorded = (row.gateway_id, str(row.session), row.epoch)
    is_recorded = row.is_online and recorded == (gateway, entry["session"], entry["epoch"])
    return not is_recorded and datetime.fromisoformat(entry["at"]) > row.since


def clocks_drifted(*, clocks: Iterable[dict[str, Any]], now: datetime) -> None:
    """Note by how many seconds these meters' clocks are ahead (behind is negative)."""
    for clock in clocks:
        Presence.objects.filter(serial=clock["serial"], epoch=clock["epoch"]).update(
            clock_drift_s=clock["drift_s"], clock_seen_at=now
        )


def meters_were_fought_over(*, serials: Iterable[dict[str, Any]], now: datetime) -> None:
    """Note serials that several devices claim at once; the gateway refuses their further logins for a while."""
    for storm in serials:
        log.warning("a serial was taken over %s times within minutes", storm["count"])
        Presence.objects.filter(serial=storm["serial"]).update(stormed_at=now)


def forget_silent_meters(*, now: datetime) -> int:
    """Take meters that have said nothing for long for offline; returns how many."""
    limit = now - timedelta(seconds=settings.OFFLINE_AFTER_S)
    return Presence.objects.filter(is_online=True, seen_at__lt=limit).update(is_online=False, since=now)
