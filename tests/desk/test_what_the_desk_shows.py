"""Figures, ages, states and commands in the desk's words, at a constant number of questions."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from django.utils.timezone import override

from apps.common.scoping import landlord_scope
from apps.landing.desk import cells, charts, figures, words
from apps.meters.models import Command, Meter
from apps.readings.looks import Look, look_counts, meters_to_look_at
from apps.readings.models import DailyReading
from tests.desk import scene
from tests.people import NOON, Street

ComeIn = Callable[[Any], Client]
METERS = "/admin/meters/meter/"


@pytest.fixture(autouse=True)
def _in_english() -> Any:
    with translation.override("en"), override("Asia/Shanghai"):
        yield


def questions(client: Client, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert client.get(address).status_code == 200
    return len(asked)


@pytest.mark.parametrize(
    "address", ["/admin/", METERS, "/admin/income/recharge/", "/admin/readings/reading/"]
)
def test_twenty_meters_ask_no_more_than_two(
    street: Street, at_desk: ComeIn, now: datetime, address: str
) -> None:
    client = at_desk(street.li.owner)
    with landlord_scope(street.li.landlord.pk):
        for meter in (street.li.meter, street.li.vacant_meter):
            scene.read(meter, at=now - timedelta(minutes=5), total="10.00", remaining="5.00")
            scene.cash(street.li, meter, "50.00", reason="a", now=now)
    few = questions(client, address)
    with landlord_scope(street.li.landlord.pk):
        for n in range(18):
            meter = scene.hang(
                street.li, f"0000000009{n:02d}", building="9", floor="1", room=f"9{n:02d}", now=now
            )
            scene.read(meter, at=now - timedelta(minutes=5), total="10.00", remaining="5.00")
            scene.cash(street.li, meter, "50.00", reason="a", now=now)
            scene.go_online(meter.serial, now=now)
    assert questions(client, address) == few


def test_a_meters_two_figures_are_of_one_reading(street: Street, at_desk: ComeIn, now: datetime) -> None:
    with landlord_scope(street.li.landlord.pk):
        scene.read(street.li.meter, at=now - timedelta(minutes=70), total="1500.00", remaining="99.00")
        scene.read(street.li.meter, at=now - timedelta(minutes=10), total="1520.25", remaining="12.40")
    page = at_desk(street.li.owner).get(f"{METERS}{street.li.meter.pk}/change/")
    assert (page.context["total"], page.context["remaining"]) == ("1,520.25 kWh", "12.40 kWh")
    assert (page.context["age"], page.context["is_stale"]) == ("10 minutes ago", False)


def test_an_old_reading_is_marked_stale_and_a_missing_one_says_so(
    street: Street, at_desk: ComeIn, now: datetime
) -> None:
    with landlord_scope(street.li.landlord.pk):
        scene.read(street.li.meter, at=now - timedelta(minutes=61), total="1500.00", remaining="99.00")
    client = at_desk(street.li.owner)
    listed = client.get(METERS).content.decode()
    assert "1 hour ago" in listed
    assert "stale" in listed
    assert "Never read" in listed
    assert client.get(f"{METERS}{street.li.meter.pk}/change/").context["is_stale"] is True


def test_a_command_under_way_is_named_to_the_script_that_follows_it(
    street: Street, at_desk: ComeIn, now: datetime
) -> None:
    with landlord_scope(street.li.landlord.pk):
        done = scene.command(
            street.li.meter, kind="READ", steps=[("SENT", 1, ""), ("DONE", 2, "read")], now=now
        )
        waiting = scene.command(street.li.meter, kind="POWER_OFF", steps=[], now=now)
    client = at_desk(street.li.owner)
    live = client.get(f"{METERS}{street.li.meter.pk}/live/").content.decode()
    assert f'data-commands="{waiting.pk}"' in live
    assert str(done.pk) not in live
    assert "<script" not in live
    page = client.get(f"{METERS}{street.li.meter.pk}/change/").content.decode()
    assert "desk/desk.js" in page
    answer = client.get(f"/api/v1/commands/{waiting.pk}")
    assert (answer.status_code, answer.json()["state"]) == (200, "QUEUED")


def test_what_the_clock_has_read_does_not_hide_what_people_did(
    street: Street, at_desk: ComeIn, now: datetime
) -> None:
    done = [("SENT", 1, ""), ("DONE", 2, "")]
    with landlord_scope(street.li.landlord.pk):
        switched = scene.command(street.li.meter, kind="POWER_OFF", steps=done, now=now)
        for _half_hour in range(6):
            scene.command(street.li.meter, kind="READ", steps=done, now=now)
        asked = scene.command(street.li.meter, kind="READ", steps=done, now=now)
        Command.objects.filter(pk=asked.pk).update(requested_by=street.li.owner)
        shown = at_desk(street.li.owner).get(f"{METERS}{street.li.meter.pk}/live/").context["commands"]
    assert [one["id"] for one in shown] == [asked.pk, switched.pk]


def test_the_qr_code_opens_the_meters_page(street: Street, at_desk: ComeIn, settings: Any) -> None:
    page = at_desk(street.li.owner).get(f"{METERS}{street.li.meter.pk}/change/")
    assert page.context["qr"]["address"] == f"{settings.PUBLIC_BASE_URL}/q/{street.li.meter.qr_token}"
    client = at_desk(street.li.owner)
    for kind in ("svg_url", "png_url"):
        assert client.get(page.context["qr"][kind]).status_code == 200


def test_a_meter_is_counted_under_its_worst_reason_only(street: Street, now: datetime) -> None:
    with landlord_scope(street.li.landlord.pk):
        meters = [street.li.meter, street.li.vacant_meter]
        meters += [
            scene.hang(street.li, f"00000000090{n}", building="9", floor="", room=str(n), now=now)
            for n in range(4)
        ]
        for meter, remaining in zip(meters, ("0.00", "3.00", "50.00", "50.00", "9.99", "10.00"), strict=True):
            scene.read(meter, at=now - timedelta(minutes=5), total="10.00", remaining=remaining)
        Meter.objects.filter(pk=meters[0].pk).update(power_on=False, power_reason="ZERO_BALANCE")
        Meter.objects.filter(pk=meters[1].pk).update(frozen="REFUSED", power_on=False)
        Meter.objects.filter(pk=meters[2].pk).update(archived_at=now)
        counts = look_counts(now)
        order = [meter.look for meter in meters_to_look_at(now)]
        an_hour_later = look_counts(now + timedelta(minutes=56))
    assert counts == {Look.FROZEN: 1, Look.OFF: 1, Look.LOW: 1, Look.STALE: 0}
    assert order == ["frozen", "off", "low"]
    assert an_hour_later[Look.STALE] == 2


def test_a_day_counts_from_the_day_before_and_a_gap_stays_a_gap() -> None:
    def row(meter: str, epoch: int, day: int, least: str, most: str) -> Any:
        return (meter, epoch, date(2026, 11, day), Decimal(least), Decimal(most))

    used = figures.used_by_day(
        [
            row("a", 1, 1, "10.00", "12.00"),
            row("a", 1, 2, "12.50", "15.00"),
            row("a", 1, 5, "40.00", "41.00"),
            row("a", 2, 5, "0.00", "0.75"),
            row("b", 1, 2, "100.00", "101.00"),
        ]
    )
    assert used == {
        date(2026, 11, 1): Decimal("2.00"),
        date(2026, 11, 2): Decimal("4.00"),
        date(2026, 11, 5): Decimal("1.75"),
    }


def test_midnights_on_record_fill_the_days_without_a_reading_and_only_those_known_at_both_ends() -> None:
    def day(number: int) -> date:
        return date(2026, 11, number)

    midnights = {
        ("a", 1, day(number)): Decimal(total) for number, total in ((2, 16), (3, 19), (4, 25), (7, 60))
    }
    rows = [
        ("a", 1, day(1), Decimal("10.00"), Decimal("12.00")),
        ("a", 1, day(5), Decimal("26.00"), Decimal("27.00")),
    ]
    used = figures.used_by_day(figures.with_midnights(rows, midnights))
    assert used == {day(1): 2, day(2): 4, day(3): 3, day(4): 6, day(5): 2}


def test_the_days_a_meter_was_away_are_drawn_once_it_has_told_its_midnights(
    street: Street, now: datetime
) -> None:
    meter, zone = street.li.meter, ZoneInfo("Asia/Shanghai")
    today = now.astimezone(zone).date()
    with landlord_scope(street.li.landlord.pk):
        for back, total in ((3, "10.00"), (2, "14.50"), (1, "15.25")):
            DailyReading.objects.create(
                meter=meter,
                date=today - timedelta(days=back),
                device_epoch=meter.device_epoch,
                total_kwh=Decimal(total),
                taken_at=figures.midnight(today - timedelta(days=back - 1), zone),
                source=DailyReading.Source.FREEZE,
            )
        scene.read(meter, at=now, total="16.00", remaining="20.00")
        drawn = figures.energy_by_day(4, now, zone)
    assert [used for _day, used in drawn] == [None, Decimal("4.50"), Decimal("0.75"), Decimal("0.75")]


def test_a_half_hour_needs_the_one_before_it_on_the_same_body() -> None:
    start = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
    rows = [
        (start - timedelta(minutes=1), 1, Decimal("1.00")),
        (start + timedelta(minutes=10), 1, Decimal("1.25")),
        (start + timedelta(minutes=29), 1, Decimal("1.50")),
        (start + timedelta(minutes=31), 2, Decimal("0.00")),
        (start + timedelta(minutes=65), 2, Decimal("0.10")),
        (start + timedelta(minutes=150), 2, Decimal("9.00")),
    ]
    used = figures.used_by_half_hour(rows, start)
    assert used[:6] == [Decimal("0.50"), None, Decimal("0.10"), None, None, None]
    assert len(used) == 48


def test_a_drawing_is_as_high_as_its_largest_bar_and_tells_gaps_from_nothing() -> None:
    drawn = charts.draw(
        [
            charts.Value("1", Decimal("4.00")),
            charts.Value("2", Decimal("1.00")),
            charts.Value("3", Decimal("0.00")),
            charts.Value("4", None),
            charts.Value("5", None, is_ahead=True),
        ]
    )
    assert [bar.height for bar in drawn.bars] == [100, 25, 0, 0, 0]
    assert [bar.is_gap for bar in drawn.bars] == [False, False, False, True, False]
    assert (drawn.top, drawn.total) == ("4.00 kWh", "5.00 kWh")
    assert charts.draw([charts.Value("1", None)]).is_empty


def test_a_bar_that_stands_alone_is_no_wider_than_one_of_many() -> None:
    nights = [charts.Value(str(night), Decimal(1)) for night in range(8)]
    shown = [charts.draw(nights[:count]).most_px / count for count in (1, 2, 8)]
    assert shown == [charts.WIDEST_STEP_PX] * 3


@pytest.mark.parametrize(
    ("minutes_ago", "said"),
    [
        (0, "12:00"),
        (60, "11:00"),
        (13 * 60, "yesterday 23:00"),
        (3 * 1440, "20 Nov 12:00"),
        (400 * 1440, "19 Oct 2025 12:00"),
    ],
)
def test_a_time_is_said_as_people_say_it(minutes_ago: int, said: str) -> None:
    assert words.moment(NOON - timedelta(minutes=minutes_ago), NOON) == said


@pytest.mark.parametrize(
    ("remaining", "width"),
    [("0.00", 0), ("5.00", 25), ("10.00", 50), ("20.00", 100), ("999.00", 100), ("-1.00", 0)],
)
def test_the_bar_is_half_full_at_the_threshold(remaining: str, width: int) -> None:
    assert cells.bar_width(Decimal(remaining), Decimal("10.00")) == width


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([], ["Asked 12:00:00", "waiting to be sent"]),
        ([("SENT", 1)], ["Asked 12:00:00", "Sent 12:00:01", "waiting for the meter's answer"]),
        (
            [("SENT", 1), ("ACKED", 2), ("DONE", 3)],
            ["Asked 12:00:00", "Reached the meter 12:00:02", "Done by the meter 12:00:03"],
        ),
        (
            [("SENT", 1), ("UNKNOWN", 20)],
            ["Asked 12:00:00", "Sent 12:00:01", "no answer yet; asking the meter what it did"],
        ),
        ([("EXPIRED", 60)], ["Asked 12:00:00", "Not done: the meter could not be reached in time 12:01:00"]),
        (
            [("SENT", 1), ("REJECTED", 2)],
            ["Asked 12:00:00", "Sent 12:00:01", "Not done: the meter refused 12:00:02"],
        ),
    ],
)
def test_a_commands_life_is_one_line(steps: list[tuple[str, int]], told: list[str]) -> None:
    events = [SimpleNamespace(state="QUEUED", at=NOON, note="asked")]
    events += [SimpleNamespace(state=s, at=NOON + timedelta(seconds=n), note="") for s, n in steps]
    life = words.command_life(steps[-1][0] if steps else "QUEUED", NOON, events)
    assert [f"{step.text} {step.at}".strip() for step in life] == told


def test_a_cell_escapes_what_people_typed() -> None:
    room = SimpleNamespace(
        name="<b>", building="", floor="", site=SimpleNamespace(name="<script>", pk=uuid4())
    )
    assert "<script>" not in cells.place(SimpleNamespace(room=room))
    assert "<b>" not in cells.place(SimpleNamespace(room=room))
