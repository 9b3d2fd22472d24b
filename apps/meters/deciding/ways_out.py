"""The ways out of FROZEN: which one a fresh probe allows, and what it does.

    ADOPT    the meter's own record of purchase n decides: our energy there, the credit is DONE; something else there,
             it is REJECTED and can never be taken. Without a numbered credit: meter and ledger agree again
    RESEND   only while the count is n − 1 and no energy came: the same bytes, once more
    IMPORT   every credit of ours is settled, and the meter has more: somebody else's purchase goes into the books
    EPOCH    the counters fell, or contradict themselves, so that none of the others can be: another body begins

What is left unexplained after ADOPT stays frozen as a foreign purchase, for IMPORT.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from apps.meters.deciding import credit
from apps.meters.deciding.events import Probe, Resolved
from apps.meters.deciding.state import MeterState, OpenCommand
from apps.meters.deciding.turn import Turn
from apps.meters.states import CommandKind, CommandState, Frozen, Way

_NOTHING = Decimal(0)


class WhyNot(StrEnum):
    """Why a way is closed; the sentence for people is the layer's above."""

    NOT_FROZEN = "not_frozen"
    NO_PROBE = "no_probe"
    BUSY = "busy"
    NOT_TAKEN = "not_taken"
    TAKEN = "taken"
    NOTHING_NUMBERED = "nothing_numbered"
    SETTLE_FIRST = "settle_first"
    IMPORT_FIRST = "import_first"
    NOTHING_TO_IMPORT = "nothing_to_import"
    CONTRADICTS_ITSELF = "contradicts_itself"
    OTHER_WAY = "other_way"
    COUNT_FULL = "count_full"


@dataclass(frozen=True)
class Plan:
    """What a way does: `head` is what becomes of the numbered credit, None if there is none or it stays open.

    `count` and `purchased_kwh` are what is held as proved afterwards; `foreign_kwh` is left unexplained, and is what
    IMPORT books.
    """

    way: Way
    head: CommandState | None
    count: int
    purchased_kwh: Decimal
    foreign_kwh: Decimal = _NOTHING


def plan(state: MeterState, probe: Probe | None, way: Way) -> Plan | WhyNot:
    """Return what `way` would do on this evidence, or why it is closed."""
    if not state.frozen:
        return WhyNot.NOT_FROZEN
    if probe is None:
        return WhyNot.NO_PROBE
    if state.reset_on_its_way is not None:
        return WhyNot.BUSY
    if way is Way.RESEND:
        return _resend(state, probe)
    if way is Way.ADOPT:
        return _adopt(state, probe)
    return _import(state, probe) if way is Way.IMPORT else _begin(state, probe)


def _numbered(state: MeterState) -> OpenCommand | None:
    head = state.head_credit
    return head if head is not None and head.number is not None else None


def _facts(head: OpenCommand) -> tuple[int, Decimal, Decimal]:
    """The credit's number, its energy, and what was purchased before it."""
    assert head.number is not None
    assert head.purchased_before_kwh is not None
    return head.number, head.energy_kwh or _NOTHING, head.purchased_before_kwh


def _purchase(probe: Probe, number: int) -> Decimal | None:
    """What the meter keeps of purchase `number`, None if it keeps it no longer."""
    back = probe.count - number
    if back == 0:
        return probe.last_purchase_kwh
    return probe.earlier_kwh[back - 1] if 0 < back <= len(probe.earlier_kwh) else None


def _adopt(state: MeterState, probe: Probe) -> Plan | WhyNot:
    head = _numbered(state)
    if head is None:
        foreign = _foreign(state, probe)
        if foreign is None:
            return WhyNot.CONTRADICTS_ITSELF
        if foreign > 0:
            return WhyNot.IMPORT_FIRST
        if probe.count >= credit.LARGEST_COUNT:
            return WhyNot.COUNT_FULL
        return Plan(Way.ADOPT, None, probe.count, probe.purchased_kwh)
    number, ours, before = _facts(head)
    if probe.count < number:
        absent = probe.count == number - 1 and probe.purchased_kwh == before
        return WhyNot.NOT_TAKEN if absent else WhyNot.CONTRADICTS_ITSELF
    kept = _purchase(probe, number)
    if kept is None:
        return WhyNot.CONTRADICTS_ITSELF
    is_ours = kept == ours and (head.kind != CommandKind.OPEN_ACCOUNT or probe.account_opened is True)
    explained = before + (ours if is_ours else _NOTHING)
    if probe.purchased_kwh < explained:
        return WhyNot.CONTRADICTS_ITSELF
    if probe.count == number and probe.purchased_kwh - before != kept:
        # Nothing was bought after it, so the sum grew by what the record says, or the record was torn.
        return WhyNot.CONTRADICTS_ITSELF
    to = CommandState.DONE if is_ours else CommandState.REJECTED
    foreign = probe.purchased_kwh - explained
    count = number if foreign else probe.count
    return Plan(Way.ADOPT, to, count, explained, foreign)


