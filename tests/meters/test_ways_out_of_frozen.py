"""Each way out of FROZEN against each evidence: what is allowed, what it does, and why the rest is closed."""

from dataclasses import replace
from decimal import Decimal

import pytest

from apps.common.ids import uuid7
from apps.meters import deciding as d
from apps.meters.deciding.ways_out import Plan, WhyNot, plan
from apps.meters.states import CommandKind, CommandState, Frozen, Way
from meter_gateway.protocol.profiles import load_profile
from tests.meters.street_of_one import StreetOfOne
from tests.people import NOON

ORDER = (Way.ADOPT, Way.RESEND, Way.IMPORT, Way.EPOCH)


def _frozen(cause: Frozen, *, numbered: bool) -> d.MeterState:
    """Proved: count 3, 160 kWh; if numbered, credit 4 of 10 kWh is open on it."""
    credit = d.OpenCommand(
        id=uuid7(),
        kind=CommandKind.CREDIT,
        state=CommandState.UNKNOWN,
        next_at=NOON,
        energy_kwh=Decimal("10.00"),
        number=4 if numbered else None,
        frames=("68",) if numbered else (),
        purchased_before_kwh=Decimal("160.00") if numbered else None,
    )
    known = StreetOfOne().know_count().state
    return replace(known, frozen=cause, commands=(credit,))


def _probe(count: int, purchased: str, last: str | None, *earlier: str) -> d.Probe:
    return d.Probe(
        count, Decimal(purchased), Decimal(last) if last else None, tuple(Decimal(one) for one in earlier)
    )


_OK = "ok"
_W = WhyNot


@pytest.mark.parametrize(
    "cause", [Frozen.CONTRADICTION, Frozen.REFUSED, Frozen.UNCERTAIN, Frozen.FOREIGN_PURCHASE]
)
@pytest.mark.parametrize(
    ("probe", "said"),
    [
        # absent: only the same bytes again
        (_probe(3, "160.00", "20.00"), (_W.NOT_TAKEN, _OK, _W.SETTLE_FIRST, _W.OTHER_WAY)),
        # in the meter as ours
        (_probe(4, "170.00", "10.00"), (_OK, _W.TAKEN, _W.SETTLE_FIRST, _W.OTHER_WAY)),
        # ours, and a foreign one after it
        (_probe(5, "175.00", "5.00", "10.00"), (_OK, _W.TAKEN, _W.SETTLE_FIRST, _W.OTHER_WAY)),
        # the slot holds a foreign purchase
        (_probe(4, "165.00", "5.00"), (_OK, _W.TAKEN, _W.SETTLE_FIRST, _W.OTHER_WAY)),
        # the record of purchase 4 is gone
        (_probe(9, "190.00", "5.00"), (_W.CONTRADICTS_ITSELF, _W.TAKEN, _W.SETTLE_FIRST, _OK)),
        # torn: energy without its count
        (
            _probe(3, "170.00", "20.00"),
            (_W.CONTRADICTS_ITSELF, _W.CONTRADICTS_ITSELF, _W.SETTLE_FIRST, _OK),
        ),
        # torn the other way: count and record without the energy
        (_probe(4, "160.00", "10.00"), (_W.CONTRADICTS_ITSELF, _W.TAKEN, _W.SETTLE_FIRST, _OK)),
        # torn: count and energy, but the record shows the purchase before
        (_probe(4, "170.00", "20.00"), (_W.CONTRADICTS_ITSELF, _W.TAKEN, _W.SETTLE_FIRST, _OK)),
        # another device, or one set back
        (_probe(0, "0.00", None), (_W.CONTRADICTS_ITSELF, _W.CONTRADICTS_ITSELF, _W.SETTLE_FIRST, _OK)),
    ],
)
def test_with_a_numbered_credit_open(cause: Frozen, probe: d.Probe, said: tuple[object, ...]) -> None:
    state = _frozen(cause, numbered=True)
    found = [plan(state, probe, way) for way in ORDER]
    assert tuple(_OK if isinstance(one, Plan) else one for one in found) == said


