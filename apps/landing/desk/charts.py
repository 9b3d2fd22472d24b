"""Bars: whole-number geometry for an inline drawing; pure. The words around it are the template's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from apps.landing.desk import words

HEIGHT = 100
STEP = 20
GAP = 4
# A single bar as wide as the page looks like a banner.
WIDEST_STEP_PX = 96


@dataclass(frozen=True)
class Value:
    """One bar to be: None is a gap, which is not the same as nothing used; what lies ahead is neither.

    `marked` is how much of the value stands out at its top, and `more` what is said of that.
    """

    label: str
    energy_kwh: Decimal | None
    href: str = ""
    is_chosen: bool = False
    is_ahead: bool = False
    marked: Decimal = Decimal(0)
    more: str = ""


@dataclass(frozen=True)
class Bar:
    x: int
    y: int
    width: int
    height: int
    marked: int
    said: str
    label: str
    href: str
    is_gap: bool
    is_chosen: bool


@dataclass(frozen=True)
class Chart:
    """`width` x `height` is the drawing's own grid, shown at most `most_px` wide; `top` is what a bar of full height
    says.
    """

    bars: tuple[Bar, ...]
    width: int
    height: int
    most_px: int
    top: str
    total: str
    first: str
    middle: str
    last: str
    is_empty: bool


def draw(values: Sequence[Value], *, say: Callable[[Decimal | None], str] = words.energy) -> Chart:
    """Return the drawing of `values`, oldest first; the largest value is as high as the drawing.

    :param say: what a value is called, where it is no energy.
    """
    known = [value.energy_kwh for value in values if value.energy_kwh is not None]
    largest = max(known, default=Decimal(0))
    bars = []
    for place, value in enumerate(values):
        height = _height(value.energy_kwh, largest)
        bars.append(
            Bar(
                x=place * STEP + GAP // 2,
                y=HEIGHT - height,
                width=STEP - GAP,
                height=height,
                marked=min(_height(value.marked, largest), height),
                said=f"{value.label}: {value.more or say(value.energy_kwh)}",
                label=value.label,
                href=value.href,
                is_gap=value.energy_kwh is None and not value.is_ahead,
                is_chosen=value.is_chosen,
            )
        )
    labels = [value.label for value in values] or [""]
    return Chart(
        bars=tuple(bars),
        width=max(len(values), 1) * STEP,
        height=HEIGHT,
        most_px=max(len(values), 1) * WIDEST_STEP_PX,
        top=say(largest),
        total=say(sum(known, Decimal(0))),
        first=labels[0],
        # One label is said once.
        middle=labels[len(labels) // 2] if len(labels) > 2 else "",
        last=labels[-1] if len(labels) > 1 else "",
        is_empty=not known,
    )


def _height(energy_kwh: Decimal | None, largest: Decimal) -> int:
    if energy_kwh is None or largest <= 0:
        return 0
    return max(int(energy_kwh * HEIGHT / largest), 1 if energy_kwh > 0 else 0)


def day_label(day: date) -> str:
    return f"{day.month}/{day.day}"
