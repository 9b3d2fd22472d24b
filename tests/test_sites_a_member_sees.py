"""A member who may see one of Li's two sites: nothing of the other one reaches her, and she reaches nothing there."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.accounts import services as accounts
from apps.accounts.models import Landlord, Member
from apps.accounts.roles import Role
from apps.common.ids import uuid7
from apps.common.scoping import ScopeError, current_landlords_scope, landlord_scope, opened_again
from apps.common.walls import owned_models
from apps.meters.models import Meter, Room, Site
from apps.meters.services import claiming, registry
from tests.api.caller import Caller
from tests.asking import FORM, asked, client, object_id_of, url_of
from tests.people import NOON, House, Street, house_at
from tests.route import Route
from tests.routes import JOIN, LANDLORDS_DESK, REST
from tests.sources import content, python_files, relative
from tests.town import Town, furnish

MARK = "MARK"


@dataclass
class Lane:
    """Li's second site, and a member of each role who sees that one alone."""

    town: Town
    house: House
    own: dict[str, str]
    callers: dict[str, dict[str, str]]
    members: dict[str, Member]
    secrets: list[str]


@pytest.fixture
def lane(town: Town) -> Lane:
    li = town.street.li
    sun = town.street.sun
    house = house_at(li.landlord, li.owner, sun, site_name="Second", serial="000000000301")
    own = furnish(house, MARK)
    # The landlord is everybody's; her name is no secret here.
    Landlord.objects.filter(pk=li.landlord.pk).update(name="Li Rooms", phone="13800000001")
    callers, members = {}, {}
    for number, role in enumerate((Role.MANAGER, Role.COLLECTOR, Role.VIEWER)):
        user = accounts.create_user(
            username=f"1370000000{number}", password=None, name=str(role), now=li.landlord.created_at
        )
        member = accounts.take_on_member(landlord=li.landlord, user=user, role=role)
        member.site_ids = [house.room.site_id]
        member.save()
        token, _row = accounts.issue_token(user=user, now=li.lease.starts_at.replace(year=2100))
        callers[role.value] = {"Authorization": f"Bearer {token}"}
        members[role.value] = member
    secrets = [secret for secret in town.secrets if secret not in (str(li.landlord.pk), str(li.renter.pk))]
    return Lane(town, house, own, callers, members, secrets)


EVERY_LINE = "?from=2000-01-01&to=2100-01-01&limit=500"


def _foreign(lane: Lane, route: Route) -> dict[str, str]:
    """What the address needs to be about the other site."""
    values = {**lane.town.values, "member_id": str(lane.members["VIEWER"].pk)}
    if "<path:object_id>" in route.path:
        values["object_id"] = object_id_of(route.path, lane.town.street.li)
    return values


def _own(lane: Lane, route: Route) -> dict[str, str]:
    """What the address needs to be about her own site; of what is no site's, the town's."""
    values = dict(lane.own)
    if "<path:object_id>" in route.path:
        with landlord_scope(lane.house.landlord.pk, [lane.house.room.site_id]):
            try:
                values["object_id"] = object_id_of(route.path, lane.house)
            except AttributeError:
                values["object_id"] = str(uuid7())
    return values


def _leaks(lane: Lane, body: bytes) -> list[str]:
    return [secret for secret in lane.secrets if secret.encode() in body]


def _lists() -> list[Route]:
    routes = (route for route in [*REST, *LANDLORDS_DESK, *JOIN] if route.method == "GET")
    return [route for route in routes if "<" not in route.path or "app_label" in route.path]


def test_no_list_and_no_figure_shows_a_trace_of_the_other_site(lane: Lane) -> None:
    marked = 0
    for route in _lists():
        status, body = asked(route, {}, lane.callers["MANAGER"])
        assert status < 500, route
        assert not _leaks(lane, body), route
        marked += MARK.encode() in body
    assert marked > 15


@pytest.mark.thorough
def test_no_page_of_either_site_shows_a_trace_of_the_other_one(lane: Lane) -> None:
    marked = 0
    for route in (route for route in [*REST, *LANDLORDS_DESK, *JOIN] if route.method == "GET"):
        # Who holds a QR code or an order number may see what it opens, whoever she is.
        by_code = re.search("api/.*<str:(token|no)>", route.path)
        for values in [_own(lane, route)] if by_code else [_own(lane, route), _foreign(lane, route)]:
            for query in ("", EVERY_LINE, "?format=csv") if route.path.startswith("api/") else ("",):
                status, body = asked(
                    Route("GET", f"{route.path}{query}", ()), values, lane.callers["MANAGER"]
                )
                assert status < 500, route
                assert not _leaks(lane, body), (route, query)
                marked += MARK.encode() in body
    assert marked > 60


@pytest.mark.thorough
def test_no_form_of_the_desk_changes_anything_at_the_other_site(lane: Lane) -> None:
    """Whatever the status says: the rows are compared, with every table that Li owns."""

    def rows() -> list[Any]:
        with landlord_scope(lane.house.landlord.pk):
            return [list(model.objects.order_by("pk").values_list()) for model in owned_models()]

    before = rows()
    for route in (route for route in LANDLORDS_DESK if "_id>" in route.path):
        values = _foreign(lane, route)
        form = {**FORM, "_selected_action": values.get("object_id", "")}
        with transaction.atomic():
            client().post(url_of(route.path, values), form, headers=lane.callers["MANAGER"])
    assert rows() == before


def test_a_thing_of_the_other_site_and_one_nobody_has_answer_alike_to_the_byte(lane: Lane) -> None:
    nobodys = {
        name: str(uuid7()) if name.endswith("_id") else value for name, value in lane.town.values.items()
    }
    about_one = [route for route in REST if "_id>" in route.path and "member_id" not in route.path]
    for route in about_one:
        foreign = asked(route, lane.town.values, lane.callers["MANAGER"])
        assert foreign == asked(route, nobodys, lane.callers["MANAGER"]), route
        assert foreign[0] in (403, 404), route


