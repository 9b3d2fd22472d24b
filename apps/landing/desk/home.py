"""The landlord's home: what needs a look first, then what came in, what was used, who is there."""

from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Q
from django.utils import timezone

from apps.accounts.roles import Act
from apps.income.selectors import can_be_paid, income_of, payments_in_review
from apps.landing.desk import cells, charts, figures, words
from apps.landing.desk.account_notes import account_notes
from apps.meters.models import Meter, Presence
from apps.readings.looks import look_counts, meters_to_look_at

SHOWN = 8
DAYS = 14


def home(request: Any, site: Any) -> dict[str, Any]:
    """Return what the home page shows; the number of queries does not depend on the number of meters."""
    now = timezone.now()
    zone: ZoneInfo = site.zone(request)
    sees_income = site.may(request, Act.SEE_INCOME)
    counts = look_counts(now)
    looks = [_line(meter, now) for meter in meters_to_look_at(now)[:SHOWN]]
    days = figures.energy_by_day(DAYS, now, zone)
    return {
        "counts": [
            {"said": words.look(look.value), "count": count, "query": f"?look={look.value}"}
            for look, count in counts.items()
            if count
        ],
        "looks": looks,
        "more_looks": max(sum(counts.values()) - len(looks), 0),
        "review_count": payments_in_review().count() if sees_income else 0,
        "can_be_paid": can_be_paid(),
        "may_govern": site.may(request, Act.GOVERN),
        "account_notes": account_notes(now) if site.may(request, Act.GOVERN) else [],
        "may_arrange": site.may(request, Act.ARRANGE),
        "income": _income(now, zone) if sees_income else None,
        "chart": charts.draw([charts.Value(charts.day_label(day), used) for day, used in days]),
        "chart_days": DAYS,
        **_online(),
    }


def _line(meter: Any, now: Any) -> dict[str, Any]:
    said = words.look(meter.look)
    power = words.power(meter.power_on, meter.power_reason)
    more = {
        "frozen": lambda: f"{words.frozen(meter.frozen).text} · {words.how_long(meter.frozen_at, now)}",
        "off": lambda: " · ".join(
            part
            for part in (power.more, words.how_long(meter.power_at, now) if meter.power_at else "")
            if part
        ),
        "low": lambda: words.energy(meter.remaining_kwh),
        "stale": lambda: words.age(meter.read_at, now),
    }[meter.look]()
    return {"meter": meter, "way": cells.way_to(meter.room), "said": said, "more": more}


def _income(now: Any, zone: ZoneInfo) -> list[dict[str, Any]]:
    periods = []
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    begins = {"today": today, "month": today.replace(day=1)}
    for name, found in zip(("today", "month"), figures.income(now, zone), strict=True):
        banked = income_of(begins[name], None)
        channels = [
            (words.channel(key), words.money(value)) for key, value in sorted(found.by_channel.items())
        ]
        periods.append(
            {
                "period": name,
                "total": words.money(found.total_yuan),
                "channels": channels,
                "fee": words.money(banked.fee_yuan),
                "refunded": words.money(banked.refunded_yuan) if banked.refunded_yuan else "",
                "net": words.money(banked.net_yuan),
            }
        )
    return periods


def _online() -> dict[str, Any]:
    online = Presence.objects.filter(is_online=True).values("serial")
    found = Meter.objects.filter(archived_at=None).aggregate(
        all=Count("pk"), online=Count("pk", filter=Q(serial__in=online))
    )
    share = found["online"] * 100 // found["all"] if found["all"] else 0
    return {"meter_count": found["all"], "online_count": found["online"], "online_share": share}
