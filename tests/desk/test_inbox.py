"""The landlord's inbox: what nobody has handled stands first, is counted, and is handled once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags

from apps.alerts.models import Alert
from apps.common.scoping import landlord_scope
from apps.income.models import CollectionAccount
from apps.meters.models import Meter
from tests.people import House, Street

ComeIn = Callable[[Any], Client]
INBOX = "/admin/alerts/alert/"


def alarm(house: House, kind: str = "LOW_BALANCE") -> Alert:
    with landlord_scope(house.landlord.pk):
        return Alert.objects.create(
            meter=house.meter, kind=kind, remaining_kwh="4.20", raised_at=timezone.now()
        )


def words(client: Client, address: str) -> str:
    return " ".join(strip_tags(client.get(address).content.decode()).split())


@pytest.fixture
def li(street: Street, at_desk: ComeIn) -> Client:
    return at_desk(street.li.owner)


def test_an_alert_is_counted_named_and_one_touch_from_its_meter(li: Client, street: Street) -> None:
    assert "nobody has handled" not in words(li, "/admin/")
    alarm(street.li)
    alarm(street.wang, "SWITCHED_OFF")
    home = words(li, "/admin/")
    assert "1 alert that nobody has handled yet" in home
    assert "Alerts 1 " in home
    page = li.get(INBOX).content.decode()
    assert f"/admin/meters/meter/{street.li.meter.pk}/change/" in page
    assert str(street.wang.meter.pk) not in page
    assert "Energy runs low" in page
    assert "4.20 kWh" in page


def test_the_button_marks_an_alert_handled_once_and_it_leaves_the_inbox(
    li: Client, street: Street, at_desk: ComeIn
) -> None:
    alert = alarm(street.li)
    assert f"{INBOX}{alert.pk}/handled/" in li.get(INBOX).content.decode()
    first = li.post(f"{INBOX}{alert.pk}/handled/", follow=True).content.decode()
    assert "1 alert is handled." in first
    second = at_desk(street.zhou).post(f"{INBOX}{alert.pk}/handled/", follow=True).content.decode()
    assert "Somebody has handled it already" in second
    assert "Energy runs low" not in words(li, INBOX)
    assert "Li · " in words(li, f"{INBOX}?handled=yes")
    with landlord_scope(street.li.landlord.pk):
        assert Alert.objects.get().acknowledged_by_id == street.li.owner.pk


def test_many_are_handled_in_one_go(li: Client, street: Street) -> None:
    both = [alarm(street.li), alarm(street.li, "SWITCHED_OFF")]
    sent = {"action": "mark_handled", "_selected_action": [str(alert.pk) for alert in both]}
    assert "2 alerts are handled." in li.post(INBOX, sent, follow=True).content.decode()
    assert "nobody has handled" not in words(li, "/admin/")


def test_an_account_whose_certificate_ends_soon_stands_above_the_owners_alerts(
    li: Client, street: Street, at_desk: ComeIn
) -> None:
    with landlord_scope(street.li.landlord.pk):
        account = CollectionAccount(channel="wechat", merchant_id="1900000109", check_state="VERIFIED")
        account.certificate_ends_at = timezone.now() + timedelta(days=29)
        account.save()
    for address in (INBOX, "/admin/"):
        assert "Its certificate ends" in words(li, address)
        assert "Its certificate ends" not in words(at_desk(street.zhou), address)
        assert "Its certificate ends" not in words(at_desk(street.wang.owner), address)
    with landlord_scope(street.li.landlord.pk):
        CollectionAccount.objects.update(certificate_ends_at=timezone.now() + timedelta(days=31))
    assert "Its certificate ends" not in words(li, INBOX)


def test_who_may_only_look_sees_alerts_and_handles_none(street: Street, at_desk: ComeIn) -> None:
    alert, viewer = alarm(street.li), at_desk(street.viewer)
    assert "/handled/" not in viewer.get(INBOX).content.decode()
    assert viewer.post(f"{INBOX}{alert.pk}/handled/").status_code == 403
    viewer.post(INBOX, {"action": "mark_handled", "_selected_action": [str(alert.pk)]})
    foreign = at_desk(street.wang.owner).post(f"{INBOX}{alert.pk}/handled/")
    assert (foreign.status_code, foreign.headers["Location"]) == (302, "/admin/")
    with landlord_scope(street.li.landlord.pk):
        assert Alert.objects.get().acknowledged_at is None


def test_a_meter_warns_at_the_level_its_landlord_sets(li: Client, street: Street) -> None:
    address = f"/admin/meters/meter/{street.li.meter.pk}/settings/"
    assert 'value="10.00"' in li.get(address).content.decode()
    wrong = li.post(address, {"low_below_kwh": "-1", "key": "k"})
    assert list(wrong.context["form"].errors) == ["low_below_kwh"]
    assert li.post(address, {"low_below_kwh": "25.00", "note": "by the door", "key": "k"}).status_code == 302
    with landlord_scope(street.li.landlord.pk):
        meter = Meter.objects.get(pk=street.li.meter.pk)
        assert (str(meter.low_below_kwh), meter.note) == ("25.00", "by the door")
