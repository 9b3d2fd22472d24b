"""Logins of both platforms: stable openids, single-use codes."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from alipay import DCAliPay
from alipay.exceptions import AliPayException
from wechatpayv3 import WeChatPay
from wechatpy import WeChatClient
from wechatpy.oauth import WeChatOAuth, WeChatOAuthException

from apps.sandbox.identity import openid
from tests.sandbox.conftest import Clock
from tests.sandbox.shop import Shop
from tests.sandbox.test_alipay import create
from tests.sandbox.test_wechat import order

BACK = "http://127.0.0.1:8000/q/abc?from=wechat"


@pytest.fixture
def oauth(book: dict[str, Any], url: str) -> WeChatOAuth:
    app = book["wechat_app"]
    oauth = WeChatOAuth(app["appid"], app["app_secret"], BACK, state="s-1")
    oauth.API_BASE_URL = f"{url}/"
    oauth.OAUTH_BASE_URL = f"{url}/connect/"
    return oauth


def come_back(url: str, session: requests.Session | None = None, **query: str) -> dict[str, str]:
    answer = (session or requests.Session()).get(url, params=query, timeout=5, allow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(BACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def test_a_payer_comes_back_with_code_and_state_and_keeps_one_openid(oauth: WeChatOAuth) -> None:
    first = come_back(oauth.authorize_url, payer="sun")
    assert (first["state"], first["from"]) == ("s-1", "wechat")
    openids = [oauth.fetch_access_token(first["code"])["openid"]]
    openids.append(oauth.fetch_access_token(come_back(oauth.authorize_url, payer="sun")["code"])["openid"])
    openids.append(oauth.fetch_access_token(come_back(oauth.authorize_url, payer="chen")["code"])["openid"])
    assert openids[0] == openids[1] != openids[2]
    assert len(openids[0]) == 28


def test_a_browser_is_remembered_by_its_cookie(oauth: WeChatOAuth) -> None:
    browser = requests.Session()
    first = oauth.fetch_access_token(come_back(oauth.authorize_url, browser)["code"])["openid"]
    second = oauth.fetch_access_token(come_back(oauth.authorize_url, browser)["code"])["openid"]
    stranger = oauth.fetch_access_token(come_back(oauth.authorize_url)["code"])["openid"]
    assert first == second != stranger


def test_a_code_works_once_and_for_five_minutes(oauth: WeChatOAuth, clock: Clock) -> None:
    code = come_back(oauth.authorize_url, payer="sun")["code"]
    oauth.fetch_access_token(code)
    with pytest.raises(WeChatOAuthException) as used:
        oauth.fetch_access_token(code)
    assert used.value.errcode == 40163
    late = come_back(oauth.authorize_url, payer="sun")["code"]
    clock.ahead = timedelta(minutes=5, seconds=1)
    with pytest.raises(WeChatOAuthException) as expired:
        oauth.fetch_access_token(late)
    assert expired.value.errcode == 40029


def test_a_wrong_secret_or_app_gets_nothing_and_the_code_stays_good(oauth: WeChatOAuth) -> None:
    code = come_back(oauth.authorize_url, payer="sun")["code"]
    right, oauth.secret = oauth.secret, "0" * 32
    with pytest.raises(WeChatOAuthException) as error:
        oauth.fetch_access_token(code)
    assert error.value.errcode == 40125
    oauth.secret = right
    assert oauth.fetch_access_token(code)["openid"]


def test_a_mini_program_has_codes_of_its_own(oauth: WeChatOAuth, url: str, book: dict[str, Any]) -> None:
    app = book["wechat_app"]
    wish = {"kind": "wechat_mini", "app_id": app["appid"], "payer": "sun"}
    code = requests.post(f"{url}/logins", json=wish, timeout=5).json()["code"]
    with pytest.raises(WeChatOAuthException):
        oauth.fetch_access_token(code)
    client = WeChatClient(app["appid"], app["app_secret"], access_token="this call needs none")
    client.wxa.API_BASE_URL = f"{url}/"
    session = client.wxa.code_to_session(code)
    assert session["session_key"]
    web = oauth.fetch_access_token(come_back(oauth.authorize_url, payer="sun")["code"])
    assert session["openid"] == web["openid"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("appid", "wx0000000000000000"), ("redirect_uri", "http://elsewhere.example/"), ("redirect_uri", "")],
)
def test_nobody_is_sent_to_a_strange_place(oauth: WeChatOAuth, url: str, name: str, value: str) -> None:
    query = {"appid": oauth.app_id, "redirect_uri": BACK, "response_type": "code"} | {name: value}
    answer = requests.get(f"{url}/connect/oauth2/authorize", params=query, timeout=5, allow_redirects=False)
    assert answer.status_code == 400


def test_an_alipay_payer_has_another_open_id_in_every_app_and_a_code_works_once(
    alipay: DCAliPay, other_alipay: DCAliPay, url: str
) -> None:
    def code(sdk: DCAliPay) -> str:
        query = {
            "app_id": sdk.appid,
            "scope": "auth_base",
            "redirect_uri": BACK,
            "state": "s-2",
            "payer": "sun",
        }
        back = come_back(f"{url}/oauth2/publicAppAuthorize.htm", **query)
        assert (back["state"], back["app_id"]) == ("s-2", sdk.appid)
        return back["auth_code"]

    def log_in(sdk: DCAliPay, code: str) -> str:
        token = sdk.server_api("alipay.system.oauth.token", grant_type="authorization_code", code=code)
        return token["open_id"]

    used = code(alipay)
    first = log_in(alipay, used)
    assert first == log_in(alipay, code(alipay)) == openid(alipay.appid, "sun")
    assert first != log_in(other_alipay, code(other_alipay))
    with pytest.raises(AliPayException, match=r"isv\.code-invalid"):
        log_in(alipay, used)
    with pytest.raises(AliPayException, match=r"isv\.code-invalid"):
        log_in(other_alipay, code(alipay))


def test_an_id_of_another_app_cannot_pay_here(
    wechat: WeChatPay, alipay: DCAliPay, other_alipay: DCAliPay, url: str, shop: Shop, number: str
) -> None:
    requests.post(
        f"{url}/logins", json={"kind": "alipay", "app_id": other_alipay.appid, "payer": "sun"}, timeout=5
    )
    foreign = openid(other_alipay.appid, "sun")
    assert create(alipay, number, shop, buyer_open_id=foreign)["sub_code"] == "ACQ.BUYER_NOT_EXIST"
    assert create(other_alipay, number, shop, buyer_open_id=foreign)["code"] == "10000"
    status, answer = order(wechat, number, shop, payer={"openid": foreign})
    assert (status, answer["code"]) == (500, "OPENID_MISMATCH")
