"""Ordering and following an order on the page, without JavaScript, against the pretend platforms."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.test import Client
from django.utils.html import strip_tags

from apps.accounts.models import PayerIdentity
from apps.common.scoping import landlord_scope
from apps.income.models import Order, Payment
from apps.income.states import Channel
from apps.meters.models import Meter
from tests.browser.chromium import ALIPAY_AGENT, WECHAT_AGENT
from tests.landing import scene
from tests.people import House, Street

BOTH = (Channel.WECHAT, Channel.ALIPAY)


@pytest.fixture
def li(real_street: Street, book: dict[str, Any], sandbox: str, now: Any) -> House:
    scene.takes_payments(real_street.li, book, "li", *BOTH, at=now)
    return real_street.li


def _words(answer: Any) -> str:
    return " ".join(strip_tags(answer.content.decode()).split())


def _form(renter: Client, house: House) -> dict[str, str]:
    page = renter.get(f"/q/{house.meter.qr_token}")
    return {"key": page.context["key"], "amount": "50.00", "channel": "wechat"}


def _send(renter: Client, house: House, form: dict[str, str], **headers: str) -> Any:
    return renter.post(f"/q/{house.meter.qr_token}/orders", form, headers=headers)


def _ordered(renter: Client, house: House, **changed: str) -> str:
    """Order, and return the address of the order's page."""
    answer = _send(renter, house, _form(renter, house) | changed)
    assert answer.status_code == 302, _words(answer)
    return str(answer["Location"].partition("#")[0])


def _no(address: str) -> str:
    return address.rpartition("/")[2]


@pytest.mark.parametrize("channel", ["wechat", "alipay"])
def test_a_form_without_javascript_leads_to_a_code_to_scan(renter: Client, li: House, channel: str) -> None:
    page = renter.get(_ordered(renter, li, channel=channel))
    words = _words(page)
    assert "50.00 yuan" in words
    assert "76.92 kWh" in words
    assert "Waiting for your payment." in words
    assert 'src="data:image/svg+xml' in page.content.decode()
    assert '<meta http-equiv="refresh"' in page.content.decode()


def test_sending_the_same_form_twice_opens_one_order(renter: Client, li: House) -> None:
    form = _form(renter, li)
    assert _send(renter, li, form)["Location"] == _send(renter, li, form)["Location"]
    with landlord_scope(li.landlord.pk):
        assert Order.objects.count() == 1


def test_the_same_form_with_another_amount_opens_another_order(renter: Client, li: House) -> None:
    form = _form(renter, li)
    first = _send(renter, li, form)
    second = _send(renter, li, form | {"amount": "20.00"})
    assert second.status_code == 302
    assert first["Location"] != second["Location"]


def test_another_amount_may_be_typed(renter: Client, li: House) -> None:
    page = renter.get(_ordered(renter, li, amount="other", other="33.5"))
    assert "33.50 yuan" in _words(page)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("9.99", "The smallest recharge here is 10.00 yuan."),
        ("1e2", "The amount must be a positive number of yuan with at most two decimals."),
        ("", "The amount must be a positive number of yuan with at most two decimals."),
        ("5000.01", "The amount must be between 0.01 and 5000.00 yuan."),
    ],
)
def test_a_refused_amount_comes_back_on_the_form_in_words(
    renter: Client, li: House, typed: str, sentence: str
) -> None:
    answer = _send(renter, li, _form(renter, li) | {"amount": "other", "other": typed})
    assert answer.status_code == 400
    assert sentence in _words(answer)
    assert answer.context["other"] == typed
    with landlord_scope(li.landlord.pk):
        assert not Order.objects.exists()


def test_a_channel_nobody_offers_is_refused_in_words(renter: Client, li: House) -> None:
    answer = _send(renter, li, _form(renter, li) | {"channel": "cheque"})
    assert answer.status_code == 422
    assert "Choose WeChat Pay or Alipay." in _words(answer)


def test_a_form_from_another_site_is_refused(li: House) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert _send(strict, li, {"amount": "50.00", "channel": "wechat"}).status_code == 403


def test_the_steps_fill_with_their_times_until_the_light_is_on(renter: Client, li: House, now: Any) -> None:
    address = _ordered(renter, li)
    scene.pay(li, _no(address), at=now)
    paid = renter.get(address)
    assert [step.state for step in paid.context["steps"]] == ["done", "now", "ahead", "ahead"]
    assert "+76.92 kWh" in _words(paid)
    scene.send(li, at=now + timedelta(seconds=1))
    scene.prove(li, at=now + timedelta(seconds=2))
    done = renter.get(address)
    assert [step.state for step in done.context["steps"]] == ["done"] * 4
    assert all(step.at for step in done.context["steps"])
    assert "The energy is in the meter and the power is on." in _words(done)
    assert b"data-poll" not in done.content
    assert b'http-equiv="refresh"' not in done.content


