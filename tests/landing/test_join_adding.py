"""A landlord adds her meters out of one form, and all that can be wrong with it."""

import re
from typing import Any

import pytest
from django.test import Client

from apps.accounts import services as accounts
from apps.common.scoping import landlord_scope
from apps.meters.models import Command, Meter, StockedMeter
from apps.meters.services import claiming, registry
from apps.tariffs.models import Price
from tests.landing.joining import (
    counts,
    log_in,
    meter_form,
    meters_of,
    value,
    words,
    wrong_fields,
)
from tests.people import NOON, Street

# --- Adding the meter.


@pytest.mark.parametrize("by", ["token", "serial", "address", "spaced"])
def test_four_fields_hang_the_meter_with_its_room_and_price_and_ask_for_a_reading(
    street: Street, visitor: Client, box: tuple[StockedMeter, str], by: str
) -> None:
    stocked, code = box
    device = {
        "token": {"token": stocked.qr_token},
        "serial": {"number": stocked.serial},
        "address": {"number": f"http://127.0.0.1/q/{stocked.qr_token}"},
        "spaced": {"number": "0000 0000 9901", "claim_code": f"{code[:5].lower()}-{code[5:]} "},
    }[by]
    log_in(visitor, street.li.owner)
    done = visitor.post("/join/claim", meter_form(**{"claim_code": code, **device}))
    assert done["Location"] == f"/join/claimed/{stocked.qr_token}"
    [meter] = meters_of(street.li, stocked.serial)
    assert meter.room.site.name == "Li Court"
    with landlord_scope(street.li.landlord.pk):
        assert str(Price.objects.get(meter=meter).price_yuan_per_kwh) == "0.7000"
        kinds = Command.objects.filter(meter=meter).values_list("kind", flat=True)
        assert set(kinds) == {"OPEN_ACCOUNT", "READ"}


