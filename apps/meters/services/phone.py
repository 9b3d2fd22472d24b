"""A phone at the meter: hand out frames ahead, take its answers whenever they come.

What a phone brings is weighed by the pure decision (`deciding.phone`), which says what its word is worth: it may
bring the meter's own proof nearer and can never stand for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.accounts import doors
from apps.common.errors import Conflict, Refused
from apps.meters import deciding as d
from apps.meters import frames as questions
from apps.meters.carrying import NO_ANSWER, Known, Reason, Told, fitting, left, told
from apps.meters.evidence import Evidence, weigh
from apps.meters.models import Command, Meter, PhoneSession
from apps.meters.post import Post
from apps.meters.selectors import is_online
from apps.meters.services.commands import MeterArchived
from apps.meters.services.delivery import take_turn
from apps.meters.states import OPEN, CommandKind, Errand, Purpose
from apps.meters.store import PostgresStore
from meter_gateway.protocol.profiles import load_profile

# The frames outlive it; it only bounds how long more of them are handed out.
SESSION_LIFE = timedelta(hours=24)


class NoBluetooth(Conflict):
    code = "no_bluetooth"
    detail = _("This model cannot be reached by Bluetooth; its energy comes over the network by itself.")


class NothingToCarry(Conflict):
    code = "nothing_to_carry"
    detail = _("No paid energy is waiting for this meter.")


class CreditsFrozen(Conflict):
    code = "credits_frozen"
    detail = _(
        "The meter's records have to be checked by a person first; neither money nor energy is lost. "
        "Call the landlord."
    )


class AccountNotOpen(Conflict):
    code = "account_not_open"
    detail = _(
        "This meter's account is not open yet; that happens by itself as soon as the meter is online, and the "
        "energy follows."
    )


class PhoneAnswerInvalid(Refused):
    code = "invalid"
    status = 400
    detail = _("Some fields cannot be used as they are.")


@dataclass(frozen=True)
class Said:
    """What a phone says of one frame; `heard_hex` is empty where it says that no answer came."""

    seq: int
    heard_hex: str


@dataclass(frozen=True)
class Errands:
    """Where a phone's errand stands: the frames still to be carried as (seq, hex), or how it ended and why.

    `evidence` is what the answers would show if they were true. `is_news` once: the present answers complete a
    reading.
    """

    session: PhoneSession
    frames: tuple[tuple[int, str], ...]
    outcome: Told | None
    reason: Reason
    evidence: Evidence
    is_news: bool = False


def can_be_carried(meter: Meter) -> bool:
    """Say whether a phone may bring this model its energy: it has Bluetooth, and would not take one frame twice."""
    profile = load_profile(meter.profile)
    return bool(profile.ble) and profile.dedupe == "count"


def open_session(
    *,
    post: Post,
    meter: Meter,
    errand: Errand,
    command_id: UUID | None,
    by_id: UUID | None,
    keeps_readings: bool,
    now: datetime,
) -> Errands:
    """Return a new session with its frames. For a recharge those of the meter's head credit; locks the meter.

    A meter has one unproved credit, so what goes first is the oldest one, whoever paid it. Its number and bytes are
    stored before they are handed out; from then on it cannot be taken back. Where nothing is known of the meter's
    count, the frames are the reads that ask for it, and the credit's follow on their answers.

    :param command_id: the credit the bearer is here for; None, for a member, is whichever is first.
    :raises MeterArchived, NoBluetooth, NothingToCarry, CreditsFrozen: and nothing was handed out.
    """
    if meter.archived_at is not None:
        raise MeterArchived()
    profile = load_profile(meter.profile)
    if not profile.ble or (errand is Errand.RECHARGE and not can_be_carried(meter)):
        raise NoBluetooth()
    head, stage = None, Purpose.READ
    frames = questions.full_reads(profile, meter.serial, with_customer=not meter.customer_no)
    if errand is Errand.RECHARGE:
        _refuse_nothing(meter, command_id)
        state = _turn(post, meter, d.PhoneCame(now=now))
        head = state.head_credit
        if head is None:
            raise NothingToCarry()
        if state.frozen:
            raise CreditsFrozen()
        if head.kind != CommandKind.CREDIT:
            raise AccountNotOpen()
        stage, frames = _of_head(state, head)
    session = PhoneSession.objects.create(
        meter=meter,
        command_id=head.id if head else None,
        errand=errand,
        device_epoch=meter.device_epoch,
        opened_by_id=by_id,
        keeps_readings=keeps_readings,
        created_at=now,
        expires_at=now + SESSION_LIFE,
        stage=stage,
        frames=list(frames),
        replies=[None] * len(frames),
    )
    doors.hang(doors.Kind.PHONE_SESSION, str(session.pk), object_id=session.pk)
    return _report(session, now)


def take_answers(*, post: Post, session_id: UUID, said: Sequence[Said], now: datetime) -> Errands:
    """Take in what a phone says, in any order, in parts, late and again; locks the session, then the meter.

    Of each frame the first answer that fits is kept. What does not fit (garbage, a torn frame, another meter's
    answer, the answer to another question) is as if none had come. Frames beyond the first stage are handed out
    only while the session lives; answers are taken for ever.

    :raises Refused: 400 `invalid`, for a frame that was never handed out or an answer that is no hex.
    """
    session = PhoneSession.objects.select_for_update(of=("self",)).select_related("meter").get(pk=session_id)
    if _keep(session, said) or session.stage == Purpose.COUNT:
        _weigh_in(post, session, now)
        session.save(update_fields=["frames", "replies", "stage", "stage_from", "read_at"])
    report = _report(session, now)
    has_reading = report.evidence.total_kwh is not None and report.evidence.remaining_kwh is not None
    is_news = has_reading and session.read_at is None and report.outcome is not Told.FAILED
    if is_news:
        PhoneSession.objects.filter(pk=session.pk).update(read_at=now)
    return Errands(session, report.frames, report.outcome, report.reason, report.evidence, is_news)


def _refuse_nothing(meter: Meter, command_id: UUID | None) -> None:
    waiting = Command.objects.filter(meter=meter, kind=CommandKind.CREDIT, state__in=sorted(OPEN))
    if not (waiting.filter(pk=command_id) if command_id else waiting).exists():
        raise NothingToCarry()


def _turn(post: Post, meter: Meter, event: d.Event) -> d.MeterState:
    return take_turn(store=PostgresStore(), post=post, meter_id=meter.pk, event=event)


def _of_head(state: d.MeterState, head: d.OpenCommand) -> tuple[Purpose, tuple[str, ...]]:
    if head.number is None:
        needs_customer = not state.customer_no
        return Purpose.COUNT, questions.count_reads(state.profile, state.serial, with_customer=needs_customer)
    return Purpose.DELIVER, head.frames + questions.proof_reads(state.profile, state.serial)


def _keep(session: PhoneSession, said: Sequence[Said]) -> bool:
    """Write the answers down; say whether one of them is new."""
    is_new = False
    for one in said:
        if not 1 <= one.seq <= len(session.frames):
            raise _invalid("seq", _("There is no such frame."))
        was = session.replies[one.seq - 1]
        if was:
            continue
        try:
            reply = fitting(session.frames[one.seq - 1], one.heard_hex) if one.heard_hex else None
        except ValueError:
            raise _invalid("hex", _("Not hexadecimal.")) from None
        session.replies[one.seq - 1] = reply or NO_ANSWER
        is_new = is_new or reply is not None or was is None
    return is_new


def _invalid(field: str, why: object) -> Refused:
    return PhoneAnswerInvalid(fields={field: str(why)})


def _weigh_in(post: Post, session: PhoneSession, now: datetime) -> None:
    if session.errand == Errand.READ or session.device_epoch != session.meter.device_epoch:
        return
    frames, replies = (
        tuple(session.frames[session.stage_from :]),
        tuple(session.replies[session.stage_from :]),
    )
    if session.stage == Purpose.DELIVER:
        assert session.command_id is not None
        _turn(post, session.meter, d.PhoneSaid(now, session.command_id, frames, replies))
    elif None not in replies and now < session.expires_at:
        state = _turn(post, session.meter, d.PhoneCame(now, frames, replies))
        head = state.head_credit
        if head is None or head.id != session.command_id or head.number is None or state.frozen:
            return
        session.stage, more = _of_head(state, head)
        session.stage_from = len(session.frames)
        session.frames = [*session.frames, *more]
        session.replies = [*session.replies, *[None] * len(more)]


def _report(session: PhoneSession, now: datetime) -> Errands:
    meter = Meter.objects.get(pk=session.meter_id)
    state = ""
    if session.command_id is not None:
        state = Command.objects.values_list("state", flat=True).get(pk=session.command_id)
    since = session.stage_from
    evidence = weigh(load_profile(meter.profile), session.frames[since:], session.replies[since:])
    to_carry = left(session.frames, session.replies, since)
    known = Known(
        errand=Errand(session.errand),
        stage=Purpose(session.stage),
        is_other_body=session.device_epoch != meter.device_epoch,
        is_expired=now >= session.expires_at,
        is_frozen=bool(meter.frozen),
        is_online=is_online(meter),
        command_state=state,
        evidence=evidence,
        left=len(to_carry),
    )
    outcome, reason = told(known)
    return Errands(session, () if outcome else tuple(to_carry), outcome, reason, evidence)
