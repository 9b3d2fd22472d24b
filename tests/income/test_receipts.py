"""A receipt says what was bought, where and at what price on its day, whatever is renamed or repriced later."""

from decimal import Decimal

import pytest

from apps.common.scoping import landlord_scope
from apps.income.models import Recharge
from apps.income.receipts import Receipt
from apps.income.selectors import payment_shown, receipt_of
from apps.income.services.fapiao import NotPaid, request_fapiao
from apps.income.services.recharge_ends import settle
from apps.income.states import Channel
from apps.meters.models import Room
from apps.meters.states import CommandState
from apps.tariffs.services import set_price
from tests.income.scene import Scene

pytestmark = pytest.mark.usefixtures("quiet_doorbells")


def receipt(scene: Scene, payment: object) -> Receipt | None:
    with landlord_scope(scene.house.landlord.pk):
        return receipt_of(scene.seen(payment))


def adds_up(made: Receipt) -> bool:
    return made.amount_yuan + made.carried_in_yuan == made.spent_yuan + made.carried_out_yuan


def test_an_unpaid_order_has_no_receipt(scene: Scene) -> None:
    assert receipt(scene, scene.order()) is None


def test_a_receipt_keeps_the_place_and_the_price_of_its_day(scene: Scene) -> None:
    payment = scene.paid()
    with landlord_scope(scene.house.landlord.pk):
        Room.objects.filter(pk=scene.house.room.pk).update(name="Penthouse")
        set_price(
            meter=scene.house.meter,
            price_yuan_per_kwh=Decimal("0.9900"),
            active_from=scene.now,
            by_id=scene.house.owner.pk,
            now=scene.now,
        )
    made = receipt(scene, payment)
    assert made is not None
    assert (made.place, made.price_yuan_per_kwh) == ("Li Court 3 302", Decimal("0.6500"))
    assert (made.energy_kwh, made.carried_out_yuan) == (Decimal("76.92"), Decimal("0.002000"))
    assert made.number == payment.out_trade_no
    assert made.platform_number == scene.seen(payment).transaction_id
    assert made.credited_at is None
    assert adds_up(made)


def test_every_receipt_of_a_lease_adds_up_to_the_millionth_of_a_yuan(scene: Scene) -> None:
    made = [receipt(scene, scene.paid(amount=amount)) for amount in ("10.00", "13.37", "20.01")]
    assert all(one is not None and adds_up(one) for one in made)
    assert made[1] is not None
    assert made[0] is not None
    assert made[1].carried_in_yuan == made[0].carried_out_yuan
    assert made[0].spent_yuan + made[0].carried_out_yuan == Decimal("10.00")


def test_the_credit_time_is_when_the_meter_proved_it(scene: Scene) -> None:
    payment = scene.paid()
    scene.command(payment, state=CommandState.DONE)
    at = scene.later(3)
    with landlord_scope(scene.house.landlord.pk):
        settle(command_id=Recharge.objects.get(payment=payment).command_id, now=at)
    made = receipt(scene, payment)
    assert made is not None
    assert made.credited_at == at


def test_money_that_went_back_stands_on_the_receipt(scene: Scene) -> None:
    payment = scene.paid(Channel.ALIPAY)
    refund = scene.refund(payment)
    waiting = receipt(scene, payment)
    assert waiting is not None
    assert (waiting.refunded_yuan, len(waiting.refunds)) == (Decimal("0.00"), 1)
    # What was taken back was not bought, and left nothing for the next recharge.
    assert (waiting.energy_kwh, waiting.carried_out_yuan) == (0, 0)
    scene.send(refund)
    done = receipt(scene, payment)
    assert done is not None
    assert (done.refunded_yuan, done.refunds[0].number) == (Decimal("50.00"), refund.out_refund_no)
    with landlord_scope(scene.house.landlord.pk):
        assert payment_shown(payment.order).pk == payment.pk


def test_no_fapiao_is_made_for_money_that_has_all_gone_back(scene: Scene) -> None:
    payment = scene.paid(Channel.ALIPAY)
    assert scene.send(scene.refund(payment)).state == "DONE"
    with landlord_scope(scene.house.landlord.pk), pytest.raises(NotPaid):
        request_fapiao(payment=scene.seen(payment), buyer_title="Sun", buyer_tax_no="", now=scene.now)
