"""A landlord's first day at the width of a phone: she knows nothing, and in the evening her first income is there."""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from django.utils import timezone

from apps.accounts.models import Landlord
from apps.common.scoping import landlord_scope
from apps.income.models import CollectionAccount
from apps.income.services import account_checks
from apps.income.setting_up import ASKED
from apps.meters.models import Lease, Meter, StockedMeter
from apps.meters.services import claiming, registry
from apps.readings.models import Reading
from tests.browser.chromium import DESK, PHONE, until
from tests.browser.test_renter_page import _FAINT
from tests.landing import scene
from tests.landing.conftest import now, sandbox
from tests.people import NOON, PASSWORD, House, Street

__all__ = ["now", "sandbox"]

pytestmark = pytest.mark.browser

OpenBrowser = Callable[..., Any]
PHONE_NUMBER = "13812345678"


@pytest.fixture
def outbox(settings: Any, tmp_path: Path, live_server: Any) -> Path:
    settings.SMS_BACKEND = "apps.accounts.messaging.FileBackend"
    settings.SMS_OUTBOX = str(tmp_path / "sms.jsonl")
    settings.PUBLIC_BASE_URL = settings.NOTIFY_BASE_URL = live_server.url
    return tmp_path / "sms.jsonl"


@pytest.fixture
def boxes(real_street: Street) -> list[tuple[StockedMeter, str]]:
    """Three meters in their boxes, each with the code on its card."""
    stocked = [
        registry.stock_meter(serial=f"00000000990{n}", profile="dtsy-4g-ble", now=NOON) for n in (1, 2, 3)
    ]
    return [(one, claiming.set_claim_code(stocked=one, now=NOON)) for one in stocked]


def _code(outbox: Path) -> str:
    return str(re.findall(r"\b(\d{6})\b", outbox.read_text())[-1])


def _fits_and_leads_on(page: Any) -> None:
    """Nothing is wider than the screen, every word stands out, and every target is wide enough for a thumb."""
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.evaluate(_FAINT) == []
    sizes = page.evaluate(
        """[...document.querySelectorAll("a, button, summary, input:not([type=hidden])")].map((target) => {
            const box = target.getBoundingClientRect();
            return [target.textContent.trim() || target.name, Math.round(box.width), Math.round(box.height)];
        }).filter(([, width]) => width > 0)"""
    )
    assert [size for size in sizes if size[1] < 44 or size[2] < 44] == []
    assert page.locator("main .main").count() >= 1


def _register(page: Any, outbox: Path) -> None:
    page.fill("[name=phone]", PHONE_NUMBER)
    page.click("button.main")
    page.wait_for_selector("[name=code]")
    _fits_and_leads_on(page)
    page.fill("[name=code]", _code(outbox))
    page.fill("[name=name]", "Sun Court")
    page.fill("[name=password]", PASSWORD)
    page.click("button.main")
    page.wait_for_selector("[name=claim_code]")


def _asked(page: Any) -> list[str]:
    """The fields of the form that stand open; what "More" hides has a default."""
    return [
        field.get_attribute("name") for field in page.locator("form.form :is(input, select):visible").all()
    ]


def _decoded(page: Any) -> str:
    """What a phone reads off the code at the size it has on the screen."""
    until(page, "document.querySelector('.qr img').naturalWidth > 0")
    width, height, grey = page.evaluate(
        """(() => {
            const image = document.querySelector(".qr img");
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [image.width, image.height];
            const context = canvas.getContext("2d");
            context.drawImage(image, 0, 0, image.width, image.height);
            const data = context.getImageData(0, 0, image.width, image.height).data;
            return [image.width, image.height, [...data].filter((_, index) => index % 4 === 0)];
        })()"""
    )
    [found] = zxingcpp.read_barcodes(memoryview(bytes(grey)).cast("B", shape=[height, width]))
    return str(found.text)


def _report(landlord: Landlord, meter: Meter, remaining: str) -> None:
    """The meter calls in for the first time."""
    at = timezone.now()
    with landlord_scope(landlord.pk):
        Reading.objects.create(
            meter=meter,
            taken_at=at,
            received_at=at,
            source=Reading.Source.NETWORK,
            device_epoch=1,
            total_kwh=Decimal("1520.25"),
            remaining_kwh=Decimal(remaining),
        )


