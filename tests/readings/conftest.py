"""The folder the demo's seed works in; its merchants' keys take seconds to make, so they are made once."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fleet")
