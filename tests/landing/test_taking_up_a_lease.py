"""A renter comes in: by the phone her landlord named, or by the link; and one login looks from both sides."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts import services as accounts
from apps.accounts.models import AuditLine, User
from apps.common.scoping import landlord_scope
from apps.landing.moving_in import move_in
from apps.meters.models import Lease
from apps.meters.services.sharing import share_meter
from tests.api.caller import Caller
from tests.api.phones import Outbox
from tests.landing.test_mine import browser, said
from tests.people import House, Street

PHONE = "13900000077"


@pytest.fixture
def vacant(street: Street) -> House:
    """Li has let her vacant meter at her desk, by name and phone; nobody has logged in with that phone yet."""
    house, now = street.li, timezone.now()
    with landlord_scope(house.landlord.pk):
        move_in(
            meter=house.vacant_meter,
            renter_name="Sun",
            renter_phone=PHONE,
            starts_at=now,
            by_id=house.owner.pk,
            now=now,
        )
    return house


def _lease(house: House) -> Lease:
    with landlord_scope(house.landlord.pk):
        return Lease.objects.select_related("renter__user").get(meter=house.vacant_meter)


def _entered(token: str, phone: str, outbox: Path) -> tuple[Client, Any]:
    client = browser()
    client.post(f"/q/{token}/enter", {"phone": phone, "next": "use"})
    sent = {"code": Outbox(outbox).code_for(phone), "next": "use"}
    return client, client.post(f"/q/{token}/enter", sent, follow=True)


def test_who_proves_the_phone_the_landlord_named_is_the_renter(vacant: House, outbox: Path) -> None:
    token = vacant.vacant_meter.qr_token
    stranger, refused = _entered(token, "13900000078", outbox)
    assert refused.status_code == 403
    assert "rents nothing at this meter" in said(refused)
    assert "I live here" not in said(refused)
    assert stranger.post(f"/q/{token}/live-here").status_code == 403
    assert _lease(vacant).renter.user is None
    _client, shown = _entered(token, PHONE, outbox)
    assert shown.status_code == 200
    assert _lease(vacant).renter.user.username == PHONE
    with landlord_scope(vacant.landlord.pk):
        assert AuditLine.objects.filter(act="lease.take_up").count() == 1
    # Another meter of the same landlord stays closed to her.
    assert _client.get(f"/q/{vacant.meter.qr_token}/use").status_code == 403


def test_a_login_that_was_there_before_the_lease_takes_it_up_with_one_touch(vacant: House) -> None:
    user = accounts.create_user(username=PHONE, password=None, name="Sun", now=timezone.now())
    client, token = browser(user), vacant.vacant_meter.qr_token
    asked = client.get(f"/q/{token}/use")
    assert asked.status_code == 403
    assert "I live here" in said(asked)
    client.post(f"/q/{token}/live-here")
    client.post(f"/q/{token}/live-here")
    assert client.get(f"/q/{token}/use").status_code == 200


def test_over_rest_too_the_named_phone_takes_the_lease_up_once_and_no_other_login_does(
    vacant: House, street: Street
) -> None:
    here = f"q/{vacant.vacant_meter.qr_token}/accept"
    for stranger in (_user("13900000078"), street.sun.user, vacant.owner, street.wang.owner):
        refused = Caller(stranger).post(here)
        assert (refused.status, refused.body["code"]) == (409, "lease_missing")
        assert "请房东在租约里填上您的手机号" in refused.body["detail"]
    assert _lease(vacant).renter.user is None
    renter = Caller(_user(PHONE))
    assert renter.get("my/meters").body["results"] == []
    taken = [renter.post(here) for _again in range(2)]
    assert [(one.status, one.body["lease"]) for one in taken] == [(200, str(_lease(vacant).pk))] * 2
    assert _lease(vacant).renter.user.username == PHONE
    assert len(renter.get("my/meters").body["results"]) == 1
    with landlord_scope(vacant.landlord.pk):
        assert AuditLine.objects.filter(act="lease.take_up").count() == 1
    assert renter.post("q/nobody-printed-this/accept").status == 404
    # No phone was named at the meter next door, and nobody rents there through this login.
    assert renter.post(f"q/{vacant.meter.qr_token}/accept").status == 409


def test_by_a_link_another_login_takes_the_lease_up_only_when_it_says_so(
    vacant: House, street: Street
) -> None:
    now = timezone.now()
    with landlord_scope(vacant.landlord.pk):
        token, _share = share_meter(meter=vacant.vacant_meter, by_id=vacant.owner.pk, now=now)
    friend = browser(street.sun.user or _user("13900000079"))
    assert "I live here" in said(friend.get(f"/q/{token}/use"))
    assert _lease(vacant).renter.user is None
    friend.post(f"/q/{token}/live-here")
    assert friend.get(f"/q/{token}/use").status_code == 200
    late = browser(_user("13900000080")).post(f"/q/{token}/live-here")
    assert late.status_code == 409
    assert "Somebody has taken up this lease already" in said(late)


def test_one_login_sees_its_desk_or_its_rented_meter_and_neither_shows_the_other(street: Street) -> None:
    """Wang lets rooms, and rents one from Li."""
    now, li, wang = timezone.now(), street.li, street.wang
    with landlord_scope(li.landlord.pk):
        move_in(
            meter=li.vacant_meter,
            renter_name="Wang",
            renter_phone=wang.owner.username,
            starts_at=now,
            by_id=li.owner.pk,
            now=now,
        )
    client = browser(wang.owner)
    client.post(f"/q/{li.vacant_meter.qr_token}/live-here")
    desk = client.get("/admin/").content.decode()
    assert 'href="/my/"' in desk
    renters_view = client.get("/my/")
    assert li.vacant_meter.qr_token in renters_view.content.decode()
    assert wang.meter.qr_token not in renters_view.content.decode()
    assert wang.landlord.name not in said(renters_view)
    assert 'href="/admin/"' in renters_view.content.decode()
    assert "To your desk" in said(client.get(f"/q/{li.vacant_meter.qr_token}/mine"))
    # Who has no desk is offered none, and who is nobody has to log in.
    assert "To your desk" not in said(browser(li.renter.user).get("/my/"))
    assert li.meter.qr_token in browser(li.renter.user).get("/my/").content.decode()
    assert browser().get("/my/").headers["Location"] == "/admin/login/?next=%2Fmy%2F"


def _user(phone: str) -> User:
    return accounts.create_user(username=phone, password=None, name="", now=timezone.now())
