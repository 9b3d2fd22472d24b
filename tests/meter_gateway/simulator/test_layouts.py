"""Energy brought to a meter in every layout, and what else may be done to its purse and its account."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from meter_gateway.protocol.credits import credit_frame, void_frame
from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.prepaid import CreditReport, open_account_request
from meter_gateway.protocol.profiles import Profile, load_profile, names
from meter_gateway.protocol.relay import StatusWord3
from meter_gateway.protocol.replies import Accepted, Refused, parse_reply
from meter_gateway.protocol.security import PurseStatus, purse_init_request, status_request
from meter_gateway.simulator.meter import Meter
from meter_gateway.simulator.port import Port
from meter_gateway.simulator.state import ORDERS_KEPT
from tests.meter_gateway.simulator.bench import (
    CUSTOMER,
    NOON,
    PROFILE,
    SERIAL,
    asked,
    meter_on_bench,
    port_on_bench,
    read,
    recharge,
)

ORDERED = load_profile("ddsy-4g-order")
WRITTEN = load_profile("ddsy-4g-write")
COUNTED = [load_profile(name) for name in names() if load_profile(name).credit_layout == "count_30"]


def bench(profile: Profile, **changes: object) -> tuple[Meter, Port]:
    meter = meter_on_bench(load_kw="0", pulses_per_kwh=profile.pulses_per_kwh, **changes)  # type: ignore[arg-type]
    return meter, port_on_bench(meter, profile)


def refusal(port: Port, frame: Frame) -> frozenset[str]:
    answer = asked(port, frame)
    assert answer is not None
    reply = parse_reply(answer)
    assert isinstance(reply, Refused), reply
    return reply.error_names


def accepted(port: Port, frame: Frame) -> Accepted:
    answer = asked(port, frame)
    assert answer is not None
    reply = parse_reply(answer)
    assert isinstance(reply, Accepted), reply
    return reply


@pytest.mark.parametrize(
    "profile", [load_profile(name) for name in names()], ids=lambda profile: profile.name
)
def test_every_model_takes_a_credit_in_its_layout_and_can_prove_it(profile: Profile) -> None:
    _, port = bench(profile)
    before = Decimal(str(read(port, profile.purchased_di)))
    frame = credit_frame(profile, SERIAL, Decimal("5.00"), 4, CUSTOMER, "20261123000017")
    accepted(port, frame)
    assert read(port, profile.remaining_di) == Decimal("17.40")
    assert read(port, profile.count_di) == 4
    assert read(port, profile.last_purchase_di) == 5
    assert read(port, profile.purchased_di) == before + 5


@pytest.mark.parametrize(
    ("profile", "times"),
    [(PROFILE, 1), (ORDERED, 1), (WRITTEN, 2)],
    ids=lambda value: getattr(value, "name", value),
)
def test_the_same_credit_twice_counts_as_the_layout_can_tell(profile: Profile, times: int) -> None:
    meter, port = bench(profile)
    frame = credit_frame(profile, SERIAL, Decimal("5.00"), 4, CUSTOMER, "17")
    accepted(port, frame)
    if times == 1:
        assert refusal(port, frame) == {"repeated_recharge"}
    else:
        accepted(port, frame)
    assert meter.remaining_kwh == Decimal("12.40") + 5 * times
    assert meter.state.purchase_count == 3 + times


def test_an_order_number_is_remembered_for_fifty_credits() -> None:
    meter, port = bench(ORDERED)
    for order in range(1, ORDERS_KEPT + 1):
        accepted(port, credit_frame(ORDERED, SERIAL, Decimal("0.01"), order_no=str(order)))
    first = credit_frame(ORDERED, SERIAL, Decimal("0.01"), order_no="1")
    assert refusal(port, first) == {"repeated_recharge"}
    accepted(port, credit_frame(ORDERED, SERIAL, Decimal("0.01"), order_no="51"))
    accepted(port, first)
    assert len(meter.state.orders) == ORDERS_KEPT


def test_another_layout_than_the_models_is_refused_and_changes_nothing() -> None:
    for profile, foreign in ((PROFILE, ORDERED), (ORDERED, PROFILE), (WRITTEN, PROFILE), (PROFILE, WRITTEN)):
        meter, port = bench(profile)
        before = meter.state
        refusal(port, credit_frame(foreign, SERIAL, Decimal("5.00"), 4, CUSTOMER, "17"))
        assert meter.state == before


def test_a_written_credit_needs_the_control_password_and_the_room() -> None:
    meter, port = bench(WRITTEN)
    wrong = replace(WRITTEN, auth=replace(WRITTEN.auth, password="111111"))
    assert refusal(port, credit_frame(wrong, SERIAL, Decimal("5.00"))) == {"unauthorised"}
    lesser = replace(WRITTEN, auth=replace(WRITTEN.auth, level=4))
    assert refusal(port, credit_frame(lesser, SERIAL, Decimal("5.00"))) == {"unauthorised"}
    assert refusal(port, credit_frame(WRITTEN, SERIAL, Decimal("999.00"))) == {"other"}
    assert meter.remaining_kwh == Decimal("12.40")


def test_an_ordered_credit_above_the_limit_is_refused() -> None:
    _, port = bench(ORDERED)
    frame = credit_frame(ORDERED, SERIAL, Decimal("999.00"), order_no="17")
    assert refusal(port, frame) == {"over_hoarding_limit"}


def test_energy_is_given_back_once_for_each_order_and_never_more_than_there_is() -> None:
    meter, port = bench(ORDERED)
    accepted(port, void_frame(ORDERED, SERIAL, Decimal("2.40"), "18"))
    assert (meter.remaining_kwh, meter.purchased_kwh) == (10, Decimal("157.60"))
    assert refusal(port, void_frame(ORDERED, SERIAL, Decimal("2.40"), "18")) == {"repeated_recharge"}
    assert refusal(port, void_frame(ORDERED, SERIAL, Decimal("10.01"), "19")) == {"other"}
    accepted(port, void_frame(ORDERED, SERIAL, Decimal("10.00"), "20"))
    assert not meter.state.relay_closed


def test_a_model_that_gives_nothing_back_refuses_it() -> None:
    meter, port = bench(PROFILE)
    assert refusal(port, void_frame(ORDERED, SERIAL, Decimal("2.40"), "18")) == {"other"}
    assert meter.remaining_kwh == Decimal("12.40")


@pytest.mark.parametrize("profile", COUNTED, ids=lambda profile: profile.name)
def test_a_meter_from_the_bench_is_opened_once_and_takes_recharges_then(profile: Profile) -> None:
    meter, port = bench(profile, account_open=False, count=0, remaining_kwh="0.00")
    word = read(port, "04000503")
    assert isinstance(word, StatusWord3)
    assert not word.account_opened
    assert refusal(port, recharge("5.00", 1, profile=profile)) == {"other"}
    opening = open_account_request(
        SERIAL, profile, energy_kwh=Decimal("5.00"), purchase_count=1, customer_no="000000004711"
    )
    accepted(port, opening)
    assert (meter.remaining_kwh, meter.state.purchase_count) == (5, 1)
    assert read(port, "0400040E") == "000000004711"
    assert meter.state.relay_closed
    word = read(port, "04000503")
    assert isinstance(word, StatusWord3)
    assert word.account_opened
    assert refusal(port, opening) == {"other"}
    accepted(port, recharge("5.00", 2, customer="000000004711", profile=profile))
    assert meter.remaining_kwh == 10


def test_an_opening_with_another_count_than_the_next_is_refused() -> None:
    meter, port = bench(PROFILE, account_open=False, count=0)
    for count, names_ in ((2, {"count_error"}),):
        frame = open_account_request(
            SERIAL, PROFILE, energy_kwh=Decimal("5.00"), purchase_count=count, customer_no="000000004711"
        )
        assert refusal(port, frame) == names_
    assert not meter.state.account_open


@pytest.mark.parametrize("profile", [*COUNTED, ORDERED], ids=lambda profile: profile.name)
def test_a_purse_begins_anew_with_count_zero(profile: Profile) -> None:
    meter, port = bench(profile)
    report = accepted(port, purse_init_request(SERIAL, profile, Decimal("7.00"))).credit
    assert report == CreditReport(Decimal("7.00"), 0, CUSTOMER)
    assert (meter.remaining_kwh, meter.purchased_kwh, meter.state.purchases) == (7, 0, ())
    assert read(port, profile.count_di) == 0
    accepted(port, credit_frame(profile, SERIAL, Decimal("5.00"), 1, CUSTOMER, "17"))
    assert meter.remaining_kwh == 12


def test_an_empty_purse_puts_the_light_out_and_a_full_one_brings_it_back() -> None:
    meter, port = bench(PROFILE)
    accepted(port, purse_init_request(SERIAL, PROFILE, Decimal(0)))
    assert not meter.state.relay_closed
    accepted(port, purse_init_request(SERIAL, PROFILE, Decimal("1.00")))
    assert meter.state.relay_closed
    assert refusal(port, purse_init_request(SERIAL, PROFILE, Decimal("1000.01"))) == {"over_hoarding_limit"}


def test_the_purse_tells_its_status() -> None:
    _, port = bench(PROFILE)
    assert accepted(port, status_request(SERIAL, PROFILE)).status == PurseStatus(
        Decimal("12.40"), 3, CUSTOMER
    )


def test_a_model_recharged_by_writes_knows_no_security_function() -> None:
    meter, port = bench(WRITTEN)
    before = meter.state
    for frame in (status_request(SERIAL, WRITTEN), purse_init_request(SERIAL, WRITTEN, Decimal("7.00"))):
        assert refusal(port, frame) == {"other"}
    assert meter.state == before


def test_a_credit_on_one_link_is_known_on_the_other() -> None:
    meter, cellular = bench(PROFILE)
    bluetooth = port_on_bench(meter)
    accepted(bluetooth, recharge("5.00", 4))
    answer = cellular.receive(recharge("5.00", 4).encode(), NOON + timedelta(seconds=1))
    assert not answer[0].credited
    assert meter.remaining_kwh == Decimal("17.40")
