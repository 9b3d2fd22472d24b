"""What a meter of the fleet does to its answers when told to, on real sockets."""

from decimal import Decimal
from pathlib import Path

import pytest

from meter_gateway.protocol.openings import OpeningSeen
from meter_gateway.protocol.reads import read_request
from meter_gateway.protocol.stream import FrameSeen
from meter_gateway.simulator.faults import Faults
from tests.meter_gateway.simulator.bench import SERIAL, recharge
from tests.meter_gateway.simulator.listener import READ, Gateway, play, unit_on_bench, until


def test_a_muted_meter_works_and_says_nothing(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(mute_answers=1)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        caller.put(recharge("5.00", 4))
        await until(lambda: unit.meter.state.purchase_count == 4)
        answer = await caller.ask(READ)
        assert answer is not None
        assert answer.data[4:] == b"\x04\x00"
        assert unit.faults.mute_answers == 0

    play(unit, story)


def test_a_delayed_answer_comes_late(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(delay_answers_s=0.15)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        with pytest.raises(TimeoutError):
            await caller.ask(READ, patience_s=0.05)
        assert isinstance(await caller.next(), FrameSeen)

    play(unit, story)


def test_a_repeated_answer_comes_twice(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(repeat_answers=1)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        first = await caller.ask(READ)
        again = await caller.next()
        assert again.frame == first

    play(unit, story)


def test_an_answer_may_come_in_pieces(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(split_bytes=7)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        answer = await caller.ask(READ)
        assert answer is not None
        assert answer.data[4:] == b"\x03\x00"
        assert unit.faults_met["split_bytes"] == 1

    play(unit, story)


def test_a_lost_segment_stalls_what_follows_and_keeps_the_order(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(stall_s=0.15)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        caller.put(READ)
        with pytest.raises(TimeoutError):
            await caller.ask(read_request(SERIAL, "00900100"), patience_s=0.05)
        seen = [(await caller.next()).frame.di for _ in range(2)]
        assert seen == ["03320201", "00900100"]
        assert (unit.faults.stall_s, unit.faults_met["stall_s"]) == (0, 1)

    play(unit, story)


def test_a_late_answer_comes_with_the_next_one(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(late_answers=1)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        with pytest.raises(TimeoutError):
            await caller.ask(READ, patience_s=0.05)
        caller.put(read_request(SERIAL, "00900100"))
        assert [(await caller.next()).frame.di for _ in range(2)] == ["03320201", "00900100"]

    play(unit, story)


def test_a_connection_is_reset_instead_of_an_answer(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(reset_answers=1)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        with pytest.raises(ConnectionResetError):
            await caller.ask(READ)
        again = await gateway.logged_in()
        assert await again.ask(READ) is not None

    play(unit, story)


def test_a_half_open_connection_stays_silent_while_the_meter_calls_again(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(half_open=1)

    async def story(gateway: Gateway) -> None:
        old = await gateway.logged_in()
        old.put(READ)
        new = await gateway.logged_in()
        assert await new.ask(READ) is not None
        with pytest.raises(TimeoutError):
            await old.ask(READ, patience_s=0.05)
        assert unit.faults_met["half_open"] == 1

    play(unit, story)


def test_a_sleeping_module_hears_a_question_only_after_its_next_heartbeat(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path, heartbeat_s=0.2, bearer="NB-IoT")
    unit.awake_s = 0.05

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        await until(lambda: unit.asleep)
        caller.put(READ)
        assert isinstance(await caller.next(), OpeningSeen)
        assert isinstance(await caller.next(), FrameSeen)

    play(unit, story)


def test_power_lost_in_a_credit_takes_the_link_with_it(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.meter.cut_at_byte = 0

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        assert await caller.ask(recharge("5.00", 4)) is None
        again = await gateway.logged_in()
        answer = await again.ask(recharge("5.00", 4))
        assert answer is not None
        assert answer.control == 0x83

    play(unit, story)


def test_a_credit_is_applied_once_when_the_socket_drops_before_the_answer(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(drop_after_credit=1)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        assert await caller.ask(recharge("5.00", 4)) is None
        again = await gateway.logged_in()
        answer = await again.ask(recharge("5.00", 4))
        assert answer is not None
        assert (answer.control, answer.data) == (0xC3, b"\x02\x00")
        assert unit.meter.remaining_kwh == Decimal("17.40")
        assert unit.faults.drop_after_credit == 0

    play(unit, story)


def test_a_held_meter_answers_the_credit_and_stalls_the_read_back(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(hold_after_credit_s=0.2)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        answer = await caller.ask(recharge("5.00", 4), patience_s=0.15)
        assert answer is not None
        assert answer.control == 0x83
        with pytest.raises(TimeoutError):
            await caller.ask(READ, patience_s=0.05)
        assert isinstance(await caller.next(), FrameSeen)

    play(unit, story)


def test_a_held_meter_still_notices_that_the_gateway_hung_up(tmp_path: Path) -> None:
    unit = unit_on_bench(tmp_path)
    unit.faults = Faults(hold_after_credit_s=60.0)

    async def story(gateway: Gateway) -> None:
        caller = await gateway.logged_in()
        await caller.ask(recharge("5.00", 4))
        caller.put(READ)
        caller.hang_up()
        await gateway.logged_in()

    play(unit, story)
