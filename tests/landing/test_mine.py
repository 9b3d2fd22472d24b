"""Daily use and the warning are for who lives here now; the code on the wall opens neither."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
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


def test_the_warning_is_asked_for_where_subscriptions_live(li: House) -> None:
    client = browser(li.renter.user)
    page = client.get(f"/q/{li.meter.qr_token}/warning")
    assert "less than 10.00 kWh" in said(page)
    body = {"lease": str(page.context["lease"]), "on": True, "phone": page.context["phone"]}
    answer = client.post("/api/v1/my/subscriptions", body, content_type="application/json")
    assert (answer.status_code, answer.json()["on"]) == (200, True)
