"""A street that is built once is as good as a street built for every test."""

import pytest
from django.db import connection

from apps.accounts.models import Landlord, User
from apps.common.scoping import landlord_scope
from apps.meters.models import Meter
from tests.people import Street


@pytest.mark.parametrize("turn", [1, 2])
def test_whatever_a_test_does_is_undone_before_the_next(street: Street, turn: int) -> None:
    """Whichever turn is second would find what the first one did: in rows, and in the copy it was given."""
    assert street.li.landlord.name == "Li Rooms"
    assert {landlord.name for landlord in Landlord.objects.all()} == {"Li Rooms", "Wang Rooms"}
    with landlord_scope(street.li.landlord.pk):
        assert {meter.note for meter in Meter.objects.all()} == {""}
        Meter.objects.update(note="touched")
    Landlord.objects.update(name="touched")
    street.li.landlord.name = "touched"


@pytest.mark.parametrize("turn", [1, 2])
def test_a_test_that_loses_its_connection_takes_nothing_from_the_next(street: Street, turn: int) -> None:
    assert Landlord.objects.count() == 2
    connection.close()


def test_nobody_lives_where_no_street_was_asked_for(db: None) -> None:
    assert not User.objects.exists()


def test_nobody_who_stands_is_seen_by_a_test_with_commits(transactional_db: None) -> None:
    assert not User.objects.exists()
