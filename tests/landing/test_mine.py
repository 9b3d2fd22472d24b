"""Daily use and the warning are for who lives here now; the code on the wall opens neither."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags

from apps.common.scoping import landlord_scope
from apps.meters.models import Lease, Meter
from apps.readings.models import DailyReading
from tests.api.phones import Outbox
from tests.people import House, Street

KEPT = [20, 3, 2, 1]


def said(answer: Any) -> str:
    return " ".join(strip_tags(answer.content.decode()).split())


@pytest.fixture
def li(street: Street) -> House:
    """Li's meter with some days on record; Chen has lived there for five of them."""
    house, now = street.li, timezone.now()
    with landlord_scope(house.landlord.pk):
        Meter.objects.filter(pk=house.meter.pk).update(claimed_at=now - timedelta(days=30))
        Lease.objects.filter(pk=house.lease.pk).update(starts_at=now - timedelta(days=5))
        for ago in KEPT:
            DailyReading.objects.create(
                meter=house.meter,
                date=timezone.localdate(now) - timedelta(days=ago),
                device_epoch=1,
                total_kwh=Decimal(1000 - ago),
                remaining_kwh=Decimal(10),
                taken_at=now,
                source="FREEZE",
            )
    return house


def browser(user: Any = None) -> Client:
    client = Client(headers={"accept-language": "en"})
    if user:
        client.force_login(user)
    return client


def test_who_lives_here_sees_the_days_of_her_lease_alone(li: House) -> None:
    answer = browser(li.renter.user).get(f"/q/{li.meter.qr_token}/use")
    assert answer.status_code == 200
    used = {day["date"]: day["used"] for day in answer.context["days"]}
    today = timezone.localdate()
    assert used[str(today - timedelta(days=1))] == "1.00 kWh"
    assert used[str(today - timedelta(days=4))] == "not known"
    assert min(used) >= str(today - timedelta(days=6))
    assert answer.context["total"] == "2.00"


def test_the_code_alone_and_other_peoples_logins_open_nothing(li: House, street: Street) -> None:
    for user in (None, street.sun.user, street.wang.owner, street.wang.renter.user):
        for page in ("use", "warning"):
            answer = browser(user).get(f"/q/{li.meter.qr_token}/{page}")
            assert answer.status_code == 403
            assert "kWh" not in said(answer)


def test_who_moved_out_sees_nothing_any_more(li: House) -> None:
    with landlord_scope(li.landlord.pk):
        Lease.objects.filter(pk=li.lease.pk).update(ends_at=timezone.now() - timedelta(hours=1))
    answer = browser(li.renter.user).get(f"/q/{li.meter.qr_token}/use")
    assert answer.status_code == 403
    assert "rents nothing at this meter just now" in said(answer)


def test_a_renter_comes_in_by_her_phone_and_goes_out_again(li: House, outbox: Path) -> None:
    client, at = browser(), f"/q/{li.meter.qr_token}"
    sent = client.post(f"{at}/enter", {"phone": li.renter.phone, "next": "use"})
    assert "A code is on its way" in said(sent)
    wrong = client.post(f"{at}/enter", {"code": "000000", "next": "use"})
    assert wrong.status_code in (400, 401, 422)
    done = client.post(f"{at}/enter", {"code": Outbox(outbox).code_for(li.renter.phone), "next": "use"})
    assert done["Location"] == f"{at}/use"
    assert client.get(f"{at}/use").status_code == 200
    client.post(f"{at}/leave")
    assert client.get(f"{at}/use").status_code == 403


def test_a_mistyped_phone_is_changed_and_a_lost_code_sent_again(li: House, outbox: Path) -> None:
    client, at = browser(), f"/q/{li.meter.qr_token}/enter"
    sent = client.post(at, {"phone": "13900000099", "next": "use"}).content.decode()
    assert 'href="?other&amp;next=use"' in sent
    assert 'name="code" value=""' in sent
    asked = client.get(f"{at}?other&next=use").content.decode()
    assert 'name="phone" type="tel"' in asked
    assert 'name="code"' not in asked
    # Too soon for another one: said in words, and the code can still be typed.
    client.post(at, {"phone": li.renter.phone, "next": "use"})
    again = client.post(at, {"phone": li.renter.phone, "code": "", "next": "use"})
    assert again.status_code == 429


def test_a_session_that_ends_before_the_code_arrives_costs_nothing(li: House, outbox: Path) -> None:
    client, at, phone = browser(), f"/q/{li.meter.qr_token}", li.renter.phone
    sent = client.post(f"{at}/enter", {"phone": phone, "next": "use"}).content.decode()
    assert f'<input type="hidden" name="phone" value="{phone}">' in sent
    del client.cookies[settings.SESSION_COOKIE_NAME]
    wrong = client.post(f"{at}/enter", {"phone": phone, "code": "000000", "next": "use"})
    assert 'name="code"' in wrong.content.decode()
    code = Outbox(outbox).code_for(phone)
    done = client.post(f"{at}/enter", {"phone": phone, "code": code, "next": "use"})
    assert done["Location"] == f"{at}/use"


def test_the_warning_is_asked_for_where_subscriptions_live(li: House) -> None:
    client = browser(li.renter.user)
    page = client.get(f"/q/{li.meter.qr_token}/warning")
    assert "less than 10.00 kWh" in said(page)
    body = {"lease": str(page.context["lease"]), "on": True, "phone": page.context["phone"]}
    answer = client.post("/api/v1/my/subscriptions", body, content_type="application/json")
    assert (answer.status_code, answer.json()["on"]) == (200, True)
