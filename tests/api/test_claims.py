"""Meters come, change and go; whatever holds one back is named."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.models import AuditLine
from apps.common.errors import Refused
from apps.common.scoping import landlord_scope
from apps.income.services.recharges import recharge_by_member
from apps.income.states import RechargeKind
from apps.landing.removal import remove_meter
from apps.meters.models import Command, Meter, StockedMeter
from apps.meters.services import claiming, commands, registry
from apps.meters.states import CommandKind, CommandState
from apps.meters.sweeping import sweep
from tests.api.at_once import at_once
from tests.api.caller import Caller
from tests.landing import scene
from tests.people import NOON, House, Street


def _boxed(serial: str = "000000009901") -> tuple[StockedMeter, str]:
    stocked = registry.stock_meter(serial=serial, profile="dtsy-4g-ble", now=NOON)
    return stocked, claiming.set_claim_code(stocked=stocked, now=NOON)


def _body(stocked: StockedMeter, code: str, **more: Any) -> dict[str, Any]:
    given = {"qr_token": stocked.qr_token, "claim_code": code, "location": "101", "price_yuan_per_kwh": "0.7"}
    return {**given, **more}


def _meters(house: House) -> int:
    with landlord_scope(house.landlord.pk):
        return Meter.objects.count()


def _audit(house: House, act: str) -> dict[str, Any]:
    with landlord_scope(house.landlord.pk):
        return AuditLine.objects.filter(act=act).latest("id").facts


def test_a_meter_is_claimed_hung_and_priced_in_one_act(street: Street) -> None:
    stocked, code = _boxed()
    made = Caller(street.li.owner).post("meters", _body(stocked, code, building="4", floor="1"))
    assert made.status == 201
    shown = {name: made.body[name] for name in ("serial", "name", "site_name", "price_yuan_per_kwh")}
    assert shown == {
        "serial": "000000009901",
        "name": "4 101",
        "site_name": "Li Court",
        "price_yuan_per_kwh": "0.7000",
    }
    with landlord_scope(street.li.landlord.pk):
        asked = Command.objects.filter(meter_id=made.body["id"], kind=CommandKind.READ)
        assert asked.count() == 1


def test_a_meter_is_claimed_by_its_serial_into_a_room_of_mine(street: Street) -> None:
    stocked, code = _boxed()
    body = {
        "serial": stocked.serial,
        "claim_code": code,
        "room": str(street.li.room.pk),
        "price_yuan_per_kwh": "1",
    }
    made = Caller(street.zhou).post("meters", body)
    assert (made.status, made.body["room"]) == (201, str(street.li.room.pk))


def test_a_foreign_room_is_as_missing_as_none_and_claims_nothing(street: Street) -> None:
    stocked, code = _boxed()
    given = {
        "qr_token": stocked.qr_token,
        "claim_code": code,
        "room": str(street.wang.room.pk),
        "price_yuan_per_kwh": "1",
    }
    answer = Caller(street.li.owner).post("meters", given)
    assert (answer.status, list(answer.body["fields"])) == (400, ["room"])
    assert _meters(street.li) == 2


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"serial": "000000009901"}, "qr_token"),
        ({"qr_token": ""}, "qr_token"),
        ({"room": "00000000-0000-7000-8000-000000000000"}, "room"),
        ({"price_yuan_per_kwh": "0"}, "price_yuan_per_kwh"),
        ({"price_yuan_per_kwh": 0.7}, "price_yuan_per_kwh"),
        ({"location": ""}, "location"),
    ],
)
def test_a_claim_that_does_not_say_which_where_or_how_much_is_refused_by_name(
    street: Street, more: dict[str, Any], field: str
) -> None:
    stocked, code = _boxed()
    answer = Caller(street.li.owner).post("meters", _body(stocked, code, **more))
    assert (answer.status, list(answer.body["fields"])) == (400, [field])


@pytest.mark.parametrize(
    ("which", "refusal", "says"),
    [
        ("wrong", claiming.ClaimRefused, "核对"),
        ("used", registry.MeterTaken, "101"),
        ("foreign", registry.MeterTaken, "房东"),
        ("archived", registry.MeterTaken, "移除"),
    ],
)
def test_a_code_that_claims_nothing_says_what_to_do(
    street: Street, which: str, refusal: type[Refused], says: str
) -> None:
    stocked, claim_code = _boxed()
    token = "nobody-printed-this" if which == "wrong" else stocked.qr_token
    if which != "wrong":
        first = street.wang if which == "foreign" else street.li
        made = Caller(first.owner).post("meters", _body(stocked, claim_code))
        archived_at = timezone.now() if which == "archived" else None
        with landlord_scope(first.landlord.pk):
            Meter.objects.filter(pk=made.body["id"]).update(archived_at=archived_at)
    before = _meters(street.li)
    refused = Caller(street.li.owner).post("meters", _body(stocked, claim_code, qr_token=token))
    assert (refused.status, refused.body["code"]) == (refusal.status, refusal.code)
    assert says in refused.body["detail"]
    assert _meters(street.li) == before


def test_wrong_codes_are_counted_although_each_is_refused(real_street: Street) -> None:
    stocked, code = _boxed()
    li = Caller(real_street.li.owner)
    wrong = [li.post("meters", _body(stocked, "WRONG")).status for _ in range(10)]
    assert wrong == [404] * 10
    blocked = li.post("meters", _body(stocked, code))
    assert (blocked.status, blocked.body["code"]) == (429, "claim_blocked")


def test_a_claim_sent_twice_with_its_key_answers_the_same(street: Street) -> None:
    stocked, code = _boxed()
    li = Caller(street.li.owner)
    first, again = (li.post("meters", _body(stocked, code), key="k1") for _ in range(2))
    assert (first.status, again.status, first.body["id"]) == (201, 201, again.body["id"])
    taken = li.post("meters", _body(stocked, code))
    assert (taken.status, taken.body["code"]) == (409, "meter_taken")


def test_of_two_landlords_who_claim_at_once_one_gets_the_meter(real_street: Street) -> None:
    stocked, code = _boxed()
    callers = [Caller(real_street.li.owner), Caller(real_street.wang.owner)] * 2
    asked = at_once([lambda caller=c: caller.post("meters", _body(stocked, code)) for c in callers])
    assert sorted(answer.status for answer in asked) == [201, 409, 409, 409]
    assert _meters(real_street.li) + _meters(real_street.wang) == 5


def test_a_renamed_meter_keeps_its_old_name_in_the_audit(street: Street) -> None:
    li, path = Caller(street.li.owner), f"meters/{street.li.meter.pk}"
    answer = li.patch(path, {"name": "302 A", "note": "by the door", "low_below_kwh": "5"})
    assert answer.status == 200
    assert [answer.body[name] for name in ("name", "note", "low_below_kwh")] == [
        "3 302 A",
        "by the door",
        "5.00",
    ]
    assert _audit(street.li, "room.change") == {"name": "302 A", "was_name": "302"}
    assert _audit(street.li, "meter.change")["was_note"] == ""
    taken = li.patch(path, {"name": "303"})
    assert (taken.status, taken.body["code"]) == (409, "room_exists")


def test_a_moved_meter_says_in_the_audit_where_it_was(street: Street) -> None:
    li = Caller(street.li.owner)
    room = li.post("rooms", {"site": str(street.li.room.site_id), "name": "501"}).body["id"]
    assert li.patch(f"meters/{street.li.meter.pk}", {"room": room}).body["name"] == "501"
    assert _audit(street.li, "meter.change") == {"room": "501", "was_room": "3 302"}
    foreign = li.patch(f"meters/{street.li.meter.pk}", {"room": str(street.wang.room.pk)})
    assert (foreign.status, list(foreign.body["fields"])) == (400, ["room"])


def test_an_unused_meter_is_removed_once_and_its_code_says_so(street: Street) -> None:
    li, meter = Caller(street.li.owner), street.li.vacant_meter
    assert [li.delete(f"meters/{meter.pk}").status for _ in range(2)] == [204, 204]
    gone = Caller().get(f"q/{meter.qr_token}")
    assert (gone.status, gone.body["code"]) == (410, "meter_archived")
    assert li.get(f"meters/{meter.pk}").body["archived_at"] is not None
    assert len(li.get("meters").body["results"]) == 1
    assert _audit(street.li, "meter.archive")["serial"] == meter.serial
    with landlord_scope(street.li.landlord.pk):
        assert AuditLine.objects.filter(act="meter.archive").count() == 1


def test_nothing_is_asked_of_a_removed_meter_and_nobody_moves_in(street: Street) -> None:
    li, meter = Caller(street.li.owner), street.li.vacant_meter
    li.delete(f"meters/{meter.pk}")
    lease = {"meter": str(meter.pk), "renter_name": "Sun"}
    cash = {"kind": "cash", "amount_yuan": "50.00", "reason": "r"}
    asked = [
        li.post("leases", lease),
        li.post(f"meters/{meter.pk}/read"),
        li.post(f"meters/{meter.pk}/shares"),
        li.post(f"meters/{meter.pk}/recharges", cash),
        li.patch(f"meters/{meter.pk}", {"note": "x"}),
    ]
    assert [(answer.status, answer.body["code"]) for answer in asked] == [(410, "meter_archived")] * 5


def test_what_still_waits_for_a_removed_meter_is_too_late_from_then_on(street: Street) -> None:
    meter, now = street.li.vacant_meter, timezone.now()
    with landlord_scope(street.li.landlord.pk):
        assert commands.ask_freeze(meter=meter, freeze_date=timezone.localdate(now), now=now) is not None
    Caller(street.li.owner).delete(f"meters/{meter.pk}")
    sweep(timezone.now())
    with landlord_scope(street.li.landlord.pk):
        assert Command.objects.get(meter=meter).state == CommandState.EXPIRED


def test_everything_that_keeps_a_meter_in_use_is_named(street: Street) -> None:
    li, now = street.li, timezone.now()
    scene.read(li, at=now, remaining="0.01")
    with landlord_scope(li.landlord.pk):
        recharge_by_member(
            meter=li.meter,
            kind=RechargeKind.GIFT,
            amount_yuan=None,
            energy_kwh=Decimal("1.00"),
            reason="g",
            by_id=li.owner.pk,
            now=now,
        )
    answer = Caller(li.owner).delete(f"meters/{li.meter.pk}")
    assert (answer.status, answer.body["code"]) == (409, "meter_in_use")
    assert set(answer.body["fields"]) == {"lease", "credit", "energy"}
    assert all(reason in answer.body["detail"] for reason in answer.body["fields"].values())


def test_an_open_order_keeps_its_meter(paying_street: Street) -> None:
    li = paying_street.li
    caller = Caller(li.owner)
    ordered = Caller().post(
        f"q/{li.vacant_meter.qr_token}/orders", {"amount_yuan": "50.00", "channel": "wechat"}
    )
    assert ordered.status == 201
    kept = caller.delete(f"meters/{li.vacant_meter.pk}")
    assert (kept.status, list(kept.body["fields"])) == (409, ["order"])
    Caller().post(f"orders/{ordered.body['no']}/cancel")
    assert caller.delete(f"meters/{li.vacant_meter.pk}").status == 204


@contextmanager
def _being_removed(house: House, meter: Meter) -> Iterator[None]:
    """Somebody is removing the meter; she is done only once another one waits for her."""
    done, removed = threading.Event(), threading.Event()

    def remove() -> None:
        with landlord_scope(house.landlord.pk):
            remove_meter(meter=meter, by_id=house.owner.pk, now=timezone.now())
            removed.set()
            done.wait(20)
        connection.close()

    def let_go() -> None:
        with connection.cursor() as cursor:
            for _try in range(200):
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                if cursor.fetchone()[0]:
                    break
                time.sleep(0.05)
        done.set()
        connection.close()

    threads = [threading.Thread(target=remove), threading.Thread(target=let_go)]
    threads[0].start()
    assert removed.wait(20)
    threads[1].start()
    yield
    for thread in threads:
        thread.join()


def test_who_moves_in_while_the_meter_is_being_removed_waits_and_is_told(real_street: Street) -> None:
    meter, zhou = real_street.li.vacant_meter, Caller(real_street.zhou)
    with _being_removed(real_street.li, meter):
        late = zhou.post("leases", {"meter": str(meter.pk), "renter_name": "Sun"})
    assert (late.status, late.body["code"]) == (410, "meter_archived")


def test_who_orders_while_the_meter_is_being_removed_waits_and_is_told(paying_street: Street) -> None:
    meter = paying_street.li.vacant_meter
    with _being_removed(paying_street.li, meter):
        late = Caller().post(f"q/{meter.qr_token}/orders", {"amount_yuan": "50.00", "channel": "wechat"})
    assert (late.status, late.body["code"]) == (410, "meter_archived")


def test_who_recharges_while_the_meter_is_being_removed_waits_and_is_told(real_street: Street) -> None:
    meter, zhou = real_street.li.vacant_meter, Caller(real_street.zhou)
    with _being_removed(real_street.li, meter):
        cash = {"kind": "cash", "amount_yuan": "50.00", "reason": "r"}
        late = zhou.post(f"meters/{meter.pk}/recharges", cash)
    assert (late.status, late.body["code"]) == (410, "meter_archived")


def test_models_show_their_plate_and_bearer_and_no_secret(street: Street) -> None:
    answer = Caller(street.li.owner).get("meter-models")
    plates = {line["profile"]: line for line in answer.body["results"]}
    plate = plates["dtsy-4g-ble"]
    assert [plate[name] for name in ("model", "bearer", "imax_a", "pulses_per_kwh", "accuracy_class")] == [
        "DTSY",
        "4G",
        "100",
        400,
        "1.0",
    ]
    assert (plate["has_bluetooth"], plate["max_power_kw"]) == (True, "75.90")
    assert not {"auth", "password", "operator"} & set(plate)


@pytest.mark.parametrize("path", ["sites", "rooms"])
def test_a_place_is_added_once_and_changed_with_its_old_name_kept(street: Street, path: str) -> None:
    li = Caller(street.li.owner)
    site = {"site": str(street.li.room.site_id)} if path == "rooms" else {}
    made = li.post(path, {**site, "name": "New"})
    assert (made.status, made.body["name"]) == (201, "New")
    again = li.post(path, {**site, "name": "New"})
    assert (again.status, list(again.body["fields"])) == (409, ["name"])
    changed = li.patch(f"{path}/{made.body['id']}", {"name": "Newer"})
    assert (changed.status, changed.body["name"]) == (200, "Newer")
    assert _audit(street.li, f"{path[:-1]}.change") == {"name": "Newer", "was_name": "New"}


def test_one_new_site_of_ten_clicks(real_street: Street) -> None:
    callers = [Caller(real_street.li.owner) for _ in range(10)]
    asked = at_once([lambda caller=c: caller.post("sites", {"name": "New"}) for c in callers])
    assert sorted(answer.status for answer in asked) == [201] + [409] * 9