def _foreign(state: MeterState, probe: Probe) -> Decimal | None:
    """What the meter was given beyond what is proved; None where a counter fell, which no purchase does."""
    if state.count is None or state.purchased_kwh is None:
        return _NOTHING
    if probe.count < state.count or probe.purchased_kwh < state.purchased_kwh:
        return None
    return probe.purchased_kwh - state.purchased_kwh


def _resend(state: MeterState, probe: Probe) -> Plan | WhyNot:
    head = _numbered(state)
    if head is None:
        return WhyNot.NOTHING_NUMBERED
    number, _ours, before = _facts(head)
    if probe.count >= number:
        return WhyNot.TAKEN
    if (probe.count, probe.purchased_kwh) != (number - 1, before):
        return WhyNot.CONTRADICTS_ITSELF
    if state.session is None or state.letter is not None:
        return WhyNot.BUSY
    return Plan(Way.RESEND, None, probe.count, probe.purchased_kwh)


def _import(state: MeterState, probe: Probe) -> Plan | WhyNot:
    if _numbered(state) is not None:
        return WhyNot.SETTLE_FIRST
    foreign = _foreign(state, probe)
    if foreign is None:
        return WhyNot.CONTRADICTS_ITSELF
    if not foreign:
        return WhyNot.NOTHING_TO_IMPORT
    return Plan(Way.IMPORT, None, probe.count, probe.purchased_kwh, foreign)


def _begin(state: MeterState, probe: Probe) -> Plan | WhyNot:
    """Open only where no other way is: a body begun for convenience would hide a difference for ever."""
    if probe.count >= credit.LARGEST_COUNT:
        return WhyNot.COUNT_FULL
    others = [plan(state, probe, way) for way in (Way.ADOPT, Way.RESEND, Way.IMPORT)]
    if WhyNot.BUSY in others or any(isinstance(other, Plan) for other in others):
        return WhyNot.OTHER_WAY
    head, to = _numbered(state), None
    if head is not None:
        number, ours, before = _facts(head)
        # Flash torn between energy and count: the energy is there, the count has forgotten it.
        is_there = probe.count >= number - 1 and probe.purchased_kwh - before >= ours > 0
        # The register was set back meanwhile, but the meter's record names our purchase.
        is_there = is_there or (_purchase(probe, number) == ours and probe.purchased_kwh < before)
        to = CommandState.DONE if is_there else CommandState.REJECTED
    return Plan(Way.EPOCH, to, probe.count, probe.purchased_kwh)


def take(turn: Turn, event: Resolved) -> None:
    """Do what the plan says; nothing where there is none."""
    planned = plan(turn.state, event.probe, event.way)
    if not isinstance(planned, Plan):
        return
    turn.thaw()
    head = _numbered(turn.state)
    if planned.way is Way.RESEND:
        assert head is not None
        credit.deliver_once_more(turn, head.id)
        return
    if head is not None and planned.head is not None:
        note = "the meter has it" if planned.head is CommandState.DONE else "the meter never took it"
        turn.step(
            head, planned.head, f"{note}; settled by a person ({planned.way})", facts=_said(event.probe)
        )
    customer_no = turn.state.customer_no
    if planned.way is Way.EPOCH:
        turn.begin_body(None, _said(event.probe))
        customer_no = ""
    turn.learn(planned.count, planned.purchased_kwh, customer_no)
    if planned.way is Way.ADOPT and planned.foreign_kwh:
        turn.freeze(
            Frozen.FOREIGN_PURCHASE,
            known_count=planned.count,
            known_purchased_kwh=planned.purchased_kwh,
            **{f"meter_{name}": value for name, value in _said(event.probe).items()},
        )


def _said(probe: Probe) -> dict[str, str]:
    facts = {
        "count": probe.count,
        "purchased_kwh": probe.purchased_kwh,
        "last_purchase_kwh": probe.last_purchase_kwh,
    }
    return {name: str(value) for name, value in facts.items() if value is not None}
