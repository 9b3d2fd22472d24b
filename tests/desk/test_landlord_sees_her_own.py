"""Nothing of Wang's is in any byte that Li's desk sends: lists, filters, searches, actions, forms, history."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from apps.accounts.models import AuditLine
from apps.common.scoping import everything, landlord_scope
from apps.income.models import Payment, Recharge
from apps.meters.models import Command, Lease, Room
from apps.readings.models import Reading
from apps.tariffs.models import Price
from tests.desk.scene import CANARIES
from tests.people import Street

METERS = "/admin/meters/meter/"
LISTS = (
    METERS,
    "/admin/meters/room/",
    "/admin/meters/site/",
    "/admin/meters/lease/",
    "/admin/meters/command/",
    "/admin/income/recharge/",
    "/admin/income/payment/",
    "/admin/readings/reading/",
    "/admin/tariffs/price/",
    "/admin/accounts/auditline/",
)

ComeIn = Callable[[Any], Client]


@pytest.fixture
def li(furnished: Street, at_desk: ComeIn) -> Client:
    return at_desk(furnished.li.owner)


def wangs(street: Street) -> dict[str, Any]:
    """One row of each of Wang's things, by the address of its kind."""
    with landlord_scope(street.wang.landlord.pk):
        return {
            "meters/meter": street.wang.meter.pk,
            "meters/room": street.wang.room.pk,
            "meters/site": street.wang.room.site_id,
            "meters/lease": Lease.objects.get().pk,
            "meters/command": Command.objects.earliest("id").pk,
            "income/recharge": Recharge.objects.get().pk,
            "income/payment": Payment.objects.earliest("id").pk,
            "readings/reading": Reading.objects.get().pk,
            "tariffs/price": Price.objects.earliest("id").pk,
            "accounts/auditline": AuditLine.objects.earliest("id").pk,
        }


def assert_clean(response: Any) -> None:
    text = response.content.decode()
    assert [canary for canary in CANARIES if canary in text] == []


def test_the_canaries_are_really_there_for_wang(furnished: Street, at_desk: ComeIn) -> None:
    client = at_desk(furnished.wang.owner)
    seen = "".join(client.get(address).content.decode() for address in ("/admin/", *LISTS))
    seen += client.get(f"{METERS}{furnished.wang.meter.pk}/change/").content.decode()
    assert [canary for canary in CANARIES if canary not in seen] == []


@pytest.mark.parametrize("address", ["/admin/", *LISTS])
def test_a_list_shows_her_rows_only(li: Client, address: str) -> None:
    response = li.get(address)
    assert response.status_code == 200
    assert "LI" in response.content.decode()
    assert_clean(response)


@pytest.mark.parametrize("address", LISTS)
@pytest.mark.parametrize("question", ["WANG", "00000000020", "1390000000"])
def test_a_search_finds_her_rows_only(li: Client, address: str, question: str) -> None:
    response = li.get(address, {"q": question})
    assert response.status_code == 200
    assert_clean(response)


def test_the_link_to_payments_that_need_her_shows_as_many_as_were_counted(
    li: Client, furnished: Street
) -> None:
    with landlord_scope(furnished.li.landlord.pk):
        Payment.objects.filter(state="PAID").update(review_reason="paid a second time")
    home = li.get("/admin/")
    [link] = re.findall(r'href="(/admin/income/payment/\?[^"]+)"', home.content.decode())
    assert li.get(link).context["cl"].result_count == home.context["review_count"] == 2


def test_a_forged_filter_chooses_nothing_or_is_refused(li: Client, furnished: Street) -> None:
    wang = wangs(furnished)
    for query in (
        f"site={wang['meters/site']}",
        "site=nonsense",
        "look=forged",
        "archived=forged",
        f"room__site__id__exact={wang['meters/site']}",
        "landlord__name__startswith=Wang",
        "qr_token__startswith=a",
        f"id__exact={wang['meters/meter']}",
        "o=-1.2.99",
        "p=99999",
    ):
        response = li.get(f"{METERS}?{query}")
        assert response.status_code in (200, 302, 400), query
        assert_clean(response)
    assert li.get(f"{METERS}?site={wang['meters/site']}").context["cl"].result_count == 0
    assert li.get(f"{METERS}?site={furnished.li.room.site_id}").context["cl"].result_count == 2
    assert li.get(f"{METERS}?look=stale").context["cl"].result_count == 1
    for kind in ("readings/reading", "income/recharge", "meters/command", "tariffs/price", "meters/lease"):
        response = li.get(f"/admin/{kind}/?meter__id__exact={wang['meters/meter']}")
        assert response.context["cl"].result_count == 0, kind
        assert_clean(response)
        assert li.get(f"/admin/{kind}/?meter__landlord__name=Wang").status_code == 400, kind