@pytest.mark.parametrize(
    ("method", "path", "field", "about", "more"),
    [
        ("POST", "rooms", "site", "site_id", {"name": "9"}),
        ("POST", "leases", "meter", "meter_id", {"renter_name": "Sun"}),
        ("PATCH", "meters/<uuid:meter_id>", "room", "room_id", {}),
    ],
)
def test_a_body_that_names_a_thing_of_the_other_site_is_refused_like_one_that_names_none(
    lane: Lane, method: str, path: str, field: str, about: str, more: dict[str, Any]
) -> None:
    answers = [
        asked(Route(method, f"api/v1/{path}", (), {field: named, **more}), lane.own, lane.callers["MANAGER"])
        for named in (lane.town.values[about], str(uuid7()))
    ]
    assert answers[0] == answers[1]
    assert answers[0][0] == 400
    assert field.encode() in answers[0][1]


def test_sums_are_of_her_sites_alone(lane: Lane) -> None:
    summary = Route("GET", "api/v1/income/summary", ())
    [hers, all_of_them] = [
        asked(summary, {}, headers)[1] for headers in (lane.callers["COLLECTOR"], lane.town.callers["owner"])
    ]
    assert b'"cash_yuan":"30.00"' in hers
    assert b'"cash_yuan":"60.00"' in all_of_them


def test_the_limit_and_nothing_else_keeps_the_other_site_from_her(lane: Lane) -> None:
    Member.objects.update(site_ids=None)
    seen = [asked(r, {}, lane.callers["MANAGER"])[1] for r in _lists() if r.path.startswith("api/")]
    assert sum(bool(_leaks(lane, body)) for body in seen) > 5


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "income/reconciliation", None),
        ("GET", "income/settlements", None),
        ("POST", "sites", {"name": "Third"}),
        ("PATCH", "sites/<uuid:site_id>", {"name": "Third"}),
    ],
)
def test_what_is_about_all_sites_is_not_for_who_sees_some(
    lane: Lane, method: str, path: str, body: dict[str, Any] | None
) -> None:
    status, answer = asked(Route(method, f"api/v1/{path}", (), body), lane.own, lane.callers["MANAGER"])
    assert (status, b'"sites_limited"' in answer) == (403, True)


def test_a_meter_is_claimed_at_a_site_she_sees_and_at_no_new_one(street: Street) -> None:
    li = street.li
    with landlord_scope(li.landlord.pk):
        other = Site.objects.create(name="Second")
    Member.objects.filter(user=street.zhou).update(site_ids=[other.pk])
    stocked = registry.stock_meter(serial="000000000888", profile="dtsy-4g-ble", now=NOON)
    code = claiming.set_claim_code(stocked=stocked, now=NOON)
    body = {"qr_token": stocked.qr_token, "claim_code": code, "location": "1", "price_yuan_per_kwh": "0.6500"}
    zhou = Caller(street.zhou)
    assert zhou.post("meters", {**body, "site": str(li.room.site_id)}).status == 400
    claimed = zhou.post("meters", body)
    assert (claimed.status, claimed.body["site_name"]) == (201, "Second")
    with pytest.raises(claiming.SiteNotSeen), landlord_scope(li.landlord.pk, [other.pk]):
        claiming.find_or_make_room(site=None, site_name="Third", building="", floor="", name="1")


def test_a_limited_scope_shows_makes_and_changes_what_hangs_on_its_sites_alone(lane: Lane) -> None:
    li, site_id = lane.town.street.li, lane.house.room.site_id
    with landlord_scope(li.landlord.pk, [site_id]):
        assert set(Meter.objects.values_list("room__site_id", flat=True)) == {site_id}
        assert Meter.objects.filter(pk=li.meter.pk).update(note="x") == 0
        Room.objects.create(site_id=site_id, name="9")
        for make in (
            lambda: Room.objects.create(site_id=li.room.site_id, name="9"),
            lambda: Site.objects.create(name="Third"),
        ):
            with pytest.raises(ScopeError), transaction.atomic():
                make()


def test_a_limited_scope_never_widens_and_is_opened_again_as_it_was(lane: Lane) -> None:
    landlord_id, site_id = lane.house.landlord.pk, lane.house.room.site_id
    with landlord_scope(landlord_id, [site_id]):
        with landlord_scope(landlord_id):
            assert Site.objects.count() == 1
        with pytest.raises(ScopeError), landlord_scope(landlord_id, [uuid7()]):
            pass
        scope = current_landlords_scope()
    with opened_again(scope):
        assert Site.objects.get().pk == site_id


def test_the_database_lets_no_owner_be_limited_and_nobody_to_nothing(street: Street) -> None:
    owner = Member.objects.filter(user=street.li.owner)
    for member, site_ids in ((owner, [uuid7()]), (Member.objects.filter(user=street.zhou), [])):
        with pytest.raises(IntegrityError), transaction.atomic():
            member.update(site_ids=site_ids)


def test_whoever_opens_a_members_scope_opens_it_with_her_sites() -> None:
    """Views that open scopes themselves take `scope_of`; the accounts' pages are an owner's, who sees all sites."""
    owners = {"apps/landing/api/collection_accounts.py", "apps/landing/desk/accounts.py"}
    by_hand = re.compile(r"landlord_scope\([^)]*(member|request|mine)")
    edges = [path for path in python_files("apps") if "/landing/" in str(path) or "/alerts/" in str(path)]
    found = {relative(path) for path in edges if by_hand.search(content(path))}
    assert len(edges) > 50
    assert found <= owners
