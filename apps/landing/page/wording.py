"""Numbers and times as a renter reads them, in the language of the request."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils import dateformat
from django.utils.translation import gettext as _


def when(moment: datetime, now: datetime, time_zone: str) -> str:
    """Return 14:03 for today, then "yesterday 14:03", then the date with it; local to the site."""
    zone = ZoneInfo(time_zone)
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    if local.date() == today:
        return f"{local:%H:%M}"
    if local.date() == today - timedelta(days=1):
        return _("yesterday %(time)s") % {"time": f"{local:%H:%M}"}
    return dateformat.format(local, _("j M H:i") if local.year == today.year else _("j M Y H:i"))


def day(moment: datetime, now: datetime, time_zone: str) -> str:
    """Return the date alone, with its year where it is not this year's."""
    zone = ZoneInfo(time_zone)
    local = moment.astimezone(zone)
    this_year = local.year == now.astimezone(zone).year
    return dateformat.format(local, _("j M") if this_year else _("j M Y"))


def clock(moment: datetime, time_zone: str) -> str:
    """Return the time of day to the second, as the steps of an order show it."""
    return f"{moment.astimezone(ZoneInfo(time_zone)):%H:%M:%S}"


def age(moment: datetime, now: datetime, time_zone: str) -> str:
    """Return how old a reading is, in words; the moment itself once it is a day old."""
    minutes = max(int((now - moment) / timedelta(minutes=1)), 0)
    if minutes < 1:
        return _("read just now")
    if minutes < 60:
        return _("read %(n)d min ago") % {"n": minutes}
    if minutes < 24 * 60:
        return _("read %(n)d h ago") % {"n": minutes // 60}
    return _("read %(when)s") % {"when": when(moment, now, time_zone)}


def days(number: int) -> str:
    """Return how long the energy lasts, in words."""
    if number < 1:
        return _("less than a day left")
    return _("about 1 day left") if number == 1 else _("about %(n)d days left") % {"n": number}


def short_amount(amount_yuan: Decimal) -> str:
    """Return an amount for a small button: 20, but 20.50."""
    whole = amount_yuan.to_integral_value()
    return f"{whole:f}" if whole == amount_yuan else f"{amount_yuan:.2f}"


def left_over(amount_yuan: Decimal) -> str:
    """Return a remainder as exactly as the books have it, up to six places, without the zeros behind."""
    whole, _point, places = f"{amount_yuan:.6f}".partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"


def grouped(number: str) -> str:
    """Return an order number in its date and groups of five, for reading it aloud."""
    dated, code = number[:7], number[7:]
    return " ".join([dated, *(code[i : i + 5] for i in range(0, len(code), 5))])
