"""Alipay's own page for a phone's browser outside both apps: the way there is signed, the way back proves nothing."""

from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from django.test import Client
from django.utils.html import strip_tags

from apps.common.scoping import landlord_scope
from apps.income.models import Payment, Recharge
from apps.income.states import Channel, PaymentState
from tests.browser.chromium import ALIPAY_AGENT, WECHAT_AGENT
from tests.landing import scene
from tests.people import House, Street

PHONE_AGENT = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130 Mobile Safari/537.36"
DESK_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130 Safari/537.36"
ASKING = "We are asking Alipay whether your payment has arrived"


@pytest.fixture
def li(real_street: Street, book: dict[str, Any], sandbox: str, now: Any) -> House:
    scene.takes_payments(real_street.li, book, "li", Channel.WECHAT, Channel.ALIPAY, at=now)
    return real_street.li


def _ordered(renter: Client, house: House, agent: str = PHONE_AGENT, channel: str = "alipay") -> str:
    # As who has been logged in at the app already, or whose app would not say: the payer is not known.
    form = {"key": "k", "amount": "50.00", "channel": channel}
    answer = renter.post(f"/q/{house.meter.qr_token}/orders", form, headers={"User-Agent": agent})
    assert answer.status_code == 302
    return str(answer["Location"].partition("#")[0])


def _payment(house: House) -> Payment:
    with landlord_scope(house.landlord.pk):
        return Payment.objects.get()


def _words(answer: Any) -> str:
    return " ".join(strip_tags(answer.content.decode()).split())


def test_the_payer_pays_on_alipays_page_and_only_alipays_word_counts(renter: Client, li: House) -> None:
    order = _ordered(renter, li)
    page = renter.get(order).content.decode()
    assert f'href="{order}/pay"' in page
    assert "data:image/svg" not in page
    there = renter.get(f"{order}/pay")
    assert there.status_code == 302

    # Back before anything was paid, with words of her own: they are not read, and nothing is credited.
    lies = {
        "out_trade_no": _payment(li).out_trade_no,
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "50.00",
    }
    back = renter.get(f"{order}/back?{urlencode(lies)}")
    assert back["Location"] == order
    assert ASKING in _words(renter.get(order))
    assert _payment(li).state == PaymentState.PENDING

    cashier = requests.get(there["Location"], timeout=5)
    assert requests.post(
        f"{cashier.url.partition('/cashier')[0]}/orders/{lies['out_trade_no']}/pay", timeout=5
    ).ok
    paid = requests.get(cashier.url, timeout=5).text
    way_back = urlsplit(unescape(paid.split('class="button plain" href="', 1)[1].split('"', 1)[0]))
    assert way_back.path == f"{order}/back"
    assert _payment(li).state == PaymentState.PENDING

    with landlord_scope(li.landlord.pk):
        Payment.objects.update(returned_at=None)
    renter.get(f"{way_back.path}?{way_back.query}")
    assert _payment(li).state == PaymentState.PAID
    with landlord_scope(li.landlord.pk):
        assert Recharge.objects.get().amount_yuan == _payment(li).amount_yuan
    assert "+76.92" in _words(renter.get(order))
    # There is nothing left to pay: the way there leads back to the order.
    assert renter.get(f"{order}/pay")["Location"] == order


def test_the_signature_covers_the_form_whether_it_is_opened_or_posted(renter: Client, li: House) -> None:
    address = renter.get(f"{_ordered(renter, li)}/pay")["Location"]
    gateway, _, query = address.partition("?")
    fields = dict(parse_qsl(query))
    assert fields["method"] == "alipay.trade.wap.pay"
    assert '"product_code":"QUICK_WAP_PAY"' in fields["biz_content"]
    for answer in (
        requests.get(address, timeout=5, allow_redirects=False),
        requests.post(gateway, data=fields, timeout=5, allow_redirects=False),
    ):
        assert (answer.status_code, "/cashier/" in answer.headers["Location"]) == (302, True)
    cheaper = fields | {"biz_content": fields["biz_content"].replace("50.00", "0.50")}
    elsewhere = fields | {"return_url": "http://127.0.0.1:9/elsewhere"}
    for forged in (cheaper, elsewhere):
        for refused in (requests.get(gateway, forged, timeout=5), requests.post(gateway, forged, timeout=5)):
            assert refused.json()["error_response"]["sub_code"] == "isv.invalid-signature"


def test_the_way_there_may_be_taken_again_in_another_language(renter: Client, li: House) -> None:
    order = _ordered(renter, li)
    for language in ("en", "zh-hans"):
        renter.cookies["django_language"] = language
        there = requests.get(renter.get(f"{order}/pay")["Location"], timeout=5, allow_redirects=False)
        assert there.status_code == 302


def test_coming_back_again_and_again_asks_alipay_once(renter: Client, li: House) -> None:
    order = _ordered(renter, li)
    renter.get(f"{order}/back")
    asked_at = _payment(li).returned_at
    assert asked_at is not None
    renter.get(f"{order}/back")
    assert _payment(li).returned_at == asked_at
    assert _payment(li).polls == 0


@pytest.mark.parametrize(
    ("agent", "channel", "by_page"),
    [
        (PHONE_AGENT, "alipay", True),
        (ALIPAY_AGENT, "alipay", True),
        (DESK_AGENT, "alipay", False),
        (WECHAT_AGENT, "wechat", False),
        (PHONE_AGENT, "wechat", False),
    ],
)
def test_a_code_is_for_another_screen_and_the_page_for_this_one(
    renter: Client, li: House, agent: str, channel: str, by_page: bool
) -> None:
    _ordered(renter, li, agent, channel)
    payment = _payment(li)
    assert (payment.by_page, bool(payment.qr_text)) == (by_page, not by_page)


def test_another_meters_address_neither_pays_nor_asks(renter: Client, li: House, real_street: Street) -> None:
    order = _ordered(renter, li)
    strange = order.replace(li.meter.qr_token, real_street.wang.meter.qr_token)
    assert [renter.get(f"{strange}/{way}").status_code for way in ("pay", "back")] == [404, 404]
    assert _payment(li).returned_at is None
