"""Logins at both platforms: codes become ids once, and nothing secret comes back."""
# ruff: noqa: F811

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from apps.accounts import identity
from apps.accounts.identity import (
    alipay_authorize_url,
    alipay_open_id,
    wechat_authorize_url,
    wechat_openid,
)
from apps.common import scoping
from apps.common.outside import OutsideCallInScope
from apps.common.platforms import (
    CredentialsInvalid,
    PlatformAnswerInvalid,
    PlatformRefused,
    PlatformUnreachable,
)
from tests.income.platforms.conftest import book, li_alipay, sandbox, state  # noqa: F401
from tests.income.platforms.scripted import Scripted, late, scripted_platform

BACK = "http://127.0.0.1:8000/q/token/?from=wechat&x=1"


@pytest.fixture
def app(book: dict[str, Any]) -> dict[str, str]:
    return dict(book["wechat_app"])


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with scripted_platform() as server:
        yield server


def sent_back(authorize_url: str, payer: str) -> dict[str, str]:
    """What the platform appends when it sends the payer's browser back."""
    reply = requests.get(
        authorize_url.partition("#")[0], cookies={"sandbox_payer": payer}, allow_redirects=False, timeout=5
    )
    assert reply.status_code == 302
    return {name: values[0] for name, values in parse_qs(urlsplit(reply.headers["Location"]).query).items()}


def mini_program_code(sandbox: str, app_id: str, payer: str) -> str:
    login = {"kind": "wechat_mini", "app_id": app_id, "payer": payer}
    return str(requests.post(f"{sandbox}/logins", json=login, timeout=5).json()["code"])


def test_a_code_from_wechats_browser_becomes_a_lasting_openid(app: dict[str, str], sandbox: str) -> None:
    url = wechat_authorize_url(app, BACK, "s7ate-1", base_url=sandbox)
    first, second = sent_back(url, "sun"), sent_back(url, "sun")
    assert (first["state"], first["from"]) == ("s7ate-1", "wechat")
    openid = wechat_openid(first["code"], app, base_url=sandbox)
    assert wechat_openid(second["code"], app, base_url=sandbox) == openid
    assert wechat_openid(sent_back(url, "chen")["code"], app, base_url=sandbox) != openid


def test_a_mini_programs_code_becomes_the_same_openid_and_the_session_key_stays_here(
    app: dict[str, str], sandbox: str
) -> None:
    web = sent_back(wechat_authorize_url(app, BACK, "s", base_url=sandbox), "sun")["code"]
    mini = mini_program_code(sandbox, app["appid"], "sun")
    openid = wechat_openid(mini, app, mini_program=True, base_url=sandbox)
    assert openid == wechat_openid(web, app, base_url=sandbox)


def test_a_code_is_good_for_one_login(app: dict[str, str], sandbox: str) -> None:
    code = mini_program_code(sandbox, app["appid"], "sun")
    wechat_openid(code, app, mini_program=True, base_url=sandbox)
    with pytest.raises(PlatformRefused) as caught:
        wechat_openid(code, app, mini_program=True, base_url=sandbox)
    assert caught.value.code == "40163"


def test_an_invented_code_and_a_code_of_another_kind_are_refused(app: dict[str, str], sandbox: str) -> None:
    with pytest.raises(PlatformRefused, match="40029"):
        wechat_openid("0" * 32, app, base_url=sandbox)
    code = mini_program_code(sandbox, app["appid"], "sun")
    with pytest.raises(PlatformRefused, match="40029"):
        wechat_openid(code, app, base_url=sandbox)


def test_a_wrong_secret_is_refused_and_not_repeated(app: dict[str, str], sandbox: str) -> None:
    with pytest.raises(PlatformRefused) as caught:
        wechat_openid("0" * 32, {**app, "app_secret": "w" * 32}, base_url=sandbox)
    assert "w" * 32 not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_alipay_code_becomes_an_open_id_once(li_alipay: dict[str, Any], sandbox: str) -> None:
    url = alipay_authorize_url(li_alipay["app_id"], BACK, "s7ate", base_url=sandbox)
    back = sent_back(url, "sun")
    assert back["state"] == "s7ate"
    open_id = alipay_open_id(back["auth_code"], li_alipay, base_url=sandbox)
    assert alipay_open_id(sent_back(url, "sun")["auth_code"], li_alipay, base_url=sandbox) == open_id
    with pytest.raises(PlatformRefused):
        alipay_open_id(back["auth_code"], li_alipay, base_url=sandbox)


