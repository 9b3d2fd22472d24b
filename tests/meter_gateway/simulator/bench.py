"""A meter on the test bench, and the instants the tests of this folder speak of."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from meter_gateway.protocol.frames import Frame
from meter_gateway.protocol.prepaid import recharge_request
from meter_gateway.protocol.profiles import Profile, load_profile
from meter_gateway.protocol.reads import read_request
from meter_gateway.protocol.relay import Auth, RelayAction, StatusWord3, relay_request
from meter_gateway.protocol.replies import ReadReply, parse_reply
from meter_gateway.simulator.load import Demand, SteadyLoad
from meter_gateway.simulator.meter import Meter
from meter_gateway.simulator.port import Port
from meter_gateway.simulator.state import MeterState, pulses_of

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
"""12:00 in Shanghai."""

LOCAL_NOON = datetime(2026, 11, 23, 12, 0)  # noqa: DTZ001 - the meter's own wall clock
LATER = LOCAL_NOON + timedelta(minutes=10)
HOUR = timedelta(hours=1)
SERIAL = "000000219998"
CUSTOMER = "000000000001"
PULSES = 400


def meter_on_bench(
    *,
    remaining_kwh: str = "12.40",
    load_kw: str = "1",
    count: int = 3,
    demand: Demand | None = None,
    atomic_flash: bool = True,
    now: datetime = NOON,
    pulses_per_kwh: int = PULSES,
    **changes: object,
) -> Meter:
    state = MeterState(
        serial=SERIAL,
        customer_no=CUSTOMER,
        as_of=now,
        total_pulses=pulses_of(Decimal("1520.25"), pulses_per_kwh),
        balance_pulses=pulses_of(Decimal(remaining_kwh), pulses_per_kwh),
        purchased_pulses=pulses_of(Decimal("160.00"), pulses_per_kwh),
        purchase_count=count,
        alarm_1_pulses=pulses_of(Decimal(10), pulses_per_kwh),
        alarm_2_pulses=pulses_of(Decimal(5), pulses_per_kwh),
        hoarding_limit_pulses=pulses_of(Decimal(1000), pulses_per_kwh),
        **changes,  # type: ignore[arg-type]
    )
    load = demand or SteadyLoad(Decimal(load_kw))
    return Meter(state, load, pulses_per_kwh=pulses_per_kwh, atomic_flash=atomic_flash)


def credit(meter: Meter, energy_kwh: str, count: int, *, now: datetime, customer: str = CUSTOMER) -> str:
    outcome = meter.credit(Decimal(energy_kwh), purchase_count=count, customer_no=customer, now=now)
    return outcome.name


PROFILE = load_profile("dtsy-4g-ble")


def port_on_bench(meter: Meter, profile: Profile = PROFILE) -> Port:
    return Port(meter, profile)


def asked(port: Port, question: Frame, now: datetime = NOON) -> Frame | None:
    """The meter's answer to one question, None for silence."""
    (answer,) = port.receive(question.encode(), now)
    return Frame.decode(answer.raw) if answer.raw else None


def read(port: Port, di: str, now: datetime = NOON) -> object:
    """The value the meter answers for one register."""
    answer = asked(port, read_request(SERIAL, di), now)
    assert answer is not None
    reply = parse_reply(answer)
    assert isinstance(reply, ReadReply), reply
    assert not reply.problem
    return reply.value


def recharge(
    energy_kwh: str, count: int, *, customer: str = CUSTOMER, serial: str = SERIAL, profile: Profile = PROFILE
) -> Frame:
    return recharge_request(
        serial, profile, energy_kwh=Decimal(energy_kwh), purchase_count=count, customer_no=customer
    )


def switch(action: RelayAction, *, auth: Auth = PROFILE.auth, until: datetime = LATER) -> Frame:
    return relay_request(SERIAL, action, auth, until)


def status(port: object) -> StatusWord3:
    word = read(port, "04000503")  # type: ignore[arg-type]
    assert isinstance(word, StatusWord3)
    return word
