"""What looks like a proof and is none."""

from datetime import timedelta
from decimal import Decimal

from apps.meters import frames
from apps.meters.evidence import weigh
from apps.meters.states import CommandKind, CommandState
from tests.meter_gateway.simulator.bench import CUSTOMER, NOON, SERIAL, meter_on_bench, port_on_bench
from tests.meters.street_of_one import PROFILE, StreetOfOne


def test_registers_read_while_a_phone_brought_the_credit_prove_nothing() -> None:
    meter = meter_on_bench(load_kw="0")
    port = port_on_bench(meter)
    asked = frames.proof_reads(PROFILE, SERIAL)
    replies = []
    for place, frame in enumerate(asked):
        if place == 1:
            meter.credit(Decimal("10.00"), purchase_count=4, customer_no=CUSTOMER, now=NOON)
        (answer,) = port.receive(bytes.fromhex(frame), NOON)
        replies.append(answer.raw.hex())
    assert weigh(PROFILE, asked, replies).count is None
    settled = [port.receive(bytes.fromhex(frame), NOON)[0].raw.hex() for frame in asked]
    assert weigh(PROFILE, asked, settled).count == 4


def test_the_open_relay_of_an_empty_meter_does_not_say_that_it_heard_the_off() -> None:
    street = StreetOfOne(remaining_kwh="0")
    street.line.lose_question = 1
    off = street.want(CommandKind.POWER_OFF, life_s=600)
    street.run(3)
    street.line.lose_question = 0
    street.run_until_quiet()
    assert street.store.ended[off] == CommandState.DONE
    assert street.meter.state.forced_off
    street.meter.credit(
        Decimal("10.00"), purchase_count=4, customer_no=CUSTOMER, now=street.now + timedelta(seconds=1)
    )
    assert not street.meter.state.relay_closed
