"""A PostgreSQL of the simulation's own, for as long as the process lives; emptied before every world."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from tests.simulation.progress import ROOT

_sweeper: Any = None


def open_database() -> None:
    """Start the embedded servers, make the tables, and be the application's own login."""
    global _sweeper
    if _sweeper is not None:
        return
    from multiprocessing.util import Finalize

    from django.conf import settings
    from django.db import connection

    from apps.common.owner import as_owner
    from apps.readings.months import make_months_ahead
    from config.demo.testing import start_test_servers
    from config.settings.base import database_from
    from tests.cleaning import Sweeper
    from tests.simulation.virtual_time import START

    servers = start_test_servers(ROOT / "var")
    # A worker of a pool leaves without its exit handlers, but not without these; the higher comes first.
    Finalize(None, servers.stop, exitpriority=1)
    os.environ["RENTMETER_TEST_SERVERS"] = "1"
    settings.DATABASES["default"].update(database_from(servers.app_url))
    connection.settings_dict.update(database_from(servers.app_url))
    settings.OWNER_DATABASE_URL = servers.owner_url
    settings.BROKER_URL = settings.CELERY_BROKER_URL = servers.broker_url
    with as_owner():
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False, keepdb=True)
    make_months_ahead(START)
    _sweeper = Sweeper(servers.superuser_url, connection.settings_dict["NAME"])
    Finalize(None, _close, exitpriority=2)


def empty_database() -> None:
    """Take out all rows but those of the migrations."""
    _sweeper.sweep()


def _close() -> None:
    with suppress(Exception):
        _sweeper.close()
