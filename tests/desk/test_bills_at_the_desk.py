"""Reconciliation as people see it: on both desks, over REST and as a file, and of one landlord only."""

import csv
import io
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from apps.common.scoping import landlord_scope
from apps.income.models import BillDay, CollectionAccount, Difference
from apps.income.reconciliation import Kind
from apps.landing.difference_words import _SENTENCES, tell
from tests.api.caller import Caller
from tests.people import House, Street

ComeIn = Callable[[Any], Client]
DAY = date(2026, 11, 22)
BILLS = "/admin/income/billday/"


def _bill(house: House, number: str, now: datetime) -> BillDay:
    with landlord_scope(house.landlord.pk):
        account = CollectionAccount(channel="wechat", merchant_id=f"M{number}")
        account.set_credentials({"secret": "x"})
        account.save()
        bill = BillDay.objects.create(
            account=account,
            day=DAY,
            state=BillDay.State.TAKEN,
            taken_at=now,
            next_at=now,
            bill_payments=3,
            bill_paid_yuan=Decimal("107.00"),
            ours_payments=2,
            ours_paid_yuan=Decimal("100.00"),
        )
        Difference.objects.create(
            bill=bill, kind="MISSING_HERE", number=number, bill_yuan=Decimal("7.00"), found_at=now
        )
    return bill


@pytest.fixture
def bills(street: Street, now: datetime) -> tuple[BillDay, BillDay]:
    return _bill(street.li, "LISTRANGER", now), _bill(street.wang, "WANGSTRANGER", now)


def test_a_landlord_sees_what_differs_and_what_to_do_and_settles_it(
    street: Street, at_desk: ComeIn, bills: tuple[BillDay, BillDay]
) -> None:
    li = at_desk(street.li.owner)
    listed = li.get(BILLS).content.decode()
    assert "1 difference" in listed
    assert "107.00" in listed
    assert "format=csv" in listed
    address = f"{BILLS}{bills[0].pk}/change/"
    page = li.get(address).content.decode()
    assert "Not in the books" in page
    assert "never asked for" in page
    assert "7.00" in page
    assert "WANGSTRANGER" not in listed + page
    with landlord_scope(street.li.landlord.pk):
        difference = Difference.objects.get()
    settle = f"{BILLS}{bills[0].pk}/settle/{difference.pk}/"
    li.post(settle, {"note": "the till downstairs"})
    with landlord_scope(street.li.landlord.pk):
        difference.refresh_from_db()
    assert (difference.state, difference.note) == ("SETTLED", "the till downstairs")
    assert "the till downstairs" in li.get(address).content.decode()
    assert "Agrees" in li.get(f"{BILLS}?look=fine").content.decode()


def test_nobody_settles_a_difference_of_another_landlord(
    street: Street, at_desk: ComeIn, bills: tuple[BillDay, BillDay]
) -> None:
    with landlord_scope(street.li.landlord.pk):
        difference = Difference.objects.get()
    wang = at_desk(street.wang.owner)
    # Her own bill's page with Li's difference in the address finds nothing either.
    for bill in bills:
        wang.post(f"{BILLS}{bill.pk}/settle/{difference.pk}/", {"note": "mine"})
    with landlord_scope(street.li.landlord.pk):
        difference.refresh_from_db()
    assert difference.state == "OPEN"


def test_the_operator_sees_every_landlords_bills_and_what_is_stuck(
    street: Street, at_desk: ComeIn, bills: tuple[BillDay, BillDay]
) -> None:
    operator = at_desk(street.operator)
    listed = operator.get("/ops/income/billday/").content.decode()
    assert "Li Rooms" in listed
    assert "Wang Rooms" in listed
    assert "Differences between a platform" in operator.get("/ops/").content.decode()
    page = operator.get(f"/ops/income/billday/{bills[1].pk}/change/").content.decode()
    assert "WANGSTRANGER" in page
    assert "It is settled" not in page


def test_rest_and_the_file_say_the_same_of_her_own_bills_only(
    street: Street, bills: tuple[BillDay, BillDay]
) -> None:
    li = Caller(street.li.owner)
    answer = li.get(
        "income/reconciliation", **{"from": "2026-11-22", "to": "2026-11-23", "channel": "wechat"}
    )
    [bill] = answer.body["results"]
    assert (bill["day"], bill["difference_yuan"], bill["open_differences"]) == ("2026-11-22", "7.00", 1)
    [difference] = bill["differences"]
    assert (difference["kind"], difference["number"]) == ("MISSING_HERE", "LISTRANGER")
    assert difference["sentence"]
    assert difference["to_do"]
    assert li.get("income/reconciliation", **{"from": "2026-11-23"}).body["results"] == []
    client = Client()
    client.force_login(street.li.owner)
    file = client.get("/api/v1/income/reconciliation?format=csv")
    text = b"".join(file.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    [line] = csv.DictReader(io.StringIO(text))
    assert (line["day"], line["bill_paid_yuan"], line["ours_paid_yuan"]) == ("2026-11-22", "107.00", "100.00")
    assert "LISTRANGER" in line["differences"]
    assert difference["to_do"] in line["differences"]


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_kind_of_difference_has_its_sentence_and_its_next_step(language: str) -> None:
    with translation.override(language):
        for kind, why in _SENTENCES:
            row = SimpleNamespace(
                kind=kind, why=why, bill_yuan=Decimal("1.00"), ours_yuan=Decimal("2.00"),
                bill_kwh=Decimal("3.00"), ours_kwh=Decimal("4.00"), state="HEALED",
            )  # fmt: skip
            told = tell(row)
            assert all((told.name, told.sentence, told.to_do))
            assert "%(" not in told.sentence
            assert language == "en" or not told.sentence.isascii()
    assert {kind for kind, _why in _SENTENCES} == set(Kind)


def test_the_days_are_drawn_with_what_is_to_look_at_marked_and_a_missing_bill_as_a_gap(
    street: Street, at_desk: ComeIn, bills: tuple[BillDay, BillDay], now: datetime
) -> None:
    with landlord_scope(street.li.landlord.pk):
        for days, state in ((1, BillDay.State.WAITING), (3, BillDay.State.TAKEN)):
            BillDay.objects.create(
                account=bills[0].account,
                day=DAY - timedelta(days=days),
                state=state,
                taken_at=now if state == BillDay.State.TAKEN else None,
                next_at=now,
                bill_paid_yuan=Decimal("214.00"),
                ours_paid_yuan=Decimal("214.00"),
            )
    chart = at_desk(street.li.owner).get(BILLS).context["days"]
    assert [bar.said for bar in chart.bars] == [
        "11/19: 214.00 yuan, agrees",
        "11/20: Bill missing",
        "11/21: Bill missing",
        "11/22: 107.00 yuan, of that 7.00 yuan to look at",
    ]
    assert [bar.is_gap for bar in chart.bars] == [False, True, True, False]
    assert [(bar.height, bar.marked) for bar in chart.bars] == [(100, 0), (0, 0), (0, 0), (50, 3)]
    assert chart.bars[-1].href == f"{BILLS}{bills[0].pk}/change/"
