"""Every route with every kind of person; no route is forgotten; nothing of Li's reaches Wang."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from apps.accounts import doors
from apps.accounts import services as accounts
from apps.accounts.models import Landlord, Member, Renter, User
from apps.alerts.models import Alert
from apps.common.ids import uuid7
from apps.common.scoping import ScopedModel, landlord_scope
from apps.common.walls import owned_models
from apps.income.models import BillDay, CollectionAccount, Difference, Order, Payment, Refund, Settlement
from apps.income.services.recharges import recharge_by_member
from apps.income.states import RechargeKind
from apps.meters.models import Command, Gateway, Letter, Meter, Presence, Room, Site
from apps.meters.post import ValkeyPost
from apps.meters.services import sharing
from apps.meters.services.commands import ask_power
from apps.meters.services.phone import open_session
from apps.meters.states import Errand
from apps.readings.models import DailyReading, Reading
from tests.people import House, Street
from tests.routes import DESKS, KINDS, LANDLORDS_DESK, PAGE, REST, ROUTES, Route
from tests.standing import standing

CANARY = "CANARY"


@dataclass
class Town:
    """The street with something of every kind in Li's house, each marked, and a caller for every kind."""

    street: Street
    values: dict[str, str]
    callers: dict[str, dict[str, str]]
    secrets: list[str]


def _token(user: User, life: timedelta = timedelta(hours=1)) -> dict[str, str]:
    token, _row = accounts.issue_token(user=user, now=timezone.now(), life=life)
    return {"Authorization": f"Bearer {token}"}


def _login_of(renter: Renter) -> User:
    assert renter.user is not None
    return renter.user


def _furnish(house: House, mark: str) -> dict[str, str]:
    """Put a marked thing of every kind into a house; returns what its addresses need."""
    now = timezone.now()
    Landlord.objects.filter(pk=house.landlord.pk).update(
        name=f"{house.landlord.name} {mark}", phone=f"1{mark}"
    )
    with landlord_scope(house.landlord.pk):
        Site.objects.update(name=f"Site {mark}")
        Room.objects.update(floor=f"{mark} floor")
        Room.objects.filter(pk=house.room.pk).update(name=f"Room {mark}")
        Meter.objects.filter(pk=house.meter.pk).update(note=f"Note {mark}")
        Renter.objects.filter(pk=house.renter.pk).update(name=f"Renter {mark}")
        by_id = house.owner.pk
        meter = Meter.objects.get(pk=house.meter.pk)
        command = ask_power(
            meter=meter, on=False, reason=f"Off {mark}", by_id=by_id, now=now, remaining_kwh=None
        )
        recharge_by_member(
            meter=meter,
            kind=RechargeKind.CASH,
            amount_yuan=Decimal("30.00"),
            energy_kwh=None,
            reason=f"Cash {mark}",
            by_id=by_id,
            now=now,
        )
        Reading.objects.create(
            meter=meter,
            taken_at=now,
            received_at=now,
            source="NETWORK",
            device_epoch=1,
            total_kwh=Decimal("1520.25"),
            remaining_kwh=Decimal("12.40"),
        )
        account = CollectionAccount(channel="wechat", merchant_id=f"M{mark}")
        account.set_credentials({"secret": mark})
        account.save()
        no = f"R{mark}"
        order = Order.objects.create(
            no=no,
            meter=meter,
            lease=house.lease,
            channel="wechat",
            amount_yuan=Decimal("50.00"),
            price_yuan_per_kwh=Decimal("0.6500"),
            quoted_energy_kwh=Decimal("76.92"),
            created_at=now,
            expires_at=now,
        )
        doors.hang(doors.Kind.ORDER, no, object_id=order.pk)
        payment = Payment.objects.create(
            order=order,
            account=account,
            channel="wechat",
            out_trade_no=f"{no}01",
            amount_yuan=Decimal("50.00"),
            state="CLOSED",
            review_reason=f"Review {mark}",
            created_at=now,
        )
        paid_order = Order.objects.create(
            no=f"{no}P",
            meter=meter,
            lease=house.lease,
            channel="wechat",
            amount_yuan=Decimal("50.00"),
            price_yuan_per_kwh=Decimal("0.6500"),
            quoted_energy_kwh=Decimal("76.92"),
            created_at=now,
            expires_at=now,
        )
        paid = Payment.objects.create(
            order=paid_order,
            account=account,
            channel="wechat",
            out_trade_no=f"{no}P01",
            transaction_id=f"T{mark}",
            amount_yuan=Decimal("50.00"),
            state="PAID",
            created_at=now,
            paid_at=now,
        )
        refund = Refund.objects.create(
            payment=paid,
            out_refund_no=f"{no}P01F01",
            amount_yuan=Decimal("50.00"),
            reason=f"Refund {mark}",
            created_at=now,
            next_at=now,
        )
        Settlement.objects.create(
            account=account, number=f"S{mark}", amount_yuan=Decimal("49.70"), created_at=now, next_at=now
        )
        bill = BillDay.objects.create(account=account, day=now.date(), next_at=now)
        difference = Difference.objects.create(
            bill=bill, kind="MISSING_HERE", number=f"D{mark}", bill_yuan=Decimal("7.00"), found_at=now
        )
        share_token, share = sharing.share_meter(meter=meter, by_id=by_id, now=now)
        alert = Alert.objects.create(meter=meter, kind=Alert.Kind.LOW_BALANCE, raised_at=now)
        DailyReading.objects.create(
            meter=meter,
            date=meter.claimed_at.date(),
            device_epoch=1,
            total_kwh=Decimal("1520.25"),
            taken_at=now,
            source="FREEZE",
        )
        errands = open_session(
            post=ValkeyPost(),
            meter=meter,
            errand=Errand.READ,
            command_id=None,
            by_id=by_id,
            keeps_readings=False,
            now=now,
        )
    return {
        "session_id": str(errands.session.pk),
        "share_token": share_token,
        "share_id": str(share.pk),
        "alert_id": str(alert.pk),
        "lease_id": str(house.lease.pk),
        "room_id": str(house.room.pk),
        "site_id": str(house.room.site_id),
        "meter_id": str(meter.pk),
        "command_id": str(command.pk),
        "payment_id": str(payment.pk),
        "difference_id": str(difference.pk),
        "refund_id": str(refund.pk),
        "member_id": str(Member.objects.filter(landlord=house.landlord).latest("id").pk),
        "token": meter.qr_token,
        "no": no,
        "account_id": str(uuid7()),
        "collection_account_id": str(account.pk),
        "landlord_id": str(house.landlord.pk),
        "strategy": "S1",
        "channel": "wechat",
        "content_type_id": "1",
        "anything": "no/such/thing",
    }


