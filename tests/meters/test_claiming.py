"""A QR code says which meter, the card in the box says whose it may become."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from apps.accounts import doors
from apps.common.scoping import landlord_scope
from apps.meters.models import Command, Meter, StockedMeter
from apps.meters.services import claiming, registry
from apps.meters.states import CommandKind
from tests.people import NOON, House, Street


def _boxed(serial: str = "000000009901", profile: str = "dtsy-4g-ble") -> tuple[StockedMeter, str]:
    stocked = registry.stock_meter(serial=serial, profile=profile, now=NOON)
    return stocked, claiming.set_claim_code(stocked=stocked, now=NOON)


def _claim(house: House, stocked: StockedMeter, code: str, by_serial: bool = False) -> Meter:
    found = claiming.find_claimable(
        qr_token="" if by_serial else stocked.qr_token,
        serial=stocked.serial if by_serial else "",
        claim_code=code,
        now=NOON,
    )
    with landlord_scope(house.landlord.pk):
        room = claiming.find_or_make_room(site=None, site_name="", building="4", floor="", name="101")
        return claiming.claim_meter(stocked=found, room=room, by_id=house.owner.pk, now=NOON)


@pytest.mark.parametrize("by_serial", [False, True])
def test_the_right_code_makes_the_meter_hers_and_asks_it_for_its_first_reading(
    street: Street, by_serial: bool
) -> None:
    stocked, code = _boxed()
    meter = _claim(street.li, stocked, f" {code[:5].lower()}-{code[5:]}", by_serial)
    found = doors.open_one(doors.Kind.QR, stocked.qr_token)
    assert found is not None
    assert (found.landlord_id, found.object_id) == (street.li.landlord.pk, meter.pk)
    with landlord_scope(street.li.landlord.pk):
        asked = set(Command.objects.filter(meter=meter).values_list("kind", flat=True))
    # This model is delivered without an account.
    assert asked == {CommandKind.READ, CommandKind.OPEN_ACCOUNT}


def test_a_model_that_comes_with_its_account_open_is_only_read(street: Street) -> None:
    stocked, code = _boxed("000000009904", profile="ddsy-4g")
    meter = _claim(street.li, stocked, code)
    with landlord_scope(street.li.landlord.pk):
        assert Command.objects.get(meter=meter).kind == CommandKind.READ


def test_unknown_uncoded_barred_and_wrong_answer_alike(street: Street) -> None:
    stocked, code = _boxed()
    uncoded = registry.stock_meter(serial="000000009902", profile="dtsy-4g-ble", now=NOON)
    barred, barred_code = _boxed("000000009903")
    StockedMeter.objects.filter(pk=barred.pk).update(barred_at=NOON)
    answers = set()
    for token, tried in (
        ("nobody-printed-this", code),
        (stocked.qr_token, "WRONGCODE2"),
        (uncoded.qr_token, ""),
        (barred.qr_token, barred_code),
    ):
        with pytest.raises(claiming.ClaimRefused) as refused:
            claiming.find_claimable(qr_token=token, serial="", claim_code=tried, now=NOON)
        answers.add((refused.value.status, str(refused.value.detail)))
    assert len(answers) == 1


def test_a_claimed_meter_is_nobody_elses(street: Street) -> None:
    stocked, code = _boxed()
    _claim(street.li, stocked, code)
    with pytest.raises(registry.MeterTaken):
        _claim(street.wang, stocked, code)
    with landlord_scope(street.wang.landlord.pk):
        assert not Meter.objects.filter(serial=stocked.serial).exists()


def test_ten_wrong_codes_block_the_meter_for_an_hour(street: Street) -> None:
    stocked, code = _boxed()
    for _guess in range(10):
        with pytest.raises(claiming.ClaimRefused):
            claiming.find_claimable(qr_token=stocked.qr_token, serial="", claim_code="WRONG", now=NOON)
    with pytest.raises(claiming.ClaimBlocked):
        claiming.find_claimable(qr_token=stocked.qr_token, serial="", claim_code=code, now=NOON)
    later = NOON + timedelta(hours=1)
    assert claiming.find_claimable(qr_token=stocked.qr_token, serial="", claim_code=code, now=later)


def test_two_meters_never_share_a_code(street: Street) -> None:
    stocked, _code = _boxed()
    with pytest.raises(IntegrityError), transaction.atomic():
        StockedMeter.objects.create(serial="000000009905", profile="ddsy-4g", qr_token=stocked.qr_token)
    meter = _claim(street.li, stocked, _code)
    with landlord_scope(street.wang.landlord.pk):
        assert not doors.hang(doors.Kind.QR, meter.qr_token, object_id=street.wang.meter.pk)
