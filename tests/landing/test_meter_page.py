"""The page behind the QR code: each state of a meter has its own sentence and its own next step."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils.html import strip_tags

from apps.accounts.models import Landlord
from apps.common.scoping import landlord_scope
from apps.income.services.recharges import recharge_by_member
from apps.income.states import Channel, RechargeKind
from apps.meters.models import Command
from apps.meters.services import registry
from apps.readings.models import DailyReading
from apps.tariffs.models import Price
from apps.tariffs.services import set_price
from tests.browser.chromium import ALIPAY_AGENT, WECHAT_AGENT
from tests.income.lending import prove, switched_on
from tests.landing import scene
from tests.people import NOON, House, Street

BOTH = (Channel.WECHAT, Channel.ALIPAY)


@pytest.fixture
def li(street: Street) -> House:
    return street.li


def _open(renter: Client, house: House, **headers: str) -> HttpResponse:
    return renter.get(f"/q/{house.meter.qr_token}", headers=headers)


def _words(answer: Any) -> str:
    return " ".join(strip_tags(answer.content.decode()).split())


def test_it_shows_the_room_a_masked_landlord_and_what_is_left(renter: Client, li: House, now: Any) -> None:
    scene.used_a_day(li, kwh="5.10", at=now - timedelta(minutes=10))
    scene.power(li, on=True, at=now)
    words = _words(_open(renter, li))
    for part in ("3 302", "L**'s meter", "12.40 kWh", "about 2 days left", "read 10 min ago", "Power is on"):
        assert part in words
    assert li.landlord.name not in words
    assert li.meter.serial not in words
    assert li.renter.name not in words


def test_nothing_of_the_other_landlord_is_on_the_page(renter: Client, street: Street, now: Any) -> None:
    scene.read(street.wang, at=now, remaining="77.77")
    scene.read(street.li, at=now, remaining="12.40")
    page = _open(renter, street.li).content.decode()
    assert "12.40" in page
    assert "77.77" not in page
    assert street.wang.landlord.phone not in page


def test_days_left_are_not_guessed_from_a_single_reading(renter: Client, li: House, now: Any) -> None:
    scene.read(li, at=now)
    assert "left ·" not in _words(_open(renter, li))
    assert "days left" not in _words(_open(renter, li))


def test_days_left_count_from_a_midnight_that_the_meter_kept(renter: Client, li: House, now: Any) -> None:
    scene.read(li, at=now, total="105.00", remaining="12.50")
    with landlord_scope(li.landlord.pk):
        DailyReading.objects.create(
            meter=li.meter,
            date=(now - timedelta(days=2)).date(),
            device_epoch=li.meter.device_epoch,
            total_kwh=Decimal("100.00"),
            taken_at=now - timedelta(days=1),
            source=DailyReading.Source.FREEZE,
        )
    assert "2 days left" in _words(_open(renter, li))


def test_a_meter_never_read_says_so_and_can_be_recharged(
    renter: Client, li: House, book: dict[str, Any], now: Any
) -> None:
    scene.takes_payments(li, book, "li", *BOTH, at=now)
    words = _words(_open(renter, li))
    assert "never read" in words
    assert "The meter has not reported yet. You can recharge already" in words
    assert "WeChat Pay" in words


def test_a_stale_reading_is_grey_and_shows_its_time_not_days(renter: Client, li: House, now: Any) -> None:
    scene.used_a_day(li, kwh="5.10", at=now - timedelta(hours=3))
    answer = _open(renter, li)
    assert "No signal from the meter. This is what it showed at" in _words(answer)
    assert 'class="card balance stale"' in answer.content.decode()
    assert "days left" not in _words(answer)


def test_low_energy_is_said_before_it_is_gone(renter: Client, li: House, now: Any) -> None:
    scene.read(li, at=now, remaining="3.00")
    assert "Running low. Recharge soon." in _words(_open(renter, li))


def test_zero_balance_promises_that_a_recharge_brings_the_light_back(
    renter: Client, li: House, now: Any
) -> None:
    scene.read(li, at=now, remaining="0.00")
    scene.power(li, on=False, at=now, reason="ZERO_BALANCE")
    words = _words(_open(renter, li))
    assert "Power is off: no energy left" in words
    assert "It comes back by itself after a recharge." in words


def test_forced_off_names_the_landlords_reason_and_promises_nothing(
    renter: Client, li: House, now: Any
) -> None:
    scene.read(li, at=now, remaining="0.00")
    scene.power(li, on=False, at=now, reason="FORCED_OFF")
    with landlord_scope(li.landlord.pk):
        Command.objects.create(
            meter=li.meter,
            kind="POWER_OFF",
            state="DONE",
            reason="wiring is being mended",
            created_at=now,
            next_at=now,
            final_at=now,
            device_epoch=1,
        )
    words = _words(_open(renter, li))
    assert "Power is off: switched off by the landlord" in words
    assert "Reason: wiring is being mended" in words
    assert "A recharge does not switch it on again. Call the landlord." in words
    assert "the light comes back" not in words


def test_a_removed_meter_answers_gone_with_the_landlords_phone(renter: Client, li: House, now: Any) -> None:
    scene.archive(li, at=now)
    answer = _open(renter, li)
    assert answer.status_code == 410
    assert "This meter has been removed." in _words(answer)
    assert f'href="tel:{li.landlord.phone}"' in answer.content.decode()


def test_an_unknown_code_is_a_page_of_its_own(renter: Client, street: Street) -> None:
    answer = renter.get("/q/nobody-printed-this")
    assert answer.status_code == 404
    assert "There is no such meter." in _words(answer)
    assert "Scan the code on the meter again" in _words(answer)


def test_a_meter_in_stock_asks_whether_it_is_yours(renter: Client, street: Street) -> None:
    stocked = registry.stock_meter(serial="000000000999", profile="dtsy-4g-ble", now=NOON)
    answer = renter.get(f"/q/{stocked.qr_token}")
    assert answer.status_code == 200
    assert "Is this your meter? No landlord has added this meter yet." in _words(answer)
    assert f'href="/join/claim?token={stocked.qr_token}"' in answer.content.decode()
    assert b"<form" not in answer.content


def test_a_landlord_without_a_channel_is_to_be_asked(renter: Client, li: House) -> None:
    answer = _open(renter, li)
    assert "The landlord does not take payments here yet. Ask them how to recharge." in _words(answer)
    assert b"data-pay" not in answer.content


def test_a_meter_without_a_price_takes_no_order(
    renter: Client, li: House, book: dict[str, Any], now: Any
) -> None:
    scene.takes_payments(li, book, "li", Channel.WECHAT, at=now)
    with landlord_scope(li.landlord.pk):
        Price.objects.filter(meter=li.meter).delete()
    assert "has not set a price for this meter yet" in _words(_open(renter, li))


@pytest.mark.parametrize(
    ("agent", "offered", "absent"),
    [
        (WECHAT_AGENT, b'value="wechat"', b'value="alipay"'),
        (ALIPAY_AGENT, b'value="alipay"', b'value="wechat"'),
    ],
)
def test_the_app_that_opened_the_page_decides_the_button(
    renter: Client, li: House, book: dict[str, Any], now: Any, agent: str, offered: bytes, absent: bytes
) -> None:
    scene.takes_payments(li, book, "li", *BOTH, at=now)
    page = renter.get(f"/q/{li.meter.qr_token}?login=failed", headers={"user-agent": agent}).content
    assert offered in page
    assert absent not in page


def test_an_ordinary_browser_is_offered_both_channels(
    renter: Client, li: House, book: dict[str, Any], now: Any
) -> None:
    scene.takes_payments(li, book, "li", *BOTH, at=now)
    page = _open(renter, li).content
    assert b'value="wechat"' in page
    assert b'value="alipay"' in page


def test_the_wrong_app_is_told_which_one_to_use(
    renter: Client, li: House, book: dict[str, Any], now: Any
) -> None:
    scene.takes_payments(li, book, "li", Channel.ALIPAY, at=now)
    words = _words(_open(renter, li, **{"user-agent": WECHAT_AGENT}))
    assert "The landlord takes no WeChat Pay here. Scan the code with Alipay instead." in words


@pytest.mark.parametrize(
    ("minimum", "offered"),
    [
        ("20.00", ["20.00", "50.00", "100.00", "200.00"]),
        ("10.00", ["10.00", "20.00", "50.00", "100.00"]),
        ("0.01", ["0.01", "20.00", "50.00", "100.00"]),
        ("5000.00", ["5000.00"]),
    ],
)
def test_the_minimum_is_one_of_the_amounts_and_none_is_below_it(
    renter: Client, li: House, book: dict[str, Any], now: Any, minimum: str, offered: list[str]
) -> None:
    scene.takes_payments(li, book, "li", Channel.WECHAT, at=now)
    Landlord.objects.filter(pk=li.landlord.pk).update(minimum_recharge_yuan=Decimal(minimum))
    answer = _open(renter, li)
    assert [preset.value for preset in answer.context["presets"]] == offered
    assert sum(preset.is_chosen for preset in answer.context["presets"]) == 1


def test_every_amount_says_what_it_buys(renter: Client, li: House, book: dict[str, Any], now: Any) -> None:
    scene.takes_payments(li, book, "li", Channel.WECHAT, at=now)
    bought = {p.value: p.energy_kwh for p in _open(renter, li).context["presets"]}
    assert bought == {"10.00": "15.38", "20.00": "30.76", "50.00": "76.92", "100.00": "153.84"}


def test_the_language_is_chosen_once_and_leaves_the_address(client: Client, li: House) -> None:
    address = f"/q/{li.meter.qr_token}"
    assert 'lang="zh-Hans"' in client.get(address).content.decode()
    answer = client.get(f"{address}?lang=en")
    assert answer["Location"] == address
    assert 'lang="en"' in client.get(address).content.decode()
    client.get(f"{address}?lang=zh-hans")
    assert 'lang="zh-Hans"' in client.get(address).content.decode()


def test_a_language_nobody_translated_changes_nothing(renter: Client, li: House) -> None:
    answer = renter.get(f"/q/{li.meter.qr_token}?lang=../../x")
    assert answer.status_code == 302
    assert "django_language" not in answer.cookies


def test_large_type_is_kept_until_it_is_taken_back(renter: Client, li: House) -> None:
    address = f"/q/{li.meter.qr_token}"
    assert 'class="large"' not in renter.get(address).content.decode()
    renter.get(f"{address}?type=large")
    assert 'class="large"' in renter.get(address).content.decode()
    renter.get(f"{address}?type=normal")
    assert 'class="large"' not in renter.get(address).content.decode()


def test_a_price_that_was_announced_stands_on_the_page_before_it_starts(
    renter: Client, li: House, book: dict[str, Any], now: Any
) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    scene.takes_payments(li, book, "li", *BOTH, at=now)
    first = (now.astimezone(zone) + timedelta(days=40)).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    with landlord_scope(li.landlord.pk):
        set_price(
            meter=li.meter,
            price_yuan_per_kwh=Decimal("0.7200"),
            active_from=first,
            by_id=li.owner.pk,
            now=now,
        )
    words = _words(_open(renter, li))
    month = f"{first:%b}" if first.year == now.astimezone(zone).year else f"{first:%b} {first.year}"
    assert f"from 1 {month}: 0.7200 yuan/kWh" in words
    assert "0.6500 yuan/kWh" in words


def test_what_is_left_over_is_shown_with_the_quote_before_paying(
    renter: Client, li: House, book: dict[str, Any], now: Any
) -> None:
    scene.takes_payments(li, book, "li", *BOTH, at=now)
    assert "left over" not in _words(_open(renter, li))
    with landlord_scope(li.landlord.pk):
        recharge_by_member(
            meter=li.meter,
            kind=RechargeKind.CASH,
            amount_yuan=Decimal("50.00"),
            energy_kwh=None,
            reason="cash",
            by_id=li.owner.pk,
            now=now,
        )
    scene.prove(li, at=now)
    page = _open(renter, li)
    assert "0.002 yuan left over from earlier recharges count too" in _words(page)
    assert 'data-carried="0.002000"' in page.content.decode()


def test_what_was_lent_is_one_sentence_and_the_quote_says_what_repays_it(
    renter: Client, street: Street, book: dict[str, Any], now: Any
) -> None:
    li = street.li
    scene.takes_payments(li, book, "li", *BOTH, at=now)
    with landlord_scope(li.landlord.pk):
        command = switched_on(li, now=now)
    assert "Your landlord lends you 2.00 kWh. They are on their way to the meter." in _words(
        _open(renter, li)
    )
    with landlord_scope(li.landlord.pk):
        prove(command.pk, now=now)
    words = _words(_open(renter, li))
    assert "Your landlord lent you 2.00 kWh on" in words
    assert "Your next recharge repays them." in words
    assert "2.00 kWh of it repay what was lent on" in words
    assert "lent" not in _words(_open(renter, street.wang))
