"""The three dots of a meter: six pages, a link to give away, and the meter's end."""

import re
from collections.abc import Callable
from typing import Any

from django.test import Client
from django.utils import timezone

from apps.common.scoping import landlord_scope
from apps.meters.models import Lease, Meter, Share
from tests.people import Street

ComeIn = Callable[[Any], Client]
SIX = ["Meter reading", "Reading records", "Details", "QR code", "Bluetooth", "Energy reset"]


def at(meter: Meter, page: str) -> str:
    return f"/admin/meters/meter/{meter.pk}/{page}/"


def menu_of(browser: Client, meter: Meter) -> dict[str, str]:
    page = browser.get(at(meter, "change")).content.decode()
    [menu] = re.findall(r'<details class="desk-menu">.*?</details>', page, re.DOTALL)
    assert '<summary class="desk-button" aria-label="More pages of this meter">' in menu
    links = {text: href for href, text in re.findall(r'<a (?:class="\S+" )?href="([^"]+)">([^<]+)</a>', menu)}
    for href in links.values():
        place = href.partition("#")[2]
        assert f'id="{place}"' in page if place else browser.get(href).status_code == 200
    return links


def test_the_three_dots_lead_to_six_pages_and_a_role_sees_its_own(street: Street, at_desk: ComeIn) -> None:
    meter = street.li.meter
    assert list(menu_of(at_desk(street.li.owner), meter)) == [*SIX, "Remove the meter"]
    assert list(menu_of(at_desk(street.zhou), meter)) == [*SIX[:5], "Remove the meter"]
    assert list(menu_of(at_desk(street.viewer), meter)) == SIX[1:4]


def test_a_meters_records_are_files_too(street: Street, at_desk: ComeIn) -> None:
    browser = at_desk(street.li.owner)
    page = browser.get(at(street.li.meter, "change")).content.decode()
    files = re.findall(r'href="(/api/v1/meters/[^"]+format=csv)"', page)
    assert len(files) == 3
    for file in files:
        assert browser.get(file).headers["Content-Type"].startswith("text/csv")


def test_a_link_is_made_shown_once_opens_the_page_and_ends(street: Street, at_desk: ComeIn) -> None:
    owner, page = at_desk(street.li.owner), at(street.li.meter, "share")
    made = owner.post(page).content.decode()
    [address] = set(re.findall(r"/q/[\w-]+", made))
    assert "for Chen" in made
    assert address not in owner.get(page).content.decode()
    assert Client().get(address).status_code == 200
    with landlord_scope(street.li.landlord.pk):
        share = Share.objects.get()
        assert share.lease_id == street.li.lease.pk
    own = at(street.li.meter, "unshare")
    foreign = at(street.wang.meter, "unshare")
    at_desk(street.wang.owner).post(foreign, {"share": str(share.pk)})
    at_desk(street.wang.owner).post(own, {"share": str(share.pk)})
    assert Client().get(address).status_code == 200
    assert "The link is ended" in owner.post(own, {"share": str(share.pk)}, follow=True).content.decode()
    assert Client().get(address).status_code == 410


def test_a_meter_in_use_says_all_that_keeps_it_and_an_unused_one_is_removed(
    street: Street, at_desk: ComeIn
) -> None:
    owner, meter = at_desk(street.li.owner), street.li.meter
    refused = owner.post(at(meter, "remove"), {"key": "k1"})
    assert refused.status_code == 400
    assert "Somebody rents it; end the lease first." in refused.content.decode()
    with landlord_scope(street.li.landlord.pk):
        Lease.objects.filter(meter=meter).update(ends_at=timezone.now())
    done = owner.post(at(meter, "remove"), {"key": "k1"}, follow=True).content.decode()
    assert "Its records stay; its QR code says so." in done
    assert "nothing can be asked of it any more" in done
    assert at(meter, "remove") not in done
    assert at(meter, "share") not in done
    assert Client().get(f"/q/{meter.qr_token}").status_code == 410
    assert owner.get(at(meter, "share"), follow=True).redirect_chain
