"""The renter's side: what the QR code shows, an order from scan to proof, taking it back, a fresh reading."""

import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from django.utils import timezone

from apps.accounts.services import know_payer
from apps.common.scoping import landlord_scope
from apps.income.models import Order, Payment, Recharge
from apps.income.services.recharges import recharge_by_member
from apps.income.states import RechargeKind
from apps.meters.models import Command, Lease, Meter
from apps.meters.services.registry import begin_lease
from tests.api.caller import Caller
from tests.landing import scene
from tests.people import Street


def _order(caller: Caller, street: Street, *, key: str = "", **changes: str) -> Any:
    body = {"amount_yuan": "50.00", "channel": "wechat", **changes}
    return caller.post(f"q/{street.li.meter.qr_token}/orders", body, key=key)


def test_the_code_shows_the_meter_to_anybody_and_hides_who_lives_there(paying_street: Street) -> None:
    scene.read(paying_street.li, at=timezone.now())
    answer = Caller().get(f"q/{paying_street.li.meter.qr_token}")
    shown = {name: answer.body[name] for name in ("meter_name", "landlord_name", "remaining_kwh", "channels")}
    assert shown == {
        "meter_name": "3 302",
        "landlord_name": "L**",
        "remaining_kwh": "12.40",
        "channels": ["wechat", "alipay"],
    }
    assert answer.body["price_yuan_per_kwh"] == "0.6500"
    assert answer.body["minimum_recharge_yuan"] in answer.body["presets_yuan"]
    assert answer.body["power"] == {"state": "unknown", "reason": "", "since": None}
    assert "Chen" not in str(answer.body)
    assert paying_street.li.meter.serial not in str(answer.body)


def test_a_code_nobody_printed_is_missing_and_a_removed_meter_is_gone(street: Street) -> None:
    assert Caller().get("q/nobody").status == 404
    scene.archive(street.li, at=timezone.now())
    gone = Caller().get(f"q/{street.li.meter.qr_token}")
    assert (gone.status, gone.body["code"]) == (410, "meter_archived")


def test_an_order_without_a_payer_comes_with_a_code_to_scan(paying_street: Street) -> None:
    made = _order(Caller(), paying_street)
    assert made.status == 201
    assert made.body["state"] == "created"
    assert made.body["bridge"] is None
    assert made.body["out_trade_no"] in made.body["qr_text"]
    assert made.body["quote"] == {
        "energy_kwh": "76.92",
        "price_yuan_per_kwh": "0.6500",
        "carried_in_yuan": "0.000000",
        "carried_out_yuan": "0.002000",
        "repays": None,
    }


def test_a_payer_the_platform_has_named_gets_her_apps_bridge(
    paying_street: Street, sandbox: str, book: dict[str, Any]
) -> None:
    chen = paying_street.li.renter.user
    assert chen is not None
    login = {"kind": "wechat_mini", "app_id": book["wechat_app"]["appid"], "payer": "chen"}
    code = requests.post(f"{sandbox}/logins", json=login, timeout=5).json()["code"]
    token = Caller().post("auth/wechat", {"code": code, "app": "mini"})
    assert token.status == 200
    payer = Caller()
    payer._headers["Authorization"] = f"Bearer {token.body['token']}"
    made = _order(payer, paying_street)
    assert made.body["qr_text"] is None
    assert set(made.body["bridge"]) == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}


def test_an_openid_of_another_app_is_not_used(paying_street: Street) -> None:
    chen = paying_street.li.renter.user
    assert chen is not None
    know_payer(channel="wechat", app_id="wx-another", open_id="oABCDEFGHIJKL", user=chen)
    assert _order(Caller(chen), paying_street).body["qr_text"]


def test_an_openid_in_the_body_is_nothing_to_us(paying_street: Street) -> None:
    made = _order(Caller(), paying_street, openid="oABCDEFGHIJKL", payer_id="oABCDEFGHIJKL")
    assert made.body["bridge"] is None


def test_the_same_key_opens_one_order_and_another_body_none(paying_street: Street) -> None:
    chen = paying_street.li.renter.user
    assert chen is not None
    caller = Caller(chen)
    first, again = _order(caller, paying_street, key="k"), _order(caller, paying_street, key="k")
    assert first.body["no"] == again.body["no"]
    assert first.body["qr_text"] == again.body["qr_text"]
    other = _order(caller, paying_street, key="k", amount_yuan="60.00")
    assert (other.status, other.body["code"]) == (422, "idempotency_mismatch")
    assert _order(Caller(paying_street.li.owner), paying_street, key="k").body["no"] != first.body["no"]
    with landlord_scope(paying_street.li.landlord.pk):
        assert Order.objects.count() == 2


