"""The one migrated database of a run, of which every worker takes a copy: migrating takes a quarter of a minute of CPU.

The template belongs to the owner like the databases of the tests, and its tables, grants, policies and triggers are
copied with it. Django itself makes the copy (`TEST["TEMPLATE"]`), and then applies what the template lacks: after a
new migration that is that migration alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

TEMPLATE = "rentmeter_template"
# Any number, as long as nothing else in the cluster of a run asks for it.
_LOCK = 7_403_001


def offer_template(run: str, *, anew: bool) -> None:
    """Have Django copy this process's test database from a migrated template, if it must make one at all.

    The first worker to come makes the template while the others of the run wait. Call it as the owner.

    :param run: the same for all workers of one run, and no other's.
    :param anew: whether a template made by an earlier run is not good enough (`--create-db`).
    """
    with psycopg.connect(settings.OWNER_DATABASE_URL, autocommit=True) as owner:
        own = connection.creation._get_test_db_name()
        if not anew and owner.execute("SELECT FROM pg_database WHERE datname = %s", [own]).rowcount:
            return
        # Held until the connection ends, however the process does.
        owner.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        made_by = _made_by(owner)
        if made_by is None or (anew and made_by != run):
            _make()
            # Only a whole template says who made it; one torn in the middle is made again.
            owner.execute(f"COMMENT ON DATABASE {TEMPLATE} IS '{run}'")
    connection.settings_dict["TEST"]["TEMPLATE"] = TEMPLATE


def _made_by(owner: psycopg.Connection[Any]) -> str | None:
    found = owner.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [TEMPLATE]
    ).fetchone()
    return found[0] if found else None


def _make() -> None:
    with _named(TEMPLATE):
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        # A database somebody is connected to cannot be copied.
        connection.close()


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Let the test database of this process have another name."""
    described: dict[str, Any] = connection.settings_dict
    before, test_name = described["NAME"], described["TEST"]["NAME"]
    described["TEST"]["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        described["TEST"]["NAME"] = test_name
        described["NAME"] = settings.DATABASES["default"]["NAME"] = before
