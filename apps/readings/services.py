"""Turn what meters answered into readings, once each."""

from datetime import datetime, timedelta
from uuid import UUID

from apps.meters.evidence import Evidence, weigh
from apps.meters.models import Letter, Meter
from apps.readings.models import Reading
from meter_gateway.protocol.frames import Frame, FrameError
from meter_gateway.protocol.profiles import load_profile
from meter_gateway.protocol.replies import ReadReply, parse_reply
from meter_gateway.protocol.supply_report import SupplyReport


def pull_letter(*, command_id: UUID, attempt: int) -> bool:
    """Make a reading of one answered letter; say whether there was one to make. May run twice."""
    letter = (
        Letter.objects.select_related("meter")
        .filter(command_id=command_id, attempt=attempt, state=Letter.State.ANSWERED)
        .first()
    )
    return letter is not None and _record(letter)


def pull_missed_letters(*, now: datetime, limit: int = 200) -> int:
    """Make readings of answers of the last hour whose doorbell was lost; returns how many were made."""
    recent = Letter.objects.select_related("meter").filter(
        state=Letter.State.ANSWERED, answered_at__gt=now - timedelta(hours=1)
    )
    made = 0
    for letter in recent.order_by("-id")[:limit]:
        if not Reading.objects.filter(meter=letter.meter, taken_at=letter.answered_at).exists():
            made += _record(letter)
    return made


def _record(letter: Letter) -> bool:
    profile = load_profile(letter.meter.profile)
    evidence = weigh(profile, letter.frames, letter.replies)
    assert letter.answered_at is not None
    return record(
        meter=letter.meter,
        evidence=evidence,
        taken_at=letter.answered_at,
        received_at=letter.answered_at,
        source=Reading.Source.NETWORK,
    )


def record_push(*, meter_id: UUID, raw: str, taken_at: datetime, received_at: datetime) -> bool:
    """Make a reading of a frame a meter sent unasked; say whether it was one that holds a reading.

    What a meter says moves no money, so it needs no question of ours to match.
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


def record(
    *, meter: Meter, evidence: Evidence, taken_at: datetime, received_at: datetime, source: Reading.Source
) -> bool:
    """Insert the reading of this instant, or leave the one that is there; say whether there was one to make."""
    if evidence.total_kwh is None or evidence.remaining_kwh is None:
        return False
    Reading.objects.bulk_create(
        [
            Reading(
                meter=meter,
                taken_at=taken_at,
                received_at=received_at,
                source=source,
                device_epoch=meter.device_epoch,
                total_kwh=evidence.total_kwh,
                remaining_kwh=evidence.remaining_kwh,
                purchased_kwh=evidence.purchased_kwh,
                purchase_count=evidence.count,
            )
        ],
        ignore_conflicts=True,
    )
    return True