def test_below_the_minimum_and_above_the_limit_are_refused_by_name(paying_street: Street) -> None:
    low = _order(Caller(), paying_street, amount_yuan="9.99")
    assert (low.status, low.body["code"], list(low.body["fields"])) == (400, "below_minimum", ["amount_yuan"])
    high = _order(Caller(), paying_street, amount_yuan="5000.01")
    assert (high.status, list(high.body["fields"])) == (400, ["amount_yuan"])
    unknown = _order(Caller(), paying_street, channel="bank")
    assert (unknown.status, list(unknown.body["fields"])) == (400, ["channel"])


def test_an_order_tells_its_steps_and_when_to_ask_again(paying_street: Street) -> None:
    li = paying_street.li
    no = _order(Caller(), paying_street).body["no"]
    created = Caller().get(f"orders/{no}")
    assert (created.body["state"], created.body["can_cancel"], created.headers["Retry-After"]) == (
        "created",
        True,
        "1",
    )
    now = timezone.now()
    scene.pay(li, no, at=now)
    paid = Caller().get(f"orders/{no}").body
    assert (paid["state"], paid["can_cancel"], paid["energy_kwh"]) == ("paid", False, "76.92")
    scene.send(li, at=now)
    assert Caller().get(f"orders/{no}").body["state"] == "delivering"
    scene.prove(li, at=now)
    credited = Caller().get(f"orders/{no}")
    assert credited.body["state"] == "credited"
    assert all(credited.body["steps"].values())
    assert "Retry-After" not in credited.headers


def test_the_sentence_is_in_the_callers_language(paying_street: Street) -> None:
    no = _order(Caller(), paying_street).body["no"]
    client = Caller()._client
    english = client.get(f"/api/v1/orders/{no}", headers={"Accept-Language": "en"}).json()["detail"]
    assert english == "Waiting for your payment."


@pytest.mark.parametrize("channel", ["wechat", "alipay"])
def test_an_unpaid_order_is_closed_at_its_platform_and_stays_closed(
    paying_street: Street, sandbox: str, channel: str
) -> None:
    made = _order(Caller(), paying_street, channel=channel).body
    closed = Caller().post(f"orders/{made['no']}/cancel")
    assert (closed.status, closed.body["state"], closed.body["can_cancel"]) == (200, "closed", False)
    assert Caller().post(f"orders/{made['no']}/cancel").body["state"] == "closed"
    if channel == "wechat":
        pay = requests.post(f"{sandbox}/orders/{made['out_trade_no']}/pay", json={"payer": "chen"}, timeout=5)
        assert pay.status_code != 200


def test_a_paid_order_is_not_cancelled_and_the_answer_says_why(paying_street: Street) -> None:
    no = _order(Caller(), paying_street).body["no"]
    scene.pay(paying_street.li, no, at=timezone.now())
    answer = Caller().post(f"orders/{no}/cancel")
    assert (answer.status, answer.body["code"]) == (409, "already_paid")


def test_an_order_paid_at_the_last_moment_is_found_paid_when_cancelled(
    paying_street: Street, sandbox: str
) -> None:
    """No notify arrives; closing at the platform finds the payment, and it is credited."""
    made = _order(Caller(), paying_street).body
    address = f"{sandbox}/orders/{made['out_trade_no']}/pay"
    requests.post(address, json={"payer": "chen"}, timeout=5).raise_for_status()
    answer = Caller().post(f"orders/{made['no']}/cancel")
    assert (answer.status, answer.body["code"]) == (409, "already_paid")
    with landlord_scope(paying_street.li.landlord.pk):
        assert Payment.objects.get().state == "PAID"
        assert Recharge.objects.count() == 1


def test_an_order_is_not_closed_while_its_platform_is_silent(paying_street: Street, settings: Any) -> None:
    no = _order(Caller(), paying_street).body["no"]
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    answer = Caller().post(f"orders/{no}/cancel")
    assert (answer.status, answer.body["code"]) == (503, "platform_busy")
    assert Caller().get(f"orders/{no}").body["state"] == "created"


def test_a_payment_in_review_is_left_to_a_person(paying_street: Street) -> None:
    no = _order(Caller(), paying_street).body["no"]
    with landlord_scope(paying_street.li.landlord.pk):
        Payment.objects.update(state="REVIEW")
    answer = Caller().post(f"orders/{no}/cancel")
    assert (answer.status, answer.body["code"]) == (409, "in_review")


