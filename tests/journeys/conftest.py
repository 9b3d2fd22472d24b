"""One running system for all journeys; they share it, one after another, on one worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.system import System


@pytest.fixture(scope="session")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    running = System(Path(tmp_path_factory.mktemp("demo")))
    yield running
    running.stop()


@pytest.fixture
def system(_running: System) -> System:
    """The system with every meter at home: what the test before killed has come back."""
    _running.settle()
    return _running
