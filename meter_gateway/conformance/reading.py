"""What a meter tells: the registers of the profile, and a no by name where there is nothing."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal

from meter_gateway.conformance.bench import DATE_DI, TIME_DI, Bench, words
from meter_gateway.conformance.clause import Chapter
from meter_gateway.conformance.talk import Failed, NotApplicable, Talk
from meter_gateway.protocol.reads import read_address_request, read_more_request, read_request
from meter_gateway.protocol.relay import PrepaidKind
from meter_gateway.protocol.replies import AddressReply, parse_reply

READS = Chapter("read")

UNKNOWN_DI = "0E0E0E0E"
CLOCK_MAY_BE_OFF = timedelta(minutes=5)
_DATA = "DL/T 645-2007, annex A"
_PREPAID = "prepaid extension of DL/T 645, kWh registers"
_FREEZES_LOOKED_AT = 3
_WORD_3 = 2
_LONG_DI = "0001FF00"


@READS.clause("address", "It tells its address to whoever asks (13H)", "DL/T 645-2007, function 13H")
def address(bench: Bench) -> Talk[None]:
    if not bench.profile.answers_read_address:
        raise NotApplicable("the model does not answer 13H")
    reply = parse_reply((yield from bench.ask(read_address_request())))
    if not isinstance(reply, AddressReply):
        raise Failed(f"It answered with {words(reply)}.")
    if reply.address != bench.serial:
        raise Failed(f"It calls itself {reply.address}.")


@READS.clause("identity", "Address, meter number and customer number are twelve digits each", _DATA)
def identity(bench: Bench) -> Talk[None]:
    if (told := (yield from bench.value("04000401"))) != bench.serial:
        raise Failed(f"04000401 holds {told}.")
    for di in ("04000402", bench.profile.customer_di):
        yield from bench.value(di)


@READS.clause("counters", "Total, remaining and overdraft are readable; never both of the last two", _PREPAID)
def counters(bench: Bench) -> Talk[None]:
    yield from bench.energy(bench.profile.total_di)
    remaining = yield from bench.energy(bench.profile.remaining_di)
    overdraft = yield from bench.energy("00900101")
    if remaining and overdraft:
        raise Failed(f"{remaining} kWh remain beside an overdraft of {overdraft} kWh.")


@READS.clause("purchases", "Purchase count and purchased energy are readable", _PREPAID)
def purchases(bench: Bench) -> Talk[None]:
    yield from bench.number(bench.profile.count_di)
    yield from bench.energy(bench.profile.purchased_di)
    yield from bench.value(f"{bench.profile.last_purchase_di[:6]}02")


@READS.clause("limits", "Alarms, hoarding limit and overdraft limit are readable", _PREPAID)
def limits(bench: Bench) -> Talk[None]:
    for number in range(1, 5):
        yield from bench.energy(f"04000F0{number}")


@READS.clause("supply", "Voltage, current, power, power factor and frequency are readable", _DATA)
def supply(bench: Bench) -> Talk[None]:
    phases = range(1, bench.profile.phases + 1)
    for group in ("0201", "0202", "0203"):
        for phase in phases:
            yield from _present(bench, f"{group}{phase:02X}00")
    for di in ("02030000", "02060000", "02800002"):
        yield from _present(bench, di)


@READS.clause("blocks", "FF blocks hold what the single registers hold", _DATA)
def blocks(bench: Bench) -> Talk[None]:
    for group in ("0201", "0202"):
        values = yield from bench.value(f"{group}FF00")
        present = [value for value in values if value is not None] if isinstance(values, tuple) else []
        if len(present) < bench.profile.phases:
            raise Failed(f"{group}FF00 holds {len(present)} phases.")


@READS.clause("status", "Status word 3 says that energy is prepaid, alone and among the seven", _DATA)
def status(bench: Bench) -> Talk[None]:
    word = yield from bench.status()
    if word.prepaid_kind is not PrepaidKind.ENERGY:
        raise Failed(f"Word {word.raw:04X} says {word.prepaid_kind.name}.")
    all_words = yield from bench.value("040005FF")
    if not isinstance(all_words, tuple) or all_words[_WORD_3] != word:
        raise Failed("The block of status words holds another word 3.")


@READS.clause("clock", "Date and time are readable, and within five minutes of ours", _DATA)
def clock(bench: Bench) -> Talk[None]:
    day = yield from bench.value(DATE_DI)
    of_day = yield from bench.value(TIME_DI)
    if not (isinstance(day, date) and isinstance(of_day, time)):
        raise Failed("It tells no date or no time.")
    off = datetime.combine(day, of_day) - bench.local_now
    if abs(off) > CLOCK_MAY_BE_OFF:
        raise Failed(f"Its clock is off by {off}.")


@READS.clause(
    "freezes", "Daily freezes go back in days and never up in energy", "DL/T 645-2007, daily freeze"
)
def freezes(bench: Bench) -> Talk[None]:
    newer_at = (yield from bench.clock()) + CLOCK_MAY_BE_OFF
    newer_kwh = yield from bench.energy(bench.profile.total_di)
    for nth in range(1, _FREEZES_LOOKED_AT + 1):
        at = yield from bench.value(f"050600{nth:02X}")
        block = yield from bench.value(f"050601{nth:02X}")
        energy = block[0] if isinstance(block, tuple) else None
        if not (isinstance(at, datetime) and isinstance(energy, Decimal)):
            raise Failed(f"Freeze {nth} holds no time or no energy.")
        if at >= newer_at or energy > newer_kwh:
            raise Failed(f"Freeze {nth} holds {energy} kWh at {at}, the one before {newer_kwh} kWh.")
        newer_at, newer_kwh = at, energy


@READS.clause("events", "Counters of power-downs and of the relay are readable", _DATA)
def events(bench: Bench) -> Talk[None]:
    for di in ("03110000", "1D000001", "1E000001"):
        yield from bench.number(di)


@READS.clause("unknown", "It refuses an identifier it does not have: D1H, no such data", "DL/T 645-2007, ERR")
def unknown(bench: Bench) -> Talk[None]:
    yield from bench.refused(
        read_request(bench.serial, UNKNOWN_DI), f"a read of {UNKNOWN_DI}", "no_such_data"
    )


@READS.clause("follow-up", "A long answer goes on with numbered frames (B1H, 12H, 92H)", "DL/T 645-2007, 12H")
def follow_up(bench: Bench) -> Talk[None]:
    first = yield from bench.ask(read_request(bench.serial, _LONG_DI))
    if not first.has_more:
        raise NotApplicable("its longest answer fits in one frame")
    yield from bench.value(_LONG_DI)


@READS.clause("no-follow-up", "It refuses a follow-up where nothing follows: D2H", "DL/T 645-2007, 12H")
def no_follow_up(bench: Bench) -> Talk[None]:
    question = read_more_request(bench.serial, "04000401", 1)
    yield from bench.refused(question, "a follow-up of nothing")


def _present(bench: Bench, di: str) -> Talk[None]:
    if (yield from bench.value(di)) is None:
        raise Failed(f"{di} holds nothing.")
