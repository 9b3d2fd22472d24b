"""What stands behind many keys at once."""

import pytest

from apps.accounts import doors
from tests.people import Street


@pytest.mark.django_db
def test_many_doors_open_in_the_order_they_are_asked_for_and_not_in_the_order_of_the_rows(
    street: Street,
) -> None:
    meters = {house.meter.serial: house for house in (street.li, street.wang)}
    asked = sorted(meters)
    for keys in (asked, asked[::-1]):
        found = doors.open_many(doors.Kind.SERIAL, [keys[0], "000000000000", keys[1]])
        assert list(found) == keys
        assert [each.landlord_id for each in found.values()] == [meters[key].landlord.pk for key in keys]
