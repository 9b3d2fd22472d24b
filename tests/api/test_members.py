"""Members: the owner takes on, changes and removes; there is always an owner left."""

import pytest

from apps.accounts.models import AuditLine, Member
from apps.accounts.roles import Role
from apps.accounts.services import take_on_member
from apps.common.ids import uuid7
from apps.common.scoping import landlord_scope
from apps.meters.models import Site
from tests.api.at_once import at_once
from tests.api.caller import Caller
from tests.api.phones import Outbox
from tests.people import Street

PHONE = "13812345678"


def _member(street: Street, name: str) -> Member:
    return Member.objects.get(landlord=street.li.landlord, user__name=name)


def test_an_owner_sees_her_own_members_only(street: Street) -> None:
    shown = Caller(street.li.owner).get("members").body["results"]
    assert {(m["name"], m["role"]) for m in shown} == {
        ("Li", "OWNER"),
        ("Zhou", "MANAGER"),
        ("Wu", "VIEWER"),
    }


def test_a_new_phone_becomes_a_member_and_comes_in_by_code(street: Street, outbox: Outbox) -> None:
    made = Caller(street.li.owner).post("members", {"phone": PHONE, "name": "Sun", "role": "COLLECTOR"})
    assert (made.status, made.body["role"]) == (201, "COLLECTOR")
    Caller().post("auth/codes", {"phone": PHONE})
    entered = Caller().post("auth/login", {"phone": PHONE, "code": outbox.code_for(PHONE)})
    assert [m["landlord_name"] for m in entered.body["memberships"]] == ["Li Rooms"]
    with landlord_scope(street.li.landlord.pk):
        assert AuditLine.objects.latest("id").act == "member.add"


def test_who_is_a_member_already_is_not_taken_on_in_another_role(street: Street) -> None:
    answer = Caller(street.li.owner).post("members", {"phone": street.li.owner.username, "role": "VIEWER"})
    assert (answer.status, answer.body["code"]) == (409, "member_exists")
    assert _member(street, "Li").role == "OWNER"


def test_taking_on_twice_at_once_makes_one_member(real_street: Street) -> None:
    callers = [Caller(real_street.li.owner) for _ in range(6)]
    body = {"phone": PHONE, "role": "VIEWER"}
    asked = at_once([lambda caller=caller: caller.post("members", body) for caller in callers])
    assert sorted(answer.status for answer in asked) == [201] + [409] * 5


def test_a_role_holds_from_the_next_request_on(street: Street) -> None:
    zhou = Caller(street.zhou)
    assert zhou.get("income/summary").status == 200
    changed = Caller(street.li.owner).patch(f"members/{_member(street, 'Zhou').pk}", {"role": "VIEWER"})
    assert (changed.status, changed.body["role"]) == (200, "VIEWER")
    assert zhou.get("income/summary").status == 403


def test_a_removed_member_is_a_stranger_at_once_and_removing_again_finds_nobody(street: Street) -> None:
    zhou, path = Caller(street.zhou), f"members/{_member(street, 'Zhou').pk}"
    assert Caller(street.li.owner).delete(path).status == 204
    assert zhou.get("meters").status == 403
    assert Caller(street.li.owner).delete(path).status == 404


def test_the_last_owner_stays_owner(street: Street) -> None:
    li, path = Caller(street.li.owner), f"members/{_member(street, 'Li').pk}"
    for answer in (li.patch(path, {"role": "MANAGER"}), li.delete(path)):
        assert (answer.status, answer.body["code"]) == (409, "last_owner")
    assert _member(street, "Li").role == "OWNER"
    take_on_member(landlord=street.li.landlord, user=street.zhou, role=Role.OWNER)
    assert li.patch(path, {"role": "MANAGER"}).status == 200


