"""A form that cannot be taken: nothing is done, nothing typed is lost, nobody else is shown it."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from apps.common.scoping import landlord_scope
from apps.income.models import Recharge
from apps.meters.models import Room, Site
from tests.people import PASSWORD, Street

SENT = {
    "recharge": {"kind": "GIFT", "energy_kwh": "7.77", "reason": "TYPED"},
    "power-off": {"reason": "TYPED"},
    "price": {"price_yuan_per_kwh": "0.7777", "active_from": "2090-01-01T00:00"},
    "settings": {"low_below_kwh": "33.33", "note": "TYPED"},
    "lease": {"renter_name": "TYPED", "renter_phone": "13900000009"},
    "end": {"reason": "TYPED", "ends_at": "2090-01-01T00:00"},
    "site/add": {"name": "TYPED", "kind": "APARTMENT"},
    "room/add": {"building": "9", "floor": "8", "name": "TYPED"},
    "room": {"building": "9", "floor": "8", "name": "TYPED"},
}
HOST = "http://testserver"


def address(street: Street, page: str) -> str:
    if page == "end":
        return f"/admin/meters/lease/{street.li.lease.pk}/end/"
    if page.endswith("/add"):
        return f"/admin/meters/{page}/"
    if page == "room":
        return f"/admin/meters/room/{street.li.room.pk}/change/"
    meter = street.li.vacant_meter if page == "lease" else street.li.meter
    return f"/admin/meters/meter/{meter.pk}/{page}/"


def log_in(client: Client, phone: str, to: str) -> Any:
    return client.post(f"/admin/login/?next={to}", {"username": phone, "password": PASSWORD, "next": to})


def opened(street: Street, here: str, **settings: Any) -> Client:
    """A browser in which Li has this form open."""
    client = Client(headers={"accept-language": "en"}, **settings)
    client.force_login(street.li.owner)
    assert client.get(here).status_code == 200
    return client


def sent_too_late(street: Street, here: str, form: dict[str, str]) -> Client:
    """Li's session ends while the form is open; she sends it."""
    client = opened(street, here)
    del client.cookies[settings.SESSION_COOKIE_NAME]
    sent = client.post(here, {**form, "key": "k"})
    assert sent.headers["Location"] == f"/admin/login/?next={here}"
    return client


def form_of(page: Any) -> Any:
    context = page.context
    return context["adminform"].form if "adminform" in context else context["form"]


@pytest.mark.parametrize("page", list(SENT))
def test_what_was_typed_is_there_again_after_logging_in(street: Street, page: str) -> None:
    here = address(street, page)
    client = sent_too_late(street, here, SENT[page])
    assert log_in(client, "13800000001", here).headers["Location"] == here
    back = client.get(here)
    form, text = form_of(back), back.content.decode()
    assert {name: str(form[name].value()) for name in SENT[page]} == SENT[page]
    assert "You were logged out in between." in text
    assert "key" not in form.fields or form["key"].value() != "k"
    # Shown once: the next visit is an empty form.
    again = client.get(here).content.decode()
    assert "You were logged out in between." not in again
    assert "TYPED" not in again
    with landlord_scope(street.li.landlord.pk):
        assert not Recharge.objects.exists()
        assert (Site.objects.count(), Room.objects.count()) == (1, 2)
        assert not Room.objects.filter(name="TYPED").exists()


@pytest.mark.parametrize("page", ["lease", "site/add"])
def test_another_landlord_in_the_same_browser_is_shown_nothing_of_it(street: Street, page: str) -> None:
    here = address(street, page)
    client = sent_too_late(street, here, SENT[page])
    log_in(client, "13800000002", here)
    assert "TYPED" not in client.get(here, follow=True).content.decode()
    own = f"/admin/meters/meter/{street.wang.vacant_meter.pk}/lease/"
    assert "TYPED" not in client.get(own).content.decode()


@pytest.mark.parametrize(
    "page", ["/admin/password_change/", "/admin/income/collectionaccount/new/S1/wechat/"]
)
def test_a_form_that_asks_for_a_password_is_kept_nowhere(street: Street, page: str) -> None:
    secrets = {"old_password": PASSWORD, "new_password1": "another-long-one", "apiv3_key": "a-secret-key"}
    client = opened(street, "/admin/")
    del client.cookies[settings.SESSION_COOKIE_NAME]
    client.post(page, {**secrets, "password": PASSWORD})
    assert not [secret for secret in secrets.values() if secret in str(dict(client.session))]


def test_a_form_with_an_old_token_says_what_to_do_and_comes_back_as_typed(street: Street) -> None:
    here = "/admin/meters/site/add/"
    client = opened(street, here, enforce_csrf_checks=True)
    # She logs in anew in another tab, which ends every token handed out before.
    client.cookies["csrftoken"] = "x" * 32
    sent = client.post(here, SENT["site/add"], headers={"origin": HOST, "referer": HOST + here})
    said = sent.content.decode()
    assert sent.status_code == 403
    assert "Nothing was sent and nothing was done" in said
    assert "what you typed is there" in said
    assert f'href="{here}"' in said
    back = client.get(here)
    assert form_of(back)["name"].value() == "TYPED"
    assert "This page had grown too old." in back.content.decode()
    with landlord_scope(street.li.landlord.pk):
        assert Site.objects.count() == 1


def test_what_a_strangers_page_sends_does_not_come_back_as_typed(street: Street) -> None:
    here = "/admin/meters/site/add/"
    client = opened(street, here, enforce_csrf_checks=True)
    sent = client.post(here, SENT["site/add"], headers={"origin": "http://evil.example"})
    assert sent.status_code == 403
    assert "what you typed is there" not in sent.content.decode()
    assert "TYPED" not in client.get(here).content.decode()


def test_a_browser_without_cookies_is_told_to_allow_them(street: Street) -> None:
    client = Client(enforce_csrf_checks=True, headers={"accept-language": "en"})
    sent = client.post("/join/", {"phone": "13800000009"}, headers={"origin": HOST}, follow=True)
    assert sent.status_code == 403
    assert "Allow cookies for this site" in sent.content.decode()
