"""The pages for people."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from wechatpayv3 import WeChatPay

import apps.sandbox
from apps.sandbox.faults import KINDS
from tests.sandbox.shop import Shop
from tests.sandbox.test_wechat import order

Seen = Callable[[str], dict[str, Any]]


def test_a_payer_pays_with_one_button_and_finds_the_way_back(
    wechat: WeChatPay, shop: Shop, number: str, url: str, order_seen: Seen
) -> None:
    order(wechat, number, shop)
    back = "http://127.0.0.1:8000/orders/1"
    page = requests.get(f"{url}/cashier/{number}", params={"back": back}, timeout=5).text
    assert page.count("<button") == 1
    assert "¥50.00" in page
    assert "Confirm payment" in page
    action = re.search(r'action="([^"]+)"', page)
    assert action
    form = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', page))
    paid = requests.post(url + action[1], data=form, timeout=5)
    assert order_seen(number)["state"] == "SUCCESS"
    assert "已支付" in paid.text
    assert f'href="{back}"' in paid.text
    assert "<button" not in paid.text


def test_the_overview_lists_orders_and_pays_them(
    wechat: WeChatPay, shop: Shop, number: str, url: str, order_seen: Seen
) -> None:
    order(wechat, number, shop)
    page = requests.get(url, timeout=5).text
    assert number in page
    form = {"merchant": order_seen(number)["merchant"]}
    answer = requests.post(f"{url}/orders/{number}/pay", data=form, timeout=5, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert order_seen(number)["state"] == "SUCCESS"


def test_nothing_a_merchant_writes_becomes_markup(
    wechat: WeChatPay, shop: Shop, number: str, url: str
) -> None:
    order(wechat, number, shop, description="<script>alert(1)</script>")
    for page in (url, f"{url}/cashier/{number}"):
        text = requests.get(page, timeout=5).text
        assert "<script" not in text
        assert "&lt;script&gt;" in text


@pytest.mark.parametrize("back", ["javascript:alert(1)", "http://elsewhere.example/", "//elsewhere.example"])
def test_the_way_back_leads_to_no_strange_place(
    wechat: WeChatPay, shop: Shop, number: str, url: str, pay: Callable[..., Any], back: str
) -> None:
    order(wechat, number, shop)
    pay(number)
    assert "href" not in requests.get(f"{url}/cashier/{number}", params={"back": back}, timeout=5).text


def test_a_fault_is_asked_for_with_the_form(url: str) -> None:
    wish = {"kind": "signtest", "count": "2", "out_trade_no": "nobody"}
    page = requests.post(f"{url}/faults", data=wish, timeout=5)
    assert "signtest × 2" in page.text
    cleared = requests.post(f"{url}/faults", data={"clear": "1"}, timeout=5)
    assert "signtest × 2" not in cleared.text


def test_every_fault_has_its_name_on_the_page_and_in_the_readme(url: str) -> None:
    page = requests.get(url, timeout=5)
    assert page.status_code == 200
    manual = (Path(apps.sandbox.__file__).parent / "README.md").read_text("utf-8")
    for kind in KINDS:
        assert f'<option value="{kind}">' in page.text
        assert f"`{kind}`" in manual


def test_pages_need_no_other_host_and_fit_a_phone(url: str) -> None:
    answer = requests.get(url, timeout=5)
    assert "width=device-width" in answer.text
    assert not re.search(r"""(src|href|action)=["'](https?:)?//""", answer.text)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_an_unknown_order_or_path_is_404(url: str, number: str) -> None:
    for path in (f"/cashier/{number}", f"/orders/{number}", "/nothing", "/v2/pay"):
        assert requests.get(url + path, timeout=5).status_code == 404
    assert requests.post(f"{url}/orders/{number}/pay", timeout=5).status_code == 404
    assert (
        requests.post(f"{url}/v3/pay/transactions/jsapi", data=b"x" * 1_000_001, timeout=5).status_code == 413
    )
