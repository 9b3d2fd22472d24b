"""The receipt of a payment: a page and a PDF for who holds the order's number, and what is asked for with it."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils.html import strip_tags

from apps.accounts.models import AuditLine
from apps.common.scoping import landlord_scope
from apps.income.models import FapiaoRequest, Order
from apps.meters.models import Room
from tests.api.caller import Caller
from tests.income.scene import Scene, scene_of
from tests.landing import printed
from tests.people import Street

pytestmark = pytest.mark.usefixtures("quiet_doorbells")


@pytest.fixture
def li(paying_street: Street, sandbox: str) -> Scene:
    with landlord_scope(paying_street.li.landlord.pk):
        Room.objects.filter(pk=paying_street.li.room.pk).update(name="三零二")
    return scene_of(paying_street.li, sandbox)


@pytest.fixture
def renter() -> Client:
    return Client(headers={"accept-language": "en"})


def no_of(scene: Scene, payment: Any) -> str:
    with landlord_scope(scene.house.landlord.pk):
        return Order.objects.get(pk=payment.order_id).no


def address(scene: Scene, payment: Any, page: str = "receipt") -> str:
    return f"/q/{scene.house.meter.qr_token}/orders/{no_of(scene, payment)}/{page}"


def said(answer: Any) -> str:
    return " ".join(strip_tags(answer.content.decode()).split())


def test_page_and_pdf_say_the_same_in_both_languages(renter: Client, li: Scene) -> None:
    payment = li.paid()
    english = said(renter.get(address(li, payment)))
    for part in (
        "50.00 yuan",
        "0.6500 yuan/kWh",
        "76.92 kWh",
        "0.002000 yuan",
        payment.out_trade_no,
        "三零二",
    ):
        assert part in english
    assert "not in the meter yet" in english
    renter.cookies["django_language"] = "zh-hans"
    [paper] = printed.texts(renter.get(address(li, payment, "receipt.pdf")).content)
    for part in (
        "收据",
        "50.00 元",
        "0.6500 元/度",
        "76.92 度",
        "0.002000 元",
        payment.out_trade_no,
        "三零二",
    ):
        assert part in paper


def test_the_paper_carries_its_font(renter: Client, li: Scene) -> None:
    embedded = printed.fonts(renter.get(address(li, li.paid(), "receipt.pdf")).content)
    assert embedded
    assert all(embedded.values())


def test_foreign_unpaid_and_unknown_receipts_are_alike(
    renter: Client, li: Scene, paying_street: Street
) -> None:
    paid, unpaid = li.paid(), li.order(amount="20.00")
    at_wangs = f"/q/{paying_street.wang.meter.qr_token}/orders/{no_of(li, paid)}/receipt"
    unknown = f"/q/{li.house.meter.qr_token}/orders/R0000000000/receipt"
    answers = [renter.get(each) for each in (at_wangs, unknown, address(li, unpaid))]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert len({said(answer) for answer in answers}) == 1
    wang = Caller(paying_street.wang.owner)
    missing = wang.get("payments/00000000-0000-7000-8000-000000000000/receipt")
    foreign = wang.get(f"payments/{paid.pk}/receipt")
    assert (foreign.status, foreign.body) == (missing.status, missing.body)
    assert foreign.status == 404


def test_rest_gives_a_receipt_that_adds_up(li: Scene) -> None:
    payment = li.paid()
    by_number = Caller().get(f"orders/{no_of(li, payment)}/receipt").body
    by_payment = Caller(li.house.owner).get(f"payments/{payment.pk}/receipt").body
    assert by_number == by_payment
    left, right = (
        Decimal(by_number["amount_yuan"]) + Decimal(by_number["carried_in_yuan"]),
        Decimal(by_number["energy_kwh"]) * Decimal(by_number["price_yuan_per_kwh"])
        + Decimal(by_number["carried_out_yuan"]),
    )
    assert left == right
    assert by_number["fapiao"] is None


def test_a_fapiao_is_asked_for_changed_and_made_once(renter: Client, li: Scene) -> None:
    payment = li.paid()
    asked = renter.post(
        address(li, payment, "fapiao"), {"buyer_title": " 陈氏  商行 ", "buyer_tax_no": "91310000ma1k35x12b"}
    )
    assert asked.status_code == 302
    renter.post(address(li, payment, "fapiao"), {"buyer_title": "Chen", "buyer_tax_no": ""})
    owner = Client(headers={"accept-language": "en"})
    owner.force_login(li.house.owner)
    desk = f"/admin/income/payment/{payment.pk}"
    assert "A fapiao was asked for" in said(owner.get(f"{desk}/change/"))
    owner.post(f"{desk}/fapiao/", {"number": "2431 2000 0000 1234 5678"})
    owner.post(f"{desk}/fapiao/", {"number": "99999999"})
    with landlord_scope(li.house.landlord.pk):
        [row] = FapiaoRequest.objects.all()
        acts = (
            AuditLine.objects.filter(act__startswith="fapiao.").order_by("id").values_list("act", flat=True)
        )
        assert list(acts) == ["fapiao.request", "fapiao.issue"]
    assert (row.buyer_title, row.state, row.number) == ("Chen", "ISSUED", "24312000000012345678")
    late = renter.post(address(li, payment, "fapiao"), {"buyer_title": "Sun"})
    assert late.status_code == 409
    assert "Fapiao 24312000000012345678 was made" in said(late)


def test_a_wrong_tax_number_keeps_what_was_typed(renter: Client, li: Scene) -> None:
    answer = renter.post(
        address(li, li.paid(), "fapiao"), {"buyer_title": "Chen & Sons", "buyer_tax_no": "12"}
    )
    assert answer.status_code == 422
    assert "15 to 20 letters and digits" in said(answer)
    assert (answer.context["buyer_title"], answer.context["buyer_tax_no"]) == ("Chen & Sons", "12")


def test_the_database_holds_one_fapiao_a_payment_and_none_without_its_number(li: Scene) -> None:
    payment = li.paid()
    facts = {"payment": payment, "buyer_title": "Chen", "requested_at": li.now}
    with landlord_scope(li.house.landlord.pk):
        FapiaoRequest.objects.create(**facts)
        for wrong in (facts, {**facts, "state": "ISSUED"}, {**facts, "buyer_title": ""}):
            with pytest.raises(IntegrityError), transaction.atomic():
                FapiaoRequest.objects.create(**wrong)
