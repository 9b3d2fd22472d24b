"""What a landlord sees once a meter is added: its first reading, its code, the next form; and nobody else does."""

from typing import Any

import pytest
from django.test import Client

from apps.common.scoping import landlord_scope
from apps.meters.models import StockedMeter
from apps.readings.models import Reading
from tests.landing.joining import log_in, meter_form, value, words
from tests.people import PASSWORD, Street

# --- Afterwards.


def test_the_next_form_keeps_site_and_price_and_nothing_else(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    stocked, code = box
    log_in(visitor, street.li.owner)
    visitor.post(
        "/join/claim",
        meter_form(token=stocked.qr_token, claim_code=code, site="East", building="B2", floor="5"),
    )
    answer = visitor.get("/join/claim")
    kept = {name: value(answer, name) for name in ("site", "building", "price_yuan_per_kwh")}
    assert kept == {"site": "East", "building": "B2", "price_yuan_per_kwh": "0.7"}
    assert {value(answer, name) for name in ("number", "claim_code", "room", "floor")} == {""}


def test_the_first_reading_comes_by_itself_and_then_the_page_rests(
    street: Street, visitor: Client, now: Any
) -> None:
    log_in(visitor, street.li.owner)
    address = f"/join/claimed/{street.li.meter.qr_token}"
    waiting = visitor.get(address)
    assert "data-again" in waiting.content.decode()
    assert "not connected yet" in words(waiting)
    with landlord_scope(street.li.landlord.pk):
        Reading.objects.create(
            meter=street.li.meter,
            taken_at=now,
            received_at=now,
            source="NETWORK",
            device_epoch=1,
            total_kwh="1520.25",
            remaining_kwh="12.40",
        )
    there = visitor.get(address)
    assert "data-again" not in there.content.decode()
    assert "12.40 kWh Energy left · read just now" in words(there)
    assert "1520.25 kWh" in words(there)


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_the_code_can_be_saved_under_the_rooms_name(
    street: Street, visitor: Client, kind: str, start: bytes
) -> None:
    log_in(visitor, street.li.owner)
    answer = visitor.get(f"/join/claimed/{street.li.meter.qr_token}/qr.{kind}")
    assert answer.content.startswith(start)
    assert answer["Content-Disposition"] == f'inline; filename="3 302.{kind}"'


def test_the_added_meter_is_hers_alone(street: Street, visitor: Client) -> None:
    address = f"/join/claimed/{street.li.meter.qr_token}"
    assert visitor.get(address)["Location"] == "/join/login"
    back = visitor.post("/join/login", {"phone": street.li.owner.username, "password": PASSWORD})
    assert back["Location"] == address
    other = Client()
    log_in(other, street.wang.owner)
    foreign, missing = other.get(address), other.get("/join/claimed/nobody-printed-this")
    assert foreign.status_code == missing.status_code == 404
    assert words(foreign) == words(missing)


def test_nothing_of_one_landlord_stays_for_the_next_login_in_the_same_browser(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    stocked, code = box
    log_in(visitor, street.li.owner)
    visitor.post("/join/claim", meter_form(token=stocked.qr_token, claim_code=code, site="East"))
    log_in(visitor, street.wang.owner)
    assert "East" not in visitor.get("/join/claim").content.decode()
