"""So many tries in so long, counted in the database, where every process sees the same count."""

import hashlib
from datetime import datetime, timedelta

from django.db.models import F
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.accounts.models import Tries
from apps.common.errors import Refused

FORGOTTEN_AFTER = timedelta(days=1)


class TooManyTries(Refused):
    code = "too_many_tries"
    status = 429
    detail = _("Too many tries; please wait a while.")


def take(kind: str, who: str, *, most: int, within: timedelta, now: datetime) -> int | None:
    """Count one try of `who`; returns None, or for how many seconds nothing more is counted. Never inside a scope.

    Each is one conditional update, so that trying in parallel gains nothing. The span begins with the first try.
    """
    key = _key(kind, who)
    Tries.objects.filter(since__lte=now - FORGOTTEN_AFTER).delete()
    Tries.objects.bulk_create([Tries(key=key, since=now, taken=0)], ignore_conflicts=True)
    rows = Tries.objects.filter(key=key)
    rows.filter(since__lte=now - within).update(since=now, taken=0)
    if rows.filter(taken__lt=most).update(taken=F("taken") + 1):
        return None
    since = rows.values_list("since", flat=True).first() or now
    return max(1, int((since + within - now).total_seconds()) + 1)


def take_or_refuse(kind: str, who: str, *, most: int, within: timedelta, now: datetime) -> None:
    """Count one try of `who`; as `take`.

    :raises TooManyTries: if there were `most` already; its sentence says in how many minutes to try again.
    """
    wait_s = take(kind, who, most=most, within=within, now=now)
    if wait_s is not None:
        minutes = max(1, -(-wait_s // 60))
        said = ngettext(
            "Too many tries. Please try again in %(n)d minute.",
            "Too many tries. Please try again in %(n)d minutes.",
            minutes,
        )
        raise TooManyTries(said % {"n": minutes}, retry_after_s=wait_s)


def forgive(kind: str, who: str) -> None:
    """Forget the tries of `who`, because one was right."""
    Tries.objects.filter(key=_key(kind, who)).update(taken=0)


def _key(kind: str, who: str) -> str:
    return hashlib.sha256(f"{kind}:{who}".encode()).hexdigest()
