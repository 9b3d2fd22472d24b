"""Carried by phone: the same credit, the same bytes, and a bearer who may say anything.

What a phone is given is what would have gone out over the network: the stored frame of the head credit with the
reads that prove it, handed out ahead because there may be no network at the meter. Nothing else of a meter's
state comes from a phone:

    said by a phone               what follows
    the meter took it             ACKED: a reason to ask the meter itself at the next chance, and no more
    the meter refused it          an event with the facts; nothing is counted, frozen or given back
    anything that does not fit    nothing

Plain frames carry no signature, so whoever holds a phone can compute every answer that would prove the credit.
Therefore DONE, the purchase count, the state of the relay and a frozen queue follow from the meter's own session
alone; a credit brought by a phone ends with the first read-back over it. Until then it cannot be taken back,
because the frame in the phone lives on. The one word of a phone that is used is the count of a meter that has
never been heard (`hand_over`), and it numbers one credit without becoming known.
"""

from apps.meters.deciding import credit
from apps.meters.deciding.events import PhoneCame, PhoneSaid
from apps.meters.deciding.state import OpenCommand
from apps.meters.deciding.turn import Turn
from apps.meters.evidence import weigh
from apps.meters.states import CommandKind, CommandState


def hand_over(turn: Turn, event: PhoneCame) -> None:
    """See to it that the head credit has its number and bytes, and note that a phone has them.

    Numbered from the last proved count. Where none is proved and the meter cannot be asked over the network, from
    the count the phone has read: a false one makes a number the meter refuses, and the read-back that follows
    over the network freezes the queue with both. A queue that is frozen hands out nothing, and neither does a
    model that would take the same bytes twice, a meter whose account is to be opened first, or one whose reset is
    not settled.
    """
    head = turn.state.head_credit
    if head is None or turn.state.frozen or turn.state.profile.dedupe != "count":
        return
    if head.kind != CommandKind.CREDIT or turn.state.reset_on_its_way is not None:
        return
    note = "handed to a phone"
    if head.number is None:
        state = turn.state
        needs_customer = state.profile.needs_customer_no and not state.customer_no
        if (
            state.count is not None
            and state.purchased_kwh is not None
            and not (needs_customer or state.differs)
        ):
            head = credit.number(turn, head, state.count, state.purchased_kwh, state.customer_no)
        else:
            note = "numbered after what a phone has read, and handed to it"
            head = _number_by_its_word(turn, head, event)
    if head is not None:
        to = CommandState.SENT if head.state == CommandState.QUEUED else head.state
        turn.step(head, to, f"credit {head.number} {note}")


def _number_by_its_word(turn: Turn, head: OpenCommand, event: PhoneCame) -> OpenCommand | None:
    said = weigh(turn.state.profile, event.frames, event.replies)
    customer_no = turn.state.customer_no or said.customer_no
    if turn.state.session is not None or said.count is None or said.purchased_kwh is None:
        return None
    if turn.state.profile.needs_customer_no and not customer_no:
        return None
    proved, heard = (turn.state.count, turn.state.purchased_kwh), (said.count, said.purchased_kwh)
    if turn.state.count is not None and proved != heard:
        # What the meter itself proved of its count outweighs a phone's word.
        return None
    return credit.number(turn, head, said.count, said.purchased_kwh, customer_no)


def hear(turn: Turn, event: PhoneSaid) -> None:
    """Note what a phone says of a numbered credit; the meter itself is asked as soon as it can be."""
    command = turn.state.command(event.command_id)
    if command is None or command.kind != CommandKind.CREDIT or command.number is None:
        return
    said = weigh(turn.state.profile, event.frames, event.replies)
    facts = said.facts()
    if said.was_accepted or credit.judge(command, said) is credit.Verdict.APPLIED:
        may_be_acked = command.state in (CommandState.SENT, CommandState.UNKNOWN)
        to = CommandState.ACKED if may_be_acked else command.state
        turn.step(command, to, "a phone says the meter took it", retry_in_s=0, facts=facts)
    elif facts:
        what = "refused it" if said.refusal else "does not have it"
        turn.step(command, command.state, f"a phone says the meter {what}", retry_in_s=0, facts=facts)
