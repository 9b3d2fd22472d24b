"""Reading by the clock: every online meter once per interval of its model, the fleet spread over the interval.

A model whose module sleeps hears nothing in between: it is read when it wakes.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from math import ceil
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from apps.common.scoping import everything
from apps.meters.intervals import reading_interval
from apps.meters.models import Command, Meter, Presence
from apps.meters.services import commands
from apps.meters.states import OPEN, CommandKind
from meter_gateway.protocol.profiles import load_profile, names

# How often beat calls; what is due is divided by the calls that fit into an interval.
CALL_EVERY_S = 60
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def meters_to_read(*, now: datetime, call_every_s: int = CALL_EVERY_S) -> list[tuple[UUID, UUID]]:
    """Return (landlord, meter) of the meters to ask now: those due longest, at most this call's share.

    After a standstill the share is the same, so a fleet that was away is caught up with over one interval and
    not in a burst.
    """
    due: list[tuple[UUID, UUID]] = []
    with everything("schedule: meters due for a reading"):
        online = Meter.objects.filter(
            archived_at=None, serial__in=Presence.objects.filter(is_online=True).values("serial")
        ).exclude(profile__in=_sleepers())
        counts = online.order_by("profile").values_list("profile").annotate(count=Count("pk"))
        for profile, count in counts:
            interval = reading_interval(profile)
            reads = Command.objects.filter(meter=OuterRef("pk"), kind=CommandKind.READ)
            last = reads.order_by("-id")
            of_model = online.filter(profile=profile)
            share = ceil(count * call_every_s / interval.total_seconds())
            # Never asked is asked long ago: with a test for null the subquery would run once more a meter.
            asked_at = Coalesce(Subquery(last.values("created_at")[:1]), Value(_NEVER))
            waiting = (
                of_model.annotate(asked_at=asked_at)
                .filter(asked_at__lte=now - interval)
                # Who has not answered yet would be first again at each call, and keep the others from theirs.
                .exclude(Exists(reads.filter(state__in=sorted(OPEN))))
                .order_by("asked_at", "id")
            )
            due += list(waiting.values_list("landlord_id", "pk")[:share])
    return due


def awake(serials: Iterable[str]) -> list[tuple[UUID, UUID]]:
    """Return (landlord, meter) of those among these serials whose module sleeps, and hears us now."""
    sleepers = _sleepers()
    with everything("schedule: sleeping meters that have just spoken"):
        woken = Meter.objects.filter(archived_at=None, profile__in=sleepers, serial__in=list(serials))
        return list(woken.values_list("landlord_id", "pk"))


def read_on_waking(*, meter_id: UUID, now: datetime) -> None:
    """Queue the meter's reading if one is due; inside the landlord's scope.

    It is due after half an interval: a meter that wakes a moment early would else be read every second time.
    """
    meter = Meter.objects.filter(pk=meter_id, archived_at=None).first()
    if meter is None:
        return
    half = reading_interval(meter.profile) / 2
    reads = Command.objects.filter(meter=meter, kind=CommandKind.READ)
    if not reads.filter(created_at__gt=now - half).exists():
        commands.ask_read(meter=meter, by_id=None, now=now)


def _sleepers() -> list[str]:
    return [name for name in names() if load_profile(name).sleeps]


def read_by_the_clock(*, meter_id: UUID, now: datetime) -> None:
    """Queue the meter's reading, unless one is under way; inside the landlord's scope."""
    meter = Meter.objects.filter(pk=meter_id, archived_at=None).first()
    if meter is not None:
        commands.ask_read(meter=meter, by_id=None, now=now)
