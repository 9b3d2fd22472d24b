"""One signed payment becomes one proved credit, whatever is killed on the way."""

import signal
import time
from decimal import Decimal

import pytest

from tests.journeys.system import System, bought, wait_for

pytestmark = pytest.mark.system

ENERGY_KWH = Decimal("76.92")


def _energy(order: dict) -> Decimal:  # type: ignore[type-arg]
    return Decimal(order["quote"]["energy_kwh"])


def test_without_the_sweeper_it_is_credited_within_five_seconds(system: System) -> None:
    stranger, meter = system.stranger, system.stranger.meter(0)
    before = stranger.register(meter)
    order = stranger.order(meter)
    system.signal("sweeper", signal.SIGSTOP)
    try:
        stranger.pay(order)
        seconds = stranger.wait_until(order, "credited", 20)
    finally:
        system.signal("sweeper", signal.SIGCONT)
    assert seconds <= 5
    assert bought(before, stranger.register(meter)) == (1, _energy(order))
    assert system.books_hold() == ""


def test_with_valkey_killed_after_the_payment_it_is_credited_within_a_minute(system: System) -> None:
    stranger, meter = system.stranger, system.stranger.meter(3)
    before = stranger.register(meter)
    order = stranger.order(meter)
    system.signal("worker", signal.SIGSTOP)
    try:
        stranger.pay(order)
        wait_for("paid", lambda: stranger.state(order) != "created", 10)
        began = time.monotonic()
        system.kill("valkey")
    finally:
        system.signal("worker", signal.SIGCONT)
    stranger.wait_until(order, "credited", 60 - (time.monotonic() - began))
    assert bought(before, stranger.register(meter)) == (1, _energy(order))
    assert system.books_hold() == ""


@pytest.mark.thorough
def test_the_gateway_killed_when_the_bytes_are_stored(system: System) -> None:
    stranger, meter = system.stranger, system.stranger.meter(4)
    before = stranger.register(meter)
    order = stranger.order(meter)
    stranger.wait_idle(meter)
    system.signal("gateway", signal.SIGSTOP)
    try:
        stranger.pay(order)
        stranger.wait_until(order, "delivering", 10)
        assert bought(before, stranger.register(meter)) == (0, Decimal("0.00"))
    finally:
        system.kill("gateway")
    stranger.wait_until(order, "credited", 60)
    assert bought(before, stranger.register(meter)) == (1, _energy(order))
    assert system.books_hold() == ""


def test_the_gateway_killed_when_the_bytes_are_sent(system: System) -> None:
    stranger, meter = system.stranger, system.stranger.meter(5)
    before = stranger.register(meter)
    order = stranger.order(meter)
    # The meter takes the credit and its answer is lost: the gateway has sent and has heard nothing.
    stranger.bench(meter, faults={"mute_answers": 1})
    stranger.pay(order)
    wait_for("the credit in the meter", lambda: bought(before, stranger.register(meter))[0] == 1, 10)
    system.kill("gateway")
    stranger.bench(meter, faults={})
    stranger.wait_until(order, "credited", 60)
    assert bought(before, stranger.register(meter)) == (1, _energy(order))
    assert system.books_hold() == ""


@pytest.mark.thorough
def test_the_gateway_killed_when_the_meter_has_acknowledged(system: System) -> None:
    stranger, meter = system.stranger, system.stranger.meter(6)
    before = stranger.register(meter)
    order = stranger.order(meter)
    # The acknowledgement is out at once, the read-back behind it hangs: the gateway dies between the two.
    stranger.bench(meter, faults={"hold_after_credit_s": 5})
    stranger.pay(order)
    wait_for("the credit in the meter", lambda: bought(before, stranger.register(meter))[0] == 1, 10)
    time.sleep(0.2)
    assert stranger.state(order) == "delivering"
    system.kill("gateway")
    stranger.bench(meter, faults={})
    stranger.wait_until(order, "credited", 60)
    assert bought(before, stranger.register(meter)) == (1, _energy(order))
    assert system.books_hold() == ""


@pytest.mark.thorough
def test_a_lost_notify_is_found_by_polling(system: System) -> None:
    stranger, meter = system.stranger, system.stranger.meter(0)
    order = stranger.order(meter, channel="alipay")
    stranger.sandbox("POST", "faults", {"kind": "lose_notify", "count": 1})
    stranger.pay(order)
    stranger.wait_until(order, "credited", 45)
    assert system.books_hold() == ""


@pytest.mark.thorough
def test_a_notify_with_one_flipped_byte_is_refused_and_credits_nothing(system: System) -> None:
    stranger, meter = system.stranger, system.stranger.meter(0)
    before = stranger.register(meter)
    for channel in ("wechat", "alipay"):
        order = stranger.order(meter, channel=channel)
        stranger.sandbox("POST", "faults", {"kind": "flip_byte", "count": 1})
        stranger.pay(order)
        stranger.wait_until(order, "credited", 30)
        (told,) = [o for o in stranger.sandbox("GET", "orders") if o["out_trade_no"] == order["out_trade_no"]]
        statuses = [str(line) for notice in told["notices"] for line in notice["log"]]
        assert any("40" in line for line in statuses[:1]), statuses
    assert bought(before, stranger.register(meter))[0] == 2
    assert system.books_hold() == ""


def test_a_meter_trips_at_zero_with_the_link_down_and_closes_after_a_recharge(system: System) -> None:
    stranger, meter = system.stranger, system.stranger.meter(7)
    stranger.bench(meter, link="down", remaining_kwh="0.02", load_kw="20")
    wait_for("the trip", lambda: stranger.register(meter)["relay"] == "open", 20)
    assert stranger.register(meter)["remaining_kwh"] == "0.00"
    stranger.bench(meter, link="up", load_kw=None)
    wait_for("the meter back online", lambda: stranger.is_online(meter), 30)
    order = stranger.order(meter)
    stranger.pay(order)
    stranger.wait_until(order, "credited", 30)
    assert stranger.register(meter)["relay"] == "closed"


def test_garbage_on_the_gateways_port_disturbs_nobody(system: System) -> None:
    import socket

    stranger, meter = system.stranger, system.stranger.meter(0)
    address = (system.demo()["gateway"]["host"], system.demo()["gateway"]["port"])
    pid = system.pid("gateway")
    for rubbish in (b"\x68" * 4096, b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 8, b"\xfe" * 2048):
        with socket.create_connection(address, timeout=5) as visitor:
            visitor.sendall(rubbish)
    answer = stranger.rest("POST", f"meters/{meter['id']}/read", token=stranger.token())
    command = answer.body["id"]
    wait_for(
        "the reading",
        lambda: stranger.rest("GET", f"commands/{command}", token=stranger.token()).body["state"] == "DONE",
        20,
    )
    assert system.pid("gateway") == pid
