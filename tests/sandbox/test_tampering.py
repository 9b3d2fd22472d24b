"""Not one byte of a signed request can be changed: every one of them is tried."""

import http.client
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from alipay import DCAliPay
from wechatpayv3 import WeChatPay
from wechatpayv3.utils import build_authorization

PATH = "/v3/pay/transactions/jsapi"


def flips(text: str) -> Iterator[str]:
    """`text` with the lowest bit of one character turned, for every character."""
    for place, character in enumerate(text):
        yield text[:place] + chr(ord(character) ^ 1) + text[place + 1 :]


@pytest.fixture
def line(url: str) -> Iterator[http.client.HTTPConnection]:
    """One connection for hundreds of requests."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    yield connection
    connection.close()


def ask(
    line: http.client.HTTPConnection, method: str, target: str, body: str, headers: dict[str, str]
) -> tuple[int, bytes]:
    line.request(method, target, body.encode() or None, headers)
    answer = line.getresponse()
    return answer.status, answer.read()


def test_one_flipped_byte_anywhere_in_a_wechat_request_is_refused(
    wechat: WeChatPay, book: dict[str, Any], line: http.client.HTTPConnection, number: str
) -> None:
    li = book["wechat"][0]
    terms = {
        "appid": li["appid"],
        "mchid": li["mchid"],
        "description": "recharge",
        "out_trade_no": number,
        "notify_url": "https://shop.example/notify",
        "amount": {"total": 5000, "currency": "CNY"},
        "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
    }
    body = json.dumps(terms)
    proof = build_authorization(
        PATH, "POST", li["mchid"], li["serial_no"], wechat._core._private_key, data=terms
    )
    good = {"Authorization": proof}
    for changed in flips(body):
        assert ask(line, "POST", PATH, changed, good)[0] == 401
    for changed in flips(proof):
        assert ask(line, "POST", PATH, body, {"Authorization": changed})[0] == 401
    for changed in flips(PATH[1:]):
        assert ask(line, "POST", f"/{changed}", body, good)[0] in (401, 404)
    assert ask(line, "POST", f"{PATH}?a=1", body, good)[0] == 401
    assert ask(line, "POST", PATH, body, {})[0] == 401
    assert wechat.query(out_trade_no=number)[0] == 404
    assert ask(line, "POST", PATH, body, good)[0] == 200


def test_one_flipped_byte_anywhere_in_an_alipay_request_is_refused(
    alipay: DCAliPay, line: http.client.HTTPConnection, number: str
) -> None:
    content = {
        "out_trade_no": number,
        "total_amount": "50.00",
        "subject": "recharge",
        "buyer_open_id": "oBuyer",
    }
    signed = alipay.client_api("alipay.trade.create", content, notify_url="https://shop.example/notify")
    for changed in flips(signed):
        answer = json.loads(ask(line, "GET", f"/gateway.do?{changed}", "", {})[1])
        assert "error_response" in answer, changed
    assert alipay.api_alipay_trade_query(out_trade_no=number)["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    answer = json.loads(ask(line, "GET", f"/gateway.do?{signed}", "", {})[1])
    assert answer["alipay_trade_create_response"]["code"] == "10000"


@pytest.mark.parametrize("timestamp", ["", "1e9", "-1", "１２３４５６７８９０", "99999999999"])
def test_an_unreadable_timestamp_is_refused(
    wechat: WeChatPay, book: dict[str, Any], line: http.client.HTTPConnection, number: str, timestamp: str
) -> None:
    li = book["wechat"][0]
    target = f"/v3/pay/transactions/out-trade-no/{number}?mchid={li['mchid']}"
    proof = build_authorization(target, "GET", li["mchid"], li["serial_no"], wechat._core._private_key)
    now = proof.split('timestamp="')[1].split('"')[0]
    assert abs(int(now) - datetime.now(UTC).timestamp()) < 5
    changed = proof.replace(f'timestamp="{now}"', f'timestamp="{timestamp}"')
    status, _ = ask(line, "GET", target, "", {"Authorization": changed.encode().decode("latin-1")})
    assert status == 401
