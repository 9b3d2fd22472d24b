"""The renter's page in a real browser, at the width of a phone: what the script adds, and that nothing breaks."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.common.scoping import landlord_scope
from apps.income.models import Order
from apps.income.services.orders import quote_for
from apps.income.states import Channel
from apps.meters.models import Command
from tests.browser.chromium import COUNT_TAPS, DESK, PHONE, WECHAT_AGENT, until
from tests.landing import scene
from tests.landing.conftest import now, sandbox
from tests.people import House, Street

__all__ = ["now", "sandbox"]

pytestmark = pytest.mark.browser

OpenBrowser = Callable[..., Any]


@pytest.fixture
def li(
    real_street: Street, book: dict[str, Any], sandbox: str, live_server: Any, settings: Any, now: Any
) -> House:
    """Li's meter, read ten minutes ago, with power, payable on both channels."""
    settings.PUBLIC_BASE_URL = settings.NOTIFY_BASE_URL = live_server.url
    house = real_street.li
    scene.takes_payments(house, book, "li", Channel.WECHAT, Channel.ALIPAY, at=now)
    scene.used_a_day(house, kwh="5.10", at=now - timedelta(minutes=10))
    scene.power(house, on=True, at=now)
    return house


@pytest.fixture
def address(li: House, live_server: Any) -> str:
    return f"{live_server.url}/q/{li.meter.qr_token}"


def _no(page: Any) -> str:
    return str(page.url).partition("#")[0].rpartition("/")[2]


@pytest.mark.parametrize("viewport", [PHONE, DESK, {"width": 320, "height": 568}], ids=["375", "1280", "320"])
@pytest.mark.parametrize("large", ["", "?type=large"], ids=["normal", "large"])
def test_nothing_is_wider_than_the_screen(
    open_browser: OpenBrowser, address: str, viewport: dict[str, int], large: str
) -> None:
    page = open_browser(viewport=viewport)
    page.goto(address + large)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_every_target_is_large_enough_for_a_thumb(open_browser: OpenBrowser, address: str) -> None:
    page = open_browser()
    page.goto(address)
    sizes = page.evaluate(
        """[...document.querySelectorAll("a, button, .tile")].map((target) => {
            const box = target.getBoundingClientRect();
            return [target.textContent.trim(), Math.round(box.width), Math.round(box.height)];
        })"""
    )
    assert len(sizes) >= 10
    assert [size for size in sizes if size[1] < 44 or size[2] < 44] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_stands_out_from_its_ground(open_browser: OpenBrowser, address: str, scheme: str) -> None:
    page = open_browser(color_scheme=scheme)
    page.goto(address)
    faint = page.evaluate(_FAINT)
    assert faint == []


_FAINT = """(() => {
    const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
    const light = ([r, g, b]) => {
        const linear = (c) => c <= 10 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4;
        const [x, y, z] = [r, g, b].map(linear);
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const ground = (node) => {
        for (let n = node; n; n = n.parentElement) {
            const colour = parse(getComputedStyle(n).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour;
        }
        return [255, 255, 255];
    };
    return [...document.querySelectorAll("body *")]
        .filter((n) => [...n.childNodes].some((c) => c.nodeType === 3 && c.textContent.trim()) && n.offsetHeight > 2)
        .map((n) => {
            const [a, b] = [light(parse(getComputedStyle(n).color)), light(ground(n))];
            return [n.textContent.trim(), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
        })
        .filter(([, ratio]) => ratio < 4.5);
})()"""


@pytest.mark.parametrize("typed", ["10", "33.5", "10.01", "4999.99", "0.01"])
def test_the_scripts_sum_is_the_servers_sum(
    open_browser: OpenBrowser, address: str, li: House, now: Any, typed: str
) -> None:
    page = open_browser()
    page.goto(address)
    page.check("[value=other]")
    page.fill("[name=other]", typed)
    with landlord_scope(li.landlord.pk):
        energy_kwh = quote_for(li.meter, Decimal(typed), now).energy_kwh
    assert page.text_content("[data-buys]") == f"{Decimal(typed):.2f} yuan ≈ {energy_kwh:.2f} kWh"