def test_the_platforms_themselves_are_the_default() -> None:
    app = {"appid": "wx0123456789abcdef", "app_secret": "x" * 32}
    wechat = urlsplit(wechat_authorize_url(app, BACK, "s"))
    assert (wechat.scheme, wechat.netloc, wechat.fragment) == (
        "https",
        "open.weixin.qq.com",
        "wechat_redirect",
    )
    assert parse_qs(wechat.query)["redirect_uri"] == [BACK]
    assert parse_qs(wechat.query)["scope"] == ["snsapi_base"]
    assert "x" * 32 not in wechat.query
    alipay = urlsplit(alipay_authorize_url("2021000000000001", BACK, "s"))
    assert (alipay.scheme, alipay.netloc) == ("https", "openauth.alipay.com")
    assert parse_qs(alipay.query)["redirect_uri"] == [BACK]


@pytest.mark.parametrize("state_text", ["", "a b", "a&scope=snsapi_userinfo", "x" * 129, "é"])
def test_a_state_that_would_need_escaping_is_an_error(app: dict[str, str], state_text: str) -> None:
    with pytest.raises(ValueError, match="state"):
        wechat_authorize_url(app, BACK, state_text)
    with pytest.raises(ValueError, match="state"):
        alipay_authorize_url("2021000000000001", BACK, state_text)


def test_a_mini_program_login_asks_one_question_and_no_access_token(
    app: dict[str, str], scripted: Scripted
) -> None:
    answer = json.dumps({"session_key": "tiihtNczf5v6AKRyjwEUhQ==", "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"})
    scripted.replies.append((200, {}, answer.encode()))
    assert (
        wechat_openid("c0de", app, mini_program=True, base_url=scripted.url) == "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
    )
    assert len(scripted.asked) == 1
    query = parse_qs(urlsplit(scripted.asked[0][1]).query)
    assert query.keys() == {"appid", "secret", "js_code", "grant_type"}


@pytest.mark.parametrize("mini_program", [False, True])
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (None, PlatformUnreachable),
        ((502, {}, b""), PlatformUnreachable),
        ((200, {}, b'{"errcode":-1,"errmsg":"system error"}'), PlatformUnreachable),
        ((200, {}, b"<html>"), PlatformAnswerInvalid),
        ((200, {}, b"{}"), PlatformAnswerInvalid),
        ((200, {}, b"[]"), PlatformAnswerInvalid),
        (
            (200, {}, b'{"openid":"x y","access_token":"a","refresh_token":"r","expires_in":1}'),
            PlatformAnswerInvalid,
        ),
    ],
)
def test_an_answer_that_says_nothing_is_no_login_and_tells_no_secret(
    app: dict[str, str], scripted: Scripted, mini_program: bool, reply: Any, error: type[Exception]
) -> None:
    scripted.replies.append(reply)
    with pytest.raises(error) as caught:
        wechat_openid("c0de", app, mini_program=mini_program, base_url=scripted.url)
    assert app["app_secret"] not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("mini_program", [False, True])
def test_a_platform_that_does_not_answer_is_not_waited_for(
    app: dict[str, str], scripted: Scripted, mini_program: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "TIMEOUT_S", (1.0, 0.05))
    scripted.replies.append(late)
    with pytest.raises(PlatformUnreachable, match="ReadTimeout"):
        wechat_openid("c0de", app, mini_program=mini_program, base_url=scripted.url)


def test_an_app_without_its_secret_is_named(app: dict[str, str]) -> None:
    with pytest.raises(CredentialsInvalid) as caught:
        wechat_openid("c0de", {"appid": app["appid"]})
    assert caught.value.field == "app_secret"


def test_nobody_logs_in_inside_a_scope(app: dict[str, str], li_alipay: dict[str, Any], sandbox: str) -> None:
    token = scoping._current.set(scoping.Scope(None, "a test of the door outside"))
    try:
        with pytest.raises(OutsideCallInScope):
            wechat_openid("c0de", app, base_url=sandbox)
        with pytest.raises(OutsideCallInScope):
            alipay_open_id("c0de", li_alipay, base_url=sandbox)
    finally:
        scoping._current.reset(token)
