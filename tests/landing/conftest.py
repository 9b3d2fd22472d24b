"""The pretend platforms beside the street, so that the page's orders are real ones."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.meters.models import StockedMeter
from apps.meters.services import claiming, registry
from apps.sandbox.server import SandboxServer
from tests.people import NOON, Street


@pytest.fixture
def sandbox(sandbox_server: SandboxServer, settings: Any) -> str:
    """The pretend platforms' address, in force."""
    settings.SANDBOX_URL = sandbox_server.url
    return str(sandbox_server.url)


@pytest.fixture
def now() -> datetime:
    """The page asks the machine's clock, so its tests do too."""
    return timezone.now()


@pytest.fixture
def outbox(settings: Any, tmp_path: Path) -> Path:
    """The file messages to phones go into."""
    settings.SMS_BACKEND = "apps.accounts.messaging.FileBackend"
    settings.SMS_OUTBOX = str(tmp_path / "sms.jsonl")
    return tmp_path / "sms.jsonl"


@pytest.fixture
def visitor(client: Client) -> Client:
    """A browser that reads English."""
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def renter(visitor: Client) -> Client:
    """The same, at the page of a meter."""
    return visitor


@pytest.fixture
def box(street: Street) -> tuple[StockedMeter, str]:
    """A meter in its box, and the code on the card."""
    stocked = registry.stock_meter(serial="000000009901", profile="dtsy-4g-ble", now=NOON)
    return stocked, claiming.set_claim_code(stocked=stocked, now=NOON)
