"""What no program of ours would send: one clear refusal that names the field, never a 500."""

from base64 import b64encode

import pytest
from django.test import Client

from tests.api.caller import Caller
from tests.people import Street

MALFORMED_CURSORS = ["abc", *(b64encode(said).decode() for said in (b"p=", b"p=abc", b"p=\0", b"o=-1"))]


@pytest.mark.parametrize("body", [b"[" * 3000, b'{"a":' * 900 + b"1" + b"}" * 900, b"[" * 11 + b"]" * 11])
def test_a_body_nested_without_end_is_a_parse_error(db: None, body: bytes) -> None:
    answer = Caller().post("auth/login", raw=body)
    assert (answer.status, answer.body["code"]) == (400, "parse_error")


def test_half_a_character_is_refused_where_the_refusal_quotes_it(street: Street) -> None:
    answer = Caller(street.li.owner).post("sites", raw=b'{"name": "Hill", "kind": "\\ud800"}')
    assert (answer.status, list(answer.body["fields"])) == (400, ["kind"])


@pytest.mark.parametrize("path", ["api/v1/q/%00", "q/%00", "q/a%00b/use"])
def test_a_token_with_a_nul_is_as_unknown_as_any(street: Street, path: str) -> None:
    assert Client().get(f"/{path}").status_code == 404


@pytest.mark.parametrize("cursor", MALFORMED_CURSORS)
def test_a_cursor_that_came_from_no_page_is_named(street: Street, cursor: str) -> None:
    answer = Caller(street.li.owner).get("meters", cursor=cursor)
    assert (answer.status, list(answer.body["fields"])) == (400, ["cursor"])


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("meters", "limit", "abc"),
        ("meters", "limit", "501"),
        ("meters", "format", "xml"),
        ("my/recharges", "limit", "9" * 5000),
        ("income/payments", "format", "xml"),
        ("alerts", "open", "abc"),
        ("alerts", "seen", "maybe"),
    ],
)
def test_what_a_list_cannot_be_asked_for_is_refused_not_ignored(
    street: Street, path: str, name: str, value: str
) -> None:
    answer = Caller(street.li.owner).get(path, **{name: value})
    assert (answer.status, list(answer.body["fields"])) == (400, [name])
