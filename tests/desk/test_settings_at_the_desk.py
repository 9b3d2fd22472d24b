"""What the owner settles for all her meters, at the desk and by REST: one act, one audit line, the field named."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from apps.accounts.hours import are_protected
from apps.accounts.models import AuditLine, Landlord
from apps.common.scoping import landlord_scope
from apps.meters.models import Command
from apps.meters.services import commands, registry
from tests.api.caller import Caller
from tests.people import NOON, Street

ComeIn = Callable[[Any], Client]
PAGE = "/admin/settings/"
GOOD = {
    "name": "Li Rooms",
    "phone": "0571-8700 0001",
    "minimum_recharge_yuan": "20.00",
    "low_below_kwh": "15.00",
    "protected_from": "18:00",
    "protected_until": "09:00",
    "time_zone": "Asia/Urumqi",
}
WRONG = [
    ("name", ""),
    ("phone", "call me"),
    ("minimum_recharge_yuan", "0.00"),
    ("minimum_recharge_yuan", "5000.01"),
    ("minimum_recharge_yuan", "1e2"),
    ("low_below_kwh", "-1"),
    ("low_below_kwh", "10000.00"),
    ("time_zone", "Asia/Nowhere"),
    ("protected_until", "18:00"),
    ("protected_until", "25:00"),
]


def stands(landlord: Landlord) -> dict[str, Any]:
    found = Landlord.objects.filter(pk=landlord.pk).values(*GOOD)[0]
    return dict(found)


def key_of(client: Client) -> str:
    return str(client.get(PAGE).context["form"]["key"].value())


def test_the_owner_settles_it_once_at_the_desk_and_the_audit_says_what_was(
    street: Street, at_desk: ComeIn
) -> None:
    li, wangs = at_desk(street.li.owner), stands(street.wang.landlord)
    sent = {**GOOD, "key": key_of(li)}
    assert li.post(PAGE, sent).status_code == 302
    again = li.post(PAGE, {**sent, "minimum_recharge_yuan": "30.00"}, follow=True)
    assert "nothing was done twice" in again.content.decode()
    assert stands(street.li.landlord) == {
        **GOOD,
        "minimum_recharge_yuan": Decimal("20.00"),
        "low_below_kwh": Decimal("15.00"),
        "protected_from": time(18),
        "protected_until": time(9),
    }
    assert stands(street.wang.landlord) == wangs
    with landlord_scope(street.li.landlord.pk):
        line = AuditLine.objects.get(act="landlord.change")
    assert line.by_id == street.li.owner.pk
    assert line.facts["was_minimum_recharge_yuan"] == "10.00"
    assert (line.facts["protected_from"], line.facts["was_protected_from"]) == ("18:00", "")
    assert "name" not in line.facts, "what stays as it is was not changed"


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_the_wrong_field_is_named_at_both_doors_and_nothing_is_kept(
    street: Street, at_desk: ComeIn, field: str, value: str
) -> None:
    li, before = at_desk(street.li.owner), stands(street.li.landlord)
    answer = li.post(PAGE, {**GOOD, field: value, "key": key_of(li)})
    assert (answer.status_code, list(answer.context["form"].errors)) == (400, [field])
    rest = Caller(street.li.owner).patch("landlord", {**GOOD, field: value})
    assert rest.status in (400, 422)
    assert list(rest.body["fields"]) == [field]
    assert stands(street.li.landlord) == before


def test_rest_says_and_ends_protected_hours_as_both_or_none(street: Street) -> None:
    li = Caller(street.li.owner)
    assert li.patch("landlord", {"protected_from": "18:00"}).body["fields"].keys() == {"protected_until"}
    made = li.patch("landlord", {"protected_from": "18:00", "protected_until": "09:00", "phone": ""})
    assert (made.status, made.body["protected_from"], made.body["protected_until"]) == (200, "18:00", "09:00")
    ended = li.patch("landlord", {"protected_from": None, "protected_until": None})
    assert (ended.body["protected_from"], ended.body["minimum_recharge_yuan"]) == (None, "10.00")


def test_a_meter_added_now_warns_at_the_landlords_threshold_and_the_others_at_theirs(street: Street) -> None:
    Caller(street.li.owner).patch("landlord", {"low_below_kwh": "15.00"})
    with landlord_scope(street.li.landlord.pk):
        stocked = registry.stock_meter(serial="000000000999", profile="dtsy-4g-ble", now=NOON)
        hung = registry.hang_meter(stocked=stocked, room=street.li.room, by_id=None, now=NOON)
        street.li.meter.refresh_from_db()
        assert (hung.low_below_kwh, street.li.meter.low_below_kwh) == (Decimal("15.00"), Decimal("10.00"))


def test_in_protected_hours_nobody_is_switched_off_and_anybody_on(street: Street) -> None:
    Landlord.objects.filter(pk=street.li.landlord.pk).update(
        protected_from=time(11), protected_until=time(13)
    )
    asked = {"reason": "r", "by_id": street.li.owner.pk, "remaining_kwh": None}
    with landlord_scope(street.li.landlord.pk):
        with pytest.raises(commands.ProtectedHours, match=r"11:00.*13:00"):
            commands.ask_power(meter=street.li.meter, on=False, now=NOON, **asked)
        assert not Command.objects.exists()
        commands.ask_power(meter=street.li.meter, on=True, now=NOON, **asked)
        commands.ask_power(meter=street.li.meter, on=False, now=NOON + timedelta(hours=1), **asked)
    with landlord_scope(street.wang.landlord.pk):
        commands.ask_power(
            meter=street.wang.meter, on=False, now=NOON, **{**asked, "by_id": street.wang.owner.pk}
        )


@pytest.mark.parametrize(
    ("clock", "start", "until", "protected"),
    [
        ("17:59", 18, 9, False),
        ("18:00", 18, 9, True),
        ("08:59", 18, 9, True),
        ("09:00", 18, 9, False),
        ("12:59", 11, 13, True),
        ("13:00", 11, 13, False),
        ("10:59", 11, 13, False),
    ],
)
def test_protected_hours_begin_on_the_minute_and_go_past_midnight(
    clock: str, start: int, until: int, protected: bool
) -> None:
    moment = datetime.combine(NOON.date(), time.fromisoformat(clock), ZoneInfo("Asia/Shanghai"))
    found = are_protected(moment, zone="Asia/Shanghai", start=time(start), until=time(until))
    assert found is protected
    assert not are_protected(moment, zone="Asia/Shanghai", start=None, until=None)
