"""A real Valkey and real gateway processes; and sessions on the bench, without a socket."""

from collections.abc import Iterator

import pytest

from .bench import Bench, MeterEnd, at
from .processes import Gateway, Valkey, wait_until


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def meter(bench: Bench) -> MeterEnd:
    """A meter that has logged in on the bench."""
    meter = MeterEnd()
    bench.log_in(meter, at(0))
    return meter


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    server = Valkey()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def running_gateway(valkey_server: Valkey) -> Iterator[Gateway]:
    """One process for all tests that leave it as they found it."""
    valkey_server.start()
    with Gateway(valkey_server) as gateway:
        yield gateway


@pytest.fixture
def valkey(valkey_server: Valkey, running_gateway: Gateway) -> Valkey:
    """An empty Valkey with no map, and nobody left who could still put something into it."""
    valkey_server.start()
    wait_until("the shared gateway is quiet", running_gateway.is_quiet)
    valkey_server.client.flushall()
    valkey_server.forget_tasks()
    return valkey_server


@pytest.fixture
def gateway(valkey: Valkey, running_gateway: Gateway) -> Gateway:
    """The shared gateway with nobody connected."""
    return running_gateway


@pytest.fixture
def own_gateway(valkey: Valkey) -> Iterator[Gateway]:
    """A gateway of the test's own, to be ended by it."""
    with Gateway(valkey) as gateway:
        gateway.wait_for_hello()
        yield gateway
