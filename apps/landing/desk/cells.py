"""Small pieces of a list's cell, all escaped."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.landing.desk import words
from apps.landing.desk.words import Said


def said(what: Said) -> SafeString:
    """A dot of the tone's colour and the words themselves, so that colour never speaks alone."""
    if not what.text:
        return SafeString("")
    more = format_html('<small class="desk-more">{}</small>', what.more) if what.more else ""
    return format_html(
        '<span class="desk-cell"><span class="desk-said desk-{}">{}</span>{}</span>',
        what.tone,
        what.text,
        more,
    )


def place(meter: Any) -> SafeString:
    """The room in bold, the way to it in small: site, building, floor."""
    room = meter.room
    return format_html(
        '<span class="desk-cell"><strong class="desk-room">{}</strong><small class="desk-more">{}</small></span>',
        room.name,
        way_to(room),
    )


def way_to(room: Any) -> str:
    return " · ".join(part for part in (room.site.name, room.building, room.floor) if part)


def remaining(remaining_kwh: Decimal | None, low_below_kwh: Decimal) -> SafeString:
    """The figure over a bar: full at twice the threshold, which stands as a mark in the middle."""
    if remaining_kwh is None:
        return format_html('<span class="desk-none">{}</span>', words.NOTHING)
    tone = "bad" if remaining_kwh <= 0 else "warn" if remaining_kwh <= low_below_kwh else "good"
    return format_html(
        '<span class="desk-cell desk-cell-wide"><span class="desk-figure">{}</span>'
        '<svg class="desk-bar desk-{}" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="desk-bar-room" width="100" height="6"/><rect class="desk-bar-fill" width="{}" height="6"/>'
        '<rect class="desk-bar-mark" x="49.5" width="1" height="6"/></svg></span>',
        words.energy(remaining_kwh),
        tone,
        _("The mark is the threshold: %(energy)s") % {"energy": words.energy(low_below_kwh)},
        bar_width(remaining_kwh, low_below_kwh),
    )


def bar_width(remaining_kwh: Decimal, low_below_kwh: Decimal) -> int:
    """Return a width from 0 to 100, where 50 is the threshold."""
    if low_below_kwh <= 0:
        return 100 if remaining_kwh > 0 else 0
    return max(0, min(100, int(remaining_kwh * 50 / low_below_kwh)))


def reading_age(read_at: datetime | None, is_stale: bool, now: datetime) -> SafeString:
    if read_at is None:
        return said(Said(_("Never read"), "warn"))
    text = words.age(read_at, now)
    if not is_stale:
        return format_html('<span title="{}">{}</span>', words.moment(read_at, now), text)
    return said(Said(text, "warn", _("stale")))


def instant(at: datetime | None, now: datetime) -> SafeString:
    return format_html('<span class="desk-when">{}</span>', words.moment(at, now))


def life(steps: list[words.Step]) -> SafeString:
    """A command's life in one line: asked 14:03:07 → reached the meter → done by the meter 14:03:09."""
    parts = format_html_join(
        SafeString('<span class="desk-arrow" aria-hidden="true">→</span>'),
        '<span class="desk-step desk-{}">{} <time>{}</time></span>',
        ((step.tone, step.text, step.at) for step in steps),
    )
    return format_html('<span class="desk-life">{}</span>', parts)