@standing
def town(street: Street) -> Town:
    li = street.li
    values = _furnish(li, CANARY)
    _machines(li)
    secrets = [CANARY, li.meter.serial, li.vacant_meter.serial, li.meter.qr_token, li.vacant_meter.qr_token]
    secrets += [str(row.pk) for row in (li.landlord, li.meter, li.vacant_meter, li.room, li.lease, li.renter)]
    callers = {
        "anonymous": {},
        "renter": _token(_login_of(li.renter)),
        "owner": _token(li.owner),
        "manager": _token(street.zhou),
        "viewer": _token(street.viewer),
        "foreign_owner": _token(street.wang.owner),
        "operator": _token(street.operator),
        "expired": _token(li.owner, -timedelta(seconds=1)),
    }
    secrets += [values[name] for name in ("command_id", "share_id", "share_token", "alert_id", "site_id")]
    return Town(street, values, callers, secrets)


def _machines(house: House) -> None:
    """A gateway with Li's meter on its socket, a letter under way, and a schedule of each kind."""
    now = timezone.now()
    gateway = Gateway.objects.create(name="gw1-a", node="gw1", stream="rm:letters:gw1-a", hello_at=now)
    Presence.objects.create(
        serial=house.meter.serial, gateway=gateway, is_online=True, since=now, seen_at=now
    )
    with landlord_scope(house.landlord.pk):
        Letter.objects.create(
            command=Command.objects.filter(meter=house.meter).latest("id"),
            meter=house.meter,
            attempt=1,
            purpose="READ",
            gateway=gateway.name,
            epoch=1,
            frames=["68"],
            created_at=now,
            expires_at=now,
            deadline_at=now,
        )
    every, _made = IntervalSchedule.objects.get_or_create(every=30, period="seconds")
    CrontabSchedule.objects.create()
    PeriodicTask.objects.create(name="task", task="common.beat_is_alive", interval=every)


def _object_id(path: str, house: House) -> str:
    """The id of Li's own record of the kind this desk's address is about."""
    app_label, model_name = path.split("/")[1:3]
    if app_label == "r":
        return "1"
    model = apps.get_model(app_label, model_name)
    if model is Meter:
        return str(house.meter.pk)
    if not issubclass(model, ScopedModel):
        return quote(str(model._default_manager.order_by("pk").first().pk))
    with landlord_scope(house.landlord.pk):
        return str(model.objects.order_by("pk").first().pk)


@cache
def _client() -> Client:
    """One client for all: making one loads every middleware anew."""
    return Client(raise_request_exception=False)


class _Undo(Exception):
    pass


def _asked(route: Route, values: dict[str, str], headers: dict[str, str]) -> tuple[int, bytes]:
    """Ask once and undo whatever it wrote; returns status and every byte of the answer."""
    client = _client()
    # Of the one route that is a regular expression, its first choice.
    path = re.sub(r"\^\(\?P<\w+>(\w+)[^)]*\)/\$", r"\1/", route.path)
    url = "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values[found[1]], path)
    client.cookies.clear()
    seen = (0, b"")
    try:
        with transaction.atomic():
            response = client.generic(
                route.method,
                url,
                b"" if route.body is None else _json(route.body),
                content_type="application/json",
                headers=headers,
            )
            seen = (response.status_code, b"".join(response) if response.streaming else response.content)
            raise _Undo
    except _Undo:
        return seen