@pytest.mark.parametrize("page", ["", "/help"])
def test_all_that_changes_with_an_order_is_in_the_parts_the_script_draws_anew(
    renter: Client, li: House, now: Any, page: str
) -> None:
    address = _ordered(renter, li)
    before = renter.get(address + page).content.decode()
    scene.pay(li, _no(address), at=now)
    scene.send(li, at=now)
    scene.prove(li, at=now)
    after = renter.get(address + page).content.decode()
    assert "Receipt" not in before
    assert ("Receipt" in after) == (page == "")
    assert _without_parts(before) == _without_parts(after)


def _without_parts(html: str) -> str:
    body = html.partition("<body>")[2]
    return strip_tags(re.sub(r"<(section|nav)\b[^>]* data-part.*?</\1>", "", body, flags=re.S))


def test_after_fifteen_seconds_without_proof_it_says_that_nothing_is_lost(
    renter: Client, li: House, now: Any
) -> None:
    address = _ordered(renter, li)
    scene.pay(li, _no(address), at=now - timedelta(seconds=10))
    sentence = "The meter has no signal just now; neither money nor energy is lost."
    assert sentence not in _words(renter.get(address))
    with landlord_scope(li.landlord.pk):
        Payment.objects.update(paid_at=now - timedelta(seconds=16))
    assert sentence in _words(renter.get(address))


def test_a_meter_that_stays_open_after_the_credit_points_at_its_button(
    renter: Client, li: House, now: Any
) -> None:
    address = _ordered(renter, li)
    scene.pay(li, _no(address), at=now)
    scene.send(li, at=now)
    scene.prove(li, at=now, relay_open=True)
    page = renter.get(address)
    assert [step.state for step in page.context["steps"]] == ["done", "done", "done", "now"]
    assert "If it is still dark, press the button on the meter." in _words(page)


def test_a_landlords_switch_is_named_after_the_credit(renter: Client, li: House, now: Any) -> None:
    address = _ordered(renter, li)
    scene.pay(li, _no(address), at=now)
    scene.send(li, at=now)
    scene.prove(li, at=now, relay_open=True)
    scene.power(li, on=False, at=now, reason="FORCED_OFF")
    page = renter.get(address)
    assert "The landlord has switched the power off; call them." in _words(page)
    assert b"data-poll" not in page.content


def test_a_frozen_meter_says_that_a_person_looks(renter: Client, li: House, now: Any) -> None:
    address = _ordered(renter, li)
    scene.pay(li, _no(address), at=now)
    with landlord_scope(li.landlord.pk):
        Meter.objects.filter(pk=li.meter.pk).update(frozen="CONTRADICTION", frozen_at=now)
    assert "have to be checked by a person first; neither money nor energy is lost" in _words(
        renter.get(address)
    )


def test_paid_still_dark_names_the_order_what_happens_and_whom_to_call(
    renter: Client, li: House, now: Any
) -> None:
    address = _ordered(renter, li)
    scene.pay(li, _no(address), at=now)
    page = renter.get(f"{address}/help")
    words = _words(page)
    assert _no(address) in words.replace(" ", "")
    assert "Your money is here." in words
    assert "Press and hold the button on the meter" in words
    assert f'href="tel:{li.landlord.phone}"' in page.content.decode()
    assert b"/cancel" not in page.content


def test_an_unpaid_order_can_be_cancelled_and_nothing_was_taken(renter: Client, li: House) -> None:
    address = _ordered(renter, li)
    assert f"{address}/cancel" in renter.get(f"{address}/help").content.decode()
    assert renter.post(f"{address}/cancel")["Location"] == address
    words = _words(renter.get(address))
    assert "closed without a payment. Nothing was taken; you can start again." in words
    assert "Start again" in words


def test_a_paid_order_cannot_be_cancelled_and_says_why(renter: Client, li: House, now: Any) -> None:
    address = _ordered(renter, li)
    scene.pay(li, _no(address), at=now)
    answer = renter.post(f"{address}/cancel")
    assert answer.status_code == 409
    assert "cannot be cancelled here any more" in _words(answer)


def test_an_order_is_only_found_under_its_own_meter(renter: Client, li: House, real_street: Street) -> None:
    no = _no(_ordered(renter, li))
    foreign = renter.get(f"/q/{real_street.wang.meter.qr_token}/orders/{no}")
    missing = renter.get(f"/q/{li.meter.qr_token}/orders/R000000XXXXXXXXXX")
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert _words(foreign) == _words(missing)


