"""Energy or money, never both: refunds that meet a delivery, and an order that is paid through both channels."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.accounts.doors import Found
from apps.common.scoping import landlord_scope
from apps.income.models import Order, Payment, Recharge, Refund
from apps.income.services.cancelling import AlreadyPaid
from apps.income.services.payments import Applied
from apps.income.services.refunds import EnergyDelivered, EnergyOnItsWay
from apps.income.services.switching import switch_channel
from apps.income.states import Channel, RechargeState, RefundState
from apps.meters import deciding as d
from apps.meters.models import Command, Gateway, Letter, Meter, Presence
from apps.meters.services.delivery import take_turn
from apps.meters.states import CommandState
from apps.meters.store import PostgresStore
from tests.income.scene import NobodysPost, Scene, in_threads, scene_of
from tests.people import Street

pytestmark = pytest.mark.usefixtures("quiet_doorbells")


@pytest.fixture
def scene(paying_street: Street, sandbox: str) -> Scene:
    return scene_of(paying_street.li, sandbox)


@pytest.mark.parametrize(
    "state", [CommandState.QUEUED, CommandState.SENT, CommandState.ACKED, CommandState.UNKNOWN]
)
def test_f36_once_the_bytes_are_stored_a_refund_is_refused_and_nothing_changes(
    scene: Scene, state: CommandState
) -> None:
    payment = scene.paid()
    scene.command(payment, state=state, number=1, frames=["68"], purchased_before_kwh=Decimal("0.00"))
    with pytest.raises(EnergyOnItsWay) as refusal:
        scene.refund(payment)
    assert refusal.value.code == "energy_on_its_way"
    assert str(refusal.value.detail)
    assert scene.recharge(payment).state == RechargeState.OPEN
    assert scene.books() == []


def test_f36_energy_that_is_in_the_meter_is_not_given_back(scene: Scene) -> None:
    payment = scene.paid()
    scene.command(payment, state=CommandState.DONE)
    with pytest.raises(EnergyDelivered):
        scene.refund(payment)


@pytest.mark.parametrize("state", [CommandState.CANCELLED, CommandState.REJECTED])
def test_f36_what_the_meter_proved_not_to_have_is_given_back(scene: Scene, state: CommandState) -> None:
    payment = scene.paid()
    scene.command(payment, state=state)
    scene.refund(payment)
    assert scene.books() == []


def test_f36_refund_and_delivery_at_once_never_both_win(scene: Scene) -> None:
    """The meter comes online just as somebody gives the money back: energy or money, never both, never neither."""
    for round_ in range(6):
        payment = scene.paid(Channel.ALIPAY, "10.00")
        landlord_id, meter_id = scene.house.landlord.pk, scene.house.meter.pk
        with landlord_scope(landlord_id):
            Meter.objects.filter(pk=meter_id).update(
                purchase_count=0,
                purchased_kwh=Decimal("0.00"),
                opening_purchased_kwh=Decimal("0.00"),
                customer_no="000000000001",
            )
            Command.objects.exclude(recharge__payment=payment).filter(state=CommandState.SENT).update(
                state=CommandState.REJECTED
            )
            Letter.objects.update(state=Letter.State.LOST)
            gateway, _ = Gateway.objects.get_or_create(
                pk="gw1-test", defaults={"node": "gw1", "stream": "s", "hello_at": scene.now}
            )
            Presence.objects.update_or_create(
                serial=scene.house.meter.serial,
                defaults={"is_online": True, "gateway": gateway, "epoch": 1},
            )

        def race(number: int, payment: Payment = payment) -> object:
            if number:
                return refused_or_made(scene, payment)
            with landlord_scope(scene.house.landlord.pk):
                return take_turn(
                    store=PostgresStore(),
                    post=NobodysPost(),
                    meter_id=scene.house.meter.pk,
                    event=d.Rung(now=scene.now + timedelta(seconds=5)),
                )

        in_threads(2, race)
        command = scene.recharge(payment).command
        with landlord_scope(landlord_id):
            is_refunded = Refund.objects.filter(payment=payment).exists()
        assert is_refunded == (command.number is None), round_
        assert is_refunded == (command.state == CommandState.CANCELLED)
        assert scene.books() == []


def refused_or_made(scene: Scene, payment: Payment) -> object:
    try:
        return scene.refund(payment)
    except EnergyOnItsWay as refusal:
        return refusal


def _order_of(payment: Payment) -> Found:
    return Found(payment.landlord_id, payment.order_id)


def test_f28_an_order_paid_in_wechat_and_in_alipay_gives_the_second_payment_back_by_itself(
    scene: Scene,
) -> None:
    """Alipay cannot close a code nobody has scanned: the payer scans it after all, having paid in WeChat."""
    first = scene.order(Channel.ALIPAY)
    second = switch_channel(
        found=_order_of(first), channel=Channel.WECHAT, payer=None, payer_ip=None, now=scene.now
    ).payment
    assert second.out_trade_no != first.out_trade_no
    scene.pay(second)
    assert scene.poll(second) is Applied.PAID
    scene.pay(first)
    with landlord_scope(scene.house.landlord.pk):
        Payment.objects.filter(pk=first.pk).update(state="PENDING", poll_at=scene.now)
    assert scene.poll(first) is Applied.PAID_TWICE
    with landlord_scope(scene.house.landlord.pk):
        refund = Refund.objects.get()
        assert Recharge.objects.count() == 1
    assert refund.payment_id == first.pk
    assert scene.books() == []
    assert scene.send(refund).state == RefundState.DONE
    assert scene.gone_back(first) == "50.00"
    assert scene.books() == []


def test_f28_both_payments_at_once_credit_once_and_give_one_back(scene: Scene) -> None:
    first = scene.order(Channel.ALIPAY)
    second = switch_channel(
        found=_order_of(first), channel=Channel.WECHAT, payer=None, payer_ip=None, now=scene.now
    ).payment
    with landlord_scope(scene.house.landlord.pk):
        Payment.objects.filter(pk=first.pk).update(state="PENDING", poll_at=scene.now)
    scene.pay(first)
    scene.pay(second)
    applied = in_threads(2, lambda number: scene.poll((first, second)[number]))
    assert sorted(one.name for one in applied) == ["PAID", "PAID_TWICE"]
    with landlord_scope(scene.house.landlord.pk):
        assert (Recharge.objects.count(), Refund.objects.count()) == (1, 1)
    assert scene.books() == []


def test_f28_a_payer_who_has_paid_cannot_change_the_channel(scene: Scene) -> None:
    payment = scene.order(Channel.WECHAT)
    scene.pay(payment)
    with pytest.raises(AlreadyPaid):
        switch_channel(
            found=_order_of(payment), channel=Channel.ALIPAY, payer=None, payer_ip=None, now=scene.now
        )
    with landlord_scope(scene.house.landlord.pk):
        assert Order.objects.get().channel == Channel.WECHAT
        assert Payment.objects.count() == 1
