"""Moving in, moving out, taking up a shared lease; the next renter sees nothing of the last one."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.test import Client
from django.utils import timezone

from apps.accounts.models import AuditLine, Renter, User
from apps.alerts.models import Alert, Subscription
from apps.common.scoping import landlord_scope
from apps.meters.models import Lease, Meter, Share
from apps.readings.models import DailyReading
from tests.api.at_once import at_once
from tests.api.caller import Caller
from tests.landing import scene
from tests.people import House, Street


def _login(renter: Renter) -> User:
    assert renter.user is not None
    return renter.user


def _began(house: House, *, days_ago: int) -> None:
    """The house's lease, and its meter's record, began so long ago."""
    at = timezone.now() - timedelta(days=days_ago)
    with landlord_scope(house.landlord.pk):
        Lease.objects.filter(pk=house.lease.pk).update(starts_at=at)
        Meter.objects.filter(pk=house.meter.pk).update(claimed_at=at)


def _day(house: House, *, days_ago: int, total: str) -> str:
    zone_day = (timezone.localtime() - timedelta(days=days_ago)).date()
    with landlord_scope(house.landlord.pk):
        DailyReading.objects.create(
            meter=house.meter,
            date=zone_day,
            device_epoch=1,
            total_kwh=Decimal(total),
            taken_at=timezone.now(),
            source="FREEZE",
        )
    return zone_day.isoformat()


def _move_in(street: Street, meter: Meter, **more: Any) -> Any:
    body = {"meter": str(meter.pk), "renter_name": "Sun", "renter_phone": "13900000009", **more}
    return Caller(street.li.owner).post("leases", body)


def _share(street: Street, meter: Meter) -> Any:
    return Caller(street.li.owner).post(f"meters/{meter.pk}/shares").body


def test_a_renter_moves_in_and_two_never_live_there_at_once(street: Street) -> None:
    made = _move_in(street, street.li.vacant_meter)
    assert (made.status, made.body["renter_name"], made.body["ends_at"]) == (201, "Sun", None)
    again = _move_in(street, street.li.vacant_meter)
    assert (again.status, again.body["code"]) == (409, "lease_overlaps")
    bad = _move_in(street, street.li.vacant_meter, renter_phone="12")
    assert (bad.status, list(bad.body["fields"])) == (400, ["renter_phone"])
    foreign = _move_in(street, street.wang.vacant_meter)
    assert (foreign.status, list(foreign.body["fields"])) == (400, ["meter"])


def test_a_refused_lease_leaves_no_renter_behind(real_street: Street) -> None:
    before = Renter.objects.count()
    assert _move_in(real_street, real_street.li.meter).status == 409
    assert Renter.objects.count() == before


def test_of_many_who_move_in_at_once_one_does(real_street: Street) -> None:
    meter = str(real_street.li.vacant_meter.pk)
    callers = [Caller(user) for user in (real_street.li.owner, real_street.zhou)] * 3
    body = {"meter": meter, "renter_name": "Sun"}
    asked = at_once([lambda caller=c: caller.post("leases", body) for c in callers])
    assert sorted(answer.status for answer in asked) == [201] + [409] * 5


def test_moving_out_asks_for_the_closing_reading_and_names_what_is_left(street: Street) -> None:
    li, now = street.li, timezone.now()
    _began(li, days_ago=3)
    scene.read(li, at=now, remaining="12.40")
    cash = {"kind": "cash", "amount_yuan": "50.00", "reason": "at the door"}
    Caller(li.owner).post(f"meters/{li.meter.pk}/recharges", cash)
    closing = Caller(li.owner).post(f"leases/{li.lease.pk}/end").body
    assert closing["lease"]["ends_at"] is not None
    assert (closing["carried_yuan"], closing["on_its_way_yuan"]) == ("0.002000", "49.998000")
    assert closing["handed_back_yuan"] == "0.01"
    assert closing["remaining_kwh"] == "12.40"
    assert closing["closing_read"]["kind"] == "READ"


def test_a_lease_ends_once_however_often_and_by_whomever_it_is_ended(real_street: Street) -> None:
    li = real_street.li
    _began(li, days_ago=3)
    callers = [Caller(user) for user in (li.owner, real_street.zhou)] * 3
    asked = at_once([lambda caller=c: caller.post(f"leases/{li.lease.pk}/end") for c in callers])
    assert [answer.status for answer in asked] == [200] * 6
    assert len({answer.body["lease"]["ends_at"] for answer in asked}) == 1
    with landlord_scope(li.landlord.pk):
        assert AuditLine.objects.filter(act="lease.end").count() == 1


def test_a_lease_cannot_end_before_it_began(street: Street) -> None:
    answer = Caller(street.li.owner).post(
        f"leases/{street.li.lease.pk}/end", {"ends_at": "2020-01-01T00:00:00+08:00"}
    )
    assert (answer.status, list(answer.body["fields"])) == (422, ["ends_at"])


def test_a_later_end_asks_nothing_of_the_meter_yet(street: Street) -> None:
    _began(street.li, days_ago=3)
    later = (timezone.now() + timedelta(days=2)).isoformat()
    closing = Caller(street.li.owner).post(f"leases/{street.li.lease.pk}/end", {"ends_at": later}).body
    assert closing["closing_read"] is None


def test_the_next_renter_sees_nothing_of_the_last_one_nor_the_last_of_the_next(street: Street) -> None:
    li, sun, now = street.li, _login(street.sun), timezone.now()
    _began(li, days_ago=5)
    old_days = [_day(li, days_ago=back, total=str(1000 - back)) for back in (4, 3, 2)]
    with landlord_scope(li.landlord.pk):
        Alert.objects.create(meter=li.meter, kind="LOW_BALANCE", raised_at=now - timedelta(days=3))
    cash = {"kind": "cash", "amount_yuan": "50.00", "reason": "at the door"}
    Caller(li.owner).post(f"meters/{li.meter.pk}/recharges", cash)
    chen, owner = Caller(_login(li.renter)), Caller(li.owner)
    ended = now - timedelta(days=1)
    assert owner.post(f"leases/{li.lease.pk}/end", {"ends_at": ended.isoformat()}).status == 200
    assert _move_in(street, li.meter, starts_at=ended.isoformat()).status == 201
    token = _share(street, li.meter)["token"]
    assert Caller(sun).post(f"shares/{token}/accept").status == 200
    next_one = Caller(sun)
    _day(li, days_ago=1, total="1001")
    with landlord_scope(li.landlord.pk):
        Alert.objects.create(meter=li.meter, kind="SWITCHED_OFF", raised_at=now)
        Alert.objects.filter(kind="LOW_BALANCE").update(cleared_at=now)
    scene.read(li, at=now, remaining="77.77")

    seen = {path: next_one.get(f"my/{path}").body["results"] for path in ("daily-readings", "alerts")}
    assert [line["kind"] for line in seen["alerts"]] == ["SWITCHED_OFF"]
    assert not set(old_days) & {line["date"] for line in seen["daily-readings"]}
    assert next_one.get("my/recharges").body["results"] == []
    [rented] = next_one.get("my/meters").body["results"]
    assert (rented["remaining_kwh"], rented["carried_yuan"]) == ("77.77", "0.000000")

    known = [line for line in chen.get("my/daily-readings").body["results"] if line["total_kwh"]]
    assert sorted(line["date"] for line in known) == sorted(old_days)
    assert [(line["kind"], line["cleared_at"]) for line in chen.get("my/alerts").body["results"]] == [
        ("LOW_BALANCE", None)
    ]
    [left] = chen.get("my/meters").body["results"]
    assert (left["remaining_kwh"], left["power"]["state"], left["carried_yuan"]) == (
        None,
        "unknown",
        "0.000000",
    )


def test_what_a_first_day_used_before_the_renter_came_is_not_hers_to_know(street: Street) -> None:
    li = street.li
    _began(li, days_ago=3)
    midday = timezone.localtime().replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)
    with landlord_scope(li.landlord.pk):
        Lease.objects.filter(pk=li.lease.pk).update(starts_at=midday)
    days = [_day(li, days_ago=back, total=str(1000 - 5 * back)) for back in (4, 3, 2)]
    lines = {
        line["date"]: line for line in Caller(_login(li.renter)).get("my/daily-readings").body["results"]
    }
    assert days[0] not in lines
    assert (lines[days[1]]["total_kwh"], lines[days[1]]["used_kwh"]) == ("985.00", None)
    assert lines[days[2]]["used_kwh"] == "5.00"


def test_my_days_are_paged_by_date_without_gap_or_repeat(street: Street) -> None:
    _began(street.li, days_ago=30)
    chen = Caller(_login(street.li.renter))
    seen: list[str] = []
    page = chen.get("my/daily-readings", limit="7", lease=str(street.li.lease.pk)).body
    while True:
        seen += [line["date"] for line in page["results"]]
        if page["next"] is None:
            break
        page = chen.get(page["next"].partition("/api/v1/")[2]).body
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen)) == 30
    assert chen.get("my/daily-readings", lease=str(street.wang.lease.pk)).body["results"] == []


def test_a_shared_link_opens_the_meters_page_until_it_is_revoked(street: Street) -> None:
    made = _share(street, street.li.meter)
    assert made["url"].endswith(f"/q/{made['token']}")
    assert len(made["token"]) >= 22
    shown, printed = (Caller().get(f"q/{token}") for token in (made["token"], street.li.meter.qr_token))
    assert (shown.status, shown.body) == (200, printed.body)
    assert Client().get(f"/q/{made['token']}").status_code == 200
    assert Caller(street.wang.owner).delete(f"shares/{made['id']}").status == 404
    assert [Caller(street.li.owner).delete(f"shares/{made['id']}").status for _ in range(2)] == [204, 204]
    for gone in (
        Caller().get(f"q/{made['token']}"),
        Caller().post(f"q/{made['token']}/read"),
        Caller(_login(street.sun)).post(f"shares/{made['token']}/accept"),
    ):
        assert (gone.status, gone.body["code"]) == (410, "share_gone")
    assert Client().get(f"/q/{made['token']}").status_code == 410
    assert Caller().get(f"q/{street.li.meter.qr_token}").status == 200


def test_a_links_token_is_kept_nowhere(street: Street) -> None:
    token = _share(street, street.li.meter)["token"]
    [listed] = Caller(street.li.owner).get(f"meters/{street.li.meter.pk}/shares").body["results"]
    assert token not in str(listed)
    with landlord_scope(street.li.landlord.pk):
        assert token not in str([list(Share.objects.values()), list(AuditLine.objects.values())])


def test_a_link_dies_with_the_lease_it_was_made_for(street: Street) -> None:
    _began(street.li, days_ago=3)
    token = _share(street, street.li.meter)["token"]
    Caller(street.li.owner).post(f"leases/{street.li.lease.pk}/end")
    assert Caller().get(f"q/{token}").status == 410


def test_an_order_made_by_a_link_stays_on_the_link_even_when_it_is_revoked(paying_street: Street) -> None:
    made = _share(paying_street, paying_street.li.meter)
    path = f"q/{made['token']}/orders"
    order = Caller().post(path, {"amount_yuan": "50.00", "channel": "wechat"})
    assert order.status == 201
    Caller(paying_street.li.owner).delete(f"shares/{made['id']}")
    page = Client().get(f"/q/{made['token']}/orders/{order.body['no']}")
    assert page.status_code == 200
    assert paying_street.li.meter.qr_token not in page.content.decode()
    assert Caller().get(f"orders/{order.body['no']}").status == 200


def test_who_accepts_a_link_becomes_the_renter_and_sees_her_meter(street: Street) -> None:
    _move_in(street, street.li.vacant_meter)
    token = _share(street, street.li.vacant_meter)["token"]
    sun = Caller(_login(street.sun))
    for _ in range(2):
        taken = sun.post(f"shares/{token}/accept")
        assert (taken.status, taken.body["meter_name"]) == (200, "3 303")
    assert [line["meter_name"] for line in sun.get("my/meters").body["results"]] == ["3 303"]
    late = Caller(_login(street.li.renter)).post(f"shares/{token}/accept")
    assert (late.status, late.body["code"]) == (409, "share_taken")


def test_a_login_that_never_rented_is_named_as_the_landlord_knows_her(street: Street) -> None:
    _move_in(street, street.li.vacant_meter, renter_name="Sun Mei")
    token = _share(street, street.li.vacant_meter)["token"]
    Caller(street.wang.owner).post(f"shares/{token}/accept")
    assert Renter.objects.get(user=street.wang.owner).name == "Sun Mei"


def test_a_link_to_a_vacant_meter_has_no_lease_to_take_up(street: Street) -> None:
    token = _share(street, street.li.vacant_meter)["token"]
    answer = Caller(_login(street.sun)).post(f"shares/{token}/accept")
    assert (answer.status, answer.body["code"]) == (409, "lease_missing")


def test_of_two_who_accept_at_once_one_is_the_renter(real_street: Street) -> None:
    _move_in(real_street, real_street.li.vacant_meter)
    token = _share(real_street, real_street.li.vacant_meter)["token"]
    users = [_login(real_street.sun), _login(real_street.wang.renter), real_street.wang.owner]
    callers = [Caller(user) for user in users] * 2
    asked = at_once([lambda caller=c: caller.post(f"shares/{token}/accept") for c in callers])
    statuses = [answer.status for answer in asked]
    assert sorted(statuses) == [200, 200, 409, 409, 409, 409]
    assert statuses[:3] == statuses[3:]
    rents = [bool(caller.get("my/meters").body["results"]) for caller in callers[:1]]
    assert rents == [statuses[0] == 200]


def test_a_renter_is_told_at_the_phone_she_names_until_she_says_stop(street: Street) -> None:
    chen, meter = Caller(_login(street.li.renter)), str(street.li.meter.pk)
    _began(street.li, days_ago=1)
    mine = chen.post("my/subscriptions", {"meter": meter, "on": True}).body
    assert (mine["on"], mine["phone"]) == (True, "139****0001")
    lease = mine["lease"]
    other = chen.post("my/subscriptions", {"lease": lease, "phone": "13812345678", "on": True})
    assert other.body["phone"] == "138****5678"
    with landlord_scope(street.li.landlord.pk):
        assert Subscription.objects.get(ended_at=None).phone == "13812345678"
    assert chen.post("my/subscriptions", {"lease": lease, "on": False}).body["on"] is False
    with landlord_scope(street.li.landlord.pk):
        assert not Subscription.objects.filter(ended_at=None).exists()
    bad = chen.post("my/subscriptions", {"lease": lease, "phone": "12", "on": True})
    assert (bad.status, list(bad.body["fields"])) == (400, ["phone"])


def test_nobody_subscribes_to_a_lease_that_is_not_hers_or_over(street: Street) -> None:
    _began(street.li, days_ago=3)
    sun, lease = Caller(_login(street.sun)), str(street.li.lease.pk)
    assert sun.post("my/subscriptions", {"lease": lease, "on": True}).status == 404
    Caller(street.li.owner).post(f"leases/{lease}/end")
    chen = Caller(_login(street.li.renter))
    assert chen.post("my/subscriptions", {"lease": lease, "on": True}).status == 404


def test_ten_clicks_make_one_subscription(real_street: Street) -> None:
    _began(real_street.li, days_ago=1)
    callers = [Caller(_login(real_street.li.renter)) for _ in range(10)]
    body = {"meter": str(real_street.li.meter.pk), "on": True}
    asked = at_once([lambda caller=c: caller.post("my/subscriptions", body) for c in callers])
    assert [answer.status for answer in asked] == [200] * 10
    with landlord_scope(real_street.li.landlord.pk):
        assert Subscription.objects.filter(ended_at=None).count() == 1
