"""Lists: filtered, paged, and in as many queries for forty meters as for two."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import segno
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.common.scoping import landlord_scope
from apps.income.models import CollectionAccount
from apps.income.postings import Asset, Move, channel_account
from apps.income.services.ledger import book
from apps.income.services.recharges import recharge_by_member
from apps.income.states import RechargeKind
from apps.meters.models import Meter, Presence, Room, Site
from apps.meters.services import registry
from apps.readings.models import Reading
from tests.api.caller import Caller
from tests.people import NOON, House, Street


def _reading(meter: Meter, remaining: str, *, minutes_ago: int) -> None:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    Reading.objects.create(
        meter=meter,
        taken_at=at,
        received_at=at,
        source="NETWORK",
        device_epoch=meter.device_epoch,
        total_kwh=Decimal("1520.25"),
        remaining_kwh=Decimal(remaining),
    )


def _more_meters(house: House, many: int) -> None:
    with landlord_scope(house.landlord.pk):
        for number in range(many):
            room = Room.objects.create(site_id=house.room.site_id, name=f"4{number:02}")
            stocked = registry.stock_meter(serial=f"{9000 + number:012}", profile="dtsy-4g-ble", now=NOON)
            meter = registry.hang_meter(stocked=stocked, room=room, by_id=house.owner.pk, now=NOON)
            _reading(meter, "1.00", minutes_ago=5)


def test_a_meter_shows_both_figures_of_its_newest_reading_with_age_price_and_presence(street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        _reading(street.li.meter, "20.00", minutes_ago=60)
        _reading(street.li.meter, "12.40", minutes_ago=10)
        Meter.objects.filter(pk=street.li.meter.pk).update(
            power_on=False, power_reason="FORCED_OFF", power_at=NOON
        )
    Presence.objects.create(serial=street.li.meter.serial, is_online=True)
    body = Caller(street.li.owner).get(f"meters/{street.li.meter.pk}").body
    shown = {
        name: body[name]
        for name in ("name", "remaining_kwh", "total_kwh", "is_stale", "is_online", "price_yuan_per_kwh")
    }
    assert shown == {
        "name": "3 302",
        "remaining_kwh": "12.40",
        "total_kwh": "1520.25",
        "is_stale": False,
        "is_online": True,
        "price_yuan_per_kwh": "0.6500",
    }
    assert body["power"]["state"] == "off"
    assert body["power"]["reason"] == "FORCED_OFF"


def test_a_meter_that_never_spoke_shows_nothing_instead_of_zero(street: Street) -> None:
    body = Caller(street.li.owner).get(f"meters/{street.li.meter.pk}").body
    assert (body["remaining_kwh"], body["read_at"], body["is_stale"]) == (None, None, True)
    assert (body["is_online"], body["power"]["state"]) == (False, "unknown")


def test_meters_are_filtered_by_site_and_by_power(street: Street) -> None:
    li = Caller(street.li.owner)
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.filter(pk=street.li.meter.pk).update(power_on=True)
        other = Site.objects.create(name="Annex")

    def ids(**query: str) -> set[str]:
        return {meter["id"] for meter in li.get("meters", **query).body["results"]}

    lit, vacant = str(street.li.meter.pk), str(street.li.vacant_meter.pk)
    assert ids() == {lit, vacant}
    assert ids(power="on") == {lit}
    assert ids(power="off") == set()
    assert ids(power="unknown") == {vacant}
    assert ids(site=str(street.li.room.site_id)) == {lit, vacant}
    assert ids(site=str(other.pk)) == set()
    assert ids(site=str(street.wang.room.site_id)) == set()
    assert list(li.get("meters", power="maybe").body["fields"]) == ["power"]
    assert list(li.get("meters", site="no id").body["fields"]) == ["site"]


def test_a_removed_meter_is_in_no_list_but_keeps_its_record(street: Street) -> None:
    li = Caller(street.li.owner)
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.filter(pk=street.li.vacant_meter.pk).update(archived_at=NOON)
    assert len(li.get("meters").body["results"]) == 1
    assert li.get(f"meters/{street.li.vacant_meter.pk}").body["archived_at"] is not None


def test_forty_meters_cost_as_many_queries_as_two(street: Street) -> None:
    li = Caller(street.li.owner)
    with CaptureQueriesContext(
        connection,
    ) as few:
        assert len(li.get("meters").body["results"]) == 2
    _more_meters(street.li, 38)
    with CaptureQueriesContext(connection) as many:
        assert len(li.get("meters").body["results"]) == 40
    assert len(many) == len(few) <= 8


@pytest.mark.parametrize("path", ["income/recharges", "leases", "rooms", "meters/{meter}/recharges"])
def test_every_list_costs_the_same_for_one_line_and_for_ten(street: Street, path: str) -> None:
    li, house = Caller(street.li.owner), street.li

    def add(many: int) -> None:
        with landlord_scope(house.landlord.pk):
            for number in range(many):
                Room.objects.create(site_id=house.room.site_id, name=f"R{Room.objects.count()}{number}")
                for meter in (house.meter, house.vacant_meter):
                    recharge_by_member(
                        meter=meter,
                        kind=RechargeKind.GIFT,
                        amount_yuan=None,
                        energy_kwh=Decimal("1.00"),
                        reason="g",
                        by_id=house.owner.pk,
                        now=NOON,
                    )

    add(1)
    with CaptureQueriesContext(connection) as few:
        li.get(path.format(meter=house.meter.pk))
    add(9)
    with CaptureQueriesContext(connection) as many:
        li.get(path.format(meter=house.meter.pk))
    assert len(many) == len(few)


def test_pages_follow_each_other_newest_first_without_gap_or_repeat(street: Street) -> None:
    li = Caller(street.li.owner)
    _more_meters(street.li, 5)
    seen: list[str] = []
    page = li.get("meters", limit="3").body
    while True:
        seen += [meter["id"] for meter in page["results"]]
        if page["next"] is None:
            break
        page = li.get(page["next"].partition("/api/v1/")[2]).body
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 7


def test_records_are_narrowed_to_a_half_open_period_in_the_landlords_zone(street: Street) -> None:
    li, path = Caller(street.li.owner), f"meters/{street.li.meter.pk}/readings"
    with landlord_scope(street.li.landlord.pk):
        for hour in (15, 16, 17):
            # 16:00 UTC is midnight in Shanghai.
            at = NOON.replace(hour=hour)
            Reading.objects.create(
                meter=street.li.meter,
                taken_at=at,
                received_at=at,
                source="NETWORK",
                device_epoch=1,
                total_kwh=Decimal(hour),
                remaining_kwh=Decimal("1.00"),
            )

    def totals(**query: str) -> list[str]:
        return [line["total_kwh"] for line in li.get(path, **query).body["results"]]

    assert totals() == ["17.00", "16.00", "15.00"]
    assert totals(**{"from": "2026-11-24"}) == ["17.00", "16.00"]
    assert totals(to="2026-11-24") == ["15.00"]
    assert totals(**{"from": "2026-11-23T15:00:00Z", "to": "2026-11-23T16:00:00Z"}) == ["15.00"]
    assert totals(**{"from": "2026-11-24T00:00:00+08:00"}) == ["17.00", "16.00"]
    for bad in ("yesterday", "2026-11-24T00:00:00", "2026-13-01"):
        answer = li.get(path, **{"from": bad})
        assert (answer.status, list(answer.body["fields"])) == (400, ["from"]), bad


def _paid(house: House, channel: str, amount: str, at: Any, reference: str) -> None:
    with landlord_scope(house.landlord.pk):
        account = CollectionAccount.objects.filter(channel=channel, is_active=True).first()
        if account is None:
            account = CollectionAccount.objects.create(
                channel=channel, merchant_id="1", sealed_credentials="1:"
            )
        move = Move(Asset.CNY, channel_account(account.pk), "advance:x", Decimal(amount))
        book(reference=reference, kind="paid_payment", moves=[move], now=at)


def test_income_is_gross_by_channel_to_the_fen_and_cash_is_no_channel(street: Street) -> None:
    _paid(street.li, "wechat", "50.00", NOON, "a")
    _paid(street.li, "wechat", "0.01", NOON + timedelta(hours=1), "b")
    _paid(street.li, "alipay", "20.00", NOON, "c")
    _paid(street.wang, "wechat", "999.00", NOON, "d")
    with landlord_scope(street.li.landlord.pk):
        recharge_by_member(
            meter=street.li.meter,
            kind=RechargeKind.CASH,
            amount_yuan=Decimal("30.00"),
            energy_kwh=None,
            reason="cash",
            by_id=street.li.owner.pk,
            now=NOON,
        )
    li = Caller(street.li.owner)
    body = li.get("income/summary", **{"from": "2026-11-23", "to": "2026-11-24"}).body
    nothing = {"refunded_yuan": "0.00", "fee_yuan": "0.00"}
    assert body["channels"] == [
        {"channel": "wechat", "gross_yuan": "50.01", "payments": 2} | nothing | {"net_yuan": "50.01"},
        {"channel": "alipay", "gross_yuan": "20.00", "payments": 1} | nothing | {"net_yuan": "20.00"},
    ]
    assert (body["gross_yuan"], body["cash_yuan"]) == ("70.01", "30.00")
    until_one = li.get("income/summary", to="2026-11-23T13:00:00+08:00").body
    assert (until_one["gross_yuan"], until_one["cash_yuan"], until_one["from"]) == ("70.00", "30.00", None)
    assert li.get("income/summary", to="2026-11-23").body["gross_yuan"] == "0.00"
    assert list(li.get("income/summary", to="now").body["fields"]) == ["to"]


def test_the_printed_code_holds_the_address_of_this_meter_in_both_forms(
    street: Street, settings: Any
) -> None:
    settings.PUBLIC_BASE_URL = "https://rentmeter.example"
    li, meter = Caller(street.li.owner), street.li.meter
    code = segno.make(
        f"https://rentmeter.example/q/{meter.qr_token}", error="m", boost_error=False, micro=False
    )
    svg, png = li.get(f"meters/{meter.pk}/qr.svg"), li.get(f"meters/{meter.pk}/qr.png")
    assert svg.headers["Content-Type"] == "image/svg+xml"
    assert png.headers["Content-Type"] == "image/png"
    side = code.symbol_size(border=4)[0]
    assert f'width="{side}"'.encode() in svg.body
    assert png.body.startswith(b"\x89PNG")
    assert int.from_bytes(png.body[16:20]) == side * 10
    other = li.get(f"meters/{street.li.vacant_meter.pk}/qr.svg")
    assert other.body != svg.body


def test_a_picture_that_is_not_there_is_refused_in_json_even_to_who_wants_a_picture(street: Street) -> None:
    answer = Caller(street.li.owner)._client.get(
        f"/api/v1/meters/{street.wang.meter.pk}/qr.png", headers={"Accept": "image/png"}
    )
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
