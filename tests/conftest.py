"""How every test runs: on real servers, as the application's own login, with two landlords in the house."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.standing import Ground, standing

# The first number Hypothesis draws makes it read the constants of every module of ours that is loaded; on a busy
# machine that alone is over its limit of a second, and says nothing of a strategy. Nor does a deadline of a rule.
settings.register_profile("rentmeter", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rentmeter")

ROOT = Path(__file__).resolve().parent.parent

# Some shells and images forbid it, and then each of some hundred processes compiles all it imports once more.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

_servers: Any = None


def pytest_configure(config: pytest.Config) -> None:
    """Start the embedded servers once, in the controller; workers inherit their addresses.

    At the broker every worker has a numbered part of its own, so that nobody hears another's doorbells.
    """
    global _servers
    if hasattr(config, "workerinput"):
        _take_own_part_of_the_broker(config.workerinput["workerid"])
    if hasattr(config, "workerinput") or os.environ.get("RENTMETER_TEST_SERVERS"):
        return
    from django.conf import settings

    if not settings.configured and not os.environ.get("DJANGO_SETTINGS_MODULE"):
        return
    from config.demo.testing import start_test_servers
    from config.settings.base import database_from

    _servers = start_test_servers(ROOT / "var")
    os.environ.update(
        RENTMETER_TEST_SERVERS="1",
        DATABASE_URL=_servers.app_url,
        OWNER_DATABASE_URL=_servers.owner_url,
        BROKER_URL=_servers.broker_url,
        RENTMETER_TEST_SUPERUSER_URL=_servers.superuser_url,
    )
    settings.DATABASES["default"].update(database_from(_servers.app_url))
    settings.OWNER_DATABASE_URL = _servers.owner_url
    settings.BROKER_URL = settings.CELERY_BROKER_URL = _servers.broker_url


def _take_own_part_of_the_broker(worker: str) -> None:
    from django.conf import settings

    url = f"{os.environ['BROKER_URL'].rpartition('/')[0]}/{1 + int(worker.removeprefix('gw')) % 15}"
    os.environ["BROKER_URL"] = settings.BROKER_URL = settings.CELERY_BROKER_URL = url


def pytest_unconfigure(config: pytest.Config) -> None:
    if _servers is not None:
        _servers.stop()
        os.environ.pop("RENTMETER_TEST_SERVERS", None)
        os.environ.pop("RENTMETER_TEST_SUPERUSER_URL", None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep all journeys on one worker: they share one running system, and two would fight over two cores.

    And all that is seen through a browser: one Chromium is started, not one a worker. The markers of
    `--dist loadgroup` do not reach the scheduler with this pytest (its node ids are fixed).
    """
    from xdist.scheduler import LoadScopeScheduling

    class OneOfEach(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith("tests/journeys/"):
                return "journeys"
            return (
                "browser" if nodeid.startswith(("tests/browser/", "tests/desk/test_live_line.py")) else nodeid
            )

    return OneOfEach(config, log)


@contextmanager
def _owner() -> Iterator[None]:
    from apps.common.owner import as_owner

    with as_owner():
        yield


@pytest.fixture(scope="session")
def _owner_login() -> Iterator[Any]:
    """Hold the owner's login while the test database is made, and again while it is dropped."""
    holder = _owner()
    holder.__enter__()
    state = {"holder": holder}
    yield state
    state["holder"].__exit__(None, None, None)


@pytest.fixture(scope="session")
def _template(
    _owner_login: dict[str, Any],
    request: pytest.FixtureRequest,
    django_db_modify_db_settings: None,
    django_db_createdb: bool,
    django_db_blocker: Any,
) -> None:
    """A worker that must make its test database copies one that was migrated once for all of them."""
    from tests.template import offer_template

    worker: dict[str, Any] = getattr(request.config, "workerinput", {})
    if worker:
        with django_db_blocker.unblock():
            offer_template(worker["testrunuid"], anew=django_db_createdb)


@pytest.fixture(scope="session")
def django_db_setup(
    _owner_login: dict[str, Any], _template: None, django_db_setup: None, django_db_blocker: Any
) -> Iterator[Any]:
    """The database exists: from here on we are the application, until it is dropped."""
    from django.db import connection
    from django.test import TransactionTestCase

    from tests.cleaning import Cellar, Sweeper

    _owner_login["holder"].__exit__(None, None, None)
    _make_months_of_the_tests(django_db_blocker)
    sweeper = Sweeper(os.environ["RENTMETER_TEST_SUPERUSER_URL"], connection.settings_dict["NAME"])
    # A run that was killed has left what its last test committed.
    sweeper.sweep()
    flush = TransactionTestCase._fixture_teardown
    TransactionTestCase._fixture_teardown = lambda _case: sweeper.sweep()  # type: ignore[method-assign]
    yield Cellar(sweeper)
    TransactionTestCase._fixture_teardown = flush  # type: ignore[method-assign]
    sweeper.close()
    _owner_login["holder"] = _owner()
    _owner_login["holder"].__enter__()


def _make_months_of_the_tests(blocker: Any) -> None:
    """The tests' noon lies in a month of its own; those of today came with the migration."""
    from apps.readings.months import make_months_ahead
    from tests.people import NOON

    with blocker.unblock():
        make_months_ahead(NOON)


@pytest.fixture(scope="session")
def _standing(django_db_setup: None, django_db_blocker: Any) -> Iterator[Ground]:
    ground = Ground()
    yield ground
    with django_db_blocker.unblock():
        ground.take_down()


@pytest.fixture
def ground(request: pytest.FixtureRequest, _standing: Ground, django_db_blocker: Any) -> Ground:
    """Whatever this test's fixtures stand on, standing."""
    has_commits = {"transactional_db", "live_server"} & set(request.fixturenames)
    with django_db_blocker.unblock():
        _standing.stand([] if has_commits else request.fixturenames)
    return _standing


@pytest.fixture
def _django_db_helper(ground: Ground, _django_db_helper: None) -> None:
    """Before the test's own savepoint is set: the plugin's fixture, on the ground that stands."""


@standing
def street() -> Any:
    """Both landlords with their meters, leases and people (inside the test's own transaction)."""
    from tests.people import build_street

    return build_street()


@standing
def town(street: Any) -> Any:
    """The street with something of every kind in Li's house, and a caller of every kind."""
    from tests.town import build_town

    return build_town(street)


@pytest.fixture
def real_street(transactional_db: None, django_db_setup: Any) -> Any:
    """The same with real commits, for tests of money, delivery and the edges of a scope."""
    from tests.people import build_street

    return django_db_setup.scene("street", build_street)


@pytest.fixture
def quiet_doorbells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ring nobody: for tests that take every turn themselves."""
    from apps.common import queue

    monkeypatch.setattr(queue, "_put", lambda *_: None)


@pytest.fixture(scope="session")
def merchants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Li's and Wang's accounts at the pretend platforms; copy it, for keys take long to make."""
    from apps.sandbox.merchants import make_merchants

    folder = tmp_path_factory.mktemp("merchants")
    make_merchants(folder, ["li", "wang"])
    return folder


@pytest.fixture(scope="session")
def sandbox_state(merchants: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pretend platforms keep what they know."""
    return Path(shutil.copytree(merchants, tmp_path_factory.mktemp("sandbox") / "state"))


@pytest.fixture(scope="session")
def book(sandbox_state: Path) -> dict[str, Any]:
    """What Li and Wang hold: their numbers and keys at both platforms."""
    return dict(json.loads((sandbox_state / "merchants.json").read_text("utf-8")))


@pytest.fixture(scope="session")
def sandbox_server(sandbox_state: Path) -> Iterator[Any]:
    """Both pretend platforms over HTTP, the same for all tests of this process."""
    from apps.sandbox.server import SandboxServer

    server = SandboxServer(sandbox_state, 0)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One browser for all tests; each test gets a fresh profile in it."""
    from tests.browser.chromium import running_chromium

    with running_chromium() as browser:
        yield browser