def test_what_is_no_amount_buys_nothing_on_the_screen(open_browser: OpenBrowser, address: str) -> None:
    page = open_browser()
    page.goto(address)
    page.check("[value=other]")
    for typed in ("", "0", "1e2", "-5", "1.234", "12,5"):
        page.fill("[name=other]", typed)
        assert page.text_content("[data-buys]") == ""
        assert page.text_content("button.wechat [data-sum]") == ""


def test_from_the_amount_to_the_light_without_touching_the_page_again(
    open_browser: OpenBrowser, address: str, li: House, now: Any
) -> None:
    page = open_browser()
    page.add_init_script(COUNT_TAPS)
    page.goto(address)
    page.check('[value="20.00"]')
    page.click("button.wechat")
    page.wait_for_selector(".qr img")
    no = _no(page)
    # The platform waits for the payer's confirmation; what one did until then is counted.
    assert page.evaluate("Number(sessionStorage.taps)") == 2

    payer = open_browser()
    payer.goto(page.get_attribute("a.demo", "href"))
    payer.click("button")

    page.wait_for_selector(".steps .done")
    assert page.text_content(".figure .number") == "+30.76"
    scene.send(li, at=now)
    page.wait_for_selector(".steps .done:nth-child(2)")
    scene.prove(li, at=now)
    page.wait_for_selector(".steps .done:nth-child(4)")
    assert page.text_content(".detail") == "The energy is in the meter and the power is on."
    assert page.text_content("#told") == page.text_content(".detail")
    assert page.get_attribute("#progress", "data-poll") is None
    with landlord_scope(li.landlord.pk):
        assert Order.objects.get().no == no


def test_a_closed_page_finds_its_order_again(
    open_browser: OpenBrowser, address: str, li: House, now: Any
) -> None:
    page = open_browser()
    page.goto(address)
    page.click("button.alipay")
    page.wait_for_selector(".qr img")
    order = page.url
    page.close()
    scene.pay(li, order.partition("#")[0].rpartition("/")[2], at=now)
    again = open_browser()
    again.goto(order)
    assert again.text_content(".steps .done .name") == "Paid"


def test_going_back_shows_the_form_ready_to_be_used_again(open_browser: OpenBrowser, address: str) -> None:
    page = open_browser()
    page.goto(address)
    page.click("button.wechat")
    page.wait_for_selector(".qr img")
    page.go_back()
    page.wait_for_selector("button.wechat:enabled")
    assert page.text_content("button.wechat [data-sum]") == "50.00 yuan"


_COUNT_QUESTIONS = """(() => {
    const real = window.fetch;
    window.questions = 0;
    window.fetch = (...all) => real(...all).finally(() => { window.questions += 1; });
})()"""


def _until_asked(page: Any, house: House) -> None:
    """Wait until the read has reached the database."""
    for _ in range(100):
        with landlord_scope(house.landlord.pk):
            if Command.objects.filter(meter=house.meter, kind="READ").exists():
                return
        page.wait_for_timeout(50)
    raise AssertionError("the page asked for no reading")


def _in_wechat(open_browser: OpenBrowser, address: str, result: str) -> Any:
    """Open an order in a browser that has WeChat's bridge, which answers the payment window with `result`."""
    page = open_browser(user_agent=WECHAT_AGENT)
    page.add_init_script(COUNT_TAPS)
    page.add_init_script(
        f"""window.asked = [];
        window.WeixinJSBridge = {{ invoke: (name, parameters, done) => {{
            window.asked.push([name, parameters.package]);
            setTimeout(() => done({{ err_msg: "get_brand_wcpay_request:{result}" }}), 10);
        }} }};"""
    )
    page.goto(address)
    page.wait_for_selector("button.wechat")
    page.click("button.wechat")
    page.wait_for_selector("[data-bridge]")
    return page