@pytest.mark.parametrize("cause", [Frozen.CONTRADICTION, Frozen.FOREIGN_PURCHASE, Frozen.COUNT_FULL])
@pytest.mark.parametrize(
    ("probe", "said"),
    [
        (_probe(3, "160.00", "20.00"), (_OK, _W.NOTHING_NUMBERED, _W.NOTHING_TO_IMPORT, _W.OTHER_WAY)),
        (_probe(4, "165.00", "5.00"), (_W.IMPORT_FIRST, _W.NOTHING_NUMBERED, _OK, _W.OTHER_WAY)),
        (_probe(3, "160.01", "20.00"), (_W.IMPORT_FIRST, _W.NOTHING_NUMBERED, _OK, _W.OTHER_WAY)),
        (
            _probe(3, "159.99", "20.00"),
            (_W.CONTRADICTS_ITSELF, _W.NOTHING_NUMBERED, _W.CONTRADICTS_ITSELF, _OK),
        ),
        (_probe(0, "0.00", None), (_W.CONTRADICTS_ITSELF, _W.NOTHING_NUMBERED, _W.CONTRADICTS_ITSELF, _OK)),
        (
            _probe(9_999, "160.00", "20.00"),
            (_W.COUNT_FULL, _W.NOTHING_NUMBERED, _W.NOTHING_TO_IMPORT, _W.COUNT_FULL),
        ),
    ],
)
def test_without_a_numbered_credit(cause: Frozen, probe: d.Probe, said: tuple[object, ...]) -> None:
    state = _frozen(cause, numbered=False)
    found = [plan(state, probe, way) for way in ORDER]
    assert tuple(_OK if isinstance(one, Plan) else one for one in found) == said


def test_nothing_is_open_without_a_freeze_or_a_fresh_probe() -> None:
    state = _frozen(Frozen.CONTRADICTION, numbered=True)
    for way in ORDER:
        assert plan(replace(state, frozen=""), _probe(4, "170.00", "10.00"), way) is WhyNot.NOT_FROZEN
        assert plan(state, None, way) is WhyNot.NO_PROBE


@pytest.mark.parametrize(
    ("way", "probe", "head", "foreign"),
    [
        (Way.ADOPT, _probe(4, "170.00", "10.00"), CommandState.DONE, "0"),
        (Way.ADOPT, _probe(5, "175.00", "5.00", "10.00"), CommandState.DONE, "5.00"),
        (Way.ADOPT, _probe(4, "165.00", "5.00"), CommandState.REJECTED, "5.00"),
        (Way.EPOCH, _probe(3, "170.00", "20.00"), CommandState.DONE, "0"),
        (Way.EPOCH, _probe(4, "160.00", "10.00"), CommandState.REJECTED, "0"),
        (Way.EPOCH, _probe(4, "22.00", "10.00"), CommandState.DONE, "0"),
        (Way.EPOCH, _probe(0, "0.00", None), CommandState.REJECTED, "0"),
    ],
)
def test_the_open_credit_is_settled_by_what_the_meter_shows(
    way: Way, probe: d.Probe, head: CommandState, foreign: str
) -> None:
    planned = plan(_frozen(Frozen.CONTRADICTION, numbered=True), probe, way)
    assert isinstance(planned, Plan)
    assert (planned.head, planned.foreign_kwh) == (head, Decimal(foreign))


def test_a_model_that_knows_no_repeat_gets_its_bytes_again_only_at_a_persons_word() -> None:
    street = StreetOfOne(profile=load_profile("ddsy-4g-write"))
    street.line.lose_question = 1
    credit = street.know_count().want(CommandKind.CREDIT, "10.00")
    for _ in range(200):
        street.second()
        street.line.lose_question = 0
        if street.state.frozen:
            break
    assert street.state.frozen == Frozen.UNCERTAIN
    probe = d.Probe(3, street.meter.purchased_kwh, Decimal("20.00"))
    street.happen(d.Resolved(street.now, Way.RESEND, probe))
    street.happen(d.Resolved(street.now, Way.RESEND, probe))
    street.run_until_quiet()
    assert street.store.ended[credit] == CommandState.DONE
    assert (len(street.frames_issued), len(set(street.frames_issued))) == (2, 1)
    assert street.meter.state.purchase_count == 4
