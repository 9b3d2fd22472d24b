"""A landlord's first day as its tests say it: what is typed, and what the screens answer."""

import re
from pathlib import Path
from typing import Any

from django.test import Client

from apps.accounts.models import User
from apps.common.scoping import landlord_scope
from apps.meters.models import Command, Meter, Room, Site
from apps.tariffs.models import Price
from tests.people import House

PHONE = "13812345678"


def code_of(outbox: Path) -> str:
    return str(re.findall(r"\b(\d{6})\b", outbox.read_text())[-1])


def words(answer: Any) -> str:
    text = re.sub(r"(?s)<(head|noscript).*?</\1>|<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", text)


def value(answer: Any, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]* value="([^"]*)"', answer.content.decode())
    assert found, name
    return found[1]


def wrong_fields(answer: Any) -> list[str]:
    return re.findall(r'<(?:input|select) name="(\w+)"[^>]*aria-invalid', answer.content.decode())


def log_in(visitor: Client, user: User) -> None:
    visitor.force_login(user, backend="apps.accounts.backends.LoginBackend")


def meter_form(**changes: str) -> dict[str, str]:
    return {"claim_code": "", "room": "501", "price_yuan_per_kwh": "0.7", "key": "k", **changes}


def meters_of(house: House, serial: str) -> list[Meter]:
    with landlord_scope(house.landlord.pk):
        return list(Meter.objects.filter(serial=serial).select_related("room__site"))


def counts(house: House) -> list[int]:
    with landlord_scope(house.landlord.pk):
        return [model.objects.count() for model in (Meter, Room, Site, Price, Command)]