def _is_paid_by_wechat(page: Any, landlord: Landlord, entry: dict[str, Any], desk: str) -> None:
    """She pastes what WeChat Pay gave her into the guided set-up, and sees the check come out well by itself."""
    page.goto(desk)
    page.click("a[href$='/collectionaccount/set-up/']")
    page.click("a[href$='/S1/wechat/']")
    for field in ASKED["S1", "wechat"]:
        page.fill(f"[name={field.name}]", str(entry[field.name]))
    page.fill("[name=password]", PASSWORD)
    page.click("form[data-once] button[type=submit]")
    page.wait_for_selector("text=being checked")
    with landlord_scope(landlord.pk):
        account = CollectionAccount.objects.get()
    # The worker's part: the platform is asked over HTTP.
    account_checks.check_account(landlord_id=landlord.pk, account_id=account.pk, now=timezone.now())
    page.wait_for_selector("dt:has-text('Takes payments') + dd:has-text('yes')")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def _let(page: Any, landlord: Landlord, meter: Meter) -> House:
    """Chen moves in, by the form the last page leads to."""
    page.click("text=Let a renter in")
    page.fill("[name=renter_name]", "Chen")
    page.fill("[name=renter_phone]", "13900000021")
    page.click("form[data-once] button[type=submit]")
    page.wait_for_selector("text=Rented to Chen")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    with landlord_scope(landlord.pk):
        lease = Lease.objects.select_related("renter", "meter__room").get(meter=meter)
        return House(
            landlord, landlord.members.get().user, lease.meter.room, meter, meter, lease.renter, lease
        )


def test_from_a_box_on_the_table_to_the_first_income(
    open_browser: OpenBrowser,
    boxes: list[tuple[StockedMeter, str]],
    outbox: Path,
    live_server: Any,
    book: dict[str, Any],
    sandbox: str,
) -> None:
    page = open_browser()
    (first, first_code), *others = boxes
    page.goto(f"{live_server.url}/q/{first.qr_token}")
    assert page.text_content("h1:not(.room)") == "Is this your meter?"
    _fits_and_leads_on(page)
    page.click("a.main")
    page.wait_for_selector("[name=phone]")
    _fits_and_leads_on(page)
    _register(page, outbox)

    assert page.locator("[name=number]").count() == 0
    _fits_and_leads_on(page)
    page.fill("[name=claim_code]", first_code.lower())
    page.fill("[name=room]", "101")
    page.fill("[name=price_yuan_per_kwh]", "0.65")
    page.click("button.main")
    page.wait_for_selector(".qr img")
    _fits_and_leads_on(page)
    assert "not connected yet" in page.text_content(".detail")
    assert _decoded(page) == f"{live_server.url}/q/{first.qr_token}"

    landlord = Landlord.objects.get(name="Sun Court")
    with landlord_scope(landlord.pk):
        meter = Meter.objects.select_related("room").get(serial=first.serial)
    _report(landlord, meter, "12.40")
    until(page, "document.querySelector('.figure .number')?.textContent === '12.40'")
    assert page.text_content("#told") == "The meter has reported. It is ready."

    for room, (stocked, code) in zip(("102", "103"), others, strict=True):
        page.click("text=Add the next one")
        page.wait_for_selector("[name=number]")
        assert _asked(page) == ["number", "claim_code", "room", "price_yuan_per_kwh"]
        assert page.input_value("[name=price_yuan_per_kwh]") == "0.65"
        page.fill("[name=number]", stocked.serial)
        page.fill("[name=claim_code]", code)
        page.fill("[name=room]", room)
        # The first screen asks four things, the second one has the meter and its code: nothing lies between.
        page.click("button.main")
        page.wait_for_selector(".qr img")
        assert page.text_content("h1") == room
        _fits_and_leads_on(page)

    _is_paid_by_wechat(page, landlord, book["wechat"][0], f"{live_server.url}/admin/")
    page.goto(f"{live_server.url}/join/claimed/{first.qr_token}")
    house = _let(page, landlord, meter)
    renter = open_browser()
    renter.goto(f"{live_server.url}/q/{first.qr_token}")
    renter.check('[value="20.00"]')
    renter.click("button.wechat")
    renter.wait_for_selector(".qr img")
    payer = open_browser()
    payer.goto(renter.get_attribute("a.demo", "href"))
    payer.click("button")
    renter.wait_for_selector(".steps .done")
    scene.send(house, at=timezone.now())
    scene.prove(house, at=timezone.now())
    renter.wait_for_selector(".steps .done:nth-child(4)")

    page.click("[aria-label='What you can do'] summary")
    page.click("text=Reading records")
    page.wait_for_selector("text=1,520.25 kWh")
    page.goto(f"{live_server.url}/admin/")
    page.wait_for_selector(".desk-home")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.text_content(".desk-home [aria-label='Income today'] .desk-big").startswith("20.00")


