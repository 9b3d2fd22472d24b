"""Numbers, times and days in words; pure."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils.translation import override

from apps.income.states import OrderState
from apps.landing.estimates import days_left
from apps.landing.page import wording
from apps.landing.progress import Facts, ask_again_in_s
from apps.landing.selectors import masked_name

ZONE = "Asia/Shanghai"
NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (NOON, "12:00"),
        (NOON - timedelta(hours=13), "yesterday 23:00"),
        (NOON - timedelta(days=2), "21 Nov 12:00"),
        (NOON - timedelta(days=365), "23 Nov 2025 12:00"),
    ],
)
def test_a_time_gets_as_much_date_as_it_needs(moment: datetime, words: str) -> None:
    with override("en"):
        assert wording.when(moment, NOON, ZONE) == words


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=59), "read just now"),
        (timedelta(seconds=-5), "read just now"),
        (timedelta(minutes=10), "read 10 min ago"),
        (timedelta(hours=3, minutes=59), "read 3 h ago"),
        (timedelta(hours=24), "read yesterday 12:00"),
    ],
)
def test_an_age_is_said_in_the_unit_that_fits(ago: timedelta, words: str) -> None:
    with override("en"):
        assert wording.age(NOON - ago, NOON, ZONE) == words


def test_an_amount_on_a_button_has_decimals_only_where_it_needs_them() -> None:
    assert [wording.short_amount(Decimal(x)) for x in ("20.00", "20.50", "0.01", "200.00")] == [
        "20",
        "20.50",
        "0.01",
        "200",
    ]


def test_a_name_is_masked_after_its_first_character() -> None:
    assert [masked_name(name) for name in ("王小明", " Li Rooms", "")] == ["王**", "L**", "**"]


def _days(**changed: object) -> int | None:
    facts: dict[str, object] = {
        "remaining_kwh": Decimal("12.40"),
        "total_kwh": Decimal("110.20"),
        "read_at": NOON,
        "earlier_total_kwh": Decimal("100.00"),
        "earlier_read_at": NOON - timedelta(days=2),
    }
    return days_left(**(facts | changed))  # type: ignore[arg-type]


def test_days_left_follow_the_pace_of_the_last_days_rounded_down() -> None:
    assert _days() == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"earlier_read_at": NOON - timedelta(hours=11, minutes=59)},
        {"earlier_read_at": NOON},
        {"total_kwh": Decimal("100.00")},
        {"total_kwh": Decimal("99.00")},
        {"remaining_kwh": Decimal("0.00")},
        {"total_kwh": Decimal("100.01")},
    ],
    ids=["half a day", "one reading", "nothing used", "a counter that fell", "nothing left", "years"],
)
def test_no_days_are_said_where_nothing_honest_can_be(changed: dict[str, object]) -> None:
    assert _days(**changed) is None


def _facts(state: OrderState, *, lit: bool = False, reason: str = "") -> Facts:
    return Facts(
        state=state,
        is_expired=False,
        is_late=False,
        is_frozen=False,
        power_reason=reason,
        power_note="",
        is_light_on=lit,
    )


@pytest.mark.parametrize(("waited_s", "pause_s"), [(0, 1), (29, 1), (30, 5), (299, 5), (300, 30), (9999, 30)])
def test_the_longer_nothing_moves_the_less_often_one_asks(waited_s: int, pause_s: int) -> None:
    moved = NOON - timedelta(seconds=waited_s)
    assert ask_again_in_s(_facts(OrderState.DELIVERING), moved, NOON) == pause_s


@pytest.mark.parametrize(
    "facts",
    [
        _facts(OrderState.CLOSED),
        _facts(OrderState.CREDITED, lit=True),
        _facts(OrderState.CREDITED, reason="FORCED_OFF"),
    ],
)
def test_nobody_asks_again_once_nothing_more_will_happen(facts: Facts) -> None:
    assert ask_again_in_s(facts, NOON, NOON) is None


def test_who_waits_for_a_person_sees_by_itself_when_the_payment_is_credited() -> None:
    assert ask_again_in_s(_facts(OrderState.REVIEW), NOON, NOON) == 1
    assert ask_again_in_s(_facts(OrderState.REVIEW), NOON - timedelta(days=2), NOON) == 30


def test_a_light_is_not_waited_for_for_ever() -> None:
    facts = _facts(OrderState.CREDITED, reason="OTHER")
    assert ask_again_in_s(facts, NOON - timedelta(minutes=9), NOON) == 30
    assert ask_again_in_s(facts, NOON - timedelta(minutes=11), NOON) is None
