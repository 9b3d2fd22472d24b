"""Servers the caller brings along instead of the embedded ones."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg

from config.demo.plan import accepts
from config.demo.processes import CannotStart
from config.env import EnvError, env_str, env_url


@dataclass(frozen=True, kw_only=True)
class External:
    """URLs from the environment; empty = use the embedded server."""

    app_url: str
    owner_url: str
    broker_url: str


def read_external() -> External:
    """Read DATABASE_URL, OWNER_DATABASE_URL and BROKER_URL and see whether somebody answers there.

    :raises EnvError: if a URL cannot be understood.
    :raises CannotStart: if it opens nothing within 5 s, or only one of the two database logins is given.
    """
    if bool(env_str("DATABASE_URL", "")) != bool(env_str("OWNER_DATABASE_URL", "")):
        raise CannotStart(
            "DATABASE_URL and OWNER_DATABASE_URL must be set together, since the login that serves may not"
            " migrate (python -m config.roles prints how both are made)."
        )
    return External(
        app_url=_database_url("DATABASE_URL"),
        owner_url=_database_url("OWNER_DATABASE_URL"),
        broker_url=_broker_url(),
    )


def _database_url(name: str) -> str:
    if not env_str(name, ""):
        return ""
    url = env_url(name, schemes=("postgresql", "postgres"))
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.Error as error:
        raise CannotStart(f"{name} opens no database: {first_line(error)}") from None
    return url


def _broker_url() -> str:
    if not env_str("BROKER_URL", ""):
        return ""
    url = env_url("BROKER_URL", schemes=("redis", "rediss"))
    try:
        host, port = urlsplit(url).hostname or "", urlsplit(url).port or 6379
    except ValueError:
        raise EnvError("The port in BROKER_URL must be a number below 65536.") from None
    if not accepts(host, port):
        raise CannotStart(f"BROKER_URL reaches no broker at {host}:{port}.")
    return url


def first_line(error: Exception) -> str:
    """The first line of an error, as the end of a sentence."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") + "." if lines else f"{type(error).__name__}."
