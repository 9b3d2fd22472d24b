"""A meter on the test bench, and the instants the tests of this folder speak of."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from meter_gateway.simulator.load import Demand, SteadyLoad
from meter_gateway.simulator.meter import Meter
from meter_gateway.simulator.state import MeterState, pulses_of

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
"""12:00 in Shanghai."""

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
    **changes: object,
) -> Meter:
    state = MeterState(
        serial=SERIAL,
        customer_no=CUSTOMER,
        as_of=now,
        total_pulses=pulses_of(Decimal("1520.25"), PULSES),
        balance_pulses=pulses_of(Decimal(remaining_kwh), PULSES),
        purchased_pulses=pulses_of(Decimal("160.00"), PULSES),
        purchase_count=count,
        alarm_1_pulses=pulses_of(Decimal(10), PULSES),
        alarm_2_pulses=pulses_of(Decimal(5), PULSES),
        hoarding_limit_pulses=pulses_of(Decimal(1000), PULSES),
        **changes,  # type: ignore[arg-type]
    )
    load = demand or SteadyLoad(Decimal(load_kw))
    return Meter(state, load, pulses_per_kwh=PULSES, atomic_flash=atomic_flash)


def credit(meter: Meter, energy_kwh: str, count: int, *, now: datetime, customer: str = CUSTOMER) -> str:
    outcome = meter.credit(Decimal(energy_kwh), purchase_count=count, customer_no=customer, now=now)
    return outcome.name
