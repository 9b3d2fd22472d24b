"""The pretend platforms beside the street, with accounts of Li's and Wang's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from apps.income.states import Channel
from apps.sandbox.server import SandboxServer
from tests.api.phones import Outbox
from tests.landing.scene import takes_payments
from tests.people import Street


@pytest.fixture
def sandbox(sandbox_server: SandboxServer, book: dict[str, Any], settings: Any) -> Iterator[str]:
    """The pretend platforms' address, in force, with the app that logs payers in; notifies go nowhere."""
    settings.SANDBOX_URL = sandbox_server.url
    settings.NOTIFY_BASE_URL = "http://127.0.0.1:9"
    settings.WECHAT_APP_ID = book["wechat_app"]["appid"]
    settings.WECHAT_APP_SECRET = book["wechat_app"]["app_secret"]
    yield sandbox_server.url
    sandbox_server.faults.clear()


@pytest.fixture
def paying_street(real_street: Street, sandbox: str, book: dict[str, Any], django_db_setup: Any) -> Street:
    """The street with real commits, where Li and Wang take payments on both channels."""

    def take_payments() -> None:
        now = timezone.now()
        takes_payments(real_street.li, book, "li", Channel.WECHAT, Channel.ALIPAY, at=now)
        takes_payments(real_street.wang, book, "wang", Channel.WECHAT, at=now)

    django_db_setup.scene(f"paying_{book['wechat_app']['appid']}", take_payments, on="street")
    return real_street


@pytest.fixture
def outbox(settings: Any, tmp_path: Path) -> Outbox:
    """Messages to phones go into a file."""
    settings.SMS_BACKEND = "apps.accounts.messaging.FileBackend"
    settings.SMS_OUTBOX = str(tmp_path / "sms.jsonl")
    return Outbox(tmp_path / "sms.jsonl")