def test_the_form_asks_for_four_things_and_hides_the_scanned_one(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    log_in(visitor, street.li.owner)
    typed = visitor.get("/join/claim").content.decode().partition("<details")[0]
    assert re.findall(r'<input name="(\w+)" type="text"', typed) == [
        "number",
        "claim_code",
        "room",
        "price_yuan_per_kwh",
    ]
    scanned = visitor.get(f"/join/claim?token={box[0].qr_token}").content.decode().partition("<details")[0]
    assert len(re.findall(r'<input name="(\w+)" type="text"', scanned)) == 3
    assert 'name="number"' in visitor.get("/join/claim?token=").content.decode()


def test_a_form_sent_twice_adds_one_meter(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    stocked, code = box
    log_in(visitor, street.li.owner)
    form = meter_form(token=stocked.qr_token, claim_code=code)
    first, before = visitor.post("/join/claim", form), counts(street.li)
    second = visitor.post("/join/claim", form)
    assert first["Location"] == second["Location"]
    assert counts(street.li) == before


@pytest.mark.parametrize("price", ["0", "-1", "0.12345", "100", "cheap", "1e3", "999999", ""])
def test_a_price_that_is_none_is_refused_and_nothing_is_half_done(
    street: Street, visitor: Client, box: tuple[StockedMeter, str], price: str
) -> None:
    stocked, code = box
    log_in(visitor, street.li.owner)
    before = counts(street.li)
    answer = visitor.post(
        "/join/claim", meter_form(token=stocked.qr_token, claim_code=code, price_yuan_per_kwh=price)
    )
    assert answer.status_code in (400, 422)
    assert wrong_fields(answer) == ["price_yuan_per_kwh"]
    assert (value(answer, "price_yuan_per_kwh"), value(answer, "claim_code")) == (price, code)
    assert counts(street.li) == before
    mended = visitor.post("/join/claim", meter_form(token=stocked.qr_token, claim_code=code))
    assert mended.status_code == 302


@pytest.mark.parametrize("price", ["0.65", "０．６５", "0,65", "0.6500"])
def test_a_price_may_be_typed_as_people_type_it(
    street: Street, visitor: Client, box: tuple[StockedMeter, str], price: str
) -> None:
    stocked, code = box
    log_in(visitor, street.li.owner)
    visitor.post("/join/claim", meter_form(token=stocked.qr_token, claim_code=code, price_yuan_per_kwh=price))
    with landlord_scope(street.li.landlord.pk):
        assert str(Price.objects.get(meter__serial=stocked.serial).price_yuan_per_kwh) == "0.6500"


def test_every_gap_is_named_at_once(street: Street, visitor: Client) -> None:
    log_in(visitor, street.li.owner)
    answer = visitor.post("/join/claim", {"key": "k"})
    assert answer.status_code == 422
    assert wrong_fields(answer) == ["number", "claim_code", "room", "price_yuan_per_kwh"]


def test_a_wrong_code_an_unknown_meter_and_a_barred_one_answer_alike(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    stocked, code = box
    barred = registry.stock_meter(serial="000000009903", profile="dtsy-4g-ble", now=NOON)
    barred_code = claiming.set_claim_code(stocked=barred, now=NOON)
    StockedMeter.objects.filter(pk=barred.pk).update(barred_at=NOON)
    log_in(visitor, street.li.owner)
    before = counts(street.li)
    tries = [(stocked.serial, "WRONG"), ("000000009999", code), (barred.serial, barred_code)]
    answers = [
        visitor.post("/join/claim", meter_form(number=number, claim_code=tried)) for number, tried in tries
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert all("No meter fits this number and claim code." in words(answer) for answer in answers)
    assert counts(street.li) == before


def test_ten_wrong_codes_say_when_to_come_back(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    stocked, code = box
    log_in(visitor, street.li.owner)
    for _try in range(10):
        visitor.post("/join/claim", meter_form(token=stocked.qr_token, claim_code="WRONG"))
    answer = visitor.post("/join/claim", meter_form(token=stocked.qr_token, claim_code=code))
    assert answer.status_code == 429
    assert "try again in an hour" in words(answer)


def test_a_foreign_meter_is_refused_and_hers_is_named(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    stocked, code = box
    log_in(visitor, street.wang.owner)
    visitor.post("/join/claim", meter_form(token=stocked.qr_token, claim_code=code, room="Attic"))
    hers = visitor.post("/join/claim", meter_form(number=stocked.serial, claim_code=code, key="other"))
    assert hers.status_code == 409
    assert "This meter is yours already: room Attic." in words(hers)
    log_in(visitor, street.li.owner)
    before = counts(street.li)
    foreign = visitor.post("/join/claim", meter_form(number=stocked.serial, claim_code=code))
    assert foreign.status_code == 409
    assert "belongs to a landlord already" in words(foreign)
    assert "Attic" not in words(foreign)
    assert counts(street.li) == before


def test_the_code_of_a_removed_meter_no_longer_adds_it(
    street: Street, visitor: Client, box: tuple[StockedMeter, str], now: Any
) -> None:
    stocked, code = box
    log_in(visitor, street.li.owner)
    visitor.post("/join/claim", meter_form(token=stocked.qr_token, claim_code=code))
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.filter(serial=stocked.serial).update(archived_at=now)
    answer = visitor.post("/join/claim", meter_form(number=stocked.serial, claim_code=code, key="other"))
    assert answer.status_code == 409
    assert "You removed this meter earlier." in words(answer)
    assert visitor.get(f"/join/claimed/{stocked.qr_token}").status_code == 410


def test_scanning_a_meter_that_hangs_leads_to_it_or_says_whose_it_is_not(
    street: Street, visitor: Client
) -> None:
    token = street.li.meter.qr_token
    log_in(visitor, street.li.owner)
    assert visitor.get(f"/join/claim?token={token}")["Location"] == f"/join/claimed/{token}"
    log_in(visitor, street.wang.owner)
    answer = visitor.get(f"/join/claim?token={token}")
    assert answer.status_code == 409
    assert "belongs to a landlord already" in words(answer)
    assert visitor.get("/join/claim").status_code == 200


def test_a_scanned_code_nobody_printed_is_refused_and_the_number_can_be_typed(
    street: Street, visitor: Client
) -> None:
    log_in(visitor, street.li.owner)
    answer = visitor.get("/join/claim?token=nobody-printed-this")
    assert answer.status_code == 404
    assert 'name="number"' in answer.content.decode()


def test_a_viewer_is_told_that_she_may_not(street: Street, visitor: Client) -> None:
    log_in(visitor, street.viewer)
    answer = visitor.get("/join/claim")
    assert answer.status_code == 403
    assert "Ask the owner." in words(answer)


def test_who_works_for_two_landlords_says_for_which(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    stocked, code = box
    accounts.take_on_member(landlord=street.wang.landlord, user=street.zhou, role="MANAGER")
    log_in(visitor, street.zhou)
    form = meter_form(token=stocked.qr_token, claim_code=code)
    assert wrong_fields(visitor.post("/join/claim", form)) == ["landlord"]
    done = visitor.post("/join/claim", {**form, "landlord": str(street.wang.landlord.pk)})
    assert done.status_code == 302
    assert len(meters_of(street.wang, stocked.serial)) == 1
    assert "302" in words(visitor.get(f"/join/claimed/{street.li.meter.qr_token}"))