def test_in_wechat_the_payers_login_and_the_payment_window_come_by_themselves_after_one_tap(
    open_browser: OpenBrowser, address: str, li: House
) -> None:
    page = _in_wechat(open_browser, address, "ok")
    until(page, "window.asked.length === 1")
    assert page.evaluate("Number(sessionStorage.taps)") == 1
    name, package = page.evaluate("window.asked[0]")
    assert name == "getBrandWCPayRequest"
    assert package.startswith("prepay_id=")


def test_the_windows_ok_proves_nothing(open_browser: OpenBrowser, address: str) -> None:
    page = _in_wechat(open_browser, address, "ok")
    until(page, "window.asked.length === 1")
    page.evaluate(_COUNT_QUESTIONS)
    page.click("[data-bridge]")
    until(page, "window.asked.length === 2 && window.questions > 0")
    assert page.text_content(".detail") == "Waiting for your payment."


def test_a_cancelled_window_says_that_nothing_was_paid(open_browser: OpenBrowser, address: str) -> None:
    page = _in_wechat(open_browser, address, "cancel")
    page.wait_for_selector(".script-words:not([hidden])")
    assert page.text_content(".script-words") == "Nothing was paid. You can try again."


def test_a_fresh_reading_replaces_the_figure_without_a_reload(
    open_browser: OpenBrowser, address: str, li: House, now: Any
) -> None:
    page = open_browser()
    page.goto(address)
    page.evaluate("window.still = 'here'")
    page.click(".refresh")
    until(page, "document.querySelector('.read-words').textContent === 'Asking the meter…'")
    _until_asked(page, li)
    scene.read(li, at=now, remaining="12.31", total="1005.19")
    until(page, "document.querySelector('#balance .number').textContent === '12.31'")
    assert page.evaluate("window.still") == "here"
    assert page.evaluate("document.activeElement.className.includes('refresh')")


def test_asking_twice_within_a_minute_is_refused_in_words(
    open_browser: OpenBrowser, address: str, li: House, now: Any
) -> None:
    page = open_browser()
    page.goto(address)
    page.click(".refresh")
    _until_asked(page, li)
    scene.read(li, at=now, remaining="12.31", total="1005.19")
    until(page, "document.querySelector('#balance .number').textContent === '12.31'")
    page.click(".refresh")
    until(page, "/seconds/.test(document.querySelector('.read-words').textContent)")


def test_a_phone_without_a_connection_is_told_so_and_loses_nothing(
    open_browser: OpenBrowser, address: str
) -> None:
    page = open_browser()
    page.goto(address)
    page.click("button.wechat")
    page.wait_for_selector(".qr img")
    page.context.set_offline(True)
    page.wait_for_selector(".script-words:not([hidden])")
    assert (
        page.text_content(".script-words")
        == "Your phone has no connection. Neither money nor energy is lost."
    )
    page.context.set_offline(False)
    page.wait_for_selector(".script-words", state="hidden")
    assert page.text_content(".detail") == "Waiting for your payment."


def test_without_javascript_one_sees_the_balance_and_opens_an_order(
    open_browser: OpenBrowser, address: str
) -> None:
    page = open_browser(java_script_enabled=False)
    page.goto(address)
    assert page.text_content("#balance .number") == "12.40"
    page.check('[value="20.00"]')
    page.click("button.alipay")
    page.wait_for_selector(".qr img")
    assert page.text_content(".order .number") == "20.00"


def test_the_whole_form_works_from_the_keyboard(open_browser: OpenBrowser, address: str) -> None:
    page = open_browser()
    page.goto(address)
    page.focus('[name=amount][value="50.00"]')
    page.keyboard.press("ArrowRight")
    assert page.text_content("button.wechat [data-sum]") == "100.00 yuan"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".qr img")
    assert page.text_content(".order .number") == "100.00"
