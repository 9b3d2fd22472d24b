"""The database roles of RentMeter, as SQL.

Pure text: the demo runs it against its embedded PostgreSQL, and `python -m config.roles` prints it for a
server of your own (PostgreSQL 15 or newer), to be run by psql as a superuser.

* `rm_owner` owns everything and migrates. It may create databases, so that tests can make theirs.
* `rm_app` is the login of web and workers. It owns nothing, and row-level security holds for it.
* `rm_everything` is no login. A policy of every owned table opens all rows to it, and `rm_app` must switch to
  it by name, in one transaction. Nobody *inherits* it: a login that inherited it would always see all rows.

Table rights are no business of this page: the migrations grant them.
"""

from typing import Final

OWNER: Final = "rm_owner"
APP: Final = "rm_app"
EVERYTHING: Final = "rm_everything"
DATABASE: Final = "rentmeter"

_LOGINS: Final = {
    OWNER: "LOGIN NOSUPERUSER CREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT",
    APP: "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT",
}


def role_statements(
    *, server_major: int, owner_password: str | None = None, app_password: str | None = None
) -> list[str]:
    """Statements that make the three roles, or bring them to this shape; safe to repeat, run as superuser.

    :param server_major: 15, 16, …; from 16 on, membership itself says that it is not inherited.
    :param owner_password: None leaves the password as it is.
    """
    passwords = {OWNER: owner_password, APP: app_password}
    membership = " WITH INHERIT FALSE, SET TRUE" if server_major >= 16 else ""
    statements = [_create_role(EVERYTHING)]
    statements.append(
        f"ALTER ROLE {EVERYTHING} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    )
    for login, attributes in _LOGINS.items():
        password = passwords[login]
        secret = "" if password is None else f" PASSWORD {_literal(password)}"
        statements += [
            _create_role(login),
            f"ALTER ROLE {login} {attributes}{secret}",
            f"GRANT {EVERYTHING} TO {login}{membership}",
        ]
    return statements


def create_database_statement(database: str = DATABASE) -> str:
    """The statement that makes the database; not repeatable, and not for a transaction."""
    return f"CREATE DATABASE {database} OWNER {OWNER} ENCODING 'UTF8' TEMPLATE template0"


def database_statements(database: str = DATABASE) -> list[str]:
    """Statements for a superuser connected to the database itself; safe to repeat."""
    return [
        f"ALTER DATABASE {database} OWNER TO {OWNER}",
        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {database} TO {APP}",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        f"GRANT USAGE ON SCHEMA public TO {APP}, {EVERYTHING}",
        f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER}",
    ]


def psql_script(*, server_major: int = 16, database: str = DATABASE) -> str:
    """The whole set-up as a script for psql, which asks for both passwords."""
    lines = [f"{statement};" for statement in role_statements(server_major=server_major)]
    lines += [f"\\password {login}" for login in _LOGINS]
    exists = f"SELECT FROM pg_database WHERE datname = {_literal(database)}"
    lines += [
        f"SELECT {_literal(create_database_statement(database))} WHERE NOT EXISTS ({exists}) \\gexec",
        f"\\connect {database}",
    ]
    lines += [f"{statement};" for statement in database_statements(database)]
    return "\n".join(lines)


def _create_role(name: str) -> str:
    return (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') "
        f"THEN CREATE ROLE {name}; END IF; END $$"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


if __name__ == "__main__":
    import sys

    sys.stdout.write(
        "-- Run with: psql --username postgres --file roles.sql   (PostgreSQL 16 or newer;"
        " for 15 say: python -m config.roles 15)\n"
    )
    sys.stdout.write(psql_script(server_major=int(sys.argv[1]) if len(sys.argv) > 1 else 16) + "\n")