@pytest.mark.parametrize("act", ["demote", "remove"])
def test_two_owners_who_put_each_other_out_at_once_leave_one(real_street: Street, act: str) -> None:
    take_on_member(landlord=real_street.li.landlord, user=real_street.zhou, role=Role.OWNER)
    pairs = [
        (Caller(real_street.li.owner), _member(real_street, "Zhou")),
        (Caller(real_street.zhou), _member(real_street, "Li")),
    ]

    def put_out(caller: Caller, member: Member) -> int:
        path = f"members/{member.pk}"
        answer = caller.delete(path) if act == "remove" else caller.patch(path, {"role": "VIEWER"})
        return answer.status

    at_once([lambda pair=pair: put_out(*pair) for pair in pairs])
    assert Member.objects.filter(landlord=real_street.li.landlord, role="OWNER").count() == 1


@pytest.mark.parametrize("role", ["owner", "KING", "", None])
def test_a_role_that_is_none_is_refused_by_name(street: Street, role: object) -> None:
    answer = Caller(street.li.owner).patch(f"members/{_member(street, 'Zhou').pk}", {"role": role})
    assert (answer.status, list(answer.body["fields"])) == (400, ["role"])


def _sites(street: Street) -> tuple[str, str]:
    """Li's two sites."""
    with landlord_scope(street.li.landlord.pk):
        return str(street.li.room.site_id), str(Site.objects.create(name="Second").pk)


def test_a_member_sees_the_sites_named_from_her_next_request_on(street: Street) -> None:
    first, second = _sites(street)
    li, zhou, path = Caller(street.li.owner), Caller(street.zhou), f"members/{_member(street, 'Zhou').pk}"
    assert [site["id"] for site in zhou.get("sites").body["results"]] == [second, first]
    changed = li.patch(path, {"sites": [second]})
    assert (changed.status, changed.body["sites"], changed.body["role"]) == (200, [second], "MANAGER")
    assert [site["id"] for site in zhou.get("sites").body["results"]] == [second]
    assert zhou.get("me").body["memberships"][0]["sites"] == [second]
    assert zhou.get(f"meters/{street.li.meter.pk}").status == 404
    assert li.patch(path, {"role": "VIEWER"}).body["sites"] == [second]
    assert li.patch(path, {"sites": []}).body["sites"] == []
    assert zhou.get(f"meters/{street.li.meter.pk}").status == 200


def test_a_foreign_site_and_one_that_is_nowhere_are_refused_alike_by_the_fields_name(street: Street) -> None:
    li, path = Caller(street.li.owner), f"members/{_member(street, 'Zhou').pk}"
    foreign, nowhere = str(street.wang.room.site_id), str(uuid7())
    answers = [li.patch(path, {"sites": [site]}) for site in (foreign, nowhere)]
    assert (answers[0].status, list(answers[0].body["fields"])) == (400, ["sites"])
    assert answers[0].body == answers[1].body
    taken_on = li.post("members", {"phone": PHONE, "role": "VIEWER", "sites": [foreign]})
    assert (taken_on.status, list(taken_on.body["fields"])) == (400, ["sites"])
    assert li.patch(path, {"sites": ["none"]}).status == 400
    assert _member(street, "Zhou").site_ids is None


def test_an_owner_is_never_limited(street: Street) -> None:
    first, _second = _sites(street)
    li, zhou = Caller(street.li.owner), f"members/{_member(street, 'Zhou').pk}"
    for answer in (
        li.patch(f"members/{_member(street, 'Li').pk}", {"sites": [first]}),
        li.patch(zhou, {"role": "OWNER", "sites": [first]}),
        li.post("members", {"phone": PHONE, "role": "OWNER", "sites": [first]}),
    ):
        assert (answer.status, answer.body["code"]) == (422, "owner_sees_all_sites")
        assert list(answer.body["fields"]) == ["sites"]
    li.patch(zhou, {"sites": [first]})
    assert li.patch(zhou, {"role": "OWNER"}).body["sites"] == []
