"""A landlord gives a payment back over REST, once, and sees what became of it."""

import pytest

from apps.common.ids import uuid7
from apps.common.scoping import landlord_scope
from apps.income.models import Payment, Refund
from apps.income.services.crediting import credit_reviewed
from apps.income.states import Channel
from tests.api.caller import Caller
from tests.income.scene import scene_of
from tests.people import Street

pytestmark = pytest.mark.usefixtures("quiet_doorbells")


def test_an_owner_gives_a_payment_back_and_a_repeat_with_the_same_key_gives_nothing_more(
    paying_street: Street, sandbox: str
) -> None:
    scene = scene_of(paying_street.li, sandbox)
    payment = scene.paid()
    owner, path = Caller(paying_street.li.owner), f"payments/{payment.pk}/refunds"
    first = owner.post(path, {"reason": "the wrong meter"}, key="k1")
    assert (first.status, first.body["amount_yuan"], first.body["state"]) == (202, "50.00", "CREATED")
    again = owner.post(path, {"reason": "the wrong meter"}, key="k1")
    assert again.body == first.body
    listed = owner.get(path).body
    assert first.body["id"] in str(listed)
    assert scene.books() == []


def test_a_refund_of_energy_that_has_left_is_taken_and_says_that_it_waits(
    paying_street: Street, sandbox: str
) -> None:
    scene = scene_of(paying_street.li, sandbox)
    payment = scene.paid()
    scene.command(payment, state="SENT", number=1, frames=["68"], purchased_before_kwh="0.00")
    owner, path = Caller(paying_street.li.owner), f"payments/{payment.pk}/refunds"
    answer = owner.post(path, {"reason": "x"}, key="k2")
    assert (answer.status, answer.body["state"]) == (202, "WAITING")
    order = Caller().get(f"orders/{payment.out_trade_no[:-2]}").body
    assert (order["state"], "房东要退回这笔钱" in order["detail"]) == ("delivering", True)


def test_a_part_goes_back_the_next_waits_its_turn_and_the_renter_reads_how_much(
    paying_street: Street, sandbox: str
) -> None:
    scene = scene_of(paying_street.li, sandbox)
    payment = scene.paid(Channel.ALIPAY)
    owner, path = Caller(paying_street.li.owner), f"payments/{payment.pk}/refunds"
    part = owner.post(path, {"reason": "too much", "amount_yuan": "20.00"}, key="k1")
    assert (part.status, part.body["amount_yuan"]) == (202, "20.00")
    other = owner.post(path, {"reason": "too much", "amount_yuan": "10.00"}, key="k2")
    assert (other.status, other.body["code"]) == (409, "refund_under_way")
    changed = owner.post(path, {"reason": "too much", "amount_yuan": "10.00"}, key="k1")
    assert (changed.status, changed.body["code"]) == (422, "idempotency_mismatch")
    with landlord_scope(paying_street.li.landlord.pk):
        refund = Refund.objects.get(pk=part.body["id"])
    scene.send(refund)
    order = Caller().get(f"orders/{payment.out_trade_no[:-2]}").body
    assert order["state"] == "paid"
    assert "20.00" in order["detail"]


def test_an_amount_that_is_none_is_refused_and_named(paying_street: Street) -> None:
    owner, path = Caller(paying_street.li.owner), f"payments/{uuid7()}/refunds"
    for number, amount in enumerate(["0", "-1", "1e2", "NaN", "1.005", "9" * 100, "", 20, None, True, ["1"]]):
        answer = owner.post(path, {"reason": "x", "amount_yuan": amount}, key=f"a{number}")
        assert answer.status in (400, 422), (amount, answer.body)
        assert "amount_yuan" in answer.body["fields"], amount


def test_a_refund_that_waits_for_a_person_is_asked_again_or_given_by_hand(
    paying_street: Street, sandbox: str
) -> None:
    scene = scene_of(paying_street.li, sandbox)
    refund = scene.refund(scene.paid())
    owner = Caller(paying_street.li.owner)
    early = owner.post(f"refunds/{refund.pk}/retry", {}, key="r0")
    assert (early.status, early.body["code"]) == (409, "not_in_review")
    with landlord_scope(paying_street.li.landlord.pk):
        Refund.objects.filter(pk=refund.pk).update(state="REVIEW", review_reason="ABNORMAL")
    again = owner.post(f"refunds/{refund.pk}/retry", {}, key="r1")
    assert (again.status, again.body["state"]) == (202, "CREATED")
    with landlord_scope(paying_street.li.landlord.pk):
        Refund.objects.filter(pk=refund.pk).update(state="REVIEW", review_reason="ABNORMAL")
    done = owner.post(f"refunds/{refund.pk}/by-hand", {"note": "cash at the door"}, key="r2")
    assert (done.status, done.body["state"], done.body["way"]) == (200, "DONE", "HAND")
    assert scene.books() == []


def test_wang_cannot_give_lis_payment_back(paying_street: Street, sandbox: str) -> None:
    payment = scene_of(paying_street.li, sandbox).paid()
    answer = Caller(paying_street.wang.owner).post(
        f"payments/{payment.pk}/refunds", {"reason": "x"}, key="k3"
    )
    assert answer.status == 404
    with landlord_scope(paying_street.li.landlord.pk):
        assert not Payment.objects.get(pk=payment.pk).refunds.exists()


def test_a_set_aside_payment_is_asked_about_anew_and_the_list_says_what_differed(
    paying_street: Street, sandbox: str
) -> None:
    scene = scene_of(paying_street.li, sandbox)
    payment = scene.order()
    owner, path = Caller(paying_street.li.owner), f"payments/{payment.pk}/credit"
    early = owner.post(path, {"reason": "x"}, key="c0")
    assert (early.status, early.body["code"]) == (409, "not_set_aside")
    with landlord_scope(paying_street.li.landlord.pk):
        Payment.objects.filter(pk=payment.pk).update(state="REVIEW", poll_at=None)
    asked = owner.post(path, {"reason": "x"}, key="c1")
    assert (asked.status, asked.body["credit_state"], asked.body["credit_detail"]) == (202, "ASKING", "")
    assert Caller(paying_street.wang.owner).post(path, {"reason": "x"}, key="c2").status == 404
    credit_reviewed(landlord_id=paying_street.li.landlord.pk, payment_id=payment.pk, now=scene.later(60))
    row = owner.get("income/payments").body["results"][0]
    assert row["credit_state"] == "REFUSED"
    assert "并没有支付" in row["credit_detail"]
