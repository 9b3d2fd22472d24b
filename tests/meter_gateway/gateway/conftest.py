"""A real Valkey and real gateway processes."""

from collections.abc import Iterator

import pytest

from .processes import Gateway, Valkey


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    server = Valkey()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey(valkey_server: Valkey) -> Valkey:
    """An empty Valkey with no map."""
    valkey_server.start()
    valkey_server.client.flushall()
    valkey_server.forget_tasks()
    return valkey_server


@pytest.fixture
def gateway(valkey: Valkey) -> Iterator[Gateway]:
    """A running gateway that already said hello."""
    with Gateway(valkey) as gateway:
        valkey.wait_for_task("meters.gateway_hello")
        yield gateway
