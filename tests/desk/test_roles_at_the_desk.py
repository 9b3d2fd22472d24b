"""Who comes in, which buttons a role sees, and that a forged form gets it no further."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.models import AuditLine, User
from apps.accounts.roles import Role
from apps.common.scoping import landlord_scope
from apps.income.models import Recharge
from apps.meters.models import Command, Room
from apps.tariffs.models import Price
from tests.people import NOON, PASSWORD, Street

ComeIn = Callable[[Any], Client]
ACTS = ("recharge", "power-off", "power-on", "price", "read")
MAY = {
    Role.OWNER: {"recharge", "power-off", "power-on", "price", "read"},
    Role.MANAGER: {"recharge", "power-off", "power-on", "price", "read"},
    Role.COLLECTOR: {"recharge", "read"},
    Role.VIEWER: set(),
}
SENT = {
    "recharge": {"kind": "CASH", "amount_yuan": "50.00", "reason": "at the door", "key": "k1"},
    "power-off": {"reason": "works", "key": "k2"},
    "power-on": {"reason": "works done", "key": "k3"},
    "price": {"price_yuan_per_kwh": "0.7000", "key": "k4"},
    "read": {},
}


def in_role(street: Street, role: Role) -> Any:
    user = accounts.create_user(username=f"138{role}", password=PASSWORD, name="Zhou", now=NOON)
    accounts.take_on_member(landlord=street.li.landlord, user=user, role=role)
    return user


def written(street: Street) -> tuple[int, int, int]:
    with landlord_scope(street.li.landlord.pk):
        return Recharge.objects.count(), Command.objects.count(), Price.objects.count()


@pytest.mark.parametrize("role", list(Role))
def test_a_role_sees_the_buttons_of_what_it_may_do(furnished: Street, at_desk: ComeIn, role: Role) -> None:
    page = at_desk(in_role(furnished, role)).get(f"/admin/meters/meter/{furnished.li.meter.pk}/change/")
    text = page.content.decode()
    shown = {act for act in ACTS if f"{furnished.li.meter.pk}/{act}/" in text}
    assert shown == MAY[role]


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("act", ACTS)
def test_a_role_does_what_it_may_and_nothing_else(
    furnished: Street, at_desk: ComeIn, role: Role, act: str
) -> None:
    client, before = at_desk(in_role(furnished, role)), written(furnished)
    answer = client.post(f"/admin/meters/meter/{furnished.li.meter.pk}/{act}/", SENT[act])
    if act in MAY[role]:
        assert answer.status_code == 302
        assert written(furnished) != before
    else:
        assert answer.status_code == 403
        assert "Nothing was changed" in answer.content.decode()
        assert written(furnished) == before


@pytest.mark.parametrize("role", list(Role))
def test_money_and_audit_are_seen_by_those_who_may(furnished: Street, at_desk: ComeIn, role: Role) -> None:
    client = at_desk(in_role(furnished, role))
    sees_income = role is not Role.VIEWER
    arranges = role in (Role.OWNER, Role.MANAGER)
    for address, allowed in (
        ("/admin/income/recharge/", sees_income),
        ("/admin/income/payment/", sees_income),
        ("/admin/accounts/auditline/", arranges),
        ("/admin/meters/room/add/", arranges),
        ("/admin/meters/room/", True),
    ):
        assert client.get(address).status_code == (200 if allowed else 403), address
    home = client.get("/admin/").content.decode()
    assert ("Income today" in home) == sees_income
    assert ("/admin/income/recharge/" in home) == sees_income


def test_nothing_is_ever_deleted_at_a_landlords_desk(furnished: Street, at_desk: ComeIn) -> None:
    client = at_desk(furnished.li.owner)
    for kind, key in (("meter", furnished.li.meter.pk), ("room", furnished.li.room.pk)):
        assert client.post(f"/admin/meters/{kind}/{key}/delete/", {"post": "yes"}).status_code == 403
    client.post(
        "/admin/meters/room/", {"action": "delete_selected", "_selected_action": [str(furnished.li.room.pk)]}
    )
    with landlord_scope(furnished.li.landlord.pk):
        assert Room.objects.filter(pk=furnished.li.room.pk).exists()


def test_records_cannot_be_added_or_changed_by_hand(furnished: Street, at_desk: ComeIn) -> None:
    client = at_desk(furnished.li.owner)
    with landlord_scope(furnished.li.landlord.pk):
        recharge = Recharge.objects.get()
    for kind in ("income/recharge", "income/payment", "readings/reading", "tariffs/price", "meters/meter"):
        assert client.get(f"/admin/{kind}/add/").status_code == 403, kind
    assert (
        client.post(f"/admin/income/recharge/{recharge.pk}/change/", {"reason": "forged"}).status_code == 403
    )
    with landlord_scope(furnished.li.landlord.pk):
        assert Recharge.objects.get().reason == recharge.reason


@pytest.mark.parametrize("who", ["renter", "operator", "nobody"])
def test_who_works_for_no_landlord_is_sent_to_the_login(street: Street, who: str) -> None:
    client = Client()
    if who != "nobody":
        client.force_login(street.sun.user if who == "renter" else street.operator)
    for address in ("/admin/", "/admin/meters/meter/", f"/admin/meters/meter/{street.li.meter.pk}/change/"):
        answer = client.get(address)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("who", ["owner", "renter", "nobody"])
def test_only_an_operator_comes_to_the_operators_desk(street: Street, who: str) -> None:
    client = Client()
    if who != "nobody":
        client.force_login(street.sun.user if who == "renter" else street.li.owner)
    for address in ("/ops/", "/ops/accounts/user/", "/ops/meters/meter/"):
        assert client.get(address).headers["Location"].startswith("/ops/login/"), address


def test_the_login_takes_phone_and_password_and_says_one_thing_for_both_being_wrong(street: Street) -> None:
    client = Client(headers={"accept-language": "en"})
    wrong_password = client.post("/admin/login/", {"username": "13800000001", "password": "wrong"})
    wrong_phone = client.post("/admin/login/", {"username": "13800000099", "password": PASSWORD})
    for answer in (wrong_password, wrong_phone):
        assert "Phone or password is wrong." in answer.content.decode()
    right = client.post(
        "/admin/login/?next=/admin/meters/meter/", {"username": "13800000001", "password": PASSWORD}
    )
    assert (right.status_code, right.headers["Location"]) == (302, "/admin/meters/meter/")
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("desk", ["admin", "ops"])
def test_after_five_wrong_passwords_the_login_says_when_to_try_again(street: Street, desk: str) -> None:
    client = Client(headers={"accept-language": "en"})
    name = street.operator.username if desk == "ops" else "13800000001"
    for _turn in range(5):
        wrong = client.post(f"/{desk}/login/", {"username": name, "password": "wrong"})
        assert "Too many tries" not in wrong.content.decode()
    right = {"username": name, "password": PASSWORD}
    stopped = client.post(f"/{desk}/login/", right).content.decode()
    assert "Too many tries. Please try again in 15 minutes." in stopped
    assert "_auth_user_id" not in client.session
    elsewhere = client.post(f"/{desk}/login/", right, REMOTE_ADDR="192.0.2.7")
    assert elsewhere.status_code == 302


def test_wrong_tries_at_the_desk_and_over_rest_are_one_count_and_a_right_one_forgives_them(
    street: Street,
) -> None:
    client, wrong = Client(), {"username": "13800000001", "password": "wrong"}
    for _turn in range(4):
        client.post("/admin/login/", wrong)
    right = {"phone": "13800000001", "password": PASSWORD}
    assert client.post("/api/v1/auth/login", right, "application/json").status_code == 200
    for _turn in range(5):
        client.post("/admin/login/", wrong)
    refused = client.post("/api/v1/auth/login", right, "application/json")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_tries")


def test_a_renter_with_the_right_password_hears_where_to_go(street: Street) -> None:
    client = Client(headers={"accept-language": "en"})
    answer = client.post("/admin/login/", {"username": "13900000009", "password": PASSWORD})
    assert "This login works for no landlord." in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_the_language_is_switched_before_and_after_the_login(street: Street) -> None:
    client = Client(headers={"accept-language": "fr"})
    assert 'lang="zh-hans"' in client.get("/admin/login/").content.decode()
    client.post("/admin/language/", {"language": "en", "next": "/admin/login/"})
    assert '<html lang="en"' in client.get("/admin/login/").content.decode()


def test_a_member_of_two_landlords_chooses_one_and_sees_that_one_only(
    furnished: Street, at_desk: ComeIn
) -> None:
    accounts.take_on_member(landlord=furnished.wang.landlord, user=furnished.zhou, role=Role.VIEWER)
    client = at_desk(furnished.zhou)
    first = client.get("/admin/meters/meter/")
    assert (first.status_code, first.headers["Location"]) == (302, "/admin/landlord/")
    page = client.get("/admin/landlord/").content.decode()
    assert "Li Rooms" in page
    assert "Wang Rooms" in page
    client.post("/admin/landlord/", {"landlord": str(furnished.wang.landlord.pk)})
    listed = client.get("/admin/meters/meter/").content.decode()
    assert "WANGROOM" in listed
    assert "LIROOM" not in listed
    client.post("/admin/landlord/", {"landlord": str(furnished.li.landlord.pk)})
    listed = client.get("/admin/meters/meter/").content.decode()
    assert "LIROOM" in listed
    assert "WANGROOM" not in listed


def test_a_landlord_one_does_not_work_for_cannot_be_chosen(furnished: Street, at_desk: ComeIn) -> None:
    client = at_desk(furnished.zhou)
    client.post("/admin/landlord/", {"landlord": str(furnished.wang.landlord.pk)})
    assert "LIROOM" in client.get("/admin/meters/meter/").content.decode()
    session = client.session
    session["landlord"] = str(furnished.wang.landlord.pk)
    session.save()
    assert client.get("/admin/").headers["Location"].startswith("/admin/login/")
    # The login page forgets a choice that no longer holds, and lets her in to the landlord she has.
    assert client.get("/admin/login/").headers["Location"] == "/admin/"
    assert "LIROOM" in client.get("/admin/meters/meter/").content.decode()


def test_adding_a_room_leaves_a_line_in_the_audit(furnished: Street, at_desk: ComeIn) -> None:
    sent = {"site": str(furnished.li.room.site_id), "building": "3", "floor": "4", "name": "401"}
    client = at_desk(furnished.zhou)
    assert client.post("/admin/meters/room/add/", sent).status_code == 302
    with landlord_scope(furnished.li.landlord.pk):
        room = Room.objects.get(name="401")
        line = AuditLine.objects.get(act="room.add")
        assert (line.object_id, line.by_id) == (room.pk, furnished.zhou.pk)
    twice = client.post("/admin/meters/room/add/", sent)
    assert "There is a room with this name" in twice.content.decode()
    history = client.get(f"/admin/meters/room/{room.pk}/history/").content.decode()
    assert "Room added" in history
    assert "Zhou" in history


def test_who_switches_the_language_at_the_desk_gets_her_messages_in_it(street: Street, at_desk: Any) -> None:
    client = at_desk(street.li.owner)
    for chosen, kept in (("en", "en"), ("fr", "en"), ("zh-hans", "zh-hans")):
        client.post("/admin/language/", {"language": chosen, "next": "/admin/"})
        assert User.objects.get(pk=street.li.owner.pk).language == kept
    assert User.objects.get(pk=street.wang.owner.pk).language == "zh-hans"