def test_a_fresh_reading_is_asked_for_once_a_minute_per_meter(street: Street) -> None:
    path = f"q/{street.li.meter.qr_token}/read"
    first = Caller().post(path)
    assert (first.status, first.body["kind"], first.body["state"]) == (202, "READ", "QUEUED")
    second = Caller(street.li.owner).post(path)
    assert (second.status, second.body["code"]) == (429, "throttled")
    assert 0 < int(second.headers["Retry-After"]) <= 61
    assert Caller().post(f"q/{street.li.vacant_meter.qr_token}/read").status == 202
    with landlord_scope(street.li.landlord.pk):
        Command.objects.update(created_at=timezone.now() - timedelta(seconds=61), state="DONE")
    assert Caller().post(path).status == 202


def test_no_reading_is_asked_of_a_removed_meter(street: Street) -> None:
    scene.archive(street.li, at=timezone.now())
    assert Caller().post(f"q/{street.li.meter.qr_token}/read").status == 410


def _eventually(happened: Any, within_s: float = 10) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if happened():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("channel", ["wechat", "alipay"])
def test_a_payment_reaches_us_through_the_platforms_own_notify(
    paying_street: Street, sandbox: str, channel: str, live_server: Any, settings: Any
) -> None:
    settings.NOTIFY_BASE_URL = live_server.url
    made = _order(Caller(), paying_street, channel=channel).body
    pay = requests.post(f"{sandbox}/orders/{made['out_trade_no']}/pay", json={"payer": "chen"}, timeout=5)
    pay.raise_for_status()
    assert _eventually(lambda: Caller().get(f"orders/{made['no']}").body["state"] == "paid")
    with landlord_scope(paying_street.li.landlord.pk):
        assert Meter.objects.get(pk=paying_street.li.meter.pk).recharges.count() == 1


def test_a_renter_sees_her_own_leases_and_recharges_and_nobody_elses(paying_street: Street) -> None:
    li, wang = paying_street.li, paying_street.wang
    chen, zhao = Caller(li.renter.user), Caller(wang.renter.user)
    no = _order(Caller(), paying_street).body["no"]
    scene.pay(li, no, at=timezone.now())
    mine = chen.get("my/meters").body["results"]
    assert [meter["qr_token"] for meter in mine] == [li.meter.qr_token]
    assert [line["order_no"] for line in chen.get("my/recharges").body["results"]] == [no]
    assert zhao.get("my/recharges").body["results"] == []
    assert Caller(paying_street.sun.user).get("my/meters").body["results"] == []


def test_the_earlier_renters_recharges_are_not_the_next_ones(paying_street: Street) -> None:
    li, sun = paying_street.li, paying_street.sun
    scene.pay(li, _order(Caller(), paying_street).body["no"], at=timezone.now())
    now = timezone.now()
    with landlord_scope(li.landlord.pk):
        Lease.objects.filter(pk=li.lease.pk).update(ends_at=now)
        begin_lease(meter=li.meter, renter=sun, starts_at=now, by_id=li.owner.pk, now=now)
    assert len(Caller(sun.user).get("my/meters").body["results"]) == 1
    assert Caller(sun.user).get("my/recharges").body["results"] == []
    assert len(Caller(li.renter.user).get("my/recharges").body["results"]) == 1


def test_my_recharges_are_paged_over_landlords_newest_first(street: Street) -> None:
    chen, now = street.li.renter, timezone.now()
    with landlord_scope(street.wang.landlord.pk):
        begin_lease(meter=street.wang.vacant_meter, renter=chen, starts_at=now, by_id=None, now=now)
    made = []
    for house, meter in ((street.li, street.li.meter), (street.wang, street.wang.vacant_meter)) * 3:
        with landlord_scope(house.landlord.pk):
            made.append(
                recharge_by_member(
                    meter=meter,
                    kind=RechargeKind.GIFT,
                    amount_yuan=None,
                    energy_kwh=Decimal("1.00"),
                    reason="g",
                    by_id=house.owner.pk,
                    now=now,
                )
            )
    caller = Caller(chen.user)
    page = caller.get("my/recharges", limit="4").body
    rest = caller.get(page["next"].partition("/api/v1/")[2]).body
    assert rest["next"] is None
    seen = [line["id"] for line in page["results"] + rest["results"]]
    assert seen == [str(recharge.pk) for recharge in reversed(made)]
