"""Energy on its way in: the five certification cases, and what else keeps a credit from counting twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from meter_gateway.conformance.bench import Bench, Purse, moved_by
from meter_gateway.conformance.clause import Chapter
from meter_gateway.conformance.talk import Failed, NotApplicable, Talk, Unjudged
from meter_gateway.protocol.credits import void_frame
from meter_gateway.protocol.frames import ANY_ADDRESS, Frame
from meter_gateway.protocol.prepaid import RechargeNotPossible, open_account_request
from meter_gateway.protocol.replies import Accepted, Refused, parse_reply
from meter_gateway.protocol.security import status_request

ACCOUNT = Chapter("account")
CREDITS = Chapter("credit")

ENERGY_KWH = Decimal("5.00")
CERTIFICATION = ("credit.next", "credit.repeated", "credit.skipped", "credit.customer", "credit.over-limit")
"""The five cases of the certification bench for remote recharges."""

_CASES = "certification of prepaid meters, remote recharge"
_EXTENSION = "prepaid extension of DL/T 645, function 03H"
_LIMIT_DI = "04000F03"
_NOTHING = Decimal(0)
_STRANGER = "999999999990"
_RECORD_AGE = timedelta(minutes=5)


@ACCOUNT.clause(
    "first", "A meter without account takes an opening and nothing before it", _EXTENSION, destructive=True
)
def first_account(bench: Bench) -> Talk[None]:
    bench.needs("open_account")
    if (yield from bench.status()).account_opened:
        raise NotApplicable("its account is open already")
    before = yield from bench.purse()
    number = before.count + 1
    customer = bench.customer_no
    early = yield from bench.credit(ENERGY_KWH, number=number, customer_no=customer)
    yield from bench.refused(early, "a recharge without an account")
    opening = open_account_request(
        bench.serial, bench.profile, energy_kwh=ENERGY_KWH, purchase_count=number, customer_no=customer
    )
    yield from bench.accepted(opening, "the opening of its account")
    yield from _judge(bench, before, ENERGY_KWH)
    if (told := (yield from bench.value(bench.profile.customer_di))) != customer:
        raise Failed(f"It took {told} for its customer instead of {customer}.")
    if not (yield from bench.status()).account_opened:
        raise Failed("Its status word does not know of the account.")


@ACCOUNT.clause("again", "A meter in service refuses another opening", _EXTENSION, destructive=True)
def second_account(bench: Bench) -> Talk[None]:
    if bench.profile.credit_layout != "count_30":
        raise NotApplicable(f"credits in layout {bench.profile.credit_layout} know no accounts")
    if not (yield from bench.status()).account_opened:
        raise NotApplicable("it has no account yet")
    before = yield from bench.purse()
    opening = open_account_request(
        bench.serial,
        bench.profile,
        energy_kwh=ENERGY_KWH,
        purchase_count=before.count + 1,
        customer_no=str((yield from bench.value(bench.profile.customer_di))),
    )
    yield from bench.refused(opening, "a second opening")
    yield from _judge(bench, before, _NOTHING)


@CREDITS.clause("next", "Count +1 is accepted and moves every counter once", _CASES, destructive=True)
def next_count(bench: Bench) -> Talk[None]:
    yield from bench.room(ENERGY_KWH)
    before = yield from bench.purse()
    credit = yield from bench.credit(ENERGY_KWH, number=before.count + 1)
    yield from bench.accepted(credit, "the next credit")
    yield from _judge(bench, before, ENERGY_KWH)


@CREDITS.clause("repeated", "The same credit again is refused as a duplicate", _CASES, destructive=True)
def repeated(bench: Bench) -> Talk[None]:
    if bench.profile.dedupe == "none":
        raise NotApplicable("the model takes every write for a new credit, so it is never sent again")
    yield from bench.room(2 * ENERGY_KWH)
    count = (yield from bench.purse()).count
    credit = yield from bench.credit(ENERGY_KWH, number=count + 1)
    yield from bench.ask(credit)
    before = yield from bench.purse()
    yield from bench.refused(credit, "the same credit twice", "repeated_recharge")
    yield from _judge(bench, before, _NOTHING)


@CREDITS.clause("skipped", "Count +2 is refused as a wrong count", _CASES, destructive=True)
def skipped(bench: Bench) -> Talk[None]:
    if bench.profile.credit_layout != "count_30":
        raise NotApplicable(f"credits in layout {bench.profile.credit_layout} carry no count")
    before = yield from bench.purse()
    credit = yield from bench.credit(ENERGY_KWH, number=before.count + 2)
    yield from bench.refused(credit, "a count that skips one", "count_error")
    yield from _judge(bench, before, _NOTHING)


@CREDITS.clause("customer", "A credit for somebody else is refused", _CASES, destructive=True)
def customer(bench: Bench) -> Talk[None]:
    profile = bench.profile
    before = yield from bench.purse()
    number = before.count + 1
    if profile.credit_layout == "order_34":
        credit = yield from bench.credit(ENERGY_KWH, number=number, serial=_STRANGER)
        yield from bench.refused(credit, "a credit that names another meter")
    elif profile.needs_customer_no:
        credit = yield from bench.credit(ENERGY_KWH, number=number, customer_no=_STRANGER)
        yield from bench.refused(credit, "a wrong customer", "customer_mismatch")
    else:
        raise NotApplicable("credits of this model name nobody")
    yield from _judge(bench, before, _NOTHING)


@CREDITS.clause(
    "record", "A credit is recorded with time, count, energy, before and after", _EXTENSION, destructive=True
)
def record(bench: Bench) -> Talk[None]:
    yield from bench.room(ENERGY_KWH)
    before = yield from bench.purse()
    yield from bench.ask((yield from bench.credit(ENERGY_KWH, number=before.count + 1)))
    at = yield from bench.value("03320101")
    sold = yield from bench.energy("03320301")
    was = yield from bench.energy("03320401")
    became = yield from bench.energy("03320501")
    previous = yield from bench.number("03320202")
    if not isinstance(at, datetime) or abs(at - (yield from bench.clock())) > _RECORD_AGE:
        raise Failed(f"It recorded {at} as the time.")
    if sold != ENERGY_KWH or became - was != ENERGY_KWH:
        raise Failed(f"It recorded {sold} kWh, from {was} to {became} kWh.")
    if before.count and previous != before.count:
        raise Failed(f"It recorded {previous} as the count of the purchase before instead of {before.count}.")


@CREDITS.clause("wildcard", "A credit to any address is ignored", _EXTENSION, destructive=True)
def wildcard(bench: Bench) -> Talk[None]:
    before = yield from bench.purse()
    credit = yield from bench.credit(ENERGY_KWH, number=before.count + 1)
    to_all = Frame(ANY_ADDRESS, credit.control, credit.data)
    yield from bench.stays_silent(to_all.encode(), "a credit to any address")
    yield from _judge(bench, before, _NOTHING)


@CREDITS.clause("length", "A credit that is a byte short is refused", _EXTENSION, destructive=True)
def length(bench: Bench) -> Talk[None]:
    before = yield from bench.purse()
    credit = yield from bench.credit(ENERGY_KWH, number=before.count + 1)
    yield from bench.refused(
        Frame(credit.address, credit.control, credit.data[:-1]), "a credit that is too short"
    )
    yield from _judge(bench, before, _NOTHING)


@CREDITS.clause(
    "password", "A credit with a wrong password is refused", "DL/T 645-2007, 14H", destructive=True
)
def credit_password(bench: Bench) -> Talk[None]:
    if bench.profile.credit_layout != "write":
        raise NotApplicable("function 03H carries no password")
    before = yield from bench.purse()
    credit = yield from bench.credit(ENERGY_KWH, number=before.count + 1)
    data = bytearray(credit.data)
    data[5] ^= 0x11
    yield from bench.refused(
        Frame(credit.address, credit.control, bytes(data)), "a wrong password", "unauthorised"
    )
    yield from _judge(bench, before, _NOTHING)


@CREDITS.clause("status", "Its purse status (078102FF) tells what the registers tell", _EXTENSION)
def purse_status(bench: Bench) -> Talk[None]:
    if bench.profile.credit_layout == "write":
        raise NotApplicable("the model knows nothing of function 03H")
    reply = parse_reply((yield from bench.ask(status_request(bench.serial, bench.profile))))
    if isinstance(reply, Refused):
        raise NotApplicable(f"it does not tell ({reply.raw.hex(' ').upper()})")
    if not isinstance(reply, Accepted) or reply.status is None:
        raise Failed("Its answer is no purse status.")
    count = yield from bench.number(bench.profile.count_di)
    if reply.status.purchase_count != count:
        raise Failed(f"It tells count {reply.status.purchase_count}, the register holds {count}.")


@CREDITS.clause(
    "void", "Energy is given back under an order number of its own", "captured 070108FF", destructive=True
)
def void(bench: Bench) -> Talk[None]:
    before, order = (yield from _ready_to_void(bench)), bench.next_order()
    question = void_frame(bench.profile, bench.serial, ENERGY_KWH, order)
    yield from bench.accepted(question, "to give energy back")
    after = yield from bench.purse()
    gained = after.total_kwh + after.remaining_kwh - before.total_kwh - before.remaining_kwh
    if abs(gained + ENERGY_KWH) > Decimal("0.10"):
        raise Failed(f"The balance moved by {gained} kWh instead of -{ENERGY_KWH}.")


@CREDITS.clause("void-repeated", "The same void again is refused", "captured 070108FF", destructive=True)
def void_repeated(bench: Bench) -> Talk[None]:
    yield from _ready_to_void(bench)
    question = void_frame(bench.profile, bench.serial, ENERGY_KWH, bench.next_order())
    yield from bench.ask(question)
    before = yield from bench.purse()
    yield from bench.refused(question, "the same void twice", "repeated_recharge")
    yield from _judge(bench, before, _NOTHING)


@CREDITS.clause("over-limit", "A credit beyond the hoarding limit is refused", _CASES, destructive=True)
def over_limit(bench: Bench) -> Talk[None]:
    limit = yield from bench.energy(_LIMIT_DI)
    before = yield from bench.purse()
    too_much = limit - before.remaining_kwh + ENERGY_KWH
    try:
        credit = yield from bench.credit(too_much, number=before.count + 1)
    except RechargeNotPossible as reason:
        raise Unjudged(f"no frame carries a credit beyond {limit} kWh: {reason}") from None
    names = () if bench.profile.credit_layout == "write" else ("over_hoarding_limit",)
    yield from bench.refused(credit, "a credit beyond its limit", *names)
    yield from _judge(bench, before, _NOTHING)


def _ready_to_void(bench: Bench) -> Talk[Purse]:
    """The purse of a meter that holds enough to give back."""
    if not bench.profile.void_di:
        raise NotApplicable("the model gives no energy back")
    yield from bench.room(3 * ENERGY_KWH)
    before = yield from bench.purse()
    yield from bench.ask((yield from bench.credit(3 * ENERGY_KWH, number=before.count + 1)))
    return (yield from bench.purse())


def _judge(bench: Bench, before: Purse, energy_kwh: Decimal) -> Talk[None]:
    problem = moved_by(before, (yield from bench.purse()), energy_kwh)
    if problem:
        raise Failed(problem)
