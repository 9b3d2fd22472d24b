"""Between tests with real commits: take out the rows one left, from the tables it touched, and lay out those kept.

Django's own way truncates every table, partitions and all, and makes contents and permissions anew: most of a second
for the few rows of a street. Only a superuser may look past row security and the append-only triggers; the tests
themselves never get this login.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

# Made by the migrations and never touched by a test.
KEPT = ("django_migrations", "django_content_type", "auth_permission")


class Sweeper:
    """Cleans one test database, over a connection of its own."""

    def __init__(self, superuser_url: str, database: str) -> None:
        self._connection = psycopg.connect(superuser_url, dbname=database, autocommit=True)
        # No trigger and no key stands in the way of removing rows in any order.
        self._connection.execute("SET session_replication_role = replica")
        tables = self._connection.execute(
            """SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
               AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL (%s)""",
            [list(KEPT)],
        )
        names = [row[0] for row in tables]
        self._touched = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(sql.Literal(name), sql.Identifier(name))
            for name in names
        )

    def touched(self) -> list[str]:
        """The tables that hold rows now."""
        return [row[0] for row in self._connection.execute(self._touched)]

    def sweep(self) -> None:
        self._for_each(self.touched(), "DELETE FROM {table}")

    def keep(self, name: str, on: str | None = None) -> list[str]:
        """Put every row aside that is not kept as `on` already; returns the tables that hold rows."""
        schema = sql.Identifier(f"kept_{name}")
        self._connection.execute(
            sql.SQL("DROP SCHEMA IF EXISTS {0} CASCADE; CREATE SCHEMA {0}").format(schema)
        )
        tables = self.touched()
        self._for_each(tables, "CREATE UNLOGGED TABLE {schema}.{table} AS TABLE {table}", schema)
        if on is not None:
            below = [table for table in tables if self._is_kept(on, table)]
            deletes = f"DELETE FROM {{schema}}.{{table}} k USING kept_{on}.{{table}} b WHERE k IS NOT DISTINCT FROM b"
            self._for_each(below, deletes, schema)
        return tables

    def _is_kept(self, name: str, table: str) -> bool:
        found = self._connection.execute("SELECT to_regclass(%s)", [f"kept_{name}.{table}"]).fetchone()
        return found is not None and found[0] is not None

    def lay_out(self, name: str, tables: list[str]) -> None:
        """Put back what was kept under a name, where nothing is."""
        self._for_each(tables, "INSERT INTO {table} TABLE {schema}.{table}", sql.Identifier(f"kept_{name}"))

    def _for_each(self, tables: list[str], statement: str, schema: sql.Identifier | None = None) -> None:
        if tables:
            statements = [
                sql.SQL(statement).format(table=sql.Identifier(table), schema=schema) for table in tables
            ]
            self._connection.execute(sql.SQL("; ").join(statements))

    def close(self) -> None:
        self._connection.close()


# The clock that tests and pages ask goes on; what was said "now" must not grow old.
_LASTS_S = 40.0


@dataclass(frozen=True, eq=False)
class _Kept:
    since: float
    tables: list[str]
    value: Any
    on: "_Kept | None"


class Cellar:
    """Scenes with real commits, built once in a while by the real services and laid out again for other tests."""

    def __init__(self, sweeper: Sweeper) -> None:
        self._sweeper = sweeper
        self._kept: dict[str, _Kept] = {}

    def scene(self, name: str, build: Callable[[], Any], on: str | None = None) -> Any:
        """Add this scene to an empty database, or to `on`; returns a copy of what its builder returned."""
        below = self._kept[on] if on else None
        kept = self._kept.get(name)
        if kept and kept.on is below and time.monotonic() - kept.since < _LASTS_S:
            self._sweeper.lay_out(name, kept.tables)
        else:
            value = build()
            kept = self._kept[name] = _Kept(time.monotonic(), self._sweeper.keep(name, on), value, below)
        return copy.deepcopy(kept.value)
