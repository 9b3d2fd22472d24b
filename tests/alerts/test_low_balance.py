"""One message per crossing: raised when the energy falls below the line, armed again after recovery."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.alerts import services
from apps.alerts.models import Alert, Message
from apps.alerts.rules import Verdict, low_balance
from apps.common.scoping import landlord_scope
from apps.meters.models import Meter
from apps.readings.models import Reading
from tests.people import NOON, House, Street


@pytest.mark.parametrize(
    ("remaining", "is_open", "verdict"),
    [
        ("10.00", False, Verdict.NOTHING),
        ("9.99", False, Verdict.RAISE),
        ("9.99", True, Verdict.NOTHING),
        ("10.99", True, Verdict.NOTHING),
        ("11.00", True, Verdict.CLEAR),
        ("11.00", False, Verdict.NOTHING),
    ],
)
def test_the_line_has_a_margin(remaining: str, is_open: bool, verdict: Verdict) -> None:
    assert (
        low_balance(remaining_kwh=Decimal(remaining), threshold_kwh=Decimal("10.00"), is_open=is_open)
        is verdict
    )


def _shows(house: House, remaining: str, at: datetime) -> list[Alert]:
    with landlord_scope(house.landlord.pk):
        Reading.objects.create(
            meter=house.meter,
            taken_at=at,
            received_at=at,
            source=Reading.Source.NETWORK,
            device_epoch=1,
            total_kwh=Decimal("100.00"),
            remaining_kwh=Decimal(remaining),
        )
        return services.look_at_meter(meter_id=house.meter.pk, now=at)


def _after(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_a_renter_hears_once_per_crossing_and_a_neighbour_never(
    real_street: Street, settings: Any, tmp_path: Path
) -> None:
    settings.SMS_BACKEND = "apps.accounts.messaging.FileBackend"
    settings.SMS_OUTBOX = str(tmp_path / "sms.jsonl")
    house = real_street.li
    with landlord_scope(house.landlord.pk):
        services.subscribe(lease=house.lease, phone=house.renter.phone, now=NOON)
    with landlord_scope(real_street.wang.landlord.pk):
        services.subscribe(lease=real_street.wang.lease, phone=real_street.wang.renter.phone, now=NOON)
    for minutes, remaining in ((0, "12.00"), (30, "9.50"), (60, "9.00"), (90, "10.50"), (120, "9.80")):
        _shows(house, remaining, _after(minutes))
    with landlord_scope(house.landlord.pk):
        (message,) = Message.objects.all()
    assert services.send_message(landlord_id=house.landlord.pk, message_id=message.pk, now=_after(130))
    assert not services.send_message(landlord_id=house.landlord.pk, message_id=message.pk, now=_after(140))
    _shows(house, "60.00", _after(150))
    assert len(_shows(house, "9.00", _after(180))) == 1
    with landlord_scope(house.landlord.pk):
        assert Message.objects.count() == 2
    with landlord_scope(real_street.wang.landlord.pk):
        assert not Alert.objects.exists()
    (line,) = [json.loads(line) for line in (tmp_path / "sms.jsonl").read_text().splitlines()]
    assert line["phone"] == house.renter.phone
    assert "9.50" in line["text"]


def test_an_empty_meter_that_switched_itself_off_tells_its_renter_once_and_a_forced_off_one_does_not(
    street: Street,
) -> None:
    house = street.li
    with landlord_scope(house.landlord.pk):
        services.subscribe(lease=house.lease, phone=house.renter.phone, now=NOON)
        Meter.objects.filter(pk=house.meter.pk).update(power_on=False, power_reason="FORCED_OFF")
    assert _shows(house, "20.00", _after(0)) == []
    with landlord_scope(house.landlord.pk):
        Meter.objects.filter(pk=house.meter.pk).update(power_reason="ZERO")
    raised = _shows(house, "0.00", _after(30))
    assert {alert.kind for alert in raised} == {Alert.Kind.LOW_BALANCE, Alert.Kind.SWITCHED_OFF}
    assert _shows(house, "0.00", _after(60)) == []
    with landlord_scope(house.landlord.pk):
        assert Message.objects.filter(alert__kind=Alert.Kind.SWITCHED_OFF).count() == 1
        Meter.objects.filter(pk=house.meter.pk).update(power_on=True, power_reason="")
    _shows(house, "50.00", _after(90))
    with landlord_scope(house.landlord.pk):
        assert not Alert.objects.filter(cleared_at=None).exists()


def test_who_has_not_subscribed_or_has_left_hears_nothing(street: Street) -> None:
    house = street.li
    assert len(_shows(house, "9.00", _after(0))) == 1
    _shows(house, "60.00", _after(30))
    with landlord_scope(house.landlord.pk):
        services.subscribe(lease=house.lease, phone=house.renter.phone, now=NOON)
        services.unsubscribe(lease=house.lease, now=_after(31))
    _shows(house, "9.00", _after(60))
    with landlord_scope(house.landlord.pk):
        assert Alert.objects.count() == 2
        assert not Message.objects.exists()


def test_a_message_that_cannot_be_sent_is_tried_five_times_and_then_given_up(
    real_street: Street, settings: Any
) -> None:
    settings.SMS_BACKEND = "apps.accounts.messaging.FileBackend"
    settings.SMS_OUTBOX = "/nowhere/at/all"
    house = real_street.li
    with landlord_scope(house.landlord.pk):
        services.subscribe(lease=house.lease, phone=house.renter.phone, now=NOON)
    _shows(house, "9.00", _after(0))
    with landlord_scope(house.landlord.pk):
        message = Message.objects.get()
    for attempt in range(5):
        services.send_message(
            landlord_id=house.landlord.pk, message_id=message.pk, now=_after(10 + 6 * attempt)
        )
    with landlord_scope(house.landlord.pk):
        message.refresh_from_db()
    assert (message.state, message.tries) == (Message.State.FAILED, 5)
