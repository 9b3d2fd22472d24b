"""The pretend Alipay against the real python-alipay-sdk in certificate mode over real HTTP."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from alipay import DCAliPay
from alipay.exceptions import AliPayException
from cryptography import x509

from apps.sandbox.signatures import certificate_sn
from tests.sandbox.conftest import Clock, alipay_sdk
from tests.sandbox.shop import Shop, until

BUYER = "oBuyer0000000000000000000000"
Pay = Callable[..., requests.Response]
Seen = Callable[[str], dict[str, Any]]


def create(sdk: DCAliPay, number: str, shop: Shop, **changed: Any) -> dict[str, Any]:
    terms = {
        "out_trade_no": number,
        "total_amount": "50.00",
        "subject": "电费充值 50.00 元",
        "product_code": "JSAPI_PAY",
        "op_app_id": "2021000000000000",
        "buyer_open_id": BUYER,
    }
    content = {name: value for name, value in (terms | changed).items() if value is not None}
    notify_url = content.pop("notify_url", shop.url(number))
    return sdk.server_api("alipay.trade.create", content, notify_url=notify_url)


def query(sdk: DCAliPay, number: str) -> dict[str, Any]:
    return sdk.api_alipay_trade_query(out_trade_no=number)


def verified(sdk: DCAliPay, form: dict[str, str]) -> bool:
    """What a merchant does with a notify: the signature without `sign` and `sign_type`."""
    data = dict(form)
    return sdk.verify(data, data.pop("sign"))


def test_an_order_is_paid_and_the_merchant_is_told_with_a_notify_the_sdk_accepts(
    alipay: DCAliPay, shop: Shop, number: str, pay: Pay, order_seen: Seen, book: dict[str, Any]
) -> None:
    made = create(alipay, number, shop)
    assert made["code"] == "10000"
    assert query(alipay, number)["trade_status"] == "WAIT_BUYER_PAY"
    assert pay(number).status_code == 200
    form = shop.told(number)[0].form
    assert verified(alipay, form)
    account = book["alipay"][0]
    expected = {
        "app_id": account["app_id"],
        "seller_id": account["seller_id"],
        "out_trade_no": number,
        "total_amount": "50.00",
        "trade_status": "TRADE_SUCCESS",
        "trade_no": made["trade_no"],
        "buyer_open_id": BUYER,
        "subject": "电费充值 50.00 元",
    }
    assert {name: form[name] for name in expected} == expected
    seen = query(alipay, number)
    assert (seen["trade_status"], seen["total_amount"]) == ("TRADE_SUCCESS", "50.00")
    assert alipay.api_alipay_trade_query(trade_no=made["trade_no"]) == seen
    until(lambda: order_seen(number)["notices"][0]["state"] == "delivered")


def test_only_the_bare_word_success_ends_the_notifies_and_the_notify_id_stays(
    alipay: DCAliPay, shop: Shop, number: str, pay: Pay, order_seen: Seen
) -> None:
    shop.answer(number, (200, b"ok"), (200, b'"success"'), (500, b"success"), (200, b"success"))
    create(alipay, number, shop)
    pay(number)
    forms = [one.form for one in shop.told(number, 4)]
    until(lambda: order_seen(number)["notices"][0]["state"] == "delivered")
    assert len(shop.now(number)) == 4
    assert len({form["notify_id"] for form in forms}) == 1
    assert all(verified(alipay, form) for form in forms)


def test_a_qr_order_does_not_exist_before_somebody_scans_it(
    alipay: DCAliPay, shop: Shop, number: str, pay: Pay
) -> None:
    made = alipay.api_alipay_trade_precreate("电费", number, "12.30", notify_url=shop.url(number))
    for answer in (query(alipay, number), alipay.server_api("alipay.trade.close", {"out_trade_no": number})):
        assert (answer["code"], answer["sub_code"]) == ("40004", "ACQ.TRADE_NOT_EXIST")
    assert requests.get(made["qr_code"], timeout=5).status_code == 200
    assert query(alipay, number)["trade_status"] == "WAIT_BUYER_PAY"
    assert pay(number, payer="sun").status_code == 200
    assert shop.told(number)[0].form["total_amount"] == "12.30"
    assert query(alipay, number)["buyer_open_id"]


def test_a_page_order_leads_to_the_cashier_and_back_with_signed_parameters(
    alipay: DCAliPay, shop: Shop, number: str, url: str, pay: Pay
) -> None:
    back = f"http://127.0.0.1:9/orders/back?no={number}"
    signed = alipay.api_alipay_trade_wap_pay(
        "电费", number, "8.00", return_url=back, notify_url=shop.url(number)
    )
    answer = requests.get(f"{url}/gateway.do?{signed}", timeout=5, allow_redirects=False)
    assert answer.status_code == 302
    assert query(alipay, number)["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    page = requests.get(answer.headers["Location"], timeout=5)
    assert "确认支付" in page.text
    pay(number)
    paid = requests.get(answer.headers["Location"], timeout=5).text
    link = paid.split('href="', 1)[1].split('"', 1)[0].replace("&amp;", "&")
    assert link.startswith("http://127.0.0.1:9/orders/back?")
    form = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    assert form["no"] == number
    assert verified(alipay, form)


def test_the_same_terms_give_the_same_trade_and_changed_terms_are_refused(
    alipay: DCAliPay, shop: Shop, number: str, pay: Pay
) -> None:
    assert create(alipay, number, shop)["trade_no"] == create(alipay, number, shop)["trade_no"]
    for changed in ({"total_amount": "50.01"}, {"subject": "别的"}, {"buyer_open_id": "oElse"}):
        assert create(alipay, number, shop, **changed)["sub_code"] == "ACQ.CONTEXT_INCONSISTENT"
    pay(number)
    assert create(alipay, number, shop)["sub_code"] == "ACQ.TRADE_HAS_SUCCESS"


@pytest.mark.parametrize(
    ("changed", "sub_code"),
    [
        ({"out_trade_no": "RM-1"}, "ACQ.INVALID_PARAMETER"),
        ({"out_trade_no": "x" * 65}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": "0.00"}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": "-1.00"}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": "1.005"}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": "1e2"}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": "NaN"}, "ACQ.INVALID_PARAMETER"),
        ({"total_amount": "100000000.01"}, "ACQ.TOTAL_FEE_EXCEED"),
        ({"subject": "a/b"}, "ACQ.INVALID_PARAMETER"),
        ({"subject": "a=b"}, "ACQ.INVALID_PARAMETER"),
        ({"subject": "a&b"}, "ACQ.INVALID_PARAMETER"),
        ({"buyer_open_id": None}, "ACQ.INVALID_PARAMETER"),
        ({"op_app_id": None}, "ACQ.INVALID_PARAMETER"),
        ({"notify_url": "https://shop.example/pay?a=1"}, "ACQ.INVALID_PARAMETER"),
        ({"notify_url": "http://shop.example/pay"}, "ACQ.INVALID_PARAMETER"),
        ({"timeout_express": "soon"}, "ACQ.INVALID_PARAMETER"),
    ],
)
def test_an_order_against_the_rules_is_refused_in_http_200(
    alipay: DCAliPay, shop: Shop, number: str, changed: dict[str, Any], sub_code: str
) -> None:
    answer = create(alipay, number, shop, **changed)
    assert (answer["code"], answer["sub_code"]) == ("40004", sub_code)
    assert query(alipay, number)["sub_code"] == "ACQ.TRADE_NOT_EXIST"


def test_two_apps_may_use_one_number_and_never_see_each_other(
    alipay: DCAliPay, other_alipay: DCAliPay, shop: Shop, number: str
) -> None:
    create(alipay, number, shop)
    assert query(other_alipay, number)["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    assert create(other_alipay, number, shop, total_amount="7.00")["code"] == "10000"
    assert query(alipay, number)["total_amount"] == "50.00"


def test_a_closed_order_cannot_be_paid_and_a_paid_one_cannot_be_closed(
    alipay: DCAliPay, shop: Shop, number: str, pay: Pay
) -> None:
    create(alipay, number, shop)
    assert alipay.server_api("alipay.trade.close", {"out_trade_no": number})["code"] == "10000"
    assert query(alipay, number)["trade_status"] == "TRADE_CLOSED"
    assert pay(number).status_code == 409
    assert create(alipay, number, shop)["sub_code"] == "ACQ.TRADE_HAS_CLOSE"
    paid = f"{number}2"
    create(alipay, paid, shop)
    pay(paid)
    answer = alipay.server_api("alipay.trade.close", {"out_trade_no": paid})
    assert answer["sub_code"] == "ACQ.TRADE_STATUS_ERROR"


def test_an_order_past_its_time_is_closed_by_itself(
    alipay: DCAliPay, shop: Shop, number: str, pay: Pay, clock: Clock
) -> None:
    create(alipay, number, shop, timeout_express="5m")
    clock.ahead = timedelta(minutes=5)
    assert query(alipay, number)["trade_status"] == "TRADE_CLOSED"
    assert pay(number).status_code == 409


def test_a_partial_refund_moves_money_once_and_is_told_to_the_orders_address(
    alipay: DCAliPay, shop: Shop, number: str, pay: Pay, order_seen: Seen
) -> None:
    create(alipay, number, shop)
    pay(number)
    shop.told(number)
    first = alipay.api_alipay_trade_refund("20.00", out_trade_no=number, out_request_no="R1")
    again = alipay.api_alipay_trade_refund("20.00", out_trade_no=number, out_request_no="R1")
    assert (first["fund_change"], again["fund_change"]) == ("Y", "N")
    assert first["refund_fee"] == again["refund_fee"] == "20.00"
    form = shop.told(number, 2)[1].form
    assert verified(alipay, form)
    assert (form["trade_status"], form["refund_fee"], form["out_biz_no"]) == ("TRADE_SUCCESS", "20.00", "R1")
    assert form["gmt_refund"]
    assert query(alipay, number)["trade_status"] == "TRADE_SUCCESS"
    changed = alipay.api_alipay_trade_refund("19.00", out_trade_no=number, out_request_no="R1")
    assert changed["sub_code"] == "ACQ.DISCORDANT_REPEAT_REQUEST"
    assert (
        alipay.api_alipay_trade_refund("30.01", out_trade_no=number, out_request_no="R2")["code"] == "40004"
    )
    assert (
        alipay.api_alipay_trade_refund("30.00", out_trade_no=number, out_request_no="R2")["code"] == "10000"
    )
    assert query(alipay, number)["trade_status"] == "TRADE_CLOSED"
    assert alipay.api_alipay_trade_fastpay_refund_query("R2", out_trade_no=number)["refund_amount"] == "30.00"
    until(lambda: [one["state"] for one in order_seen(number)["notices"]] == ["delivered", "delivered"])


def test_nothing_unpaid_or_unknown_is_refunded(alipay: DCAliPay, shop: Shop, number: str) -> None:
    unknown = alipay.api_alipay_trade_refund("1.00", out_trade_no=number, out_request_no="R1")
    assert unknown["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    create(alipay, number, shop)
    unpaid = alipay.api_alipay_trade_refund("1.00", out_trade_no=number, out_request_no="R1")
    assert unpaid["sub_code"] == "ACQ.TRADE_STATUS_ERROR"


def test_the_answer_carries_the_certificate_number_and_is_signed_over_exact_bytes(
    alipay: DCAliPay, number: str, url: str
) -> None:
    signed = alipay.client_api("alipay.trade.query", {"out_trade_no": number})
    raw = requests.get(f"{url}/gateway.do?{signed}", timeout=5).text
    answer = json.loads(raw)
    certificate = x509.load_pem_x509_certificate(alipay._alipay_public_key_cert_string.encode())
    assert answer["alipay_cert_sn"] == certificate_sn(certificate)
    node = raw[raw.index("{", 1) : raw.index(',"alipay_cert_sn"')]
    assert alipay._verify(node, answer["sign"])
    assert not alipay._verify(json.dumps(json.loads(node)), answer["sign"])


def refused(sdk: DCAliPay, number: str) -> str:
    with pytest.raises(AliPayException) as error:
        query(sdk, number)
    said = str(error.value)
    return json.loads(said[said.index("{") : said.rindex("}") + 1])["error_response"]["sub_code"]


def test_a_wrong_certificate_number_or_key_is_refused_before_any_business(
    book: dict[str, Any], url: str, number: str
) -> None:
    li, wang = book["alipay"]
    other_app_cert = li | {"app_cert_pem": wang["app_cert_pem"]}
    assert refused(alipay_sdk(other_app_cert, url), number) == "isv.invalid-app-cert-sn"
    half_a_bundle = li | {"alipay_root_cert_pem": li["alipay_root_cert_pem"].split("\n\n")[0] + "\n"}
    assert refused(alipay_sdk(half_a_bundle, url), number) == "isv.invalid-alipay-root-cert-sn"
    other_key = li | {"app_private_key_pem": wang["app_private_key_pem"]}
    assert refused(alipay_sdk(other_key, url), number) == "isv.invalid-signature"
    nobody = li | {"app_id": "2021999999999999"}
    assert refused(alipay_sdk(nobody, url), number) == "isv.invalid-app-id"


def test_a_timestamp_that_is_not_beijing_time_is_refused(alipay: DCAliPay, number: str, clock: Clock) -> None:
    clock.ahead = timedelta(hours=8)
    assert refused(alipay, number) == "isv.invalid-timestamp"


def test_a_request_may_be_posted_as_a_form(alipay: DCAliPay, number: str, url: str) -> None:
    signed = alipay.client_api("alipay.trade.query", {"out_trade_no": number})
    headers = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
    answer = requests.post(f"{url}/gateway.do", data=signed, headers=headers, timeout=5).json()
    assert answer["alipay_trade_query_response"]["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    twice = f"{signed}&method=alipay.trade.close"
    answer = requests.post(f"{url}/gateway.do", data=twice, headers=headers, timeout=5).json()
    assert answer["error_response"]["sub_code"] == "isv.invalid-parameter"
