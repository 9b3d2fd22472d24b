"""Power that goes in the middle of a credit, at every byte."""

from decimal import Decimal

import pytest

from meter_gateway.simulator.meter import Meter, PowerLost
from meter_gateway.simulator.torn import CREDIT_BYTES, FLASH_ORDERS
from tests.meter_gateway.simulator.bench import NOON, PULSES, credit, meter_on_bench

BEFORE = (1240 * PULSES // 100, 160 * PULSES, 3)
AFTER = (6240 * PULSES // 100, 210 * PULSES, 4)


def cut(order: str, at_byte: int, **changes: object) -> Meter:
    meter = meter_on_bench(load_kw="0", **changes)  # type: ignore[arg-type]
    meter.flash_order, meter.cut_at_byte = order, at_byte
    with pytest.raises(PowerLost):
        credit(meter, "50.00", 4, now=NOON)
    return meter


def purse(meter: Meter) -> tuple[int, int, int]:
    return meter.state.balance_pulses, meter.state.purchased_pulses, meter.state.purchase_count


def test_two_banks_keep_all_of_a_credit_or_nothing() -> None:
    assert {purse(cut("atomic", at)) for at in range(CREDIT_BYTES)} == {BEFORE}
    assert purse(cut("atomic", CREDIT_BYTES)) == AFTER


@pytest.mark.parametrize("order", [order for order in FLASH_ORDERS if order != "atomic"])
def test_a_cut_before_the_first_byte_keeps_nothing_and_after_the_last_everything(order: str) -> None:
    assert purse(cut(order, 0)) == BEFORE
    done = cut(order, CREDIT_BYTES)
    assert purse(done) == AFTER
    assert done.state.purchases[0].energy_pulses == 50 * PULSES


def test_energy_first_loses_the_count_and_takes_the_credit_again() -> None:
    meter = cut("energy_first", 8)
    assert purse(meter) == (AFTER[0], AFTER[1], 3)
    assert credit(meter, "50.00", 4, now=NOON) == "APPLIED"
    assert meter.remaining_kwh == Decimal("112.40")


def test_count_first_keeps_the_count_and_refuses_the_energy_as_repeated() -> None:
    meter = cut("count_first", 2)
    assert purse(meter) == (*BEFORE[:2], 4)
    assert meter.state.purchases == ()
    assert credit(meter, "50.00", 4, now=NOON) == "REPEATED"


def test_every_byte_of_a_torn_balance_is_the_old_one_or_the_new_one() -> None:
    old, new = (value.to_bytes(4, "little", signed=True) for value in (BEFORE[0], AFTER[0]))
    for at in range(5):
        held = purse(cut("energy_first", at))[0]
        assert held.to_bytes(4, "little", signed=True) == new[:at] + old[at:]


def test_a_half_written_record_costs_the_oldest_one() -> None:
    meter = meter_on_bench(load_kw="0", count=0)
    for count in range(1, 11):
        credit(meter, "1.00", count, now=NOON)
    meter.flash_order, meter.cut_at_byte = "count_first", 5
    with pytest.raises(PowerLost):
        credit(meter, "1.00", 11, now=NOON)
    assert [record.count for record in meter.state.purchases] == [*range(10, 1, -1)]
    assert meter.state.purchase_count == 11


def test_the_light_follows_what_the_meter_finds_when_it_wakes() -> None:
    assert cut("energy_first", 8, remaining_kwh="0.00").state.relay_closed
    assert not cut("count_first", 2, remaining_kwh="0.00").state.relay_closed


def test_a_torn_meter_answers_every_register() -> None:
    for order in ("energy_first", "count_first"):
        for at in range(CREDIT_BYTES):
            meter = cut(order, at)
            assert 0 <= meter.remaining_kwh < 1_000_000
            assert 0 <= meter.purchased_kwh < 1_000_000
            assert meter.state.events.power_downs == 1
