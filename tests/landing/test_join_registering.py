"""A stranger becomes a landlord: her phone, her account, and what she was about before she had one."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Landlord, PhoneCode, Tries, User
from apps.meters.models import StockedMeter
from tests.landing.joining import (
    PHONE,
    code_of,
    log_in,
    meter_form,
    meters_of,
    value,
    words,
    wrong_fields,
)
from tests.people import PASSWORD, Street

# --- Registering.


def test_phone_code_name_and_password_make_her_a_landlord_who_is_logged_in(
    db: None, visitor: Client, outbox: Path
) -> None:
    sent = visitor.post("/join/", {"phone": "138 1234 5678"})
    assert (sent.status_code, sent["Location"]) == (302, "/join/account")
    assert PHONE in words(visitor.get("/join/account"))
    done = visitor.post(
        "/join/account", {"code": code_of(outbox), "name": " Sun Court ", "password": PASSWORD}
    )
    assert (done.status_code, done["Location"]) == (302, "/join/claim")
    assert Landlord.objects.get().name == "Sun Court"
    assert "Add a meter" in words(visitor.get("/join/claim"))
    assert visitor.get("/admin/").status_code == 200


@pytest.mark.parametrize("agent", ["MicroMessenger/8.0.50", "AlipayClient/10.6"])
def test_registering_is_the_same_in_both_apps(db: None, visitor: Client, outbox: Path, agent: str) -> None:
    in_app = Client(headers={"user-agent": agent})
    in_app.post("/join/", {"phone": PHONE})
    data = {"code": code_of(outbox), "name": "Sun Court", "password": PASSWORD}
    assert in_app.post("/join/account", data)["Location"] == "/join/claim"


@pytest.mark.parametrize("phone", ["", "1381234567", "23812345678", "phone\x00"])
def test_what_is_no_phone_is_refused_at_its_field_and_stays_typed(
    db: None, visitor: Client, outbox: Path, phone: str
) -> None:
    answer = visitor.post("/join/", {"phone": phone})
    assert answer.status_code == 400
    assert wrong_fields(answer) == ["phone"]
    assert value(answer, "phone") == phone
    assert "11 digits" in words(answer)
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
    assert "please wait" in words(again)
    assert (value(again, "name"), value(again, "code")) == ("Sun Court", "12")
    PhoneCode.objects.update(created_at=now - timedelta(seconds=61))
    Tries.objects.update(since=now - timedelta(seconds=61))
    assert visitor.post("/join/", {"phone": PHONE, "name": "Sun Court"}).status_code == 302
    assert value(visitor.get("/join/account"), "name") == "Sun Court"
    assert len(outbox.read_text().splitlines()) == 2


def test_another_browser_that_asks_too_soon_hears_it_on_the_first_screen(
    db: None, visitor: Client, outbox: Path
) -> None:
    Client().post("/join/", {"phone": PHONE})
    answer = visitor.post("/join/", {"phone": PHONE})
    assert answer.status_code == 429
    assert "please wait" in words(answer)
    assert value(answer, "phone") == PHONE


def test_a_message_that_does_not_leave_is_said(
    db: None, visitor: Client, settings: Any, tmp_path: Path
) -> None:
    settings.SMS_BACKEND = "apps.accounts.messaging.FileBackend"
    settings.SMS_OUTBOX = str(tmp_path / "missing" / "sms.jsonl")
    answer = visitor.post("/join/", {"phone": PHONE})
    assert answer.status_code == 503
    assert "could not be sent" in words(answer)


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"code": "12"}, "code"), ({"name": " "}, "name"), ({"password": "12345"}, "password")],
)
def test_an_account_that_is_refused_names_the_field_and_keeps_what_was_typed(
    db: None, visitor: Client, outbox: Path, changes: dict[str, str], field: str
) -> None:
    visitor.post("/join/", {"phone": PHONE})
    typed = {"code": code_of(outbox), "name": "Sun Court", "password": PASSWORD, **changes}
    answer = visitor.post("/join/account", typed)
    assert answer.status_code in (400, 422)
    assert wrong_fields(answer) == [field]
    assert value(answer, "name") == typed["name"]
    assert value(answer, "code") == typed["code"]
    assert PASSWORD not in answer.content.decode()
    assert not User.objects.exists()


def test_who_comes_a_second_time_is_simply_let_in(street: Street, visitor: Client, outbox: Path) -> None:
    visitor.post("/join/", {"phone": street.li.owner.username})
    data = {"code": "", "name": "", "password": PASSWORD}
    assert visitor.post("/join/account", data)["Location"] == "/join/claim"
    assert Landlord.objects.count() == 2
    assert "Li Rooms" in words(visitor.get("/join/claim"))


def test_a_taken_phone_with_another_password_is_told_so(
    street: Street, visitor: Client, outbox: Path
) -> None:
    visitor.post("/join/", {"phone": street.li.owner.username})
    data = {"code": code_of(outbox), "name": "Li", "password": "another-long-password"}
    answer = visitor.post("/join/account", data)
    assert wrong_fields(answer) == ["password"]
    assert "account with this phone already" in words(answer)
    assert 'href="/join/login"' in answer.content.decode()


def test_an_existing_login_logs_in_instead(street: Street, visitor: Client) -> None:
    wrong = visitor.post("/join/login", {"phone": street.li.owner.username, "password": "wrong"})
    assert wrong.status_code == 401
    assert "Phone or password is wrong." in words(wrong)
    assert value(wrong, "phone") == street.li.owner.username
    right = visitor.post("/join/login", {"phone": street.li.owner.username, "password": PASSWORD})
    assert right["Location"] == "/join/claim"


def test_a_renter_who_logs_in_is_led_to_become_a_landlord(street: Street, visitor: Client) -> None:
    visitor.post("/join/login", {"phone": "13900000009", "password": PASSWORD})
    answer = visitor.get("/join/claim", follow=True)
    assert answer.redirect_chain[-1][0] == "/join/"
    assert "You are logged in as Sun, who has no rooms to let here yet." in words(answer)


def test_a_stranger_who_scanned_a_meter_comes_back_to_it_after_registering(
    street: Street, visitor: Client, outbox: Path, box: tuple[StockedMeter, str]
) -> None:
    stocked, code = box
    page = visitor.get(f"/q/{stocked.qr_token}").content.decode()
    link = re.search(r'href="(/join/claim[^"]+)"', page)
    assert link
    asked = visitor.get(link[1], follow=True)
    assert asked.redirect_chain[-1][0] == "/join/"
    assert "The scanned meter is kept." in words(asked)
    visitor.post("/join/", {"phone": PHONE})
    data = {"code": code_of(outbox), "name": "Sun Court", "password": PASSWORD}
    form = visitor.post("/join/account", data, follow=True)
    assert value(form, "token") == stocked.qr_token
    done = visitor.post("/join/claim", meter_form(token=stocked.qr_token, claim_code=code))
    assert done["Location"] == f"/join/claimed/{stocked.qr_token}"


def test_a_session_that_ends_in_the_middle_of_the_form_loses_nothing(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    stocked, code = box
    log_in(visitor, street.li.owner)
    visitor.get(f"/join/claim?token={stocked.qr_token}")
    del visitor.cookies["sessionid"]
    away = visitor.post(
        "/join/claim",
        meter_form(token=stocked.qr_token, claim_code=code, site="East", building="B2"),
        follow=True,
    )
    assert away.redirect_chain[-1][0] == "/join/login"
    assert "what you typed for room 501 is kept" in words(away)
    back = visitor.post("/join/login", {"phone": street.li.owner.username, "password": PASSWORD})
    assert back["Location"] == f"/join/claimed/{stocked.qr_token}"
    [meter] = meters_of(street.li, stocked.serial)
    assert (meter.room.name, meter.room.building, meter.room.site.name) == ("501", "B2", "East")


def test_a_kept_form_that_is_refused_after_the_login_is_shown_as_it_was(
    street: Street, visitor: Client, box: tuple[StockedMeter, str]
) -> None:
    stocked, _code = box
    visitor.post("/join/claim", meter_form(token=stocked.qr_token, claim_code="WRONG", room="502"))
    answer = visitor.post("/join/login", {"phone": street.li.owner.username, "password": PASSWORD})
    assert answer.status_code == 404
    assert "No meter fits" in words(answer)
    assert (value(answer, "room"), value(answer, "claim_code")) == ("502", "WRONG")
