"""The lamp on the meter is the lamp on its page: lit below the meter's own threshold, dark after a recharge."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.test import Client

from apps.common.scoping import landlord_scope
from apps.income.services.recharges import recharge_by_member
from apps.income.states import RechargeKind
from apps.meters.services import commands
from meter_gateway.simulator.load import SteadyLoad
from tests.api.caller import Caller
from tests.meters.simulated_line import SimulatedLine
from tests.people import House, Street

LIT = "alarm lamp lit"


def _read(line: SimulatedLine, now: datetime) -> None:
    commands.ask_read(meter=line.row, by_id=None, now=now)
    line.go_on(now)


def _recharge(house: House, line: SimulatedLine) -> None:
    recharge_by_member(
        meter=line.row,
        kind=RechargeKind.GIFT,
        amount_yuan=None,
        energy_kwh=Decimal("20.00"),
        reason="a gift",
        by_id=house.owner.pk,
        now=line.now,
    )
    line.go_on(line.now)


def test_it_is_seen_lit_after_a_drop_below_the_threshold_and_dark_after_the_recharge(
    street: Street, at_desk: Callable[[Any], Client], now: datetime
) -> None:
    house, hour = street.li, timedelta(hours=1)
    desk, rest = at_desk(house.owner), Caller(house.owner)
    seen = []

    def look(line: SimulatedLine) -> None:
        page = desk.get(f"/admin/meters/meter/{house.meter.pk}/change/").content.decode()
        answer = rest.get(f"meters/{house.meter.pk}").body
        assert answer["lamp_on"] is line.meter.lamp_on is (LIT in page)
        seen.append((line.meter.remaining_kwh, line.meter.lamp_on))

    with landlord_scope(house.landlord.pk):
        line = SimulatedLine(house.meter, now - 4 * hour)
        line.meter.demand = SteadyLoad(Decimal("1"))
        _read(line, line.now)
    look(line)
    with landlord_scope(house.landlord.pk):
        _read(line, now - hour)
    look(line)
    with landlord_scope(house.landlord.pk):
        line.meter.demand = SteadyLoad(Decimal(0))
        _recharge(house, line)
    look(line)
    assert seen == [(Decimal("12.40"), False), (Decimal("9.40"), True), (Decimal("29.40"), False)]
