"""What the sweeper does for alerts: meters on hold, messages whose doorbell was lost or that are to be tried again."""

from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q

from apps.accounts.models import AuditLine, PhoneChange
from apps.alerts import services
from apps.alerts.models import Alert, Message, Subscription
from apps.common.scoping import everything, landlord_scope
from apps.meters.models import Lease, Meter

_BATCH = 100
# After a standstill of days nobody needs to be reminded any more.
_LOOKS_BACK = timedelta(days=3)


def sweep(now: datetime) -> int:
    """Send what waits, tell landlords whose recharges were put on hold; returns how many were touched."""
    with everything("sweeper: messages to send"):
        due = list(
            Message.objects.filter(state=Message.State.WAITING, next_at__lte=now).values_list(
                "landlord_id", "pk"
            )[:_BATCH]
        )
        on_hold = Alert.objects.filter(kind=Alert.Kind.FROZEN, cleared_at=None)
        told = on_hold.values("meter_id")
        news = Meter.objects.exclude(frozen="").filter(archived_at=None).exclude(pk__in=told)
        over = Meter.objects.filter(Q(frozen="") | Q(archived_at__isnull=False), pk__in=told)
        changed = [
            *news.values_list("landlord_id", "pk")[:_BATCH],
            *over.values_list("landlord_id", "pk")[:_BATCH],
        ]
    for landlord_id, meter_id in changed:
        with landlord_scope(landlord_id):
            services.look_at_freeze(meter_id=meter_id, now=now)
    touched = _leases(now) + _phones()
    for landlord_id, message_id in due:
        services.send_message(landlord_id=landlord_id, message_id=message_id, now=now)
    return len(due) + len(changed) + touched


def _phones() -> int:
    """Let what was subscribed for the phone of a renter's login follow her to her new one."""
    with everything("sweeper: subscriptions of a phone that its renter has given up"):
        left = (
            Subscription.objects.filter(
                ended_at=None,
                lease__renter__user__phone_changes__state=PhoneChange.State.DONE,
                lease__renter__user__phone_changes__old_phone=F("phone"),
                lease__renter__user__phone_changes__ended_at__gte=F("since"),
            )
            .exclude(phone=F("lease__renter__user__username"))
            .values_list("landlord_id", "pk", "phone", "lease__renter__user__username")
        )
        found = sorted(set(left[:_BATCH]))
    for landlord_id, subscription_id, was, phone in found:
        with landlord_scope(landlord_id):
            services.follow_phone(subscription_id=subscription_id, was=was, phone=phone)
    return len(found)


def _leases(now: datetime) -> int:
    """Remind of leases whose end has come, and forget the reminders of meters that are rented again."""
    with everything("sweeper: leases that have ended"):
        reminders = Alert.objects.filter(kind=Alert.Kind.LEASE_ENDED)
        told = reminders.filter(meter_id=OuterRef("meter_id"), raised_at__gte=OuterRef("ends_at"))
        set_ahead = AuditLine.objects.filter(
            landlord_id=OuterRef("landlord_id"),
            object_id=OuterRef("pk"),
            act="lease.end",
            at__lt=OuterRef("ends_at"),
        )
        ended = Lease.objects.filter(Exists(set_ahead), ends_at__lte=now, ends_at__gt=now - _LOOKS_BACK)
        news = list(ended.exclude(Exists(told)).values_list("landlord_id", "pk")[:_BATCH])
        rented = Lease.objects.filter(
            Q(ends_at=None) | Q(ends_at__gt=now), meter_id=OuterRef("meter_id"), starts_at__lte=now
        )
        over = reminders.filter(Q(Exists(rented)) | Q(meter__archived_at__isnull=False), cleared_at=None)
        ends = list(over.values_list("landlord_id", "meter_id")[:_BATCH])
    for landlord_id, lease_id in news:
        with landlord_scope(landlord_id):
            services.remind_of_end(lease_id=lease_id, now=now)
    for landlord_id, meter_id in ends:
        with landlord_scope(landlord_id):
            services.end_reminder(meter_id=meter_id, now=now)
    return len(news) + len(ends)
