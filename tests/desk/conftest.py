"""Both desks with people in front of them: two furnished landlords, and logins in English."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.desk import scene
from tests.people import Street
from tests.standing import standing


@pytest.fixture
def now() -> datetime:
    """The desk asks the machine's clock, so its tests do too."""
    return timezone.now()


@standing
def furnished(street: Street) -> Street:
    """Li and Wang each have one of everything; whatever is Wang's carries a canary."""
    now = timezone.now()
    scene.furnish(street.li, "LI", now=now)
    scene.furnish(street.wang, "WANG", now=now)
    return street


@pytest.fixture
def at_desk() -> Callable[[Any], Client]:
    """Return a function that gives a logged-in browser to a user."""

    def come_in(user: Any) -> Client:
        client = Client(headers={"accept-language": "en"})
        client.force_login(user)
        return client

    return come_in
