"""A login's new phone reaches whom it must: the renter, her low-balance messages, and whom an owner's renters call."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.accounts import phones
from apps.accounts.models import AuditLine, Landlord, PhoneChange, Renter, User
from apps.alerts import services, sweeping
from apps.alerts.models import Subscription
from apps.common.scoping import landlord_scope
from tests.people import NOON, House, Street

NEW = "13812345678"
LATER = NOON + timedelta(days=1)


@pytest.fixture(autouse=True)
def _outbox(settings: Any, tmp_path: Path) -> None:
    settings.SMS_BACKEND = "apps.accounts.messaging.FileBackend"
    settings.SMS_OUTBOX = str(tmp_path / "sms.jsonl")


def change(user: User) -> str:
    """Let this login's change to NEW be due; returns the old phone."""
    old = user.username
    PhoneChange.objects.create(user=user, old_phone=old, new_phone=NEW, asked_at=NOON, due_at=LATER)
    return old


def subscribed(house: House, phone: str) -> None:
    with landlord_scope(house.landlord.pk):
        services.subscribe(lease=house.lease, phone=phone, now=NOON)


def told(house: House) -> str:
    with landlord_scope(house.landlord.pk):
        return str(Subscription.objects.get(ended_at=None).phone)


def test_a_renter_and_her_subscription_follow_and_another_number_stays(street: Street) -> None:
    chen = street.li.renter.user
    assert chen is not None
    old = change(chen)
    subscribed(street.li, old)
    subscribed(street.wang, "13700000007")
    sweeping.sweep(LATER)
    assert told(street.li) == old, "nothing moves before its day"
    assert phones.take_effect(LATER) == 1
    sweeping.sweep(LATER)
    sweeping.sweep(LATER)
    assert (told(street.li), told(street.wang)) == (NEW, "13700000007")
    assert Renter.objects.get(pk=street.li.renter.pk).phone == NEW
    assert Landlord.objects.get(pk=street.li.landlord.pk).phone != NEW


def test_whom_an_owners_renters_call_follows_her_and_the_audit_says_so(street: Street) -> None:
    li = street.li
    Landlord.objects.filter(pk=li.landlord.pk).update(phone=li.owner.username)
    before = Landlord.objects.get(pk=street.wang.landlord.pk).phone
    old = change(li.owner)
    assert phones.take_effect(LATER) == 1
    assert Landlord.objects.get(pk=li.landlord.pk).phone == NEW
    assert Landlord.objects.get(pk=street.wang.landlord.pk).phone == before
    with landlord_scope(li.landlord.pk):
        line = AuditLine.objects.get(act="landlord.change")
    assert (line.facts, line.by_id) == ({"phone": NEW, "was_phone": old}, li.owner.pk)