def test_this_browser_lists_its_own_recharges_and_another_sees_none(
    renter: Client, li: House, real_street: Street
) -> None:
    no = _no(_ordered(renter, li))
    recent = f"/q/{li.meter.qr_token}/recent"
    assert no in renter.get(recent).content.decode()
    assert no not in Client().get(recent).content.decode()
    assert no not in renter.get(f"/q/{real_street.wang.meter.qr_token}/recent").content.decode()


def test_a_list_of_recharges_that_was_written_by_hand_is_empty(
    renter: Client, li: House, real_street: Street
) -> None:
    no = _no(_ordered(renter, li))
    thief = Client()
    thief.cookies["recharges"] = f'[["{li.meter.qr_token}","{no}"]]'
    assert no not in thief.get(f"/q/{li.meter.qr_token}/recent").content.decode()


def test_the_demo_offers_the_pretend_cashier_and_production_does_not(
    renter: Client, li: House, sandbox: str, settings: Any
) -> None:
    address = _ordered(renter, li)
    assert f"{sandbox}/cashier/{_no(address)}01" in renter.get(address).content.decode()
    settings.SANDBOX_URL = ""
    assert "/cashier/" not in renter.get(address).content.decode()


def _log_in(renter: Client, house: House, channel: str, agent: str) -> str:
    """Open the page in an app's browser, follow it to the platform and back; return where it ended."""
    to_login = renter.get(f"/q/{house.meter.qr_token}", headers={"user-agent": agent})
    assert to_login["Location"] == f"/q/{house.meter.qr_token}/login/{channel}"
    to_platform = renter.get(to_login["Location"], headers={"user-agent": agent})["Location"]
    back = requests.get(to_platform, params={"payer": "sun"}, allow_redirects=False, timeout=5)
    parts = urlsplit(back.headers["Location"])
    answer = renter.get(f"{parts.path}?{parts.query}", headers={"user-agent": agent})
    return str(answer["Location"])


@pytest.mark.parametrize(("channel", "agent"), [("wechat", WECHAT_AGENT), ("alipay", ALIPAY_AGENT)])
def test_the_apps_own_browser_logs_the_payer_in_once_and_pays_over_the_bridge(
    renter: Client, li: House, channel: str, agent: str
) -> None:
    assert _log_in(renter, li, channel, agent) == f"/q/{li.meter.qr_token}?login=done"
    payer = PayerIdentity.objects.get()
    assert renter.session[f"payer:{channel}"] == str(payer.pk)
    assert renter.get(f"/q/{li.meter.qr_token}", headers={"user-agent": agent}).status_code == 200
    page = renter.get(_ordered(renter, li, channel=channel))
    assert f'data-bridge="{channel}"' in page.content.decode()
    assert page.context["bridge_parameters"]
    assert page.context["qr_image"] == ""


def test_a_login_that_was_begun_elsewhere_changes_nothing(renter: Client, li: House) -> None:
    to_login = renter.get(f"/q/{li.meter.qr_token}/login/wechat")
    to_platform = to_login["Location"].partition("#")[0]
    back = requests.get(to_platform, params={"payer": "sun"}, allow_redirects=False, timeout=5)
    query = urlsplit(back.headers["Location"]).query
    stranger = Client()
    answer = stranger.get(f"/pay/return/wechat?{query}")
    assert answer.status_code == 400
    assert "payer:wechat" not in stranger.session
    assert not PayerIdentity.objects.exists()


def test_a_state_is_good_for_one_return(renter: Client, li: House) -> None:
    to_platform = renter.get(f"/q/{li.meter.qr_token}/login/wechat")["Location"].partition("#")[0]
    state = parse_qs(urlsplit(to_platform).query)["state"][0]
    first = renter.get(f"/pay/return/wechat?code=invented&state={state}")
    assert first["Location"].endswith("?login=failed")
    assert renter.get(f"/pay/return/wechat?code=invented&state={state}").status_code == 400


def test_a_failed_login_still_lets_one_pay_with_a_code(renter: Client, li: House) -> None:
    page = renter.get(f"/q/{li.meter.qr_token}?login=failed", headers={"user-agent": WECHAT_AGENT})
    assert page.status_code == 200
    assert "You can still pay with a code." in _words(page)


def test_a_browser_that_keeps_no_cookies_is_not_sent_round_in_circles(li: House) -> None:
    address = f"/q/{li.meter.qr_token}?login=done"
    assert Client().get(address, headers={"user-agent": WECHAT_AGENT}).status_code == 200
