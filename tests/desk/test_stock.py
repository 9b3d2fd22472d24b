"""Meters come into stock with cards, whose codes are told once and work; a list with a mistake changes nothing."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.landing.qr import qr_url
from apps.meters.models import StockedMeter, StockEvent
from apps.meters.services.claiming import ClaimRefused, find_claimable
from tests.people import Street

LIST = "serial,model\n000000219998,dtsy-4g-ble\n000000219999,ddsy-4g\n"
IMPORT = "/ops/meters/stockedmeter/import/"


@pytest.fixture
def ops(street: Street, at_desk: Callable[[Any], Client]) -> Client:
    return at_desk(street.operator)


def codes(answer: Any) -> dict[str, str]:
    return {one["card"].stocked.serial: one["card"].readable for one in answer.context["cards"]}


def test_a_list_becomes_cards_whose_codes_claim(ops: Client, now: datetime) -> None:
    file = SimpleUploadedFile("list.csv", LIST.encode("utf-8-sig"))
    answer = ops.post(IMPORT, {"file": file})
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    told = codes(answer)
    assert list(told) == ["000000219998", "000000219999"]
    for serial, code in told.items():
        assert code in answer.content.decode()
        assert find_claimable(qr_token="", serial=serial, claim_code=code, now=now).serial == serial


def test_a_list_with_one_device_known_already_changes_nothing(ops: Client) -> None:
    ops.post(IMPORT, {"text": "serial,model\n000000219999,ddsy-4g\n"})
    before = set(StockedMeter.objects.values_list("serial", "qr_token", "claim_code_hash"))
    answer = ops.post(IMPORT, {"text": LIST})
    assert answer.status_code == 422
    assert "Line 3, serial: 000000219999 is in stock already." in answer.content.decode()
    assert set(StockedMeter.objects.values_list("serial", "qr_token", "claim_code_hash")) == before


def test_a_second_click_takes_nothing_in_and_tells_no_code(ops: Client) -> None:
    first = codes(ops.post(IMPORT, {"text": LIST}))
    hashes = set(StockedMeter.objects.values_list("claim_code_hash", flat=True))
    again = ops.post(IMPORT, {"text": LIST})
    assert again.status_code == 422
    assert "Was it sent twice?" in again.content.decode()
    assert not any(code in again.content.decode() for code in first.values())
    assert set(StockedMeter.objects.values_list("claim_code_hash", flat=True)) == hashes


def test_one_meter_is_taken_in_with_its_card(ops: Client) -> None:
    wrong = ops.post("/ops/meters/stockedmeter/add/", {"serial": "21", "profile": "ddsy-4g"})
    assert wrong.status_code == 422
    assert "has 2 digits, not 12" in wrong.content.decode()
    right = ops.post("/ops/meters/stockedmeter/add/", {"serial": "0000 0021 9998", "profile": "ddsy-4g"})
    assert list(codes(right)) == ["000000219998"]


def test_new_cards_make_the_old_codes_worthless_and_leave_landlords_meters_alone(
    ops: Client, street: Street, now: datetime
) -> None:
    old = codes(ops.post(IMPORT, {"text": LIST}))
    chosen = StockedMeter.objects.filter(serial__in=[*old, street.li.meter.serial])
    action = {"action": "new_cards", "_selected_action": [str(row.pk) for row in chosen]}
    new = codes(ops.post("/ops/meters/stockedmeter/", action))
    assert list(new) == list(old)
    with pytest.raises(ClaimRefused):
        find_claimable(qr_token="", serial="000000219998", claim_code=old["000000219998"], now=now)
    assert find_claimable(qr_token="", serial="000000219998", claim_code=new["000000219998"], now=now)


def test_the_stock_says_whose_a_meter_is_and_shows_no_code(ops: Client, street: Street) -> None:
    told = codes(ops.post(IMPORT, {"text": LIST}))
    shown = ops.get("/ops/meters/stockedmeter/").content.decode()
    assert "Li Rooms" in shown
    row = StockedMeter.objects.get(serial="000000219998")
    page = ops.get(f"/ops/meters/stockedmeter/{row.pk}/change/").content.decode()
    for text in (shown, page):
        assert not any(code in text or code.replace("-", "") in text for code in told.values())
        assert row.claim_code_hash not in text
        assert qr_url(row) not in text


def test_what_is_no_text_is_told(ops: Client) -> None:
    picture = SimpleUploadedFile("list.csv", b"\xff\xd8\xff\xe0\x00\x10JFIF")
    answer = ops.post(IMPORT, {"file": picture})
    assert "Save the list as CSV" in answer.content.decode()


def test_each_act_on_the_stock_says_who_did_it_at_the_device(ops: Client, street: Street) -> None:
    ops.post(IMPORT, {"text": LIST})
    row = StockedMeter.objects.get(serial="000000219998")
    ops.post("/ops/meters/stockedmeter/", {"action": "new_cards", "_selected_action": [str(row.pk)]})
    told = [(one.act, one.by) for one in row.events.order_by("id")]
    assert told == [("TAKEN_IN", street.operator), ("CARD", street.operator)]
    for page in ("change", "history"):
        shown = ops.get(f"/ops/meters/stockedmeter/{row.pk}/{page}/").content.decode()
        assert shown.index("new claim code, with a card") < shown.index("taken into stock")
        assert "Operator" in shown


def test_what_is_refused_leaves_no_line(ops: Client) -> None:
    ops.post(IMPORT, {"text": LIST})
    ops.post(IMPORT, {"text": LIST})
    assert StockEvent.objects.filter(stocked__serial__in=["000000219998", "000000219999"]).count() == 2
