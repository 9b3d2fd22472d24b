"""An end that was set ahead comes: the landlord is reminded once, and her renters are not."""

from datetime import timedelta

import pytest

from apps.alerts import sweeping
from apps.alerts.models import Alert
from apps.alerts.selectors import own_alerts
from apps.common.scoping import landlord_scope
from apps.meters.services import registry
from tests.people import NOON, House, Street

pytestmark = pytest.mark.usefixtures("quiet_doorbells")
DAY = timedelta(days=1)


def end(house: House, *, ahead: timedelta) -> None:
    with landlord_scope(house.landlord.pk):
        registry.end_lease(
            lease=house.lease, ends_at=NOON + 2 * DAY, by_id=house.owner.pk, now=NOON + 2 * DAY - ahead
        )


def reminders(house: House) -> list[bool]:
    """One a reminder: whether it stands."""
    with landlord_scope(house.landlord.pk):
        rows = Alert.objects.filter(kind=Alert.Kind.LEASE_ENDED)
        return [alert.cleared_at is None for alert in rows]


def test_the_landlord_is_reminded_once_when_the_day_has_come(street: Street) -> None:
    end(street.li, ahead=DAY)
    for at in (NOON + 2 * DAY - timedelta(seconds=1), NOON + 2 * DAY, NOON + 2 * DAY + timedelta(hours=1)):
        sweeping.sweep(at)
        assert reminders(street.li) == ([] if at < NOON + 2 * DAY else [True])
    assert reminders(street.wang) == []
    assert own_alerts(street.li.renter.user, before=None, most=5) == []


def test_who_ended_it_on_the_spot_needs_no_reminder(street: Street) -> None:
    end(street.li, ahead=timedelta(0))
    sweeping.sweep(NOON + 2 * DAY + timedelta(hours=1))
    assert reminders(street.li) == []


def test_it_is_over_with_the_next_lease_whose_renter_hears_nothing_of_it(street: Street) -> None:
    end(street.li, ahead=DAY)
    sweeping.sweep(NOON + 2 * DAY)
    with landlord_scope(street.li.landlord.pk):
        registry.begin_lease(
            meter=street.li.meter, renter=street.sun, starts_at=NOON + 2 * DAY, by_id=None, now=NOON + 2 * DAY
        )
    sweeping.sweep(NOON + 3 * DAY)
    sweeping.sweep(NOON + 3 * DAY)
    assert reminders(street.li) == [False]
    assert own_alerts(street.sun.user, before=None, most=5) == []
