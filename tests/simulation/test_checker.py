"""The witness is shown each kind of wrong, and sees it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from apps.meters import deciding as d
from apps.meters import frames
from apps.meters.states import CommandKind, CommandState, Frozen, Purpose
from tests.simulation.checker import Violation, credit_in
from tests.simulation.people import Order, Wish
from tests.simulation.virtual_time import START
from tests.simulation.world import World

ENERGY_KWH = Decimal("10.00")


class Bench:
    """A world that does not run, with one order on its first meter, numbered and stored."""

    def __init__(self) -> None:
        self.world = World(1)
        self.world.office.open({serial: one.profile.name for serial, one in self.world.devices.items()})
        self.checker = self.world.checker
        self.serial, self.device = next(iter(self.world.devices.items()))
        self.device.meter.atomic_flash = True
        self.order = Order("t1", self.serial, ENERGY_KWH, self.world.people.new_id())
        self.checker.ordered(self.order)
        self.number = self.device.opening_count + 1
        self.command = d.OpenCommand(
            id=self.order.command_id,
            kind=CommandKind.CREDIT,
            state=CommandState.QUEUED,
            next_at=START,
            energy_kwh=ENERGY_KWH,
        )
        self.before = replace(self.world.office.state(self.serial), commands=(self.command,))
        self.frame = self.frame_of(self.number)
        self.commit(self.stored(self.number), self.step(CommandState.SENT))

    def frame_of(self, number: int) -> str:
        customer = self.device.meter.state.customer_no
        return frames.recharge(
            self.device.profile, self.serial, energy_kwh=ENERGY_KWH, number=number, customer_no=customer
        )

    def stored(self, number: int) -> d.StoreFrames:
        return d.StoreFrames(self.command.id, number, (self.frame_of(number),), Decimal(160), "", 1)

    def step(self, to: CommandState) -> d.Step:
        return d.Step(self.command.id, to)

    def letter(self, epoch: int) -> d.SendLetter:
        return d.SendLetter(
            self.command.id,
            1,
            1,
            Purpose.DELIVER,
            "gw1-1",
            epoch,
            (self.frame,),
            START,
            START,
            START.replace(hour=9),
            8,
        )

    def commit(self, *effects: d.Effect) -> None:
        self.checker.committed(self.before, self.before, list(effects))

    def take(self) -> None:
        self.device.cellular.receive(bytes.fromhex(self.frame), START)
        self.checker.look_at_meters()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def seen(invariant: str) -> "pytest.RaisesExc[Violation]":
    return pytest.raises(Violation, match=rf"^{invariant}: ")


def test_it_reads_number_and_energy_from_the_bytes_by_itself(bench: Bench) -> None:
    assert credit_in(bytes.fromhex(bench.frame)) == (bench.number, ENERGY_KWH)


def test_a_credit_numbered_twice_is_seen(bench: Bench) -> None:
    with seen("I4"):
        bench.commit(bench.stored(bench.number + 1))


def test_a_frame_that_was_never_committed_is_seen_on_the_wire(bench: Bench) -> None:
    with seen("I5"):
        bench.checker.written("gw1-1", 1, bench.serial, bytes.fromhex(bench.frame), START)


def test_a_letter_written_on_another_epoch_is_seen(bench: Bench) -> None:
    bench.commit(bench.letter(epoch=1))
    with seen("I13"):
        bench.checker.written("gw1-1", 2, bench.serial, bytes.fromhex(bench.frame), START)


def test_a_credit_taken_twice_is_seen(bench: Bench) -> None:
    bench.take()
    meter = bench.device.meter
    meter.state = replace(meter.state, purchase_count=bench.number - 1, balance_pulses=0)
    with seen("I6"):
        bench.take()


def test_a_credit_called_done_that_no_meter_took_is_seen(bench: Bench) -> None:
    with seen("I7"):
        bench.commit(bench.step(CommandState.DONE))


def test_a_refund_of_what_is_in_the_meter_is_seen(bench: Bench) -> None:
    bench.take()
    bench.order.state = "REFUNDED"
    with seen("I8"):
        bench.checker.settled(bench.order)


def test_a_frame_that_is_taken_after_its_refund_is_seen_in_the_replay(bench: Bench) -> None:
    bench.order.state = "REFUNDED"
    with seen("I8"):
        bench.checker.replay(START)


def test_energy_that_no_book_knows_is_seen(bench: Bench) -> None:
    meter = bench.device.meter
    meter.state = replace(meter.state, purchased_pulses=meter.state.purchased_pulses + 400)
    states = {serial: bench.world.office.state(serial) for serial in bench.world.devices}
    bench.order.state = "CREDITED"
    with seen("I9"):
        bench.checker.at_rest(states, [])


def test_a_new_purse_that_the_meter_forgets_leaves_the_witness_with_what_was_there_before(
    bench: Bench,
) -> None:
    device, meter = bench.device, bench.device.meter
    opening = (device.opening_count, device.opening_kwh)
    assert device.credited_by_somebody_else(Decimal("7.77"))
    meter.init_purse(Decimal(0), START)
    assert (device.opening_count, device.opening_kwh) == (0, 0)
    meter.forget_last_change(START)
    assert (device.opening_count, device.opening_kwh) == opening
    assert meter.purchased_kwh == opening[1] + Decimal("7.77")
    bench.order.state = "CREDITED"
    states = {serial: bench.world.office.state(serial) for serial in bench.world.devices}
    bench.checker.at_rest(states, [])


def test_a_step_the_graph_does_not_have_is_seen(bench: Bench) -> None:
    with seen("I10"):
        bench.commit(bench.step(CommandState.QUEUED))


def test_two_unproved_credits_are_seen(bench: Bench) -> None:
    both = tuple(replace(bench.command, id=bench.world.people.new_id(), number=n) for n in (4, 5))
    with seen("I11"):
        bench.checker.committed(bench.before, replace(bench.before, commands=both), [])


def test_a_meter_that_froze_for_nothing_is_seen(bench: Bench) -> None:
    with seen("I14"):
        bench.commit(d.Freeze(Frozen.CONTRADICTION, {}, START))


def test_an_order_nobody_ended_is_seen(bench: Bench) -> None:
    states = {serial: bench.world.office.state(serial) for serial in bench.world.devices}
    with seen("I14"):
        bench.checker.at_rest(states, [])


def test_a_wish_that_was_called_done_and_is_not_is_seen(bench: Bench) -> None:
    bench.order.state = "CREDITED"
    wish = Wish(bench.world.people.new_id(), bench.serial, 1, on=False)
    bench.checker.commands[wish.command_id] = (CommandKind.POWER_OFF, CommandState.DONE)
    states = {serial: bench.world.office.state(serial) for serial in bench.world.devices}
    with seen("I15"):
        bench.checker.at_rest(states, [wish])


def test_a_proved_count_that_falls_is_seen(bench: Bench) -> None:
    bench.commit(d.LearnCount(9, Decimal(160), "", START))
    with seen("I16"):
        bench.commit(d.LearnCount(8, Decimal(160), "", START))
