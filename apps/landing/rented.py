"""What a renter rents, over all landlords: each lease is read in its own landlord's scope, and within its dates."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from apps.accounts import doors
from apps.accounts.models import User
from apps.income import postings
from apps.income.models import Recharge
from apps.income.services.ledger import balance
from apps.landing.lending import lent_to
from apps.landing.selectors import MeterGone, MeterPage, Power, meter_page
from apps.meters.models import Lease
from apps.meters.selectors import own_leases, scope_of
from apps.readings.days import closing_midnight, local_date
from apps.readings.records import day_lines


@dataclass(frozen=True)
class Rented:
    """One lease of a renter: which meter, from when to when."""

    lease: UUID
    qr_token: str
    starts_at: datetime
    ends_at: datetime | None


def meters_of(user: User, now: datetime) -> list[dict[str, Any]]:
    """Return what the QR codes of the renter's meters show; a meter its landlord removed is left out.

    Of a lease that is not running only the place is shown: the figures are somebody else's by now.
    """
    shown = []
    for lease in own_leases(user):
        try:
            page = meter_page(doors.Found(cast(UUID, lease.landlord_id), lease.meter_id), now)
        except MeterGone:
            continue
        if not _is_running(lease, now):
            page = _without_figures(page, lease)
        rented = Rented(lease.pk, lease.meter.qr_token, lease.starts_at, lease.ends_at)
        shown.append({**_fields(page), **_fields(rented)})
    return shown


def recharges_of(user: User, *, before: UUID | None, limit: int) -> list[Recharge]:
    """Return up to `limit` recharges of the renter's own leases, newest first, older than `before`.

    A meter's recharges under another lease are somebody else's.
    """
    mine: list[Recharge] = []
    for lease in own_leases(user):
        with scope_of(lease):
            holder = postings.holder_of(lease_id=lease.pk, meter_id=lease.meter_id)
            rows = Recharge.objects.filter(holder=holder)
            if before is not None:
                rows = rows.filter(pk__lt=before)
            mine += rows.select_related("meter__room", "payment__order").order_by("-id")[:limit]
    return sorted(mine, key=lambda recharge: recharge.pk, reverse=True)[:limit]


def days_of(
    user: User, *, lease_id: UUID | None, before: date | None, days: int, now: datetime
) -> tuple[list[dict[str, Any]], date | None]:
    """Return the lines of the newest `days` local dates before `before`, and where to go on; None at the end.

    A date belongs to a lease whose time holds its closing midnight. What the first one used is told only if the
    whole of it was the renter's own.
    """
    leases = [lease for lease in own_leases(user) if lease_id in (None, lease.pk)]
    spans = [(lease, *_own_dates(lease, now)) for lease in leases]
    spans = [(lease, first, min(end, before or end)) for lease, first, end in spans]
    spans = [span for span in spans if span[1] < span[2]]
    if not spans:
        return [], None
    end = max(span[2] for span in spans)
    begin = end - timedelta(days=days)
    lines = [line for span in spans for line in _lines(span[0], max(span[1], begin), min(span[2], end))]
    lines.sort(key=lambda line: line["date"], reverse=True)
    return lines, begin if any(first < begin for _lease, first, _end in spans) else None


def _lines(lease: Lease, first: date, end: date) -> list[dict[str, Any]]:
    with scope_of(lease):
        lines = day_lines(lease.meter, first=first, end=end) if first < end else []
    zone, known = lease.meter.room.site.time_zone, {"lease": lease.pk, "meter_name": str(lease.meter)}
    opens = {line.date: datetime.combine(line.date, time(), ZoneInfo(zone)).astimezone(UTC) for line in lines}
    return [
        {**_fields(line), **known, **({} if opens[line.date] >= lease.starts_at else {"used_kwh": None})}
        for line in lines
    ]


def _own_dates(lease: Lease, now: datetime) -> tuple[date, date]:
    """The local dates whose closing midnight lies within the lease and has come."""
    zone = lease.meter.room.site.time_zone
    first = local_date(lease.starts_at, zone)
    over_at = min(now, lease.ends_at) if lease.ends_at else now
    last = local_date(over_at, zone)
    return first, last + timedelta(days=1) if closing_midnight(last, zone) <= over_at else last


def _is_running(lease: Lease, now: datetime) -> bool:
    return lease.starts_at <= now and (lease.ends_at is None or now < lease.ends_at)


def _without_figures(page: MeterPage, lease: Lease) -> MeterPage:
    holder = postings.holder_of(lease_id=lease.pk, meter_id=lease.meter_id)
    with scope_of(lease):
        carried_yuan: Decimal = balance(postings.Asset.CNY, postings.remainder(holder))
        lent = lent_to(holder)
    return replace(
        page,
        remaining_kwh=None,
        total_kwh=None,
        read_at=None,
        days_left=None,
        is_low=False,
        is_stale=True,
        is_online=False,
        power=Power("unknown", "", None),
        channels=(),
        carried_yuan=carried_yuan,
        lent=lent,
    )


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}
