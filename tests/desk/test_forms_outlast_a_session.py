"""A session that ends in the middle of a form: nothing is done, nothing typed is lost, nobody else is shown it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.common.scoping import landlord_scope
from apps.income.models import Recharge
from tests.people import PASSWORD, Street

ComeIn = Callable[[Any], Client]
SENT = {
    "recharge": {"kind": "GIFT", "energy_kwh": "7.77", "reason": "TYPED"},
    "power-off": {"reason": "TYPED"},
    "price": {"price_yuan_per_kwh": "0.7777", "active_from": "2090-01-01T00:00"},
    "settings": {"low_below_kwh": "33.33", "note": "TYPED"},
    "lease": {"renter_name": "TYPED", "renter_phone": "13900000009"},
    "end": {"reason": "TYPED", "ends_at": "2090-01-01T00:00"},
}


def address(street: Street, page: str) -> str:
    if page == "end":
        return f"/admin/meters/lease/{street.li.lease.pk}/end/"
    meter = street.li.vacant_meter if page == "lease" else street.li.meter
    return f"/admin/meters/meter/{meter.pk}/{page}/"


def log_in(client: Client, phone: str, to: str) -> Any:
    return client.post(f"/admin/login/?next={to}", {"username": phone, "password": PASSWORD, "next": to})


@pytest.mark.parametrize("page", list(SENT))
def test_what_was_typed_is_there_again_after_logging_in(street: Street, page: str) -> None:
    client, here = Client(headers={"accept-language": "en"}), address(street, page)
    sent = client.post(here, {**SENT[page], "key": "k"})
    assert sent.headers["Location"] == f"/admin/login/?next={here}"
    assert log_in(client, "13800000001", here).headers["Location"] == here
    back = client.get(here)
    form, text = back.context["form"], back.content.decode()
    assert {name: str(form[name].value()) for name in SENT[page]} == SENT[page]
    assert "You were logged out in between." in text
    assert form["key"].value() != "k"
    # Shown once: the next visit is an empty form.
    assert "You were logged out in between." not in client.get(here).content.decode()
    with landlord_scope(street.li.landlord.pk):
        assert not Recharge.objects.exists()


def test_another_landlord_in_the_same_browser_is_shown_nothing_of_it(street: Street) -> None:
    client, here = Client(headers={"accept-language": "en"}), address(street, "lease")
    client.post(here, SENT["lease"])
    log_in(client, "13800000002", here)
    assert "TYPED" not in client.get(here, follow=True).content.decode()
    own = f"/admin/meters/meter/{street.wang.vacant_meter.pk}/lease/"
    assert "TYPED" not in client.get(own).content.decode()


def test_a_password_typed_after_the_session_ended_is_kept_nowhere(street: Street) -> None:
    client = Client()
    client.post("/admin/password_change/", {"old_password": PASSWORD, "new_password1": "another-long-one"})
    assert PASSWORD not in str(dict(client.session))
    assert "another-long-one" not in str(dict(client.session))
