"""Credits: numbered late, stored before they leave, never renumbered, believed only after a read-back.

    count UNKNOWN ─► ask for it ─► KNOWN c ─► number n = c + 1, store the bytes, send them, read back
    read-back:  count = n with our energy    the credit is in the meter: DONE
                count = n − 1, sum unchanged it is not: the same bytes again
                anything else                FROZEN, with the evidence, for a person

"Duplicate" alone proves nothing: it may speak of another purchase with our number.

Opening an account is a credit of no energy: it takes a number, and no recharge is taken before it. It is proved
when the status word says so too; an account that is open already needs no opening.
"""

from decimal import Decimal
from enum import Enum
from uuid import UUID

from apps.meters import frames
from apps.meters.deciding.events import StoreFrames
from apps.meters.deciding.state import OpenCommand
from apps.meters.deciding.turn import Turn
from apps.meters.evidence import Evidence
from apps.meters.states import CommandKind, CommandState, Frozen, Purpose

# The frame's count field has four bytes, but register 03320201 shows two of BCD: past this nothing can be proved.
LARGEST_COUNT = 9_999
# A refusal that is not about the count (customer number, hoarding limit) will not go away by repeating.
REFUSALS_BEFORE_FREEZE = 5


class Verdict(Enum):
    APPLIED = "applied"
    ABSENT = "absent"
    CONTRADICTION = "contradiction"
    UNPROVED = "unproved"


def judge(command: OpenCommand, evidence: Evidence) -> Verdict:
    """Say what a read-back proves about a numbered credit; the only place where a credit is believed."""
    assert command.number is not None
    assert command.energy_kwh is not None
    assert command.purchased_before_kwh is not None
    if evidence.count is None or evidence.purchased_kwh is None:
        return Verdict.UNPROVED
    before, ours = command.purchased_before_kwh, command.energy_kwh
    if evidence.count == command.number:
        opens = command.kind == CommandKind.OPEN_ACCOUNT
        if evidence.last_purchase_kwh is None or (opens and evidence.account_opened is None):
            return Verdict.UNPROVED
        grew_by_ours = evidence.purchased_kwh == before + ours and evidence.last_purchase_kwh == ours
        grew_by_ours = grew_by_ours and (not opens or evidence.account_opened is True)
        return Verdict.APPLIED if grew_by_ours else Verdict.CONTRADICTION
    if evidence.count == command.number - 1 and evidence.purchased_kwh == before:
        return Verdict.ABSENT
    return Verdict.CONTRADICTION


def ask(turn: Turn, command: OpenCommand) -> None:
    """Put the next question about the head credit."""
    state = turn.state
    profile = state.profile
    if command.number is not None:
        turn.send(command, Purpose.PROVE, _proof_reads(turn, command))
        return
    if command.kind == CommandKind.OPEN_ACCOUNT:
        # Whether there is anything to open says only the meter itself.
        turn.send(command, Purpose.COUNT, frames.full_reads(profile, state.serial, with_customer=False))
        return
    if (
        state.count is None
        or state.purchased_kwh is None
        or state.differs
        or (profile.needs_customer_no and not state.customer_no)
    ):
        turn.send(command, Purpose.COUNT, frames.count_reads(profile, state.serial))
        return
    _number_and_send(turn, command)


def _proof_reads(turn: Turn, command: OpenCommand) -> tuple[str, ...]:
    opens = command.kind == CommandKind.OPEN_ACCOUNT
    return frames.proof_reads(turn.state.profile, turn.state.serial, with_customer=opens)


def _number_and_send(turn: Turn, command: OpenCommand) -> None:
    state = turn.state
    assert state.count is not None
    assert state.purchased_kwh is not None
    if number(turn, command, state.count, state.purchased_kwh, state.customer_no):
        _deliver(turn, command.id)


def number(
    turn: Turn, command: OpenCommand, count: int, purchased_kwh: Decimal, customer_no: str
) -> OpenCommand | None:
    """Give the head credit the number after `count` and store its bytes; None, and frozen, where numbers end."""
    state = turn.state
    assert command.energy_kwh is not None
    following = count + 1
    if following > LARGEST_COUNT:
        turn.freeze(Frozen.COUNT_FULL, count=count)
        return None
    if command.kind == CommandKind.OPEN_ACCOUNT:
        customer_no = frames.customer_no(state.serial, state.device_epoch)
        frame = frames.opening(state.profile, state.serial, number=following, customer_no=customer_no)
    else:
        frame = frames.recharge(
            state.profile,
            state.serial,
            energy_kwh=command.energy_kwh,
            number=following,
            customer_no=customer_no,
        )
    _retire_resets(turn)
    turn.do(StoreFrames(command.id, following, (frame,), purchased_kwh, customer_no, state.device_epoch))
    turn.state = turn.state.with_command(
        command.id, number=following, frames=(frame,), purchased_before_kwh=purchased_kwh
    )
    return turn.state.command(command.id)


def _retire_resets(turn: Turn) -> None:
    """A reset that was asked for before a recharge and has not left would take away what the recharge brings."""
    for command in turn.state.commands:
        if command.is_reset and command.state == CommandState.QUEUED:
            turn.step(command, CommandState.CANCELLED, "a recharge came first")


def deliver_once_more(turn: Turn, command_id: UUID) -> None:
    """Send the stored bytes again because a person says so, also to a model that knows no repeat."""
    _deliver(turn, command_id, by_a_person=True)