def test_an_address_is_not_a_query_language(li: Client) -> None:
    for lookup in (
        "evidence__x",
        "account__sealed_credentials__startswith",
        "order__caller",
        "qr_text__contains",
    ):
        assert li.get(f"/admin/income/payment/?{lookup}=a").status_code == 400, lookup


def test_a_foreign_thing_is_answered_exactly_like_a_missing_one(li: Client, furnished: Street) -> None:
    pages = ["change/", "history/", ""]
    acts = ["recharge/", "power-on/", "power-off/", "price/", "read/", "live/"]
    for kind, foreign in wangs(furnished).items():
        for page in pages + (acts if kind == "meters/meter" else []):
            answers = []
            for key in (foreign, uuid4()):
                response = li.get(f"/admin/{kind}/{key}/{page}")
                said = [str(m).replace(str(key), "KEY") for m in get_messages(response.wsgi_request)]
                leads_to = response.headers["Location"].replace(str(key), "KEY")
                answers.append((leads_to, response.status_code, said, response.content))
                li.cookies.pop("messages", None)
            assert answers[0] == answers[1], (kind, page)
            assert answers[0][:2] == ("/admin/" if page else f"/admin/{kind}/KEY/change/", 302), (kind, page)
        # Where that leads, with whatever was said about it, there is nothing of hers either.
        response = li.get(f"/admin/{kind}/{foreign}/change/", follow=True)
        assert response.redirect_chain == [("/admin/", 302)]
        assert_clean(response)


def test_nobody_acts_on_a_foreign_meter(li: Client, furnished: Street) -> None:
    with everything("this test"):
        before = (
            Command.objects.count(),
            Recharge.objects.count(),
            Price.objects.count(),
            AuditLine.objects.count(),
        )
    for act, sent in (
        ("recharge", {"kind": "CASH", "amount_yuan": "50.00", "reason": "x", "key": "k1"}),
        ("power-off", {"reason": "x", "key": "k2"}),
        ("power-on", {"reason": "x", "key": "k3"}),
        ("price", {"price_yuan_per_kwh": "0.7000", "key": "k4"}),
        ("read", {}),
        ("change", {"note": "mine"}),
    ):
        response = li.post(f"{METERS}{furnished.wang.meter.pk}/{act}/", sent)
        assert (response.status_code, response.headers["Location"]) == (302, "/admin/"), act
    with everything("this test"):
        after = (
            Command.objects.count(),
            Recharge.objects.count(),
            Price.objects.count(),
            AuditLine.objects.count(),
        )
    assert after == before


def test_a_forged_choice_in_an_action_is_not_acted_upon(li: Client, furnished: Street) -> None:
    chosen = [str(furnished.wang.meter.pk), str(furnished.li.meter.pk)]
    response = li.post(METERS, {"action": "read_now", "_selected_action": chosen, "index": "0"}, follow=True)
    assert_clean(response)
    with everything("this test"):
        read = list(Command.objects.filter(kind="READ").values_list("meter_id", flat=True))
    assert read == [furnished.li.meter.pk]


def test_select_across_reaches_her_own_meters_only(li: Client, furnished: Street) -> None:
    sent = {"action": "read_now", "select_across": "1", "_selected_action": [str(furnished.wang.meter.pk)]}
    li.post(METERS, {**sent, "index": "0"})
    with everything("this test"):
        read = set(Command.objects.filter(kind="READ").values_list("meter_id", flat=True))
    assert read == {furnished.li.meter.pk, furnished.li.vacant_meter.pk}


def test_a_rooms_form_offers_and_takes_her_sites_only(li: Client, furnished: Street) -> None:
    form = li.get("/admin/meters/room/add/")
    assert_clean(form)
    assert str(wangs(furnished)["meters/site"]) not in form.content.decode()
    sent = {"site": str(wangs(furnished)["meters/site"]), "building": "9", "floor": "", "name": "901"}
    answer = li.post("/admin/meters/room/add/", sent)
    assert answer.status_code == 200
    assert "site" in answer.context["adminform"].form.errors
    with everything("this test"):
        assert not Room.objects.filter(name="901").exists()


def test_doors_into_other_rows_are_shut(li: Client, furnished: Street) -> None:
    query = "app_label=meters&model_name=room&field_name=site&term=W"
    assert li.get(f"/admin/autocomplete/?{query}").status_code == 403
    assert li.get("/admin/search/?s=wang&extended=1").content == b""
    assert li.get("/admin/meters/").status_code == 302


def test_a_meters_own_pages_are_clean(li: Client, furnished: Street) -> None:
    for page in ("change", "history", "recharge", "power-off", "power-on", "price", "live"):
        response = li.get(f"{METERS}{furnished.li.meter.pk}/{page}/")
        assert response.status_code == 200, page
        assert_clean(response)
