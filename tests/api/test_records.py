"""Days with their gaps, alerts, a meter's history; and every list as a file that equals what the screen shows."""

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.alerts.models import Alert
from apps.common import scoping
from apps.common.scoping import landlord_scope
from apps.income.services.recharges import recharge_by_member
from apps.income.states import RechargeKind
from apps.landing.api import streaming
from apps.meters.models import Command, CommandEvent, Meter
from apps.readings.models import DailyReading, Reading
from tests.api.caller import Caller
from tests.people import House, Street


def _days(house: House, *days_ago: int) -> dict[int, str]:
    """Daily readings of a meter that came so long ago: five kWh a day, and which local dates they are of."""
    today, dates = timezone.localdate(), {}
    with landlord_scope(house.landlord.pk):
        Meter.objects.filter(pk=house.meter.pk).update(claimed_at=timezone.now() - timedelta(days=10))
        for back in days_ago:
            day = today - timedelta(days=back)
            DailyReading.objects.create(
                meter=house.meter,
                date=day,
                device_epoch=1,
                total_kwh=Decimal(1000 - 5 * back),
                remaining_kwh=Decimal("12.40"),
                taken_at=timezone.now(),
                source="FREEZE",
            )
            dates[back] = day.isoformat()
    return dates


def _used(lines: list[dict[str, Any]]) -> list[tuple[str, str | None, str | None]]:
    return [(line["date"], line["total_kwh"], line["used_kwh"]) for line in lines]


def test_a_missing_day_is_a_gap_and_never_a_zero(street: Street) -> None:
    dates = _days(street.li, 5, 4, 2, 1)
    gap = (timezone.localdate() - timedelta(days=3)).isoformat()
    body = (
        Caller(street.li.owner).get(f"meters/{street.li.meter.pk}/daily-readings", **{"from": dates[5]}).body
    )
    assert _used(body["results"]) == [
        (dates[1], "995.00", "5.00"),
        (dates[2], "990.00", None),
        (gap, None, None),
        (dates[4], "980.00", "5.00"),
        (dates[5], "975.00", None),
    ]
    assert body["next"] is None


def test_neither_days_to_come_nor_days_before_the_meter_came_are_gaps(street: Street) -> None:
    _days(street.li, 1)
    body = (
        Caller(street.li.owner)
        .get(
            f"meters/{street.li.meter.pk}/daily-readings",
            **{"from": "2000-01-01", "to": "2100-01-01", "limit": "500"},
        )
        .body
    )
    assert len(body["results"]) == 10
    assert body["results"][0]["date"] == (timezone.localdate() - timedelta(days=1)).isoformat()


def test_days_are_paged_and_narrowed_by_date(street: Street) -> None:
    li, path = Caller(street.li.owner), f"meters/{street.li.meter.pk}/daily-readings"
    dates = _days(street.li, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    seen: list[str] = []
    page = li.get(path, limit="4").body
    while True:
        seen += [line["date"] for line in page["results"]]
        if page["next"] is None:
            break
        page = li.get(page["next"].partition("/api/v1/")[2]).body
    assert seen == [dates[back] for back in range(1, 11)]
    two = li.get(path, **{"from": dates[4], "to": dates[2]}).body["results"]
    assert [line["date"] for line in two] == [dates[3], dates[4]]
    assert li.get(path, **{"from": dates[2], "to": dates[4]}).body["results"] == []
    for bad in ({"from": "yesterday"}, {"to": "2026-13-01"}, {"limit": "0"}, {"limit": "x"}):
        assert list(li.get(path, **bad).body["fields"]) == list(bad)


def _file(caller: Caller, path: str, **query: str) -> list[dict[str, str]]:
    text = _streamed(caller, path, **query).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def _streamed(caller: Caller, path: str, **query: str) -> bytes:
    client: Client = caller._client
    response: Any = client.get(f"/api/v1/{path}", {**query, "format": "csv"}, headers=caller._headers)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"].startswith("attachment;")
    return b"".join(response)


def _as_text(line: dict[str, Any]) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in line.items()}


def _furnish(house: House, many: int) -> None:
    now = timezone.now()
    with landlord_scope(house.landlord.pk):
        for number in range(many):
            Reading.objects.create(
                meter=house.meter,
                taken_at=now - timedelta(minutes=number),
                received_at=now,
                source="NETWORK",
                device_epoch=1,
                total_kwh=Decimal(number),
                remaining_kwh=Decimal("1.00"),
            )
            recharge_by_member(
                meter=house.meter,
                kind=RechargeKind.GIFT,
                amount_yuan=None,
                energy_kwh=Decimal("1.00"),
                reason=f"gift, number {number}",
                by_id=house.owner.pk,
                now=now,
            )


LISTS = [
    "meters/{meter}/readings",
    "meters/{meter}/recharges",
    "meters/{meter}/daily-readings",
    "income/recharges",
    "income/payments",
]


