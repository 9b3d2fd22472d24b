import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from meter_gateway.simulator.load import SteadyLoad
from meter_gateway.simulator.roster import FleetFileError, first_day, read_fleet
from tests.meter_gateway.simulator.bench import NOON, PULSES

ROW = {
    "serial": "000000219998",
    "profile": "dtsy-4g-ble",
    "household": "MAC000009",
    "start_total_kwh": "1520.25",
    "start_remaining_kwh": "12.40",
    "start_purchase_count": 3,
    "start_purchased_kwh": "160.00",
    "customer_no": "000000000001",
    "relay": "closed",
    "load_factor": "1",
}


def fleet_file(tmp_path: Path, *rows: object) -> Path:
    path = tmp_path / "fleet.json"
    path.write_text(json.dumps(rows))
    return path


def test_the_contract_example_is_read_exactly(tmp_path: Path) -> None:
    (entry,) = read_fleet(fleet_file(tmp_path, ROW))
    assert (entry.serial, entry.start_total_kwh, entry.relay_closed) == (
        "000000219998",
        Decimal("1520.25"),
        True,
    )
    state = first_day(entry, SteadyLoad(Decimal(1)), pulses_per_kwh=PULSES, now=NOON)
    assert (state.balance_pulses, state.purchase_count) == (4960, 3)
    assert state.purchases[0].count == 3


def test_a_new_meter_brings_sixty_two_midnights_with_it(tmp_path: Path) -> None:
    (entry,) = read_fleet(fleet_file(tmp_path, ROW))
    state = first_day(entry, SteadyLoad(Decimal(1)), pulses_per_kwh=PULSES, now=NOON)
    assert len(state.freezes) == 62
    assert state.freezes[0].at == NOON - timedelta(hours=12)
    assert state.total_pulses - state.freezes[0].total_pulses == 12 * PULSES
    assert state.freezes[0].total_pulses - state.freezes[61].total_pulses == 61 * 24 * PULSES


def test_freezes_never_reach_below_zero(tmp_path: Path) -> None:
    (entry,) = read_fleet(fleet_file(tmp_path, {**ROW, "start_total_kwh": "50.00"}))
    state = first_day(entry, SteadyLoad(Decimal(1)), pulses_per_kwh=PULSES, now=NOON)
    assert [record.total_pulses // PULSES for record in state.freezes] == [38, 14]


@pytest.mark.parametrize(
    ("remaining", "forced"), [("5.00", True), ("0.00", False)], ids=["with energy", "at zero"]
)
def test_an_open_relay_is_a_forced_off_only_while_energy_is_left(
    tmp_path: Path, remaining: str, *, forced: bool
) -> None:
    (entry,) = read_fleet(fleet_file(tmp_path, {**ROW, "relay": "open", "start_remaining_kwh": remaining}))
    state = first_day(entry, SteadyLoad(Decimal(1)), pulses_per_kwh=PULSES, now=NOON)
    assert (state.relay_closed, state.forced_off) == (False, forced)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("serial", "12"),
        ("customer_no", "x" * 12),
        ("start_total_kwh", "-1"),
        ("start_remaining_kwh", "1.005"),
        ("start_remaining_kwh", "plenty"),
        ("start_purchase_count", "3"),
        ("start_purchase_count", 10000),
        ("relay", "ajar"),
        ("account", "perhaps"),
        ("flash", "paper"),
        ("clock_ahead_s", "1"),
        ("clock_drift_s_a_day", "fast"),
        ("clock_drift_s_a_day", "3601"),
        ("load_factor", "NaN"),
        ("profile", 7),
    ],
)
def test_a_bad_field_is_named_in_one_sentence(tmp_path: Path, field: str, value: object) -> None:
    with pytest.raises(FleetFileError, match=field) as refusal:
        read_fleet(fleet_file(tmp_path, {**ROW, field: value}))
    assert "\n" not in str(refusal.value)


def test_a_serial_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FleetFileError, match="twice"):
        read_fleet(fleet_file(tmp_path, ROW, ROW))


@pytest.mark.parametrize("text", ["", "{}", "[1]"])
def test_a_file_that_is_no_list_of_meters_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "fleet.json"
    path.write_text(text)
    with pytest.raises(FleetFileError, match="fleet file"):
        read_fleet(path)


def test_a_fleet_may_name_account_flash_and_clock(tmp_path: Path) -> None:
    row = {**ROW, "account": "none", "flash": "count_first", "clock_ahead_s": -90, "clock_drift_s_a_day": "2"}
    (entry,) = read_fleet(fleet_file(tmp_path, row))
    state = first_day(entry, SteadyLoad(Decimal(1)), pulses_per_kwh=PULSES, now=NOON)
    assert (state.account_open, state.clock_ahead_s, state.clock_drift_s_a_day) == (False, -90, 2)
    assert entry.flash_order == "count_first"


def test_a_new_meter_brings_its_months_with_it(tmp_path: Path) -> None:
    (entry,) = read_fleet(fleet_file(tmp_path, ROW))
    state = first_day(entry, SteadyLoad(Decimal("0.1")), pulses_per_kwh=PULSES, now=NOON)
    since_november = Decimal("0.1") * (22 * 24 + 12)
    assert state.settlements[0] == int((Decimal("1520.25") - since_november) * PULSES)
    assert len(state.settlements) == 12
