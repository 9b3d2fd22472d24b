"""Turn what meters answered into readings, once each."""

import logging
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any
from uuid import UUID

from apps.common.queue import ring_after_commit
from apps.meters.evidence import Evidence, weigh
from apps.meters.models import Letter, Meter, PhoneSession
from apps.meters.states import Purpose
from apps.readings import daily
from apps.readings.energy import jumped, most_kwh
from apps.readings.models import DailyReading, QuarantinedReading, Reading
from apps.readings.selectors import latest
from meter_gateway.protocol.frames import Frame, FrameError
from meter_gateway.protocol.profiles import Profile, load_profile
from meter_gateway.protocol.replies import ReadReply, parse_reply
from meter_gateway.protocol.supply_report import SupplyReport

log = logging.getLogger(__name__)


def pull_letter(*, command_id: UUID, attempt: int) -> bool:
    """Make a reading of one answered letter; say whether there was one to make. May run twice."""
    letter = (
        Letter.objects.select_related("meter__room__site", "command")
        .filter(command_id=command_id, attempt=attempt, state=Letter.State.ANSWERED)
        .first()
    )
    return letter is not None and _record(letter)


def pull_missed_letters(*, now: datetime, limit: int = 200) -> int:
    """Make readings of answers of the last hour whose doorbell was lost; returns how many were made."""
    recent = Letter.objects.select_related("meter__room__site", "command").filter(
        state=Letter.State.ANSWERED, answered_at__gt=now - timedelta(hours=1)
    )
    made = 0
    for letter in recent.order_by("-id")[:limit]:
        if not _is_recorded(letter):
            made += _record(letter)
    return made


def _is_recorded(letter: Letter) -> bool:
    if letter.purpose == Purpose.FREEZE:
        day = letter.command.freeze_date
        return DailyReading.objects.filter(meter=letter.meter, date=day).exists()
    return any(
        model.objects.filter(meter=letter.meter, taken_at=letter.answered_at).exists()
        for model in (Reading, QuarantinedReading)
    )


def _record(letter: Letter) -> bool:
    profile = load_profile(letter.meter.profile)
    evidence = weigh(profile, letter.frames, letter.replies)
    assert letter.answered_at is not None
    if letter.purpose == Purpose.FREEZE:
        assert letter.command.freeze_date is not None
        return daily.keep_freeze(
            meter=letter.meter, freeze_date=letter.command.freeze_date, evidence=evidence
        )
    return record(
        meter=letter.meter,
        evidence=evidence,
        taken_at=letter.answered_at,
        received_at=letter.answered_at,
        source=Reading.Source.NETWORK,
        device_epoch=letter.device_epoch,
    )


def record_push(*, meter_id: UUID, raw: str, taken_at: datetime, received_at: datetime) -> bool:
    """Make a reading of a frame a meter sent unasked; say whether it was one that holds a reading.

    What a meter says moves no money, so it needs no question of ours to match; but it must be this meter's word.
    """
    meter = Meter.objects.filter(pk=meter_id, archived_at=None).first()
    if meter is None:
        return False
    try:
        reply = parse_reply(Frame.decode(bytes.fromhex(raw)))
    except (FrameError, ValueError):
        return False
    if not isinstance(reply, ReadReply) or not isinstance(reply.value, SupplyReport):
        return False
    if reply.address != meter.serial:
        return False
    evidence = Evidence(
        profile=load_profile(meter.profile),
        registers={
            load_profile(meter.profile).total_di: reply.value.total_energy_kwh,
            load_profile(meter.profile).remaining_di: reply.value.balance,
        },
        ack=None,
        refused_reads=(),
    )
    return record(
        meter=meter,
        evidence=evidence,
        taken_at=taken_at,
        received_at=received_at,
        source=Reading.Source.PUSH,
    )


def record_carried(*, session: PhoneSession, evidence: Evidence, at: datetime | None, now: datetime) -> bool:
    """Make a reading of what somebody of the house brought by phone; say whether there was one to keep.

    A phone can say anything: what would put the counter back is dropped, what jumps is quarantined like any other.
    One told later counts for the moment it was taken (`at`, by the phone's clock, while its session lived).
    """
    taken_at = at or now
    is_timely = session.created_at <= taken_at <= min(now, session.expires_at)
    if not session.keeps_readings or not is_timely or session.device_epoch != session.meter.device_epoch:
        return False
    last = latest(session.meter)
    if evidence.total_kwh is None or (
        last and (taken_at < last.taken_at or evidence.total_kwh < last.total_kwh)
    ):
        return False
    return record(
        meter=session.meter,
        evidence=evidence,
        taken_at=taken_at,
        received_at=now,
        source=Reading.Source.PHONE,
    )


def record(
    *,
    meter: Meter,
    evidence: Evidence,
    taken_at: datetime,
    received_at: datetime,
    source: Reading.Source,
    device_epoch: int | None = None,
) -> bool:
    """Insert the reading of this instant, or leave the one that is there; say whether there was one to make.

    One whose total rose by more than can have passed through the meter since the reading before is quarantined:
    no figure is made of it, and the meter grows stale until it says something that can be. `device_epoch` is the
    body it speaks of, if that is not the present one.
    """
    if evidence.total_kwh is None or evidence.remaining_kwh is None:
        return False
    said: dict[str, Any] = {
        "meter": meter,
        "taken_at": taken_at,
        "received_at": received_at,
        "source": source,
        "device_epoch": device_epoch or meter.device_epoch,
        "total_kwh": evidence.total_kwh,
        "remaining_kwh": evidence.remaining_kwh,
    }
    if _was_quarantined(said, evidence.profile):
        return True
    reading = Reading(**said, purchased_kwh=evidence.purchased_kwh, purchase_count=evidence.count)
    Reading.objects.bulk_create([reading], ignore_conflicts=True)
    ring_after_commit(
        "alerts.look_at_meter", queue_name="alerts", landlord_id=meter.landlord_id, meter_id=meter.pk
    )
    return True


def _was_quarantined(said: dict[str, Any], profile: Profile) -> bool:
    before = (
        Reading.objects.filter(
            meter=said["meter"], device_epoch=said["device_epoch"], taken_at__lt=said["taken_at"]
        )
        .order_by("-taken_at")
        .first()
    )
    if before is None:
        return False
    most = most_kwh(profile, said["taken_at"] - before.taken_at)
    if not jumped(before.total_kwh, said["total_kwh"], most):
        return False
    row = QuarantinedReading(
        **said,
        before_kwh=before.total_kwh,
        before_at=before.taken_at,
        most_kwh=most.quantize(Decimal("0.01"), rounding=ROUND_DOWN),
    )
    QuarantinedReading.objects.bulk_create([row], ignore_conflicts=True)
    log.warning("meter %s: a reading was quarantined, its total cannot have risen so far", row.meter_id)
    return True
