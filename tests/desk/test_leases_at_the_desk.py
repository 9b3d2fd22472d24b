"""A lease begins and ends by forms: a refusal says what to do, nothing is done twice, cash is named and booked."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags

from apps.accounts.models import AuditLine, Renter
from apps.common.scoping import landlord_scope
from apps.income.check_books import check_books
from apps.income.models import Payout
from apps.meters.models import Command, Lease
from tests.api.at_once import at_once
from tests.api.caller import Caller
from tests.desk import scene
from tests.people import Street

ComeIn = Callable[[Any], Client]
SUN = {"renter_name": "Sun", "renter_phone": "13900000009", "key": "k1"}


@pytest.fixture
def li(street: Street, at_desk: ComeIn) -> Client:
    return at_desk(street.li.owner)


def begin(street: Street) -> str:
    return f"/admin/meters/meter/{street.li.vacant_meter.pk}/lease/"


def lease_at(street: Street, page: str) -> str:
    return f"/admin/meters/lease/{street.li.lease.pk}/{page}/"


def words(answer: Any) -> str:
    return " ".join(strip_tags(answer.content.decode()).split())


def leases(street: Street) -> int:
    with landlord_scope(street.li.landlord.pk):
        return Lease.objects.count()


def test_a_renter_moves_in_by_a_form_and_the_meter_says_so(li: Client, street: Street) -> None:
    page = words(li.post(begin(street), SUN, follow=True))
    assert "Sun rents this meter from" in page
    assert "Rented to Sun" in page
    with landlord_scope(street.li.landlord.pk):
        lease = Lease.objects.get(meter=street.li.vacant_meter)
        assert (lease.renter.name, lease.renter.phone, lease.ends_at) == ("Sun", "13900000009", None)
        assert AuditLine.objects.get(act="lease.begin", object_id=lease.pk).by_id == street.li.owner.pk


def test_a_form_sent_twice_begins_one_lease(li: Client, street: Street) -> None:
    before = leases(street)
    li.post(begin(street), SUN)
    assert "nothing was done twice" in words(li.post(begin(street), SUN, follow=True))
    assert leases(street) == before + 1


def test_a_lease_that_overlaps_is_refused_by_name_and_leaves_no_renter_behind(
    li: Client, street: Street
) -> None:
    before = Renter.objects.count()
    answer = li.post(f"/admin/meters/meter/{street.li.meter.pk}/lease/", SUN)
    [said] = answer.context["form"].errors["starts_at"]
    assert said.startswith("Chen rents this meter in that time, so nothing was changed.")
    assert Renter.objects.count() == before
    assert answer.context["form"]["renter_name"].value() == "Sun"


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"renter_phone": "13900000001"}, "renter_phone", "Chen in 3 302 has this phone."),
        ({"renter_phone": "12"}, "renter_phone", "11 digits"),
        ({"renter_name": "  "}, "renter_name", "This field is required."),
        ({"starts_at": "the first"}, "starts_at", "Enter a valid date/time."),
    ],
)
def test_a_wrong_field_is_named_and_the_same_form_can_be_mended(
    li: Client, street: Street, change: dict[str, str], field: str, said: str
) -> None:
    before = leases(street)
    answer = li.post(begin(street), {**SUN, **change})
    assert list(answer.context["form"].errors) == [field]
    assert said in answer.context["form"].errors[field][0]
    assert leases(street) == before
    assert li.post(begin(street), SUN).status_code == 302
    assert leases(street) == before + 1


def test_who_rents_a_second_room_is_the_same_renter(li: Client, street: Street) -> None:
    chen = {"renter_name": "Chen", "renter_phone": "13900000001", "key": "k"}
    assert li.post(begin(street), chen).status_code == 302
    with landlord_scope(street.li.landlord.pk):
        assert set(Lease.objects.values_list("renter", flat=True)) == {street.li.renter.pk}


def test_the_phone_of_another_landlords_renter_says_nothing_of_her(li: Client, street: Street) -> None:
    assert li.post(begin(street), {**SUN, "renter_phone": "13900000002"}).status_code == 302
    with landlord_scope(street.li.landlord.pk):
        assert Lease.objects.get(meter=street.li.vacant_meter).renter_id != street.wang.renter.pk


def test_the_end_names_the_cash_to_hand_back_before_and_after(li: Client, street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        scene.read(street.li.meter, at=timezone.now(), total="1520.25", remaining="12.40")
        scene.cash(street.li, street.li.meter, "50.00", reason="at the door", now=timezone.now())
    assert "0.002000 yuan are left over: hand back 0.01 yuan in cash" in words(
        li.get(lease_at(street, "end"))
    )
    page = words(li.post(lease_at(street, "end"), {"key": "k", "reason": "moved to Suzhou"}, follow=True))
    for part in ("Hand 0.01 yuan in cash to Chen. It is in the books.", "moved to Suzhou", "12.40 kWh"):
        assert part in page
    with landlord_scope(street.li.landlord.pk):
        payout = Payout.objects.get()
        assert (payout.amount_yuan, payout.reason, payout.made_by_id) == (
            Decimal("0.01"),
            "moved to Suzhou",
            street.li.owner.pk,
        )
        assert Command.objects.filter(kind="READ", meter=street.li.meter).exists()
        assert check_books() == []


def test_an_ended_lease_says_so_and_pays_nothing_again(li: Client, street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        scene.cash(street.li, street.li.meter, "50.00", reason="at the door", now=timezone.now())
    li.post(lease_at(street, "end"), {"key": "k"})
    for again in (li.get, lambda address, **more: li.post(address, {"key": "k2"}, **more)):
        assert "This lease has its end already" in words(again(lease_at(street, "end"), follow=True))
    nothing = li.post(lease_at(street, "hand-back"), {"key": "k3", "reason": "again"}, follow=True)
    assert "Nothing is left to hand back." in words(nothing)
    with landlord_scope(street.li.landlord.pk):
        assert Payout.objects.count() == 1


def test_two_members_end_a_lease_at_once_and_the_cash_is_booked_once(
    real_street: Street, at_desk: ComeIn
) -> None:
    with landlord_scope(real_street.li.landlord.pk):
        scene.cash(real_street.li, real_street.li.meter, "50.00", reason="at the door", now=timezone.now())
    clients = [at_desk(user) for user in (real_street.li.owner, real_street.zhou)]
    address = lease_at(real_street, "end")
    asked = at_once([lambda c=c, n=n: c.post(address, {"key": f"k{n}"}) for n, c in enumerate(clients)])
    assert [answer.status_code for answer in asked] == [302, 302]
    with landlord_scope(real_street.li.landlord.pk):
        assert Payout.objects.count() == 1
        assert AuditLine.objects.filter(act="lease.end").count() == 1


def test_a_lease_that_ends_later_is_paid_out_when_the_day_has_come(li: Client, street: Street) -> None:
    with landlord_scope(street.li.landlord.pk):
        scene.cash(street.li, street.li.meter, "50.00", reason="at the door", now=timezone.now())
    later = (timezone.localtime() + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    page = words(li.post(lease_at(street, "end"), {"key": "k", "ends_at": later}, follow=True))
    assert "can be handed back once that day has come" in page
    refused = li.post(lease_at(street, "hand-back"), {"key": "k2", "reason": "early"})
    assert "This lease has not ended yet" in words(refused)
    with landlord_scope(street.li.landlord.pk):
        Lease.objects.filter(pk=street.li.lease.pk).update(ends_at=timezone.now())
    assert "waits to be handed back" in words(li.get(lease_at(street, "change")))
    done = li.post(lease_at(street, "hand-back"), {"key": "k3", "reason": "at the door"}, follow=True)
    assert "Hand 0.01 yuan in cash to Chen." in words(done)


def test_a_lease_cannot_end_before_it_began(li: Client, street: Street) -> None:
    answer = li.post(lease_at(street, "end"), {"key": "k", "ends_at": "2020-01-01T00:00"})
    assert answer.context["form"].errors["ends_at"] == ["A lease ends after it began."]


def test_who_may_only_look_is_shown_no_form_and_no_money(street: Street, at_desk: ComeIn) -> None:
    viewer = at_desk(street.viewer)
    page = viewer.get(lease_at(street, "change")).content.decode()
    assert lease_at(street, "end") not in page
    assert "Left over" not in page
    for address in (begin(street), lease_at(street, "end"), lease_at(street, "hand-back")):
        assert viewer.post(address, SUN).status_code == 403


def test_a_foreign_lease_is_as_missing_as_none(street: Street, at_desk: ComeIn) -> None:
    wang = at_desk(street.wang.owner)
    for page in ("change", "end", "hand-back"):
        foreign = wang.post(lease_at(street, page), {"key": "k", "reason": "mine"})
        assert (foreign.status_code, foreign.headers["Location"]) == (302, "/admin/")
    with landlord_scope(street.li.landlord.pk):
        assert Lease.objects.get(pk=street.li.lease.pk).ends_at is None


def test_the_next_renter_sees_nothing_of_the_last_one(li: Client, street: Street) -> None:
    """By the desk's own forms, and on the page behind the QR code: no money, no pace, no word meant for Chen."""
    now, meter = timezone.now(), street.li.meter
    with landlord_scope(street.li.landlord.pk):
        Lease.objects.filter(pk=street.li.lease.pk).update(starts_at=now - timedelta(days=9))
        scene.read_daily(meter, days=3, now=now)
        scene.cash(street.li, meter, "50.00", reason="at the door", now=now)
        scene.command(meter, kind="POWER_OFF", steps=[], now=now, reason="CHENREASON")
        type(meter).objects.filter(pk=meter.pk).update(
            power_on=False, power_reason="FORCED_OFF", power_at=now
        )
    token = meter.qr_token
    hers = Client(headers={"accept-language": "en"}).get(f"/q/{token}").content.decode()
    assert "CHENREASON" in hers
    assert "days left" in hers or "day left" in hers
    assert Caller().get(f"q/{token}").body["carried_yuan"] == "0.002000"
    assert li.post(lease_at(street, "end"), {"key": "k"}).status_code == 302
    sun = {**SUN, "key": "k2"}
    assert li.post(f"/admin/meters/meter/{meter.pk}/lease/", sun).status_code == 302
    page = Client(headers={"accept-language": "en"}).get(f"/q/{meter.qr_token}").content.decode()
    assert "Power is off" in page
    for word in ("CHENREASON", "Chen", "days left", "day left"):
        assert word not in page, word
    assert Caller().get(f"q/{token}").body["carried_yuan"] == "0.000000"
