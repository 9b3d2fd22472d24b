"""Every way of paying, from the order over REST to the money, over HTTP at the pretend platforms."""

from dataclasses import dataclass
from typing import Any

import pytest
import requests
from django.test import Client
from django.utils import timezone

from apps.accounts.models import PayerIdentity
from apps.common.scoping import landlord_scope
from apps.income.models import Payment
from apps.income.services.payments import Applied, poll_payment
from tests.api.caller import Caller
from tests.people import Street


@dataclass(frozen=True)
class Way:
    """How a payer comes; `app` is the app she logs in to, empty without one; `trade` what the platform then has."""

    channel: str
    app: str
    on_phone: bool
    answer: str
    trade: str


WAYS = {
    "jsapi in WeChat's browser": Way("wechat", "h5", True, "bridge", "JSAPI"),
    "WeChat's mini-program": Way("wechat", "mini", True, "bridge", "JSAPI"),
    "WeChat's code for a desktop": Way("wechat", "", False, "qr_text", "NATIVE"),
    "trade.create in Alipay": Way("alipay", "mini", True, "bridge", "JSAPI"),
    "wap pay in a phone's browser": Way("alipay", "", True, "pay_url", "WAP"),
    "precreate for a desktop": Way("alipay", "", False, "qr_text", "QR"),
}
ANSWERS = ("bridge", "qr_text", "pay_url")


def _logged_in(sandbox: str, way: Way, app_id: str) -> Caller:
    caller = Caller()
    if not way.app:
        return caller
    kind = "alipay" if way.channel == "alipay" else f"wechat_{'web' if way.app == 'h5' else 'mini'}"
    login = {"kind": kind, "app_id": app_id, "payer": "chen"}
    code = requests.post(f"{sandbox}/logins", json=login, timeout=5).json()["code"]
    answer = Caller().post(f"auth/{way.channel}", {"code": code, "app": way.app})
    assert answer.status == 200, answer.body
    caller._headers["Authorization"] = f"Bearer {answer.body['token']}"
    return caller


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_every_way_of_paying_ends_in_the_books(
    paying_street: Street, sandbox: str, book: dict[str, Any], settings: Any, way: Way
) -> None:
    li, alipay = paying_street.li, book["alipay"][0]
    settings.ALIPAY_APP = alipay
    app_id = alipay["app_id"] if way.channel == "alipay" else book["wechat_app"]["appid"]
    body = {"amount_yuan": "50.00", "channel": way.channel, "on_phone": way.on_phone}
    made = _logged_in(sandbox, way, app_id).post(f"q/{li.meter.qr_token}/orders", body)
    assert made.status == 201, made.body
    assert [name for name in ANSWERS if made.body[name]] == [way.answer]
    number = made.body["out_trade_no"]
    if way.answer == "pay_url":
        there = Client().get(made.body["pay_url"].removeprefix(settings.PUBLIC_BASE_URL))
        requests.get(there["Location"], timeout=5)
    seen = requests.get(f"{sandbox}/orders/{number}", timeout=5).json()
    assert (seen["trade_type"], seen["amount_yuan"]) == (way.trade, "50.00")
    if way.answer == "bridge":
        assert PayerIdentity.objects.filter(channel=way.channel, open_id=seen["payer_id"]).exists()
    requests.post(f"{sandbox}/orders/{number}/pay", json={"payer": "chen"}, timeout=5)
    with landlord_scope(li.landlord.pk):
        payment = Payment.objects.get(out_trade_no=number)
    asked = poll_payment(landlord_id=li.landlord.pk, payment_id=payment.pk, now=timezone.now())
    assert asked is Applied.PAID
    assert Caller().get(f"orders/{made.body['no']}").body["state"] == "paid"
