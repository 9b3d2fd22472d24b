"""PostgreSQL is away, or cuts a connection: everybody is told so, and when to come again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import close_old_connections, connection, connections
from django.test import Client

from apps.landing import away

pytestmark = pytest.mark.django_db
NOWHERE = {"HOST": "127.0.0.1", "PORT": "1"}
TOKEN = {"Authorization": "Bearer nobodys"}
SESSION = {"Cookie": "sessionid=somebodys0000000000000000000000"}
ORDER = b'{"amount_yuan": "50.00", "channel": "wechat"}'
LOGIN = b'{"phone": "13800000001", "password": "wrong"}'


def _in_a_thread_of_its_own(act: Callable[[], Any]) -> Any:
    """Run `act` where the connection is another one than the test's."""

    def work() -> Any:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as worker:
        return worker.submit(work).result()


def _asked(method: str, path: str, language: str = "en", body: Any = None, **headers: str) -> Any:
    client = Client(raise_request_exception=False)
    kind = "application/json" if body else "application/x-www-form-urlencoded"
    return client.generic(method, path, body or b"", kind, headers={"accept-language": language, **headers})


def _asked_without_a_database(*args: Any, **headers: str) -> Any:
    """Ask while PostgreSQL's address is one where nobody listens."""

    def act() -> Any:
        described = {**connection.settings_dict, **NOWHERE}
        connections["default"] = type(connections["default"])(described, "default")
        return _asked(*args, **headers)

    return _in_a_thread_of_its_own(act)


@pytest.mark.parametrize(("language", "word"), [("en", "back in a moment"), ("zh-hans", "请稍等几秒")])
@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/api/v1/meters", TOKEN),
        ("GET", "/api/v1/meters", SESSION),
        ("GET", "/api/v1/q/token", {}),
        ("POST", "/api/v1/q/token/orders", {}),
        ("POST", "/api/v1/auth/login", {}),
    ],
)
def test_rest_says_in_its_one_shape_when_to_come_again(
    method: str, path: str, headers: dict[str, str], language: str, word: str
) -> None:
    body = LOGIN if "login" in path else ORDER if "orders" in path else b""
    answer = _asked_without_a_database(method, path, language, body, **headers)
    assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (
        503,
        "5",
        "application/json",
    )
    said = answer.json()
    assert (said["code"], said["type"]) == ("away", "/api/v1/docs/#error-away")
    assert word in said["detail"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/q/token", {}),
        ("/q/token/mine", {}),
        ("/join/claim", SESSION),
        ("/admin/", SESSION),
        ("/ops/", SESSION),
    ],
)
def test_a_persons_page_says_it_is_back_in_a_moment_and_comes_by_itself(
    path: str, headers: dict[str, str]
) -> None:
    answer = _asked_without_a_database("GET", path, "en", b"", **headers)
    shown = answer.content.decode()
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "Back in a moment" in shown
    assert '<meta http-equiv="refresh" content="5">' in shown
    assert f'href="{path}"' in shown


def test_a_form_is_not_sent_again_by_itself() -> None:
    here = {"Origin": "http://testserver", "Referer": "http://testserver/q/token"}
    answer = _asked_without_a_database("POST", "/q/token/orders", "zh-hans", b"", **here)
    shown = answer.content.decode()
    assert 'href="/q/token"' in shown
    assert "请稍等" in shown
    assert "http-equiv" not in shown


def test_who_is_alive_stays_alive() -> None:
    assert _asked_without_a_database("GET", "/healthz").status_code == 200


def test_a_connection_that_is_cut_is_told_alike_and_the_next_request_has_a_new_one() -> None:
    def act() -> list[int]:
        statuses = [_asked("GET", "/api/v1/q/nobodys").status_code]
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            [pid] = cursor.fetchone()
        _in_a_thread_of_its_own(lambda: _cut_off(pid))
        statuses.append(_asked("GET", "/api/v1/q/nobodys").status_code)
        close_old_connections()
        statuses.append(_asked("GET", "/api/v1/q/nobodys").status_code)
        return statuses

    assert _in_a_thread_of_its_own(act) == [404, 503, 404]


def _cut_off(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_a_fault_of_ours_is_no_absence() -> None:
    request = Client().get("/healthz").wsgi_request
    try:
        raise ValueError("ours")
    except ValueError:
        assert away.answer(request).status_code == 500


@pytest.mark.parametrize(
    ("path", "kind"), [("/api/v1/q/token", "application/json"), ("/q/token", "text/html")]
)
def test_a_fault_of_ours_is_told_in_the_same_two_forms_and_not_as_a_bare_500(
    path: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.accounts.doors._hash", None)
    answer = _asked("GET", path)
    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (500, kind)
    assert "Something went wrong on our side" in answer.content.decode()