def _deliver(turn: Turn, command_id: UUID, *, by_a_person: bool = False) -> None:
    """Send the stored bytes, exactly these, with the reads that prove them."""
    command = turn.state.command(command_id)
    assert command is not None
    repeats = command.state != CommandState.QUEUED and not by_a_person
    if repeats and turn.state.profile.dedupe != "count":
        # Such a meter takes the same bytes for a second purchase; only a person may decide to send them again.
        turn.freeze(Frozen.UNCERTAIN, number=command.number, energy_kwh=command.energy_kwh)
        return
    turn.step(command, CommandState.SENT, f"credit {command.number} sent")
    command = turn.state.command(command_id)
    assert command is not None
    turn.send(command, Purpose.DELIVER, command.frames + _proof_reads(turn, command))


def take_answer(turn: Turn, command: OpenCommand, purpose: Purpose, evidence: Evidence) -> None:
    """Draw the conclusion from an answer about a credit."""
    if command.number is None:
        if evidence.count is None or evidence.purchased_kwh is None:
            turn.later(command, "the purchase count could not be read")
        elif command.kind == CommandKind.OPEN_ACCOUNT:
            _open_if_it_is_not(turn, command, evidence)
        else:
            compare_with_books(turn, evidence)
        return
    verdict = judge(command, evidence)
    if verdict is Verdict.APPLIED:
        turn.learn_count(evidence)
        opens = command.kind == CommandKind.OPEN_ACCOUNT
        words = "the account is open" if opens else "in the meter"
        turn.step(command, CommandState.DONE, words, facts=evidence.facts())
    elif verdict is Verdict.CONTRADICTION:
        _unexplained(turn, command, evidence)
    elif verdict is Verdict.UNPROVED:
        if evidence.was_accepted and command.state == CommandState.SENT:
            turn.step(
                command, CommandState.ACKED, "the meter said yes; its read-back is missing", retry_in_s=1
            )
        else:
            turn.later(command, "no proof yet", facts=evidence.facts())
    elif purpose is Purpose.DELIVER:
        _not_taken(turn, command, evidence)
    else:
        turn.step(command, CommandState.UNKNOWN, "not in the meter; the same bytes again", retry_in_s=0)
        if turn.state.session is not None and not turn.state.frozen:
            _deliver(turn, command.id)


def _open_if_it_is_not(turn: Turn, command: OpenCommand, evidence: Evidence) -> None:
    if evidence.account_opened is None:
        turn.later(command, "no answer")
        return
    compare_with_books(turn, evidence)
    if evidence.account_opened:
        turn.step(command, CommandState.SENT, "asked the meter")
        turn.step(command, CommandState.DONE, "the account was open already", facts=evidence.facts())
    elif turn.state.session is not None and not turn.state.frozen:
        _number_and_send(turn, command)


def _not_taken(turn: Turn, command: OpenCommand, evidence: Evidence) -> None:
    if evidence.refusal and command.refusals + 1 >= REFUSALS_BEFORE_FREEZE:
        turn.step(command, CommandState.UNKNOWN, "refused by the meter", refused=True, facts=evidence.facts())
        turn.freeze(Frozen.REFUSED, number=command.number, **evidence.facts())
        return
    pause = min(2 ** min(command.attempts, 6), 60)
    turn.step(
        command,
        CommandState.UNKNOWN,
        "refused by the meter" if evidence.refusal else "not taken by the meter",
        retry_in_s=pause,
        refused=bool(evidence.refusal),
        facts=evidence.facts(),
    )


def _unexplained(turn: Turn, command: OpenCommand, evidence: Evidence) -> None:
    if not turn.state.differs:
        # A link that doubles answers can pair an old count with a new sum; the meter itself says so twice.
        turn.note_shown(evidence, differs=True)
        turn.step(
            command,
            CommandState.UNKNOWN,
            "the meter's purchase record contradicts ours; asking once more",
            facts=evidence.facts(),
            retry_in_s=0,
        )
        return
    turn.step(
        command, CommandState.UNKNOWN, "the meter's purchase record contradicts ours", facts=evidence.facts()
    )
    turn.freeze(
        Frozen.CONTRADICTION,
        number=command.number,
        energy_kwh=command.energy_kwh,
        purchased_before_kwh=command.purchased_before_kwh,
        **{f"meter_{name}": value for name, value in evidence.facts().items()},
    )


def compare_with_books(turn: Turn, evidence: Evidence, *, may_freeze: bool = True) -> None:
    """Hold a read's count and purchased energy against what was proved last.

    A purchase nobody here made freezes the queue where a credit is about to be numbered on it. A plain read
    (`may_freeze` false) only notes it: if our own reading of a register were wrong, every read of a fleet would
    freeze a meter. While a numbered credit is open the read says something about that one, and its own proof will
    follow, so nothing is concluded.
    """
    if evidence.count is None or evidence.purchased_kwh is None:
        return
    head = turn.state.head_credit
    if head is not None and head.number is not None:
        turn.note_shown(evidence, differs=None)
        return
    is_news = turn.state.count is None
    if is_news or (evidence.count, evidence.purchased_kwh) == (turn.state.count, turn.state.purchased_kwh):
        if is_news or (evidence.customer_no and not turn.state.customer_no):
            turn.learn_count(evidence)
        else:
            turn.note_shown(evidence, differs=False)
        return
    turn.note_shown(evidence, differs=True)
    if may_freeze:
        turn.freeze(
            Frozen.FOREIGN_PURCHASE,
            known_count=turn.state.count,
            known_purchased_kwh=turn.state.purchased_kwh,
            **{f"meter_{name}": value for name, value in evidence.facts().items()},
        )


def take_back(turn: Turn, command_id: UUID) -> None:
    """Cancel a credit of which no frame was stored; otherwise do nothing."""
    command = turn.state.command(command_id)
    if command is None or command.number is not None or command.state != CommandState.QUEUED:
        return
    turn.step(command, CommandState.CANCELLED, "taken back before anything left")