@pytest.mark.parametrize("path", LISTS)
def test_a_file_equals_the_lines_on_the_screen(street: Street, path: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(streaming, "PAGE", 3)
    monkeypatch.setattr("apps.landing.api.days.PAGE", 3)
    _furnish(street.li, 7)
    _furnish(street.wang, 1)
    _days(street.li, 1, 2, 4)
    li, asked = Caller(street.li.owner), path.format(meter=street.li.meter.pk)
    shown = li.get(asked, limit="500").body["results"]
    assert _file(li, asked) == [_as_text(line) for line in shown]
    assert len(shown) == (0 if path == "income/payments" else 10 if "daily" in path else 7)


def test_a_file_holds_what_the_period_leaves(street: Street) -> None:
    _furnish(street.li, 3)
    li, path = Caller(street.li.owner), f"meters/{street.li.meter.pk}/readings"
    middle = (timezone.now() - timedelta(minutes=1, seconds=30)).isoformat()
    assert [line["total_kwh"] for line in _file(li, path, **{"from": middle})] == ["1.00", "0.00"]
    refused = li.get(path, **{"from": "yesterday", "format": "csv"})
    assert (refused.status, list(refused.body["fields"])) == (400, ["from"])


@pytest.mark.parametrize("reason", ["=1+1", "+1", "-x", "@SUM(A1)", "\tx", '=HYPERLINK("http://x")'])
def test_a_formula_in_a_file_is_text(street: Street, reason: str) -> None:
    with landlord_scope(street.li.landlord.pk):
        made = recharge_by_member(
            meter=street.li.meter,
            kind=RechargeKind.GIFT,
            amount_yuan=None,
            energy_kwh=Decimal("1.00"),
            reason="gift",
            by_id=street.li.owner.pk,
            now=timezone.now(),
        )
        type(made).objects.filter(pk=made.pk).update(reason=reason)
    [line] = _file(Caller(street.li.owner), "income/recharges")
    plain = reason == "+1"
    assert line["reason"] == (reason if plain else f"'{reason}")


def test_no_scope_is_open_while_a_line_is_on_its_way(real_street: Street, monkeypatch: Any) -> None:
    monkeypatch.setattr(streaming, "PAGE", 2)
    _furnish(real_street.li, 5)
    caller = Caller(real_street.li.owner)
    response: Any = caller._client.get("/api/v1/income/recharges", {"format": "csv"}, headers=caller._headers)
    parts = []
    for part in response:
        assert scoping.current() is None
        assert not connection.in_atomic_block
        parts.append(part)
    assert len(parts) == 4


def test_a_viewer_gets_no_file_of_the_income(street: Street) -> None:
    refused = Caller(street.viewer).get("income/payments", format="csv")
    assert (refused.status, refused.body["code"]) == (403, "role_may_not")


def _alert(house: House, kind: str, minutes_ago: int) -> Alert:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    with landlord_scope(house.landlord.pk):
        alert: Alert = Alert.objects.create(
            meter=house.meter, kind=kind, remaining_kwh=Decimal("9.00"), raised_at=at
        )
    return alert


def test_alerts_are_narrowed_and_acknowledged_once_by_the_first(street: Street) -> None:
    li, zhou = Caller(street.li.owner), Caller(street.zhou)
    low, off = _alert(street.li, "LOW_BALANCE", 10), _alert(street.li, "SWITCHED_OFF", 5)
    _alert(street.wang, "LOW_BALANCE", 5)
    with landlord_scope(street.li.landlord.pk):
        Alert.objects.filter(pk=low.pk).update(cleared_at=timezone.now())

    def ids(**query: str) -> list[str]:
        return [line["id"] for line in li.get("alerts", **query).body["results"]]

    assert ids() == [str(off.pk), str(low.pk)]
    assert (ids(open="true"), ids(open="false")) == ([str(off.pk)], [str(low.pk)])
    assert ids(meter=str(street.li.vacant_meter.pk)) == []
    first = zhou.post(f"alerts/{off.pk}/acknowledge").body
    again = li.post(f"alerts/{off.pk}/acknowledge").body
    assert first["acknowledged_by"] == again["acknowledged_by"] == "Zhou"
    assert first["acknowledged_at"] == again["acknowledged_at"]
    assert (ids(seen="true"), ids(seen="false")) == ([str(off.pk)], [str(low.pk)])


def _switched(house: House, minutes_ago: int, *states: str) -> None:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    with landlord_scope(house.landlord.pk):
        command = Command.objects.create(
            meter=house.meter,
            kind="POWER_OFF",
            reason="works in the house",
            requested_by=house.owner,
            created_at=at,
            next_at=at,
            device_epoch=1,
        )
        for state in states:
            CommandEvent.objects.create(command=command, at=at, state=state, note="x")


def test_a_meters_history_tells_switchings_and_alerts_newest_first(street: Street) -> None:
    _switched(street.li, 30, "QUEUED", "SENT", "DONE")
    low = _alert(street.li, "LOW_BALANCE", 20)
    _alert(street.wang, "LOW_BALANCE", 20)
    with landlord_scope(street.li.landlord.pk):
        Alert.objects.filter(pk=low.pk).update(cleared_at=timezone.now() - timedelta(minutes=10))
    lines = Caller(street.li.owner).get(f"meters/{street.li.meter.pk}/events").body["results"]
    assert [(line["kind"], line["step"], line["reason"], line["by"]) for line in lines] == [
        ("low_balance", "over", "", ""),
        ("low_balance", "raised", "", ""),
        ("power_off", "done", "works in the house", "Li"),
        ("power_off", "asked", "works in the house", "Li"),
    ]
    assert [line["remaining_kwh"] for line in lines] == ["9.00", "9.00", None, None]


def test_a_history_is_paged_without_gap_or_repeat_also_within_one_moment(street: Street) -> None:
    li, path = Caller(street.li.owner), f"meters/{street.li.meter.pk}/events"
    for minutes in (1, 2, 3):
        _switched(street.li, minutes, "QUEUED", "DONE")
    whole = li.get(path).body["results"]
    seen: list[Any] = []
    page = li.get(path, limit="1").body
    while True:
        seen += page["results"]
        if page["next"] is None:
            break
        page = li.get(page["next"].partition("/api/v1/")[2]).body
    assert seen == whole
    assert len(whole) == 6
    for bad in ("x", "2026-11-23,x", "2026-11-23T00:00:00Z,x", ","):
        assert list(li.get(path, before=bad).body["fields"]) == ["before"]
