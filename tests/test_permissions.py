"""Every route with every kind of person; no route is forgotten; nothing of Li's reaches Wang."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver

from apps.accounts import services as accounts
from apps.common.ids import uuid7
from apps.common.scoping import landlord_scope
from apps.common.walls import owned_models
from tests.asking import FORM, asked, client, object_id_of, url_of
from tests.route import KINDS, Route
from tests.routes import DESKS, LANDLORDS_DESK, PAGE, REST, ROUTES
from tests.town import CANARY, Town, furnish


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_kind_of_person_gets_what_the_table_says(town: Town, route: Route) -> None:
    values = dict(town.values)
    if "<path:object_id>" in route.path:
        values["object_id"] = object_id_of(route.path, town.street.li)
    got = {kind: asked(route, values, town.callers[kind])[0] for kind in KINDS}
    assert got == dict(zip(KINDS, route.expected, strict=True))


def test_foreign_and_missing_answer_alike_to_the_byte(town: Town) -> None:
    """Whatever Wang gets for a thing of Li's, she gets for a thing nobody has."""
    nobodys = {name: str(uuid7()) if name.endswith("_id") else value for name, value in town.values.items()}
    wang = town.callers["foreign_owner"]
    about_one = [route for route in REST if "_id>" in route.path]
    assert len(about_one) > 10
    for route in about_one:
        foreign, missing = asked(route, town.values, wang), asked(route, nobodys, wang)
        assert foreign == missing, route
        assert foreign[0] == 404, route


@pytest.mark.thorough
def test_nothing_of_li_is_in_any_byte_that_wang_gets(town: Town) -> None:
    wang = town.callers["foreign_owner"]
    own = furnish(town.street.wang, "MARK")
    marked = 0
    for route in (route for route in [*REST, *PAGE, *LANDLORDS_DESK] if route.method == "GET"):
        # Who holds a QR code or an order number may see what it opens, so Wang brings her own.
        asked_for = [own] if re.search("<str:(token|no)>", route.path) else [own, town.values]
        if "<path:object_id>" in route.path:
            houses = (town.street.wang, town.street.li)
            asked_for = [{**own, "object_id": object_id_of(route.path, house)} for house in houses]
        for values in asked_for:
            for query in ("", "?from=2000-01-01&to=2100-01-01&limit=500", "?format=csv"):
                status, body = asked(Route("GET", f"{route.path}{query}", ()), values, wang)
                assert status < 500, route
                leaked = [secret for secret in town.secrets if secret.encode() in body]
                assert not leaked, (route, query)
                marked += b"MARK" in body
    # The marks prove that such strings are shown at all, to whom they belong.
    assert marked > 60


def test_a_member_of_another_landlord_may_not_name_li(town: Town) -> None:
    headers = {**town.callers["foreign_owner"], "X-Landlord": str(town.street.li.landlord.pk)}
    for route in (route for route in REST if route.expected[KINDS.index("foreign_owner")] == 404):
        if "meter_id" in route.path:
            assert asked(route, town.values, headers)[0] == 403, route


def test_a_member_of_several_landlords_must_say_for_which(town: Town) -> None:
    street = town.street
    accounts.take_on_member(landlord=street.wang.landlord, user=street.zhou, role="VIEWER")
    zhou = town.callers["manager"]
    read = Route("GET", "api/v1/meters/<uuid:meter_id>", ())
    assert asked(read, town.values, zhou)[0] == 400
    assert asked(read, town.values, {**zhou, "X-Landlord": str(street.li.landlord.pk)})[0] == 200
    assert asked(read, town.values, {**zhou, "X-Landlord": str(street.wang.landlord.pk)})[0] == 404
    assert asked(read, town.values, {**zhou, "X-Landlord": "no id"})[0] == 403


def _routes(resolver: Any, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern, path)
        else:
            yield path, pattern


def _methods(pattern: URLPattern) -> set[str] | None:
    """The methods a class answers; None for a plain function, which has to be asked."""
    callback: Any = pattern.callback
    view = getattr(callback, "cls", None) or getattr(callback, "view_class", None)
    if view is None:
        return None
    # HEAD is GET without a body; OPTIONS is refused everywhere, see below.
    return {name.upper() for name in view.http_method_names if hasattr(view, name)} - {"HEAD", "OPTIONS"}


def test_no_route_is_missing_from_the_table_and_none_is_made_up(town: Town) -> None:
    listed: dict[str, set[str]] = {}
    for route in ROUTES:
        listed.setdefault(route.path, set()).add(route.method)
    there: dict[str, set[str]] = {}
    for path, pattern in _routes(get_resolver()):
        methods = _methods(pattern)
        if path.startswith(("admin/", "ops/")):
            # A desk's pages take any method; what strangers may write there is asked below.
            methods = listed.get(path, {"GET"})
        elif methods is None:
            others = {"GET", "POST", "PUT", "PATCH", "DELETE"} - listed.get(path, set())
            refused = {m for m in others if asked(Route(m, path, ()), town.values, {})[0] == 405}
            methods = listed.get(path, set()) | (others - refused)
        there[path] = methods
    assert listed == there


@pytest.mark.thorough
def test_nobody_but_her_own_arrangers_changes_anything_of_li_at_a_desk(town: Town) -> None:
    """Whatever the status says: the rows are compared, with every table that Li owns."""
    li = town.street.li

    def rows() -> list[Any]:
        with landlord_scope(li.landlord.pk):
            return [list(model.objects.order_by("pk").values_list()) for model in owned_models()]

    before = rows()
    for route in DESKS:
        values = dict(town.values)
        if "<path:object_id>" in route.path:
            values["object_id"] = object_id_of(route.path, li)
        url = url_of(route.path, values)
        for kind in ("anonymous", "renter", "viewer", "foreign_owner", "expired"):
            with transaction.atomic():
                client().post(url, {**FORM, "_selected_action": values.get("object_id", "")},
                               headers=town.callers[kind])  # fmt: skip
        assert rows() == before, url


def test_options_tells_nobody_anything(town: Town) -> None:
    for route in REST:
        status, body = asked(Route("OPTIONS", route.path, ()), town.values, {})
        assert status in (401, 404, 405), route
        assert CANARY.encode() not in body


def test_a_method_that_is_not_in_the_table_is_refused_as_such(town: Town) -> None:
    listed: dict[str, set[str]] = {}
    for route in REST:
        listed.setdefault(route.path, set()).add(route.method)
    for path, methods in listed.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
            assert asked(Route(method, path, ()), town.values, town.callers["owner"])[0] == 405, path


def test_every_view_that_opens_its_own_scopes_says_so() -> None:
    """Whoever finds the landlord through a door, or calls a platform, must not be inside a member's scope."""
    for path, pattern in _routes(get_resolver()):
        callback: Any = pattern.callback
        doors_or_platforms = (
            "q|orders|phone-sessions|my|auth/(codes|register|login|wechat|alipay)|shares/<str|me/password"
        )
        if re.search(f"^(api/v1/({doors_or_platforms})|pay/notify)", path):
            view = getattr(callback, "cls", None) or getattr(callback, "view_class", None)
            assert view.opens_own_scopes, path
