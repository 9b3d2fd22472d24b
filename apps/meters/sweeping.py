"""What the sweeper does for meters: the turns that are due, whether or not anybody rang."""

import logging
from datetime import datetime

from django.db.models import Q

from apps.common.scoping import everything, landlord_scope
from apps.meters import deciding as d
from apps.meters.models import Command, Letter, Presence
from apps.meters.post import ValkeyPost
from apps.meters.services import delivery, presence
from apps.meters.states import CREDIT_KINDS, OPEN
from apps.meters.store import PostgresStore

log = logging.getLogger(__name__)

_BATCH = 500


def sweep(now: datetime) -> int:
    """Take every turn that is due: overdue letters, commands whose time has come, commands too late; how many."""
    presence.bury_silent_gateways(now=now)
    presence.forget_silent_meters(now=now)
    with everything("sweeper: meters whose turn is due"):
        online = Presence.objects.filter(is_online=True).values("serial")
        out = Letter.objects.filter(state=Letter.State.OUT)
        fenced = ~Q(meter__serial__in=online)
        overdue = out.filter(Q(deadline_at__lte=now) | fenced).values_list("landlord_id", "meter_id")[:_BATCH]
        # A frozen queue holds back credits only; reads and switches go on.
        frozen = Q(kind__in=sorted(CREDIT_KINDS)) & ~Q(meter__frozen="")
        waiting = (
            Command.objects.filter(state__in=sorted(OPEN))
            .exclude(meter_id__in=out.values("meter_id"))
            .filter(Q(next_at__lte=now, meter__serial__in=online) & ~frozen | Q(expires_at__lte=now))
            .values_list("landlord_id", "meter_id")[:_BATCH]
        )
        due = set(overdue) | set(waiting)
    for landlord_id, meter_id in sorted(due):
        try:
            with landlord_scope(landlord_id):
                delivery.take_turn(
                    store=PostgresStore(), post=ValkeyPost(), meter_id=meter_id, event=d.Rung(now=now)
                )
        except Exception:
            log.exception("a turn of meter %s failed", meter_id)
    return len(due)
