"""A landlord's first day, screen by screen: her phone, her account, her first meters; and all that can go wrong."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.accounts import services as accounts
from apps.accounts.models import Landlord, PhoneCode, Tries, User
from apps.common.scoping import landlord_scope
from apps.meters.models import Command, Meter, Room, Site, StockedMeter
from apps.meters.services import claiming, registry
from apps.readings.models import Reading
from apps.tariffs.models import Price
from tests.people import NOON, PASSWORD, House, Street

PHONE = "13812345678"


@pytest.fixture
def outbox(settings: Any, tmp_path: Path) -> Path:
    settings.SMS_BACKEND = "apps.accounts.messaging.FileBackend"
    settings.SMS_OUTBOX = str(tmp_path / "sms.jsonl")
    return tmp_path / "sms.jsonl"


@pytest.fixture
def visitor(client: Client) -> Client:
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def box(street: Street) -> Iterator[tuple[StockedMeter, str]]:
    """A meter in its box, and the code on the card."""
    stocked = registry.stock_meter(serial="000000009901", profile="dtsy-4g-ble")
    return stocked, claiming.set_claim_code(stocked=stocked)


def _code(outbox: Path) -> str:
    return str(re.findall(r"\b(\d{6})\b", outbox.read_text())[-1])


def _words(answer: Any) -> str:
    text = re.sub(r"(?s)<(head|noscript).*?</\1>|<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", text)


def _value(answer: Any, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]* value="([^"]*)"', answer.content.decode())
    assert found, name
    return found[1]


def _wrong_fields(answer: Any) -> list[str]:
    return re.findall(r'<(?:input|select) name="(\w+)"[^>]*aria-invalid', answer.content.decode())


def _log_in(visitor: Client, user: User) -> None:
    visitor.force_login(user, backend="apps.accounts.backends.LoginBackend")


def _form(**changes: str) -> dict[str, str]:
    return {"claim_code": "", "room": "501", "price_yuan_per_kwh": "0.7", "key": "k", **changes}


def _meters(house: House, serial: str) -> list[Meter]:
    with landlord_scope(house.landlord.pk):
        return list(Meter.objects.filter(serial=serial).select_related("room__site"))


def _counts(house: House) -> list[int]:
    with landlord_scope(house.landlord.pk):
        return [model.objects.count() for model in (Meter, Room, Site, Price, Command)]


# --- Registering.


def test_phone_code_name_and_password_make_her_a_landlord_who_is_logged_in(
    db: None, visitor: Client, outbox: Path
) -> None:
    sent = visitor.post("/join/", {"phone": "138 1234 5678"})
    assert (sent.status_code, sent["Location"]) == (302, "/join/account")
    assert PHONE in _words(visitor.get("/join/account"))
    done = visitor.post("/join/account", {"code": _code(outbox), "name": " Sun Court ", "password": PASSWORD})
    assert (done.status_code, done["Location"]) == (302, "/join/claim")
    assert Landlord.objects.get().name == "Sun Court"
    assert "Add a meter" in _words(visitor.get("/join/claim"))
    assert visitor.get("/admin/").status_code == 200


@pytest.mark.parametrize("agent", ["MicroMessenger/8.0.50", "AlipayClient/10.6"])
def test_registering_is_the_same_in_both_apps(db: None, visitor: Client, outbox: Path, agent: str) -> None:
    in_app = Client(headers={"user-agent": agent})
    in_app.post("/join/", {"phone": PHONE})
    data = {"code": _code(outbox), "name": "Sun Court", "password": PASSWORD}
    assert in_app.post("/join/account", data)["Location"] == "/join/claim"


@pytest.mark.parametrize("phone", ["", "1381234567", "23812345678", "phone\x00"])
def test_what_is_no_phone_is_refused_at_its_field_and_stays_typed(
    db: None, visitor: Client, outbox: Path, phone: str
) -> None:
    answer = visitor.post("/join/", {"phone": phone})
    assert answer.status_code == 400
    assert _wrong_fields(answer) == ["phone"]
    assert _value(answer, "phone") == phone
    assert "11 digits" in _words(answer)
    assert not outbox.exists()


def test_a_phone_typed_in_full_width_digits_is_a_phone(db: None, visitor: Client, outbox: Path) -> None:
    visitor.post("/join/", {"phone": "１３８１２３４５６７８"})
    assert PhoneCode.objects.get().phone == PHONE


def test_a_second_code_waits_a_minute_and_the_screen_says_so_and_stays(
    db: None, visitor: Client, outbox: Path, now: Any
) -> None:
    visitor.post("/join/", {"phone": PHONE})
    first = visitor.get("/join/account").content.decode()
    wait = re.search(r'data-wait="(\d+)"', first)
    assert wait
    assert 50 < int(wait[1]) <= 60
    again = visitor.post("/join/", {"phone": PHONE, "name": "Sun Court", "code": "12"})
    assert again.status_code == 429
    assert "please wait" in _words(again)
    assert (_value(again, "name"), _value(again, "code")) == ("Sun Court", "12")
    PhoneCode.objects.update(created_at=now - timedelta(seconds=61))
    Tries.objects.update(since=now - timedelta(seconds=61))
    assert visitor.post("/join/", {"phone": PHONE, "name": "Sun Court"}).status_code == 302
    assert _value(visitor.get("/join/account"), "name") == "Sun Court"
    assert len(outbox.read_text().splitlines()) == 2


def test_another_browser_that_asks_too_soon_hears_it_on_the_first_screen(
    db: None, visitor: Client, outbox: Path
) -> None:
    Client().post("/join/", {"phone": PHONE})
    answer = visitor.post("/join/", {"phone": PHONE})
    assert answer.status_code == 429
    assert "please wait" in _words(answer)
    assert _value(answer, "phone") == PHONE


def test_a_message_that_does_not_leave_is_said(
    db: None, visitor: Client, settings: Any, tmp_path: Path
) -> None:
    settings.SMS_BACKEND = "apps.accounts.messaging.FileBackend"
    settings.SMS_OUTBOX = str(tmp_path / "missing" / "sms.jsonl")
    answer = visitor.post("/join/", {"phone": PHONE})
    assert answer.status_code == 503
    assert "could not be sent" in _words(answer)


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"code": "12"}, "code"), ({"name": " "}, "name"), ({"password": "12345"}, "password")],
)
def test_an_account_that_is_refused_names_the_field_and_keeps_what_was_typed(
    db: None, visitor: Client, outbox: Path, changes: dict[str, str], field: str
) -> None:
    visitor.post("/join/", {"phone": PHONE})
    typed = {"code": _code(outbox), "name": "Sun Court", "password": PASSWORD, **changes}
    answer = visitor.post("/join/account", typed)
    assert answer.status_code in (400, 422)
    assert _wrong_fields(answer) == [field]
    assert _value(answer, "name") == typed["name"]
    assert _value(answer, "code") == typed["code"]
    assert PASSWORD not in answer.content.decode()
    assert not User.objects.exists()


def test_who_comes_a_second_time_is_simply_let_in(street: Street, visitor: Client, outbox: Path) -> None:
    visitor.post("/join/", {"phone": street.li.owner.username})
    data = {"code": "", "name": "", "password": PASSWORD}
    assert visitor.post("/join/account", data)["Location"] == "/join/claim"
    assert Landlord.objects.count() == 2
    assert "Li Rooms" in _words(visitor.get("/join/claim"))


def test_a_taken_phone_with_another_password_is_told_so(
    street: Street, visitor: Client, outbox: Path
) -> None:
    visitor.post("/join/", {"phone": street.li.owner.username})
    data = {"code": _code(outbox), "name": "Li", "password": "another-long-password"}
    answer = visitor.post("/join/account", data)
    assert _wrong_fields(answer) == ["password"]
    assert "account with this phone already" in _words(answer)
    assert 'href="/join/login"' in answer.content.decode()


def test_an_existing_login_logs_in_instead(street: Street, visitor: Client) -> None:
    wrong = visitor.post("/join/login", {"phone": street.li.owner.username, "password": "wrong"})
    assert wrong.status_code == 401
    assert "Phone or password is wrong." in _words(wrong)
    assert _value(wrong, "phone") == street.li.owner.username
    right = visitor.post("/join/login", {"phone": street.li.owner.username, "password": PASSWORD})
    assert right["Location"] == "/join/claim"


def test_a_renter_who_logs_in_is_led_to_become_a_landlord(street: Street, visitor: Client) -> None:
    visitor.post("/join/login", {"phone": "13900000009", "password": PASSWORD})
    answer = visitor.get("/join/claim", follow=True)
    assert answer.redirect_chain[-1][0] == "/join/"
    assert "You are logged in as Sun, who has no rooms to let here yet." in _words(answer)


# --- From the code on the meter, as a stranger.


def test_a_stranger_who_scanned_a_meter_comes_back_to_it_after_registering(
    street: Street, visitor: Client, outbox: Path, box: tuple[StockedMeter, str]
) -> None:
    stocked, code = box
    page = visitor.get(f"/q/{stocked.qr_token}").content.decode()
    link = re.search(r'href="(/join/claim[^"]+)"', page)
    assert link
    asked = visitor.get(link[1], follow=True)
    assert asked.redirect_chain[-1][0] == "/join/"
    assert "The scanned meter is kept." in _words(asked)
    visitor.post("/join/", {"phone": PHONE})
    data = {"code": _code(outbox), "name": "Sun Court", "password": PASSWORD}
    form = visitor.post("/join/account", data, follow=True)
    assert _value(form, "token") == stocked.qr_token
    done = visitor.post("/join/claim", _form(token=stocked.qr_token, claim_code=code))
    assert done["Location"] == f"/join/claimed/{stocked.qr_token}"


def test_a_session_that_ends_in_the_middle_of_the_form_loses_nothing(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    stocked, code = box
    _log_in(visitor, street.li.owner)
    visitor.get(f"/join/claim?token={stocked.qr_token}")
    del visitor.cookies["sessionid"]
    away = visitor.post(
        "/join/claim", _form(token=stocked.qr_token, claim_code=code, site="East", building="B2"), follow=True
    )
    assert away.redirect_chain[-1][0] == "/join/login"
    assert "what you typed for room 501 is kept" in _words(away)
    back = visitor.post("/join/login", {"phone": street.li.owner.username, "password": PASSWORD})
    assert back["Location"] == f"/join/claimed/{stocked.qr_token}"
    [meter] = _meters(street.li, stocked.serial)
    assert (meter.room.name, meter.room.building, meter.room.site.name) == ("501", "B2", "East")


def test_a_kept_form_that_is_refused_after_the_login_is_shown_as_it_was(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    stocked, _code = box
    visitor.post("/join/claim", _form(token=stocked.qr_token, claim_code="WRONG", room="502"))
    answer = visitor.post("/join/login", {"phone": street.li.owner.username, "password": PASSWORD})
    assert answer.status_code == 404
    assert "No meter fits" in _words(answer)
    assert (_value(answer, "room"), _value(answer, "claim_code")) == ("502", "WRONG")


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
    _log_in(visitor, street.li.owner)
    done = visitor.post("/join/claim", _form(**{"claim_code": code, **device}))
    assert done["Location"] == f"/join/claimed/{stocked.qr_token}"
    [meter] = _meters(street.li, stocked.serial)
    assert meter.room.site.name == "Li Court"
    with landlord_scope(street.li.landlord.pk):
        assert str(Price.objects.get(meter=meter).price_yuan_per_kwh) == "0.7000"
        assert Command.objects.get(meter=meter).kind == "READ"


def test_the_form_asks_for_four_things_and_hides_the_scanned_one(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    _log_in(visitor, street.li.owner)
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
    _log_in(visitor, street.li.owner)
    form = _form(token=stocked.qr_token, claim_code=code)
    first, before = visitor.post("/join/claim", form), _counts(street.li)
    second = visitor.post("/join/claim", form)
    assert first["Location"] == second["Location"]
    assert _counts(street.li) == before


@pytest.mark.parametrize("price", ["0", "-1", "0.12345", "100", "cheap", "1e3", "999999", ""])
def test_a_price_that_is_none_is_refused_and_nothing_is_half_done(
    street: Street, visitor: Client, box: tuple[StockedMeter, str], price: str
) -> None:
    stocked, code = box
    _log_in(visitor, street.li.owner)
    before = _counts(street.li)
    answer = visitor.post(
        "/join/claim", _form(token=stocked.qr_token, claim_code=code, price_yuan_per_kwh=price)
    )
    assert answer.status_code in (400, 422)
    assert _wrong_fields(answer) == ["price_yuan_per_kwh"]
    assert (_value(answer, "price_yuan_per_kwh"), _value(answer, "claim_code")) == (price, code)
    assert _counts(street.li) == before
    mended = visitor.post("/join/claim", _form(token=stocked.qr_token, claim_code=code))
    assert mended.status_code == 302


@pytest.mark.parametrize("price", ["0.65", "０．６５", "0,65", "0.6500"])
def test_a_price_may_be_typed_as_people_type_it(
    street: Street, visitor: Client, box: tuple[StockedMeter, str], price: str
) -> None:
    stocked, code = box
    _log_in(visitor, street.li.owner)
    visitor.post("/join/claim", _form(token=stocked.qr_token, claim_code=code, price_yuan_per_kwh=price))
    with landlord_scope(street.li.landlord.pk):
        assert str(Price.objects.get(meter__serial=stocked.serial).price_yuan_per_kwh) == "0.6500"


def test_every_gap_is_named_at_once(street: Street, visitor: Client) -> None:
    _log_in(visitor, street.li.owner)
    answer = visitor.post("/join/claim", {"key": "k"})
    assert answer.status_code == 422
    assert _wrong_fields(answer) == ["number", "claim_code", "room", "price_yuan_per_kwh"]


def test_a_wrong_code_an_unknown_meter_and_a_barred_one_answer_alike(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    stocked, code = box
    barred = registry.stock_meter(serial="000000009903", profile="dtsy-4g-ble")
    barred_code = claiming.set_claim_code(stocked=barred)
    StockedMeter.objects.filter(pk=barred.pk).update(barred_at=NOON)
    _log_in(visitor, street.li.owner)
    before = _counts(street.li)
    tries = [(stocked.serial, "WRONG"), ("000000009999", code), (barred.serial, barred_code)]
    answers = [visitor.post("/join/claim", _form(number=number, claim_code=tried)) for number, tried in tries]
    assert {answer.status_code for answer in answers} == {404}
    assert all("No meter fits this number and claim code." in _words(answer) for answer in answers)
    assert _counts(street.li) == before


def test_ten_wrong_codes_say_when_to_come_back(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    stocked, code = box
    _log_in(visitor, street.li.owner)
    for _try in range(10):
        visitor.post("/join/claim", _form(token=stocked.qr_token, claim_code="WRONG"))
    answer = visitor.post("/join/claim", _form(token=stocked.qr_token, claim_code=code))
    assert answer.status_code == 429
    assert "try again in an hour" in _words(answer)


def test_a_foreign_meter_is_refused_and_hers_is_named(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    stocked, code = box
    _log_in(visitor, street.wang.owner)
    visitor.post("/join/claim", _form(token=stocked.qr_token, claim_code=code, room="Attic"))
    hers = visitor.post("/join/claim", _form(number=stocked.serial, claim_code=code, key="other"))
    assert hers.status_code == 409
    assert "This meter is yours already: room Attic." in _words(hers)
    _log_in(visitor, street.li.owner)
    before = _counts(street.li)
    foreign = visitor.post("/join/claim", _form(number=stocked.serial, claim_code=code))
    assert foreign.status_code == 409
    assert "belongs to a landlord already" in _words(foreign)
    assert "Attic" not in _words(foreign)
    assert _counts(street.li) == before


def test_the_code_of_a_removed_meter_no_longer_adds_it(
    street: Street, visitor: Client, box: tuple[StockedMeter, str], now: Any
) -> None:
    stocked, code = box
    _log_in(visitor, street.li.owner)
    visitor.post("/join/claim", _form(token=stocked.qr_token, claim_code=code))
    with landlord_scope(street.li.landlord.pk):
        Meter.objects.filter(serial=stocked.serial).update(archived_at=now)
    answer = visitor.post("/join/claim", _form(number=stocked.serial, claim_code=code, key="other"))
    assert answer.status_code == 409
    assert "You removed this meter earlier." in _words(answer)
    assert visitor.get(f"/join/claimed/{stocked.qr_token}").status_code == 410


def test_scanning_a_meter_that_hangs_leads_to_it_or_says_whose_it_is_not(
    street: Street, visitor: Client
) -> None:
    token = street.li.meter.qr_token
    _log_in(visitor, street.li.owner)
    assert visitor.get(f"/join/claim?token={token}")["Location"] == f"/join/claimed/{token}"
    _log_in(visitor, street.wang.owner)
    answer = visitor.get(f"/join/claim?token={token}")
    assert answer.status_code == 409
    assert "belongs to a landlord already" in _words(answer)
    assert visitor.get("/join/claim").status_code == 200


def test_a_scanned_code_nobody_printed_is_refused_and_the_number_can_be_typed(
    street: Street, visitor: Client
) -> None:
    _log_in(visitor, street.li.owner)
    answer = visitor.get("/join/claim?token=nobody-printed-this")
    assert answer.status_code == 404
    assert 'name="number"' in answer.content.decode()


def test_a_viewer_is_told_that_she_may_not(street: Street, visitor: Client) -> None:
    _log_in(visitor, street.viewer)
    answer = visitor.get("/join/claim")
    assert answer.status_code == 403
    assert "Ask the owner." in _words(answer)


def test_who_works_for_two_landlords_says_for_which(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    stocked, code = box
    accounts.take_on_member(landlord=street.wang.landlord, user=street.zhou, role="MANAGER")
    _log_in(visitor, street.zhou)
    form = _form(token=stocked.qr_token, claim_code=code)
    assert _wrong_fields(visitor.post("/join/claim", form)) == ["landlord"]
    done = visitor.post("/join/claim", {**form, "landlord": str(street.wang.landlord.pk)})
    assert done.status_code == 302
    assert len(_meters(street.wang, stocked.serial)) == 1
    assert "302" in _words(visitor.get(f"/join/claimed/{street.li.meter.qr_token}"))


# --- Afterwards.


def test_the_next_form_keeps_site_and_price_and_nothing_else(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    stocked, code = box
    _log_in(visitor, street.li.owner)
    visitor.post(
        "/join/claim",
        _form(token=stocked.qr_token, claim_code=code, site="East", building="B2", floor="5"),
    )
    answer = visitor.get("/join/claim")
    kept = {name: _value(answer, name) for name in ("site", "building", "price_yuan_per_kwh")}
    assert kept == {"site": "East", "building": "B2", "price_yuan_per_kwh": "0.7"}
    assert {_value(answer, name) for name in ("number", "claim_code", "room", "floor")} == {""}


def test_the_first_reading_comes_by_itself_and_then_the_page_rests(
    street: Street, visitor: Client, now: Any
) -> None:
    _log_in(visitor, street.li.owner)
    address = f"/join/claimed/{street.li.meter.qr_token}"
    waiting = visitor.get(address)
    assert "data-again" in waiting.content.decode()
    assert "not connected yet" in _words(waiting)
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
    assert "12.40 kWh Energy left · read just now" in _words(there)
    assert "1520.25 kWh" in _words(there)


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_the_code_can_be_saved_under_the_rooms_name(
    street: Street, visitor: Client, kind: str, start: bytes
) -> None:
    _log_in(visitor, street.li.owner)
    answer = visitor.get(f"/join/claimed/{street.li.meter.qr_token}/qr.{kind}")
    assert answer.content.startswith(start)
    assert answer["Content-Disposition"] == f'inline; filename="3 302.{kind}"'


def test_the_added_meter_is_hers_alone(street: Street, visitor: Client) -> None:
    address = f"/join/claimed/{street.li.meter.qr_token}"
    assert visitor.get(address)["Location"] == "/join/login"
    back = visitor.post("/join/login", {"phone": street.li.owner.username, "password": PASSWORD})
    assert back["Location"] == address
    other = Client()
    _log_in(other, street.wang.owner)
    foreign, missing = other.get(address), other.get("/join/claimed/nobody-printed-this")
    assert foreign.status_code == missing.status_code == 404
    assert _words(foreign) == _words(missing)


def test_nothing_of_one_landlord_stays_for_the_next_login_in_the_same_browser(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    stocked, code = box
    _log_in(visitor, street.li.owner)
    visitor.post("/join/claim", _form(token=stocked.qr_token, claim_code=code, site="East"))
    _log_in(visitor, street.wang.owner)
    assert "East" not in visitor.get("/join/claim").content.decode()
