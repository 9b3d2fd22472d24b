"""A landlord gives a payment back over REST, once, and sees what became of it."""

import pytest

from apps.common.scoping import landlord_scope
from apps.income.models import Payment
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


def test_energy_that_has_left_is_refused_with_a_sentence_and_a_code(
    paying_street: Street, sandbox: str
) -> None:
    scene = scene_of(paying_street.li, sandbox)
    payment = scene.paid()
    scene.command(payment, state="SENT", number=1, frames=["68"], purchased_before_kwh="0.00")
    answer = Caller(paying_street.li.owner).post(f"payments/{payment.pk}/refunds", {"reason": "x"}, key="k2")
    assert (answer.status, answer.body["code"]) == (409, "energy_on_its_way")
    assert answer.body["detail"]


def test_wang_cannot_give_lis_payment_back(paying_street: Street, sandbox: str) -> None:
    payment = scene_of(paying_street.li, sandbox).paid()
    answer = Caller(paying_street.wang.owner).post(
        f"payments/{payment.pk}/refunds", {"reason": "x"}, key="k3"
    )
    assert answer.status == 404
    with landlord_scope(paying_street.li.landlord.pk):
        assert not Payment.objects.get(pk=payment.pk).refunds.exists()
