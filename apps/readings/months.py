"""Readings lie in one partition a month (UTC), made ahead. There is no partition for the rest on purpose: a reading
that fits no month is refused loudly instead of piling up where no query looks for it.

Only the owner defines tables, so the months are made by a function of the owner's that the application may call.
"""

import logging
from datetime import UTC, date, datetime, timedelta

from django.db import connection

from apps.common.scoping import everything

log = logging.getLogger(__name__)

MONTHS_AHEAD = 3


def month_of(moment: datetime) -> date:
    """Return the first day of the month a moment lies in (UTC)."""
    return moment.astimezone(UTC).date().replace(day=1)


def months_wanted(now: datetime) -> list[date]:
    """Return last month, in which late data still arrive, this one, and those ahead."""
    months = [(month_of(now) - timedelta(days=1)).replace(day=1)]
    while len(months) < MONTHS_AHEAD + 2:
        months.append((months[-1] + timedelta(days=32)).replace(day=1))
    return months


def make_months_ahead(now: datetime) -> int:
    """Make every month that is wanted and missing; returns how many. May run twice and in parallel.

    Run hourly by the sweeper and so also when it starts, daily by beat, and after each migration.
    """
    with everything("months of readings are made for all landlords"):
        return make_months(months_wanted(now))


def make_months(months: list[date]) -> int:
    """Make these months where they are missing; returns how many. The database's own function defines them."""
    made = 0
    with connection.cursor() as cursor:
        for month in months:
            cursor.execute("SELECT make_reading_month(%s)", [month])
            made += cursor.fetchone()[0]
    if made:
        log.info("made %d months of readings", made)
    return made


def months_missing(now: datetime) -> list[date]:
    """Return the months that should be there and are not; empty is well."""
    wanted = months_wanted(now)
    names = [f"readings_reading_{month:%Y%m}" for month in wanted]
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NULL", [names])
        missing = {row[0] for row in cursor.fetchall()}
    return [month for month, name in zip(wanted, names, strict=True) if name in missing]
