"""A thread of the web keeps its connection: a request leaves nothing on it for the next, and a dead one is noticed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import connection

from apps.common.scoping import everything, landlord_scope
from apps.meters.models import Meter
from tests.people import Street


def _asked(statement: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return tuple(cursor.fetchone())


def _left_behind() -> tuple[Any, ...]:
    return _asked(
        "SELECT coalesce(current_setting('app.landlord_id', true), ''), current_setting('role'),"
        " (SELECT count(*) FROM meters_meter)"
    )


def _status_of_a_request() -> str:
    """What the web answers to a notify for an account nobody has: it must look into the database for that."""
    answered: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/pay/notify/wechat/{uuid4()}/",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "CONTENT_LENGTH": "2",
        "wsgi.input": BytesIO(b"{}"),
        "wsgi.url_scheme": "http",
    }
    response = get_wsgi_application()(environ, lambda status, headers: answered.append(status))
    b"".join(response)
    response.close()  # type: ignore[attr-defined]
    return answered[0]


def _in_a_thread_of_the_web(act: Callable[[], Any]) -> Any:
    def work() -> Any:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as web:
        return web.submit(work).result()


def test_a_kept_connection_shows_nobodys_rows_after_a_scope(real_street: Street) -> None:
    kept = _asked("SELECT pg_backend_pid()")
    with landlord_scope(real_street.li.landlord.pk):
        assert Meter.objects.exists()
    assert _left_behind() == ("", "none", 0)
    with everything("a test of what stays behind"):
        assert Meter.objects.count() > 1
    assert _left_behind() == ("", "none", 0)
    with pytest.raises(ZeroDivisionError), landlord_scope(real_street.li.landlord.pk):
        assert Meter.objects.exists() / 0
    assert _left_behind() == ("", "none", 0)
    assert _asked("SELECT pg_backend_pid()") == kept


@pytest.mark.django_db
def test_the_next_request_finds_a_connection_that_was_cut_and_makes_another() -> None:
    def requests() -> tuple[str, bool, str, bool]:
        first = _status_of_a_request()
        kept = connection.connection
        second = _status_of_a_request()
        same = connection.connection is kept
        with ThreadPoolExecutor(1) as other:
            process_id = kept.info.backend_pid
            other.submit(
                lambda: (_asked(f"SELECT pg_terminate_backend({process_id}, 5000)"), connection.close())
            ).result()
        third = _status_of_a_request()
        return f"{first} {second}", same, third, connection.connection is not kept

    answered, same, after, another = _in_a_thread_of_the_web(requests)
    assert (answered, same) == ("404 Not Found 404 Not Found", True)
    assert (after, another) == ("404 Not Found", True)
