"""The owner's login, for the length of a block: definitions are the owner's, rows are the application's.

One alias, two logins. The credentials of the owner are in no serving process; they come from
OWNER_DATABASE_URL, which only migrations and the test run have.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.db import connection

_depth = 0


class OwnerUnknown(RuntimeError):
    """OWNER_DATABASE_URL is not set, so nothing can be defined."""


@contextmanager
def as_owner() -> Iterator[None]:
    """Be the owner on the default connection; re-entrant. Closes the connection on the way in and out."""
    global _depth
    if not settings.OWNER_DATABASE_URL:
        raise OwnerUnknown("OWNER_DATABASE_URL must be set to change tables.")
    if _depth:
        _depth += 1
        try:
            yield
        finally:
            _depth -= 1
        return
    parts = urlsplit(settings.OWNER_DATABASE_URL)
    described: dict[str, Any] = connection.settings_dict
    served = {key: described[key] for key in ("USER", "PASSWORD")}
    connection.close()
    described.update(USER=unquote(parts.username or ""), PASSWORD=unquote(parts.password or ""))
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        connection.close()
        described.update(served)
