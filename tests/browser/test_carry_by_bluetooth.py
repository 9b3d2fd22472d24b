"""The page carries a paid recharge over a browser's Bluetooth, with and without a connection at the meter."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from apps.common.scoping import landlord_scope
from apps.meters.models import Command, CommandEvent
from apps.readings.models import Reading
from tests.api.caller import Caller
from tests.api.carrying import Stairwell
from tests.browser.chromium import DESK, until
from tests.people import PASSWORD, Street

pytestmark = pytest.mark.browser

# The radio of a browser: what is written goes to the simulated meter, what it answers comes back in pieces of 20.
RADIO = """
(() => {
  const target = new EventTarget();
  const write = async (part) => {
    if (part.byteLength > 20) throw new Error("too long for the radio");
    const hex = Array.from(new Uint8Array(part), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const heard = await window.meterHears(hex);
    for (let at = 0; at < heard.length; at += 40) {
      const bytes = Uint8Array.from(heard.slice(at, at + 40).match(/../g), (pair) => parseInt(pair, 16));
      Object.defineProperty(target, "value", { value: new DataView(bytes.buffer), configurable: true });
      target.dispatchEvent(new Event("characteristicvaluechanged"));
    }
  };
  target.startNotifications = async () => {};
  const service = { getCharacteristic: async (name) => (name === 0xfff1 ? target : { writeValueWithResponse: write }) };
  const gatt = {
    connect: async () => gatt,
    disconnect: () => {},
    getPrimaryService: async (name) => {
      if (name !== 0xfff0) throw new DOMException("", "NotFoundError");
      return service;
    },
  };
  const requestDevice = async () => {
    if (window.isAway) throw new DOMException("", "NotFoundError");
    return { gatt };
  };
  Object.defineProperty(navigator, "bluetooth", { value: { requestDevice }, configurable: true });
})();
"""
DONE = "document.querySelector('[data-carry-words]').textContent"


@pytest.fixture
def stairwell(real_street: Street) -> Stairwell:
    stairwell = Stairwell(real_street.li, Caller()).know_count()
    stairwell.paid_order()
    return stairwell


@pytest.fixture
def page(stairwell: Stairwell, live_server: Any, open_browser: Callable[..., Any]) -> Any:
    page = open_browser()
    page.expose_function("meterHears", lambda part: stairwell.ask({"hex": part}))
    page.add_init_script(RADIO)
    page.goto(f"{live_server.url}/q/{stairwell.house.meter.qr_token}/orders/R1")
    return page


def _said(stairwell: Stairwell) -> str:
    with landlord_scope(stairwell.house.landlord.pk):
        return CommandEvent.objects.filter(command__kind="CREDIT").latest("id").note


def test_a_paid_recharge_is_carried_and_the_page_says_what_it_is_worth(
    page: Any, stairwell: Stairwell
) -> None:
    page.click("[data-carry]")
    until(page, f"{DONE}.includes('If it stays dark, press the button')", 20)
    assert stairwell.bought() == (1, Decimal("76.92"))
    assert _said(stairwell) == "a phone says the meter took it"
    until(page, "document.querySelector('#progress').textContent.includes('A phone has brought the energy')")
    assert "If it stays dark" in page.inner_text("[data-carry-words]")


def test_without_a_connection_at_the_meter_the_answers_wait_on_the_phone(
    page: Any, stairwell: Stairwell
) -> None:
    page.evaluate("window.isAway = true")
    page.click("[data-carry]")
    until(page, f"{DONE}.includes('no signal is needed there')")
    page.context.set_offline(True)
    page.evaluate("window.isAway = false")
    page.click("[data-carry]")
    until(page, f"{DONE}.includes('This phone has no connection')", 20)
    assert stairwell.bought() == (1, Decimal("76.92"))
    assert _said(stairwell) == "credit 4 handed to a phone"
    page.context.set_offline(False)
    until(page, "localStorage.length === 0")
    assert _said(stairwell) == "a phone says the meter took it"
    with landlord_scope(stairwell.house.landlord.pk):
        assert Command.objects.get(kind="CREDIT").state == "ACKED"


def test_a_browser_without_bluetooth_is_told_what_to_use(
    stairwell: Stairwell, live_server: Any, open_browser: Callable[..., Any]
) -> None:
    page = open_browser()
    page.add_init_script("Object.defineProperty(navigator, 'bluetooth', { value: undefined })")
    page.goto(f"{live_server.url}/q/{stairwell.house.meter.qr_token}/orders/R1")
    assert page.is_hidden("[data-carry]")
    assert page.is_visible("text=This browser has no Bluetooth")


def test_a_member_reads_and_recharges_by_bluetooth_from_the_desk(
    stairwell: Stairwell, live_server: Any, open_browser: Callable[..., Any]
) -> None:
    page = open_browser(viewport=DESK)
    page.expose_function("meterHears", lambda part: stairwell.ask({"hex": part}))
    page.add_init_script(RADIO)
    page.goto(f"{live_server.url}/admin/meters/meter/{stairwell.house.meter.pk}/change/")
    page.fill("[name=username]", "13800000001")
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.click("[data-carry=read]")
    until(page, f"{DONE} === 'The meter has been read.'", 20)
    page.click("[data-carry=recharge]")
    until(page, f"{DONE}.includes('If it stays dark, press the button')", 20)
    assert stairwell.bought() == (1, Decimal("76.92"))
    with landlord_scope(stairwell.house.landlord.pk):
        assert list(Reading.objects.values_list("source", flat=True)) == ["PHONE", "PHONE"]
