"""Ask at any route of the table, and undo whatever it wrote."""

import json
import re
from functools import cache
from typing import Any
from urllib.parse import quote

from django.apps import apps
from django.db import transaction
from django.test import Client

from apps.common.scoping import ScopedModel, landlord_scope
from apps.meters.models import Meter
from tests.people import House
from tests.route import Route

# What most forms of the desks ask for.
FORM = {"action": "delete_selected", "post": "yes", "amount_yuan": "50.00", "energy_kwh": "5.00", "kind": "CASH",
         "reason": "r", "note": "n", "name": "n", "price_yuan_per_kwh": "0.9", "_save": "1"}  # fmt: skip


def object_id_of(path: str, house: House) -> str:
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


def url_of(path: str, values: dict[str, str]) -> str:
    """Return the address of a route; of the one route that is a regular expression, its first choice."""
    plain = re.sub(r"\^\(\?P<\w+>(\w+)[^)]*\)/\$", r"\1/", path)
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values[found[1]], plain)


@cache
def client() -> Client:
    """One client for all: making one loads every middleware anew."""
    return Client(raise_request_exception=False)


class _Undo(Exception):
    pass


def asked(route: Route, values: dict[str, str], headers: dict[str, str]) -> tuple[int, bytes]:
    """Ask once and undo whatever it wrote; returns status and every byte of the answer."""
    browser = client()
    url = url_of(route.path, values)
    browser.cookies.clear()
    seen = (0, b"")
    try:
        with transaction.atomic():
            response = browser.generic(
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
