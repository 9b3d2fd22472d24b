"""Money that arrives when nobody is left to get its energy: it is booked, it goes back, and no meter is credited."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.common.scoping import landlord_scope
from apps.income import postings
from apps.income.models import Payment, Recharge, Refund
from apps.income.postings import Asset
from apps.income.services.ledger import balance
from apps.income.services.recharges import LEASE_ENDED, METER_REMOVED
from apps.income.states import Channel, PaymentState, RefundState
from apps.landing.removal import remove_meter
from apps.meters.models import Command, Lease, Meter
from apps.meters.services.registry import MeterInUse, begin_lease, end_lease
from apps.meters.states import CommandKind
from tests.income.scene import Scene, in_threads, wait_for_the_platform
from tests.income.signed import Platforms, is_success, post
from tests.people import House, Street

pytestmark = pytest.mark.usefixtures("quiet_doorbells")


@pytest.fixture
def platforms(sandbox_state: Path, book: dict[str, Any]) -> Platforms:
    return Platforms(sandbox_state, book)


def closed(scene: Scene, channel: Channel = Channel.WECHAT) -> Payment:
    """An order we gave up waiting for."""
    payment = scene.order(channel)
    with landlord_scope(scene.house.landlord.pk):
        Payment.objects.update(state=PaymentState.CLOSED, poll_at=None)
    return payment


def move_out(scene: Scene) -> None:
    with landlord_scope(scene.house.landlord.pk):
        end_lease(lease=scene.house.lease, ends_at=scene.now, by_id=scene.house.owner.pk, now=scene.now)


def remove(scene: Scene) -> None:
    house = scene.house
    with landlord_scope(house.landlord.pk):
        remove_meter(meter=house.meter, by_id=house.owner.pk, now=scene.now)


def credits(house: House) -> int:
    return Command.objects.filter(meter=house.meter, kind=CommandKind.CREDIT).count()


@pytest.mark.parametrize("channel", list(Channel))
@pytest.mark.parametrize("is_removed", [True, False])
def test_all_of_it_goes_back_by_itself_with_the_reason_and_no_meter_is_credited(
    scene: Scene, platforms: Platforms, channel: Channel, is_removed: bool
) -> None:
    payment = closed(scene, channel)
    move_out(scene)
    if is_removed:
        remove(scene)
    scene.later(5)
    scene.pay(payment)
    for _told_twice in range(2):
        assert is_success(payment, post(payment, platforms.notify(payment, scene.now)))
    with landlord_scope(scene.house.landlord.pk):
        assert (credits(scene.house), Recharge.objects.count()) == (0, 0)
        refund = Refund.objects.get()
        assert balance(Asset.CNY, postings.owed(payment.pk)) == payment.amount_yuan
    assert scene.seen(payment).state == PaymentState.PAID
    assert refund.reason == (METER_REMOVED if is_removed else LEASE_ENDED)
    assert scene.books() == []
    if scene.send(refund).state == RefundState.PROCESSING:
        wait_for_the_platform()
        scene.send(refund)
    assert scene.seen(refund).state == RefundState.DONE
    assert scene.gone_back(payment) == "50.00"
    assert scene.books() == []


def test_a_lease_that_was_renewed_still_gets_its_energy(scene: Scene, platforms: Platforms) -> None:
    payment = closed(scene)
    move_out(scene)
    with landlord_scope(scene.house.landlord.pk):
        renewed = begin_lease(
            meter=scene.house.meter,
            renter=scene.house.renter,
            starts_at=scene.now,
            by_id=scene.house.owner.pk,
            now=scene.now,
        )
    scene.later(5)
    assert is_success(payment, post(payment, platforms.notify(payment, scene.now)))
    assert scene.recharge(payment).holder == postings.holder_of(
        lease_id=renewed.pk, meter_id=scene.house.meter.pk
    )
    assert scene.books() == []


def test_the_next_renter_gets_no_energy_out_of_the_last_ones_money(
    scene: Scene, platforms: Platforms, paying_street: Street
) -> None:
    payment = closed(scene)
    move_out(scene)
    with landlord_scope(scene.house.landlord.pk):
        begin_lease(
            meter=scene.house.meter,
            renter=paying_street.sun,
            starts_at=scene.now,
            by_id=scene.house.owner.pk,
            now=scene.now,
        )
    scene.later(5)
    post(payment, platforms.notify(payment, scene.now))
    with landlord_scope(scene.house.landlord.pk):
        assert Refund.objects.get().reason == LEASE_ENDED
        assert credits(scene.house) == 0


def test_a_payment_and_the_removal_at_once_leave_energy_or_money_and_never_a_credit_of_a_removed_meter(
    scene: Scene, platforms: Platforms
) -> None:
    with landlord_scope(scene.house.landlord.pk):
        Lease.objects.filter(pk=scene.house.lease.pk).delete()
    payment = closed(scene)
    notify = platforms.notify(payment, scene.now)

    def act(number: int) -> object:
        try:
            return post(payment, notify) if number else remove(scene)
        except MeterInUse as refusal:
            return refusal

    in_threads(2, act)
    with landlord_scope(scene.house.landlord.pk):
        is_removed = Meter.objects.get(pk=scene.house.meter.pk).archived_at is not None
        assert (credits(scene.house), Refund.objects.count()) == ((0, 1) if is_removed else (1, 0))
    assert scene.books() == []


def test_a_meter_with_paid_energy_on_its_way_is_not_removed_by_service_or_by_database(scene: Scene) -> None:
    scene.paid()
    move_out(scene)
    with pytest.raises(MeterInUse) as refusal:
        remove(scene)
    assert "credit" in refusal.value.fields
    with landlord_scope(scene.house.landlord.pk):
        with pytest.raises(IntegrityError), transaction.atomic():
            Meter.objects.filter(pk=scene.house.meter.pk).update(archived_at=scene.now)


def test_the_database_refuses_a_credit_for_a_removed_meter(scene: Scene) -> None:
    move_out(scene)
    remove(scene)
    with landlord_scope(scene.house.landlord.pk):
        with pytest.raises(IntegrityError), transaction.atomic():
            Command.objects.create(
                meter=scene.house.meter,
                kind=CommandKind.CREDIT,
                created_at=scene.now,
                next_at=scene.now + timedelta(seconds=1),
                device_epoch=1,
                energy_kwh="1.00",
            )
