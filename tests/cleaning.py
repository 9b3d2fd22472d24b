"""After a test with real commits: take out the rows it left, from the tables it touched.

Django's own way truncates every table, partitions and all, and makes contents and permissions anew: most of a second
for the few rows of a street. Only a superuser may look past row security and the append-only triggers; the tests
themselves never get this login.
"""

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

    def sweep(self) -> None:
        touched = [row[0] for row in self._connection.execute(self._touched)]
        if touched:
            deletes = [sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) for name in touched]
            self._connection.execute(sql.SQL("; ").join(deletes))

    def close(self) -> None:
        self._connection.close()
