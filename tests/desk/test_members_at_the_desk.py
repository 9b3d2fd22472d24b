"""Members at the desk: the owner takes on, limits and removes, each form once, and each says where it cannot."""

from collections.abc import Callable
from typing import Any

from django.test import Client

from apps.accounts.models import AuditLine, Member
from apps.common.scoping import landlord_scope
from apps.meters.models import Site
from tests.people import Street

ComeIn = Callable[[Any], Client]
ADD = "/admin/members/add/"


def key_of(client: Client, page: str) -> str:
    return str(client.get(page).context["form"]["key"].value())


def member_of(street: Street, name: str) -> Member:
    return Member.objects.get(landlord=street.li.landlord, user__name=name)


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def second_site(street: Street) -> str:
    with landlord_scope(street.li.landlord.pk):
        return str(Site.objects.create(name="Second").pk)


def test_the_owner_takes_somebody_on_for_one_site_once(street: Street, at_desk: ComeIn) -> None:
    li, second = at_desk(street.li.owner), second_site(street)
    sent = {
        "phone": "138 1234 5678",
        "name": "Sun",
        "role": "COLLECTOR",
        "sites": [second],
        "key": key_of(li, ADD),
    }
    assert li.post(ADD, sent).status_code == 302
    again = li.post(ADD, {**sent, "phone": "13812345679"}, follow=True)
    assert "nothing was done twice" in text_of(again)
    sun = member_of(street, "Sun")
    assert (sun.role, [str(pk) for pk in sun.site_ids or []]) == ("COLLECTOR", [second])
    shown = text_of(li.get("/admin/members/"))
    assert shown.count("Second") == 1
    assert shown.count("all sites") == 3
    with landlord_scope(street.li.landlord.pk):
        assert AuditLine.objects.latest("id").facts["sites"] == "Second"


def test_a_limit_holds_from_the_members_next_page_on(street: Street, at_desk: ComeIn) -> None:
    li, zhou, second = at_desk(street.li.owner), at_desk(street.zhou), second_site(street)
    page = f"/admin/members/{member_of(street, 'Zhou').pk}/"
    meter = f"/admin/meters/meter/{street.li.meter.pk}/change/"
    assert zhou.get(meter).status_code == 200
    li.post(page, {"role": "MANAGER", "sites": [second], "key": key_of(li, page)})
    assert zhou.get(meter).status_code == 302
    bills = zhou.get("/admin/income/billday/")
    assert (bills.status_code, "/admin/income/billday/" in text_of(zhou.get("/admin/"))) == (403, False)
    assert "You see some of the sites only" in text_of(bills)
    assert [str(pk) for pk in li.get(page).context["form"]["sites"].value()] == [second]


def test_a_site_of_another_landlord_and_an_owner_with_sites_are_refused_at_the_field(
    street: Street, at_desk: ComeIn
) -> None:
    li, second = at_desk(street.li.owner), second_site(street)
    page = f"/admin/members/{member_of(street, 'Zhou').pk}/"
    for role, site in (("MANAGER", str(street.wang.room.site_id)), ("OWNER", second)):
        answer = li.post(page, {"role": role, "sites": [site], "key": key_of(li, page)})
        assert (answer.status_code, list(answer.context["form"].errors)) == (400, ["sites"])
    assert member_of(street, "Zhou").site_ids is None


def test_a_removed_member_is_out_and_the_last_owner_is_not_removed(street: Street, at_desk: ComeIn) -> None:
    li, zhou = at_desk(street.li.owner), at_desk(street.zhou)
    assert li.post(f"/admin/members/{member_of(street, 'Zhou').pk}/remove/").status_code == 302
    assert zhou.get("/admin/meters/meter/").status_code == 302
    kept = li.post(f"/admin/members/{member_of(street, 'Li').pk}/remove/", follow=True)
    assert "needs an owner" in text_of(kept)
    assert member_of(street, "Li").role == "OWNER"
