"""The street with the pretend platforms beside it, as for the tests of REST, and what a payer does there."""

from typing import Any

import pytest

from tests.api.conftest import outbox, paying_street, sandbox
from tests.income.scene import Scene, scene_of
from tests.people import Street

__all__ = ["outbox", "paying_street", "sandbox"]


@pytest.fixture
def scene(paying_street: Street, sandbox: str) -> Scene:
    """Li's house and its payers."""
    return scene_of(paying_street.li, sandbox)


@pytest.fixture
def provider(settings: Any, book: dict[str, Any]) -> None:
    """The operator's own account at both platforms: there are sub-merchants, and there is collecting."""
    settings.PROVIDER_ACCOUNTS = book["provider"]
