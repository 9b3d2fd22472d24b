"""Every form of both desks, found by asking every page: what was typed is there again after the login."""

import re
from typing import Any
from urllib.parse import quote

import pytest
from django import forms
from django.apps import apps
from django.conf import settings
from django.test import Client

from apps.common.scoping import ScopedModel, landlord_scope
from apps.landing.desk import typed
from tests.people import PASSWORD, Street
from tests.routes import DESKS
from tests.town import build_town

pytestmark = pytest.mark.thorough

# They ask for a password, which is kept nowhere, or say who comes in.
ASK_FOR_A_PASSWORD = ("password", "/login/", "phone")


def _object_id(path: str, street: Street) -> str:
    model = apps.get_model(*path.split("/")[1:3])
    if path.startswith(("admin/meters/meter/", "ops/meters/meter/")):
        return str(street.li.meter.pk)
    if not issubclass(model, ScopedModel):
        return quote(str(model._default_manager.order_by("pk").first().pk))
    with landlord_scope(street.li.landlord.pk):
        return str(model.objects.order_by("pk").first().pk)


def address_of(path: str, street: Street, values: dict[str, str]) -> str:
    if "^" in path or "content_type_id" in path:
        return ""

    def value(found: Any) -> str:
        return _object_id(path, street) if found[1] == "object_id" else values.get(found[1], "none")

    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", value, path)


def _typed(field: forms.Field) -> str:
    if isinstance(field, forms.ModelChoiceField):
        return str(field.queryset.order_by("pk").values_list("pk", flat=True).first())
    if isinstance(field, forms.ChoiceField):
        return str(next(reversed([key for key, _name in field.choices]), ""))
    if isinstance(field, forms.DateTimeField):
        return "2090-01-01T00:00"
    if isinstance(field, forms.TimeField):
        return "22:30"
    return "7" if isinstance(field, forms.DecimalField | forms.IntegerField) else "TYPED"


def _fields(form: forms.BaseForm) -> dict[str, str]:
    plain = {
        name: field
        for name, field in form.fields.items()
        if name != "key"
        and not isinstance(field, forms.FileField | forms.BooleanField | forms.MultiValueField)
    }
    return {name: value for name, field in plain.items() if (value := _typed(field))}


def _form(answer: Any) -> forms.BaseForm | None:
    """The form a person can fill in on this page, as the desk itself finds it."""
    return typed._form_of(answer)


def test_what_was_typed_into_any_form_is_there_after_the_login(street: Street) -> None:
    town = build_town(street)
    users = {"admin": street.li.owner, "ops": street.operator}
    browsers = {desk: Client(headers={"accept-language": "en"}) for desk in users}
    seen = []
    for route in DESKS:
        desk, here = route.path.split("/")[0], address_of(route.path, street, town.values)
        if route.method != "GET" or not here or any(word in here for word in ASK_FOR_A_PASSWORD):
            continue
        client = browsers[desk]
        client.force_login(users[desk])
        form = _form(client.get(here))
        if form is None or any("password" in name for name in form.fields):
            continue
        with landlord_scope(street.li.landlord.pk):
            sent = _fields(form)
        if not sent:
            continue
        del client.cookies[settings.SESSION_COOKIE_NAME]
        away = client.post(here, {**sent, "key": "k"}).headers["Location"]
        assert away.startswith(f"/{desk}/login/"), here
        client.post(away, {"username": users[desk].username, "password": PASSWORD, "next": here})
        back = client.get(here)
        again = _form(back)
        assert again is not None
        assert {name: str(again[name].value()) for name in sent} == sent, here
        assert "You were logged out in between." in back.content.decode(), here
        seen.append(here)
    assert len(seen) > 25, seen