@pytest.mark.thorough
@pytest.mark.parametrize("viewport", [PHONE, DESK, {"width": 320, "height": 568}], ids=["375", "1280", "320"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_screen_fits_also_with_everything_wrong(
    open_browser: OpenBrowser,
    boxes: list[tuple[StockedMeter, str]],
    outbox: Path,
    live_server: Any,
    viewport: dict[str, int],
    scheme: str,
) -> None:
    page = open_browser(viewport=viewport, color_scheme=scheme)
    page.goto(f"{live_server.url}/join/?type=large")
    page.click("button.main")
    page.wait_for_selector("[aria-invalid]")
    _fits_and_leads_on(page)
    page.goto(f"{live_server.url}/join/login")
    page.click("button.main")
    page.wait_for_selector("[role=alert]:not([hidden])")
    _fits_and_leads_on(page)
    page.goto(f"{live_server.url}/join/")
    _register(page, outbox)
    page.click("summary")
    page.click("button.main")
    page.wait_for_selector("[aria-invalid]")
    assert page.locator("[aria-invalid]").count() == 4
    _fits_and_leads_on(page)


def test_a_wrong_code_takes_nothing_of_what_was_typed_also_not_the_password(
    open_browser: OpenBrowser, boxes: list[tuple[StockedMeter, str]], outbox: Path, live_server: Any
) -> None:
    page = open_browser()
    page.goto(f"{live_server.url}/join/")
    page.fill("[name=phone]", PHONE_NUMBER)
    page.click("button.main")
    page.wait_for_selector("[name=code]")
    page.fill("[name=code]", "12")
    page.fill("[name=name]", "Sun Court")
    page.fill("[name=password]", PASSWORD)
    page.click("button.main")
    page.wait_for_selector("[name=code][aria-invalid]")
    assert page.evaluate("document.activeElement.name") == "code"
    assert page.input_value("[name=password]") == PASSWORD
    assert re.fullmatch(r"Send the code again in \d+ s", page.text_content("[data-wait]"))
    assert page.is_disabled("[data-wait]")
    page.fill("[name=code]", _code(outbox))
    page.click("button.main")
    page.wait_for_selector("[name=claim_code]")


def test_a_phone_without_a_connection_keeps_the_form(
    open_browser: OpenBrowser, boxes: list[tuple[StockedMeter, str]], outbox: Path, live_server: Any
) -> None:
    page = open_browser()
    page.goto(f"{live_server.url}/join/")
    _register(page, outbox)
    stocked, code = boxes[0]
    page.fill("[name=number]", stocked.serial)
    page.fill("[name=claim_code]", code)
    page.fill("[name=room]", "101")
    page.fill("[name=price_yuan_per_kwh]", "0.65")
    page.context.set_offline(True)
    page.click("button.main")
    page.wait_for_selector(".script-words:not([hidden])")
    assert page.input_value("[name=claim_code]") == code
    page.context.set_offline(False)
    page.click("button.main")
    page.wait_for_selector(".qr img")


def test_a_double_click_adds_one_meter(
    open_browser: OpenBrowser, boxes: list[tuple[StockedMeter, str]], outbox: Path, live_server: Any
) -> None:
    page = open_browser(java_script_enabled=False)
    page.goto(f"{live_server.url}/join/")
    _register(page, outbox)
    stocked, code = boxes[0]
    page.fill("[name=number]", stocked.serial)
    page.fill("[name=claim_code]", code)
    page.fill("[name=room]", "101")
    page.fill("[name=price_yuan_per_kwh]", "0.65")
    page.dblclick("button.main")
    page.wait_for_selector(".qr img")
    assert page.text_content("h1") == "101"
    with landlord_scope(Landlord.objects.get(name="Sun Court").pk):
        assert Meter.objects.filter(serial=stocked.serial).count() == 1
