"""The pretend WeChat Pay against the real wechatpayv3 SDK over real HTTP."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.utils import build_authorization

from tests.sandbox.conftest import Clock, wechat_sdk
from tests.sandbox.shop import Shop, until

OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
Pay = Callable[..., requests.Response]
Seen = Callable[[str], dict[str, Any]]


def order(sdk: WeChatPay, number: str, shop: Shop, **changed: Any) -> tuple[int, dict[str, Any]]:
    terms = {
        "description": "电费充值 50.00 元",
        "out_trade_no": number,
        "amount": {"total": 5000, "currency": "CNY"},
        "payer": {"openid": OPENID},
        "notify_url": shop.url(number),
    }
    status, text = sdk.pay(**terms | changed)
    return status, json.loads(text)


def query(sdk: WeChatPay, **by: str) -> tuple[int, dict[str, Any]]:
    status, text = sdk.query(**by)
    return status, json.loads(text)


def test_an_order_is_paid_and_the_merchant_is_told_with_a_notify_the_sdk_accepts(
    wechat: WeChatPay, shop: Shop, number: str, pay: Pay, order_seen: Seen
) -> None:
    status, answer = order(wechat, number, shop)
    assert status == 200
    assert answer["prepay_id"].startswith("wx")
    status, before = query(wechat, out_trade_no=number)
    assert (status, before["trade_state"]) == (200, "NOTPAY")
    assert "transaction_id" not in before

    assert pay(number).status_code == 200

    told = shop.told(number)[0]
    notify = wechat.callback(told.headers, told.body)
    assert notify["event_type"] == "TRANSACTION.SUCCESS"
    assert notify["resource"]["amount"] == {
        "total": 5000,
        "currency": "CNY",
        "payer_total": 5000,
        "payer_currency": "CNY",
    }
    assert notify["resource"]["payer"] == {"openid": OPENID}
    assert query(wechat, out_trade_no=number) == (200, notify["resource"])
    assert query(wechat, transaction_id=notify["resource"]["transaction_id"]) == (200, notify["resource"])
    until(lambda: order_seen(number)["notices"][0]["state"] == "delivered")


def test_paying_twice_takes_the_money_once_and_tells_once(
    wechat: WeChatPay, shop: Shop, number: str, pay: Pay, order_seen: Seen
) -> None:
    order(wechat, number, shop)
    first, second = pay(number).json(), pay(number).json()
    assert first["paid_at"] == second["paid_at"]
    until(lambda: order_seen(number)["notices"][0]["state"] == "delivered")
    assert len(order_seen(number)["notices"]) == 1


def test_twenty_payers_at_once_pay_one_order_once(
    wechat: WeChatPay, shop: Shop, number: str, pay: Pay, order_seen: Seen
) -> None:
    order(wechat, number, shop)
    with ThreadPoolExecutor(20) as payers:
        answers = list(payers.map(lambda _: pay(number), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["paid_at"] for answer in answers}) == 1
    assert len(order_seen(number)["notices"]) == 1


@pytest.mark.parametrize("good", [200, 204])
def test_a_notify_is_posted_again_until_the_merchant_takes_it(
    wechat: WeChatPay, shop: Shop, number: str, pay: Pay, order_seen: Seen, good: int
) -> None:
    shop.answer(number, (500, b""), (302, b""), (401, b'{"code":"FAIL"}'), (good, b""))
    order(wechat, number, shop)
    pay(number)
    told = shop.told(number, 4)
    until(lambda: order_seen(number)["notices"][0]["state"] == "delivered")
    assert [one["answer"] for one in order_seen(number)["notices"][0]["log"]] == [
        "500",
        "302",
        "401",
        str(good),
    ]
    notifies = [wechat.callback(one.headers, one.body) for one in told]
    assert len({notify["id"] for notify in notifies}) == 1
    assert len({one.headers["Wechatpay-Nonce"] for one in told}) == 4


def test_a_native_order_gives_a_code_and_the_payer_becomes_known_by_paying(
    wechat: WeChatPay, shop: Shop, number: str, pay: Pay, url: str
) -> None:
    status, answer = order(wechat, number, shop, pay_type=WeChatPayType.NATIVE, payer=None)
    assert status == 200
    assert answer["code_url"].startswith(f"{url}/cashier/{number}")
    assert requests.get(answer["code_url"], timeout=5).status_code == 200
    pay(number, payer="sun")
    first = query(wechat, out_trade_no=number)[1]["payer"]["openid"]
    second_number = f"{number}2"
    order(wechat, second_number, shop, pay_type=WeChatPayType.NATIVE, payer=None)
    pay(second_number, payer="sun")
    assert query(wechat, out_trade_no=second_number)[1]["payer"]["openid"] == first


def test_the_same_terms_give_a_fresh_prepay_id_and_changed_terms_are_refused(
    wechat: WeChatPay, shop: Shop, number: str
) -> None:
    first, second = order(wechat, number, shop), order(wechat, number, shop)
    assert first[0] == second[0] == 200
    assert first[1]["prepay_id"] != second[1]["prepay_id"]
    for changed in (
        {"amount": {"total": 5001, "currency": "CNY"}},
        {"description": "别的"},
        {"payer": {"openid": "oSomebodyElse000000000000000"}},
        {"notify_url": shop.url("elsewhere")},
    ):
        status, answer = order(wechat, number, shop, **changed)
        assert (status, answer["code"]) == (403, "OUT_TRADE_NO_USED")


def test_two_merchants_may_use_one_number_and_never_see_each_other(
    wechat: WeChatPay, other_wechat: WeChatPay, shop: Shop, number: str, pay: Pay, book: dict[str, Any]
) -> None:
    order(wechat, number, shop)
    assert query(other_wechat, out_trade_no=number)[0] == 404
    assert other_wechat.close(out_trade_no=number)[0] == 404
    assert order(other_wechat, number, shop, amount={"total": 700, "currency": "CNY"})[0] == 200
    assert pay(number).status_code == 409
    assert pay(number, merchant=book["wechat"][1]["mchid"]).json()["amount_yuan"] == "7.00"
    assert query(wechat, out_trade_no=number)[1]["trade_state"] == "NOTPAY"
    assert query(other_wechat, out_trade_no=number)[1]["trade_state"] == "SUCCESS"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"out_trade_no": "short"}, "PARAM_ERROR"),
        ({"out_trade_no": "x" * 33}, "PARAM_ERROR"),
        ({"out_trade_no": "RM/12345678"}, "PARAM_ERROR"),
        ({"out_trade_no": "RM１２３４５６"}, "PARAM_ERROR"),
        ({"amount": {"total": 0}}, "PARAM_ERROR"),
        ({"amount": {"total": -1}}, "PARAM_ERROR"),
        ({"amount": {"total": 1.5}}, "PARAM_ERROR"),
        ({"amount": {"total": "100"}}, "PARAM_ERROR"),
        ({"amount": {"total": True}}, "PARAM_ERROR"),
        ({"amount": {"total": 100, "currency": "USD"}}, "PARAM_ERROR"),
        ({"description": "字" * 43}, "PARAM_ERROR"),
        ({"payer": {"openid": ""}}, "PARAM_ERROR"),
        ({"notify_url": "https://shop.example/pay?order=1"}, "PARAM_ERROR"),
        ({"notify_url": "http://shop.example/pay"}, "PARAM_ERROR"),
        ({"notify_url": "https://shop.example/" + "p" * 240}, "PARAM_ERROR"),
        ({"time_expire": "2020-01-01T00:00:00+08:00"}, "PARAM_ERROR"),
        ({"time_expire": "2099-01-01T00:00:00+08:00"}, "PARAM_ERROR"),
        ({"time_expire": "tomorrow"}, "PARAM_ERROR"),
        ({"appid": "wx0000000000000000"}, "APPID_MCHID_NOT_MATCH"),
        ({"mchid": "1900000000"}, "PARAM_ERROR"),
    ],
)
def test_an_order_against_the_rules_is_refused(
    wechat: WeChatPay, shop: Shop, number: str, changed: dict[str, Any], code: str
) -> None:
    status, answer = order(wechat, number, shop, **changed)
    assert (status, answer["code"]) == (400, code)
    assert query(wechat, out_trade_no=number)[0] == 404


def test_an_unknown_order_is_404_with_the_platforms_code(wechat: WeChatPay, number: str) -> None:
    status, answer = query(wechat, out_trade_no=number)
    assert (status, answer["code"]) == (404, "ORDER_NOT_EXIST")
    assert query(wechat, transaction_id="4200000000000000000000000000")[0] == 404


def test_a_closed_order_stays_closed_and_cannot_be_paid_or_ordered_again(
    wechat: WeChatPay, shop: Shop, number: str, pay: Pay
) -> None:
    order(wechat, number, shop)
    assert wechat.close(out_trade_no=number)[0] == 204
    assert wechat.close(out_trade_no=number)[0] == 204
    assert query(wechat, out_trade_no=number)[1]["trade_state"] == "CLOSED"
    assert pay(number).status_code == 409
    assert order(wechat, number, shop)[1]["code"] == "ORDER_CLOSED"


def test_closing_or_ordering_a_paid_order_answers_orderpaid(
    wechat: WeChatPay, shop: Shop, number: str, pay: Pay
) -> None:
    order(wechat, number, shop)
    pay(number)
    status, text = wechat.close(out_trade_no=number)
    assert (status, json.loads(text)["code"]) == (400, "ORDERPAID")
    assert order(wechat, number, shop)[1]["code"] == "ORDERPAID"
    assert query(wechat, out_trade_no=number)[1]["trade_state"] == "SUCCESS"


def test_an_order_past_its_time_is_closed_by_itself(
    wechat: WeChatPay, shop: Shop, number: str, pay: Pay, clock: Clock
) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=2)).isoformat(timespec="seconds")
    assert order(wechat, number, shop, time_expire=soon)[0] == 200
    assert query(wechat, out_trade_no=number)[1]["trade_state"] == "NOTPAY"
    clock.ahead = timedelta(minutes=2)
    assert pay(number).status_code == 409
    assert query(wechat, out_trade_no=number)[1]["trade_state"] == "CLOSED"


def test_a_refund_happens_once_per_number_is_processing_first_and_is_told(
    wechat: WeChatPay, shop: Shop, number: str, pay: Pay, clock: Clock
) -> None:
    order(wechat, number, shop)
    pay(number)
    shop.told(number)
    terms = {
        "out_refund_no": f"R{number}",
        "out_trade_no": number,
        "amount": {"refund": 2000, "total": 5000, "currency": "CNY"},
        "notify_url": shop.url(f"refund-{number}"),
    }
    first, again = wechat.refund(**terms), wechat.refund(**terms)
    assert first[0] == again[0] == 200
    assert json.loads(first[1])["status"] == "PROCESSING"
    assert json.loads(first[1])["refund_id"] == json.loads(again[1])["refund_id"]
    clock.ahead = timedelta(seconds=2)
    assert json.loads(wechat.query_refund(f"R{number}")[1])["status"] == "SUCCESS"
    told = shop.told(f"refund-{number}")[0]
    notify = wechat.callback(told.headers, told.body)
    assert notify["event_type"] == "REFUND.SUCCESS"
    assert notify["resource"]["refund_status"] == "SUCCESS"
    assert notify["resource"]["amount"]["refund"] == 2000
    assert query(wechat, out_trade_no=number)[1]["trade_state"] == "REFUND"
    rest = terms | {
        "out_refund_no": f"S{number}",
        "amount": {"refund": 3001, "total": 5000, "currency": "CNY"},
    }
    assert wechat.refund(**rest)[0] == 400
    rest["amount"] = {"refund": 3000, "total": 5000, "currency": "CNY"}
    assert wechat.refund(**rest)[0] == 200
    changed = terms | {"amount": {"refund": 1999, "total": 5000, "currency": "CNY"}}
    assert wechat.refund(**changed)[0] == 403


def test_nothing_unpaid_or_unknown_is_refunded(wechat: WeChatPay, shop: Shop, number: str) -> None:
    terms = {"out_refund_no": f"R{number}", "amount": {"refund": 1, "total": 5000, "currency": "CNY"}}
    status, text = wechat.refund(out_trade_no=number, **terms)
    assert (status, json.loads(text)["code"]) == (404, "ORDER_NOT_EXIST")
    order(wechat, number, shop)
    assert wechat.refund(out_trade_no=number, **terms)[0] == 403
    assert wechat.query_refund(f"R{number}")[0] == 404


def test_a_new_merchant_gets_no_platform_certificates(wechat: WeChatPay) -> None:
    status, text = wechat._core.request("/v3/certificates")
    assert (status, json.loads(text)["code"]) == (404, "RESOURCE_NOT_EXISTS")


@pytest.mark.parametrize(("minutes", "status"), [(-5.5, 401), (-4.5, 404), (4.5, 404), (5.5, 401)])
def test_a_request_may_be_five_minutes_off_and_no_more(
    wechat: WeChatPay, number: str, clock: Clock, minutes: float, status: int
) -> None:
    clock.ahead = timedelta(minutes=minutes)
    assert query(wechat, out_trade_no=number)[0] == status


def test_a_strangers_key_and_a_wrong_serial_are_refused(book: dict[str, Any], url: str, number: str) -> None:
    li, wang = book["wechat"]
    assert query(wechat_sdk(li, url), out_trade_no=number)[0] == 404
    stranger = li | {"private_key_pem": wang["private_key_pem"]}
    assert query(wechat_sdk(stranger, url), out_trade_no=number)[0] == 401
    assert query(wechat_sdk(li | {"serial_no": "0" * 40}, url), out_trade_no=number)[0] == 401


def test_an_error_answer_is_signed_too(
    wechat: WeChatPay, number: str, book: dict[str, Any], url: str
) -> None:
    li = book["wechat"][0]
    path = f"/v3/pay/transactions/out-trade-no/{number}?mchid={li['mchid']}"
    proof = build_authorization(path, "GET", li["mchid"], li["serial_no"], wechat._core._private_key)
    answer = requests.get(url + path, headers={"Authorization": proof}, timeout=5)
    assert answer.status_code == 404
    assert answer.headers["Wechatpay-Serial"] == li["platform_public_key_id"]
    assert wechat._core._verify_signature(answer.headers, answer.text)
    assert abs(time.time() - int(answer.headers["Wechatpay-Timestamp"])) < 10
