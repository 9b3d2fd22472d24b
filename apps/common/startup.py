"""Refuse to serve as a login that the second wall does not stop."""

from django.db import OperationalError, connection


class WrongLogin(RuntimeError):
    """The database login in use could see or change more than one landlord's rows; the message says why."""


_QUESTION = """
SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole,
       EXISTS (SELECT 1 FROM pg_class WHERE relowner = pg_roles.oid),
       has_schema_privilege(rolname, 'public', 'CREATE')
FROM pg_roles WHERE rolname = session_user
"""
_REASONS = (
    "is a superuser",
    "may bypass row-level security",
    "may create databases",
    "may create roles",
    "owns tables",
    "may create tables",
)


def refuse_wrong_login() -> None:
    """Ask the database who we are, in one query. A database that is away is no reason: /readyz will say so.

    :raises WrongLogin: if the login owns or may define anything, or is not held by row-level security.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute(_QUESTION)
            answers = cursor.fetchone()
    except OperationalError:
        return
    finally:
        connection.close()
    wrong = [reason for reason, holds in zip(_REASONS, answers, strict=True) if holds]
    if wrong:
        raise WrongLogin(f"The database login {', '.join(wrong)}; serve as rm_app, which owns nothing.")
