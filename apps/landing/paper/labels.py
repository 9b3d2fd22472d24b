"""A sheet of labels to hang beside the meters: 21 on A4, each 63.5 x 38.1 mm, as label paper is sold."""

from collections.abc import Sequence
from textwrap import wrap

from django.utils.translation import gettext as _
from django.utils.translation import override

from apps.landing.paper.sheet import Sheet
from apps.landing.qr import BORDER, qr_code
from apps.meters.models import Meter

COLUMNS, ROWS = 3, 7
_WIDTH, _HEIGHT, _PITCH = 63.5, 38.1, 66.0
_LEFT, _TOP = 7.25, 15.15
_CODE = 34
# Both languages on every label: it hangs for whoever comes.
_CALLS = (("zh-hans", 9.5, 12), ("en", 7.5, 20))


def labels(meters: Sequence[Meter]) -> bytes:
    """Return a PDF with one label for each of `meters`, in their order; rooms and sites come with them."""
    sheet = Sheet("RentMeter")
    for place, meter in enumerate(meters):
        on_page = place % (COLUMNS * ROWS)
        if place and not on_page:
            sheet.next_page()
        row, column = divmod(on_page, COLUMNS)
        _label(sheet, _LEFT + column * _PITCH, _TOP + row * _HEIGHT, meter)
    return sheet.file()


def _label(sheet: Sheet, x: float, y: float, meter: Meter) -> None:
    sheet.box(x, y, _WIDTH, _HEIGHT)
    sheet.code(x + 1, y + (_HEIGHT - _CODE) / 2, _CODE, qr_code(meter), border=BORDER)
    text, room = x + _CODE + 1.5, _WIDTH - _CODE - 3.5
    sheet.text(text, y + 9, meter.room.name, size_pt=17, room_mm=room)
    way = " · ".join(part for part in (meter.room.site.name, meter.room.building) if part)
    sheet.text(text, y + 14, way, size_pt=8, room_mm=room, grey=True)
    below = y + 21
    for language, size, width in _CALLS:
        with override(language):
            call = _("Scan to see what is left and recharge")
        for line in wrap(call, width):
            sheet.text(text, below, line, size_pt=size, room_mm=room)
            below += 3.8
    sheet.text(text, y + _HEIGHT - 4, f"No. {meter.serial}", size_pt=7, room_mm=room, grey=True)
