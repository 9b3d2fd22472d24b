"""Look at a meter after each reading; raise, clear and send, each crossing once."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import override

from apps.accounts import messaging
from apps.accounts.models import AuditLine
from apps.accounts.selectors import language_of
from apps.alerts import rules
from apps.alerts.models import Alert, Message, Subscription
from apps.common.queue import ring_after_commit
from apps.common.scoping import landlord_scope
from apps.meters.models import Lease, Meter
from apps.meters.selectors import current_lease
from apps.readings.selectors import latest

log = logging.getLogger(__name__)

TRIES = 5


def look_at_meter(*, meter_id: UUID, now: datetime) -> list[Alert]:
    """Raise and clear what the newest reading and the relay mean; returns the alerts raised. May run twice.

    At most one alert of a kind is open per meter; the database holds it, so two lookers raise one.
    """
    meter = Meter.objects.filter(pk=meter_id, archived_at=None).first()
    reading = latest(meter) if meter else None
    if meter is None or reading is None:
        return []
    is_open = dict.fromkeys(
        Alert.objects.filter(meter=meter, cleared_at=None).values_list("kind", flat=True), True
    )
    verdicts = {
        Alert.Kind.LOW_BALANCE: rules.low_balance(
            remaining_kwh=reading.remaining_kwh,
            threshold_kwh=meter.low_below_kwh,
            is_open=Alert.Kind.LOW_BALANCE in is_open,
        ),
        Alert.Kind.SWITCHED_OFF: rules.switched_off(
            power_on=meter.power_on,
            is_zero=reading.remaining_kwh <= 0,
            is_open=Alert.Kind.SWITCHED_OFF in is_open,
        ),
    }
    raised = []
    for kind, verdict in verdicts.items():
        if verdict is rules.Verdict.CLEAR:
            Alert.objects.filter(meter=meter, kind=kind, cleared_at=None).update(cleared_at=now)
        elif verdict is rules.Verdict.RAISE:
            alert = _raise(meter, kind, reading.remaining_kwh, now)
            if alert is not None:
                raised.append(alert)
    return raised


def look_at_freeze(*, meter_id: UUID, now: datetime) -> None:
    """Raise an alert for the landlord whose meter's recharges are on hold, clear it once they are not; may run twice.

    Renters are not written to: they can do nothing about it, and their money is safe.
    """
    meter = Meter.objects.get(pk=meter_id)
    if not meter.frozen or meter.archived_at is not None:
        Alert.objects.filter(meter=meter, kind=Alert.Kind.FROZEN, cleared_at=None).update(cleared_at=now)
    else:
        _put_up(meter, Alert.Kind.FROZEN, None, now)


def remind_of_end(*, lease_id: UUID, now: datetime) -> Alert | None:
    """Remind the landlord once that the end she had set for a lease has come; None if there is nothing to say.

    Whoever ends a lease on the spot needs no reminder. It is over with the next lease. May run twice.
    """
    lease = Lease.objects.select_related("meter").get(pk=lease_id)
    if lease.ends_at is None or lease.ends_at > now or lease.meter.archived_at is not None:
        return None
    ahead = AuditLine.objects.filter(object_id=lease.pk, act="lease.end", at__lt=lease.ends_at)
    told = Alert.objects.filter(meter=lease.meter, kind=Alert.Kind.LEASE_ENDED, raised_at__gte=lease.ends_at)
    if not ahead.exists() or told.exists():
        return None
    return _put_up(lease.meter, Alert.Kind.LEASE_ENDED, None, now)


def end_reminder(*, meter_id: UUID, now: datetime) -> None:
    """Clear the reminder of a meter that somebody rents again, or that is gone; may run twice."""
    rows = Alert.objects.filter(meter_id=meter_id, kind=Alert.Kind.LEASE_ENDED, cleared_at=None)
    rows.update(cleared_at=now)


def _raise(meter: Meter, kind: Alert.Kind, remaining_kwh: object, now: datetime) -> Alert | None:
    alert = _put_up(meter, kind, remaining_kwh, now)
    if alert is None:
        return None
    lease = current_lease(meter, now)
    phones = Subscription.objects.filter(lease=lease, ended_at=None).values_list("phone", flat=True)
    for phone in phones if lease else ():
        message = Message.objects.create(alert=alert, phone=phone, next_at=now)
        ring_after_commit(
            "alerts.send_message",
            queue_name="alerts",
            landlord_id=meter.landlord_id,
            message_id=message.pk,
        )
    return alert


def _put_up(meter: Meter, kind: Alert.Kind, remaining_kwh: object, now: datetime) -> Alert | None:
    try:
        with transaction.atomic():
            return Alert.objects.create(meter=meter, kind=kind, remaining_kwh=remaining_kwh, raised_at=now)
    except IntegrityError:
        return None


def send_message(*, landlord_id: UUID, message_id: UUID, now: datetime) -> bool:
    """Send one waiting message; opens short scopes of its own. A message claimed by another sender is left alone.

    The try is counted before sending: a crash in between costs a try, and never sends twice in parallel.
    """
    with landlord_scope(landlord_id):
        rows = Message.objects.filter(pk=message_id, state=Message.State.WAITING, next_at__lte=now)
        if not rows.update(tries=F("tries") + 1, next_at=now + timedelta(minutes=5)):
            return False
        message = Message.objects.select_related("alert__meter__room").get(pk=message_id)
        text = _sentence(message.alert, language_of(message.phone))
    try:
        messaging.send(message.phone, text)
    except messaging.MessageNotSent as error:
        log.warning("message %s was not sent: %s", message_id, error)
        with landlord_scope(landlord_id):
            Message.objects.filter(pk=message_id, tries__gte=TRIES).update(state=Message.State.FAILED)
        return False
    with landlord_scope(landlord_id):
        Message.objects.filter(pk=message_id).update(state=Message.State.SENT, sent_at=now)
    return True


def _sentence(alert: Alert, language: str) -> str:
    room = str(alert.meter.room)
    with override(language):
        if alert.kind == Alert.Kind.SWITCHED_OFF:
            return _(
                "%(room)s: the energy is used up and the power is off. Recharge and the light comes on."
            ) % {"room": room}
        return _("%(room)s: %(remaining)s kWh left. Please recharge in time.") % {
            "room": room,
            "remaining": alert.remaining_kwh,
        }


def acknowledge(*, alert: Alert, by_id: UUID, now: datetime) -> bool:
    """Note that a member has handled an alert, and say whether she was the first; may run twice, the first stands."""
    unread = Alert.objects.filter(pk=alert.pk, acknowledged_at=None)
    return unread.update(acknowledged_at=now, acknowledged_by=by_id) == 1


def subscribe(*, lease: Lease, phone: str, now: datetime) -> Subscription:
    """Have low-balance messages of this lease sent to a phone; a new phone replaces the old one. May run twice."""
    current = Subscription.objects.filter(lease=lease, ended_at=None).first()
    if current is not None and current.phone == phone:
        return current
    unsubscribe(lease=lease, now=now)
    return Subscription.objects.create(lease=lease, phone=phone, since=now)


def follow_phone(*, subscription_id: UUID, was: str, phone: str) -> bool:
    """Send to the phone its renter has changed to; say whether it was still open and for the old one."""
    still = Subscription.objects.filter(pk=subscription_id, phone=was, ended_at=None)
    return still.update(phone=phone) == 1


def unsubscribe(*, lease: Lease, now: datetime) -> None:
    """Send nothing more for this lease; may run twice."""
    Subscription.objects.filter(lease=lease, ended_at=None).update(ended_at=now)
