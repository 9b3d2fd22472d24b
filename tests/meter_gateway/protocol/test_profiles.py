"""Models as data."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from importlib import resources

import pytest

from meter_gateway.protocol import profiles
from meter_gateway.protocol.openings import Opening
from meter_gateway.protocol.profiles import ProfileError, UnknownProfile, load_profile, names
from meter_gateway.protocol.registers import find_register
from meter_gateway.protocol.relay import RelayAction


def test_the_models_are_there() -> None:
    assert names() == ["ddsy-4g", "ddsy-4g-order", "ddsy-4g-write", "dtsy-4g-ble", "dtsy-nb"]


def test_the_three_phase_model_is_rated_as_its_document_says() -> None:
    profile = load_profile("dtsy-4g-ble")
    assert (profile.model, profile.phases, profile.accuracy_class) == ("DTSY", 3, "1.0")
    assert (profile.un_v, profile.ib_a, profile.imax_a) == (Decimal(220), Decimal(10), Decimal(100))
    assert (profile.frequency_hz, profile.pulses_per_kwh) == (Decimal(50), 400)
    assert profile.max_power_kw == Decimal("75.9")
    assert profile.ble


def test_the_models_differ_where_the_code_must_not_guess() -> None:
    three_phase, single_phase = load_profile("dtsy-4g-ble"), load_profile("ddsy-4g")
    assert (three_phase.purchased_di, single_phase.purchased_di) == ("00900102", "03320601")
    assert (three_phase.opening, single_phase.opening) == (Opening.HEARTBEAT, Opening.REGISTRATION)
    assert (three_phase.on_action, single_phase.on_action) == (RelayAction.CLOSE, RelayAction.PERMIT_CLOSE)
    assert (three_phase.phases, single_phase.phases) == (3, 1)
    assert single_phase.imax_a == Decimal(60)
    assert not single_phase.ble


@pytest.mark.parametrize("name", names())
def test_every_register_a_profile_names_can_be_read(name: str) -> None:
    profile = load_profile(name)
    for di in (
        profile.total_di,
        profile.remaining_di,
        profile.count_di,
        profile.last_purchase_di,
        profile.purchased_di,
        profile.status_di,
        profile.customer_di,
        profile.freeze_di,
        *([profile.push_di] if profile.push_di else []),
    ):
        assert find_register(di).di == di


@pytest.mark.parametrize("name", names())
def test_every_profile_is_sound(name: str) -> None:
    profile = load_profile(name)
    assert profile.pulses_per_kwh % 100 == 0
    assert profile.credit_step_kwh % profile.credit_unit_kwh == 0
    assert profile.credit_places == 2
    assert 0 <= profile.relay_bit < 16
    assert profile.heartbeat_s > profile.answer_timeout_s
    assert profile.needs_customer_no <= (profile.credit_layout == "count_30")
    assert all(service.chunk >= 20 for service in profile.ble)


def test_a_command_lives_longer_where_devices_sleep() -> None:
    narrow = load_profile("dtsy-nb")
    assert narrow.bearer == "NB-IoT"
    assert [name for name in names() if load_profile(name).sleeps] == ["dtsy-nb"]
    assert narrow.expiry_factor * 60 > narrow.heartbeat_s
    assert {load_profile(name).expiry_factor for name in names() if name != "dtsy-nb"} == {1}


@pytest.mark.parametrize(
    "slip",
    [
        {"credit": {"layout": "count_31"}},
        {"credit": {"dedupe": "purchase_count"}},
        {"credit": {"mac": "none"}},
        {"link": {"bearer": "5G"}},
        {"credit": {"unit_kwh": "0.05"}},
        {"credit": {"unit_kwh": "10"}},
    ],
)
def test_a_slip_in_a_profile_is_a_typed_error(slip: dict[str, dict[str, str]]) -> None:
    text = resources.files(profiles).joinpath("dtsy-4g-ble.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    assert profiles.profile_of("dtsy-4g-ble", table) == load_profile("dtsy-4g-ble")
    for part, values in slip.items():
        table[part] |= values
    with pytest.raises(ProfileError):
        profiles.profile_of("dtsy-4g-ble", table)


def test_a_profile_is_read_once() -> None:
    assert load_profile("ddsy-4g") is load_profile("ddsy-4g")


@pytest.mark.parametrize("name", ["", "../dtsy-4g-ble", "dtsy"])
def test_a_name_nobody_wrote_is_a_typed_error(name: str) -> None:
    with pytest.raises(UnknownProfile):
        load_profile(name)


@pytest.mark.parametrize("name", names())
def test_a_parameter_is_written_at_its_own_level_with_the_same_password(name: str) -> None:
    profile = load_profile(name)
    written = profile.parameter_auth
    assert written.level == profile.parameter_level
    assert (written.password, written.operator) == (profile.auth.password, profile.auth.operator)
