"""A landlord prints her labels: each code decodes to its meter's page, and Chinese stands on any machine."""

import io

import pytest
from django.test import Client
from PIL import Image

from apps.common.scoping import landlord_scope
from apps.landing.paper.sheet import drawable
from apps.landing.qr import qr_url
from apps.meters.models import Meter, Room, Site
from tests.api.caller import Caller
from tests.landing import printed
from tests.people import Street


@pytest.fixture
def client(street: Street) -> Client:
    """Li's owner, with a Chinese house."""
    with landlord_scope(street.li.landlord.pk):
        Site.objects.update(name="阳光公寓")
        Room.objects.filter(pk=street.li.room.pk).update(name="302 镕")
    client = Client()
    client.force_login(street.li.owner)
    return client


def test_the_png_decodes_back_to_the_meters_page(client: Client, street: Street) -> None:
    answer = client.get(f"/api/v1/meters/{street.li.meter.pk}/qr.png")
    picture = Image.open(io.BytesIO(answer.content))
    assert printed.decoded(picture) == [qr_url(street.li.meter)]


def test_labels_decode_in_the_order_of_the_house(client: Client, street: Street) -> None:
    answer = client.get("/api/v1/meters/labels.pdf")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert printed.codes(answer.content) == [qr_url(street.li.meter), qr_url(street.li.vacant_meter)]


def test_chinese_is_text_in_a_font_that_is_in_the_file(client: Client, street: Street) -> None:
    file = client.get(f"/api/v1/meters/labels.pdf?ids={street.li.meter.pk}").content
    [text] = printed.texts(file)
    for part in ("302 镕", "阳光公寓 · 3", "扫码查电量、充值", street.li.meter.serial):
        assert part in text
    embedded = printed.fonts(file)
    assert embedded
    assert all(embedded.values())
    assert len(file) < 60_000


def test_a_full_sheet_goes_on_on_the_next_page(client: Client, street: Street) -> None:
    from apps.landing.paper.labels import COLUMNS, ROWS, labels

    with landlord_scope(street.li.landlord.pk):
        meter = Meter.objects.select_related("room__site").get(pk=street.li.meter.pk)
    file = labels([meter] * (COLUMNS * ROWS + 1))
    assert [text.count(meter.serial) for text in printed.texts(file)] == [COLUMNS * ROWS, 1]
    assert printed.codes(file) == [qr_url(meter)] * (COLUMNS * ROWS)


def test_wangs_meter_among_the_chosen_is_as_missing_as_none(client: Client, street: Street) -> None:
    li = Caller(street.li.owner)
    foreign = li.get(f"meters/labels.pdf?ids={street.li.meter.pk},{street.wang.meter.pk}")
    missing = li.get("meters/labels.pdf?ids=00000000-0000-7000-8000-000000000000")
    assert (foreign.status, foreign.body) == (missing.status, missing.body)
    assert foreign.status == 404
    assert li.get("meters/labels.pdf?ids=one,two").status == 400


def test_the_desk_prints_the_chosen_ones_and_no_foreign_one(client: Client, street: Street) -> None:
    chosen = [str(street.li.vacant_meter.pk), str(street.wang.meter.pk)]
    answer = client.post("/admin/meters/meter/", {"action": "print_labels", "_selected_action": chosen})
    assert printed.codes(answer.content) == [qr_url(street.li.vacant_meter)]


def test_a_sign_no_font_of_ours_has_is_seen_to_be_missing() -> None:
    assert drawable("302 𠮷 室") == "302 〓 室"