def _json(body: dict[str, Any]) -> bytes:

    return json.dumps(body).encode()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_kind_of_person_gets_what_the_table_says(town: Town, route: Route) -> None:
    values = dict(town.values)
    if "<path:object_id>" in route.path:
        values["object_id"] = _object_id(route.path, town.street.li)
    got = {kind: _asked(route, values, town.callers[kind])[0] for kind in KINDS}
    assert got == dict(zip(KINDS, route.expected, strict=True))


def test_foreign_and_missing_answer_alike_to_the_byte(town: Town) -> None:
    """Whatever Wang gets for a thing of Li's, she gets for a thing nobody has."""
    nobodys = {name: str(uuid7()) if name.endswith("_id") else value for name, value in town.values.items()}
    wang = town.callers["foreign_owner"]
    asked = [route for route in REST if "_id>" in route.path]
    assert len(asked) > 10
    for route in asked:
        foreign, missing = _asked(route, town.values, wang), _asked(route, nobodys, wang)
        assert foreign == missing, route
        assert foreign[0] == 404, route


@pytest.mark.thorough
def test_nothing_of_li_is_in_any_byte_that_wang_gets(town: Town) -> None:
    wang = town.callers["foreign_owner"]
    own = _furnish(town.street.wang, "MARK")
    marked = 0
    for route in (route for route in [*REST, *PAGE, *LANDLORDS_DESK] if route.method == "GET"):
        # Who holds a QR code or an order number may see what it opens, so Wang brings her own.
        asked_for = [own] if re.search("<str:(token|no)>", route.path) else [own, town.values]
        if "<path:object_id>" in route.path:
            houses = (town.street.wang, town.street.li)
            asked_for = [{**own, "object_id": _object_id(route.path, house)} for house in houses]
        for values in asked_for:
            for query in ("", "?from=2000-01-01&to=2100-01-01&limit=500", "?format=csv"):
                status, body = _asked(Route("GET", f"{route.path}{query}", ()), values, wang)
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
            assert _asked(route, town.values, headers)[0] == 403, route


def test_a_member_of_several_landlords_must_say_for_which(town: Town) -> None:
    street = town.street
    accounts.take_on_member(landlord=street.wang.landlord, user=street.zhou, role="VIEWER")
    zhou = town.callers["manager"]
    read = Route("GET", "api/v1/meters/<uuid:meter_id>", ())
    assert _asked(read, town.values, zhou)[0] == 400
    assert _asked(read, town.values, {**zhou, "X-Landlord": str(street.li.landlord.pk)})[0] == 200
    assert _asked(read, town.values, {**zhou, "X-Landlord": str(street.wang.landlord.pk)})[0] == 404
    assert _asked(read, town.values, {**zhou, "X-Landlord": "no id"})[0] == 403


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
            refused = {m for m in others if _asked(Route(m, path, ()), town.values, {})[0] == 405}
            methods = listed.get(path, set()) | (others - refused)
        there[path] = methods
    assert listed == there


_FORM = {"action": "delete_selected", "post": "yes", "amount_yuan": "50.00", "energy_kwh": "5.00", "kind": "CASH",
         "reason": "r", "note": "n", "name": "n", "price_yuan_per_kwh": "0.9", "_save": "1"}  # fmt: skip


@pytest.mark.thorough
def test_nobody_but_her_own_arrangers_changes_anything_of_li_at_a_desk(town: Town) -> None:
    """Whatever the status says: the rows are compared, with every table that Li owns."""
    li = town.street.li

    def rows() -> list[Any]:
        with landlord_scope(li.landlord.pk):
            return [list(model.objects.order_by("pk").values_list()) for model in owned_models()]

    before = rows()
    for route in DESKS:
        path = re.sub(r"\^\(\?P<\w+>(\w+)[^)]*\)/\$", r"\1/", route.path)
        values = dict(town.values)
        if "<path:object_id>" in path:
            values["object_id"] = _object_id(path, li)
        url = "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found, values=values: values[found[1]], path)
        for kind in ("anonymous", "renter", "viewer", "foreign_owner", "expired"):
            with transaction.atomic():
                _client().post(url, {**_FORM, "_selected_action": values.get("object_id", "")},
                               headers=town.callers[kind])  # fmt: skip
        assert rows() == before, url


def test_options_tells_nobody_anything(town: Town) -> None:
    for route in REST:
        status, body = _asked(Route("OPTIONS", route.path, ()), town.values, {})
        assert status in (401, 404, 405), route
        assert CANARY.encode() not in body


def test_a_method_that_is_not_in_the_table_is_refused_as_such(town: Town) -> None:
    listed: dict[str, set[str]] = {}
    for route in REST:
        listed.setdefault(route.path, set()).add(route.method)
    for path, methods in listed.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
            assert _asked(Route(method, path, ()), town.values, town.callers["owner"])[0] == 405, path


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
