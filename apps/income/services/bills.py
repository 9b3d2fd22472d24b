"""Fetch a merchant's bill of one day: claimed in a scope, asked outside, compared in one transaction."""

import logging
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_lazy as _

from apps.common.errors import Conflict
from apps.common.platforms import BEIJING
from apps.common.scoping import everything, landlord_scope
from apps.income.models import BillDay, CollectionAccount, Payment
from apps.income.platforms import base as platforms
from apps.income.services.channels import AccountBroken, platform_of
from apps.income.services.reconciliation import reconcile
from apps.income.states import PaymentState

log = logging.getLogger(__name__)

# Both platforms make a day's bill from 09:00 of the next and ask to be left alone until 10:00 (Beijing).
READY_AT = time(10, 5)
# A platform that still has no bill by then had nothing to put on it.
GIVEN_UP_AT = time(16, 0)
CATCH_UP_DAYS = 7
_CLAIM = timedelta(minutes=10)
_ASK_AFTER = tuple(timedelta(minutes=m) for m in (15, 15, 30, 60, 120, 360))


class DayNotOver(Conflict):
    code = "day_not_over"
    detail = _("A day can be compared once it has begun; its bill is complete from 10:00 of the next day.")


@dataclass(frozen=True)
class Due:
    """A bill to be fetched."""

    landlord_id: UUID
    account_id: UUID
    day: date


def days_bounds(day: date) -> tuple[datetime, datetime]:
    """Return the Beijing day as `[since, until)`, aware."""
    since = datetime.combine(day, time(), BEIJING)
    return since, since + timedelta(days=1)


def due_bills(now: datetime) -> list[Due]:
    """Return the bills to be fetched now, of all landlords: yesterday's from 10:05 Beijing time, what waits for
    another try, and days of the last week that were missed though something was paid on them.

    One bill a merchant and day, asked with its newest keys. Opens a scope of its own.
    """
    local = now.astimezone(BEIJING)
    newest = local.date() - timedelta(days=1 if local.time() >= READY_AT else 2)
    oldest = newest - timedelta(days=CATCH_UP_DAYS - 1)
    with everything("beat: whose daily bills are due"):
        known = {
            (channel, merchant, landlord, day): (state, next_at)
            for channel, merchant, landlord, day, state, next_at in BillDay.objects.filter(
                day__gte=oldest
            ).values_list(
                "account__channel", "account__merchant_id", "landlord_id", "day", "state", "next_at"
            )
        }
        paid = set(
            Payment.objects.filter(state=PaymentState.PAID, paid_at__gte=days_bounds(oldest)[0])
            .order_by()
            .values_list("account_id", TruncDate("paid_at", tzinfo=BEIJING))
            .distinct()
        )
        accounts = CollectionAccount.objects.filter(
            Q(is_active=True) | Q(pk__in={account for account, _day in paid})
        ).order_by("-is_active", "-id")
        due: dict[tuple[str, str, UUID, date], Due] = {}
        for account in accounts:
            for day in (newest - timedelta(days=back) for back in range(CATCH_UP_DAYS)):
                key = (account.channel, account.merchant_id, account.landlord_id, day)
                state, next_at = known.get(key, ("", None))
                is_new = not state and (
                    (account.pk, day) in paid
                    or (day == newest and account.is_active and _stood(account, day))
                )
                if is_new or (state == BillDay.State.WAITING and next_at is not None and next_at <= now):
                    due.setdefault(key, Due(account.landlord_id, account.pk, day))
    return list(due.values())


def _stood(account: CollectionAccount, day: date) -> bool:
    """Whether the account was here on that day: its key is time-ordered (RFC 9562)."""
    return account.pk.int >> 80 < days_bounds(day)[1].timestamp() * 1000


def take_bill(
    *, landlord_id: UUID, account_id: UUID, day: date, now: datetime, again: bool = False
) -> BillDay | None:
    """Fetch the bill of one account and Beijing day, and hold it against our books; opens short scopes of its own.

    Claims its turn first, so that two callers ask once. None: not its turn. Safe to run twice: the same bill finds the
    same differences, keeps what a person settled, and books nothing again. A bill that is not there yet, or that is not
    believed, changes nothing and is asked for again later.

    :param again: fetch and compare once more what was compared before.
    :raises DayNotOver: for a day ahead.
    """
    if day > now.astimezone(BEIJING).date():
        raise DayNotOver()
    with landlord_scope(landlord_id):
        account = CollectionAccount.objects.get(pk=account_id)
        bill, _made = BillDay.objects.get_or_create(account=account, day=day, defaults={"next_at": now})
        if not again:
            turn = BillDay.objects.filter(pk=bill.pk, state=BillDay.State.WAITING, next_at__lte=now)
            if not turn.update(next_at=now + _CLAIM, tries=bill.tries + 1):
                return None
        try:
            platform = platform_of(account)
        except AccountBroken:
            return _put_off(bill, "KEYS", now)
        had_payments = _paid_that_day(account, day)
    try:
        told = platform.bill(day)
    except platforms.BillMissing as missing:
        # Without a payment of ours there is nothing to wait for; with one, the platform may only be late.
        last_call = datetime.combine(day + timedelta(days=1), GIVEN_UP_AT, BEIJING)
        if had_payments and now < last_call:
            return _waits(landlord_id, bill, str(missing) or "MISSING", now)
        told = platforms.Bill(day, ())
    except platforms.BillNotReady as late:
        return _waits(landlord_id, bill, str(late) or "NOT_READY", now)
    except platforms.PlatformError as error:
        said = getattr(error, "code", type(error).__name__)
        log.warning("bill of account %s for %s could not be taken: %s", account_id, day, said)
        return _waits(landlord_id, bill, said, now)
    with landlord_scope(landlord_id):
        return reconcile(account=account, bill_id=bill.pk, told=told, app_id=platform.app_id, now=now)


def _paid_that_day(account: CollectionAccount, day: date) -> bool:
    since, until = days_bounds(day)
    return Payment.objects.filter(
        account__channel=account.channel,
        account__merchant_id=account.merchant_id,
        state=PaymentState.PAID,
        paid_at__gte=since,
        paid_at__lt=until,
    ).exists()


def _waits(landlord_id: UUID, bill: BillDay, said: str, now: datetime) -> BillDay:
    with landlord_scope(landlord_id):
        return _put_off(bill, said, now)


def _put_off(bill: BillDay, said: str, now: datetime) -> BillDay:
    """Say why there is no bill and when to ask again; one that was compared before stays as it was."""
    pause = _ASK_AFTER[min(bill.tries, len(_ASK_AFTER) - 1)]
    rows = BillDay.objects.filter(pk=bill.pk, state=BillDay.State.WAITING)
    rows.update(said=said[:64], next_at=now + pause)
    bill.refresh_from_db()
    return bill
