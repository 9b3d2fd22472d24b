"""Flaws to plant in a simulated meter, each named after the clause of the conformance kit it breaks.

A kit that shares its protocol with the meter it judges could nod at both being wrong. Each flaw here makes a
meter do one thing that meters in the field have done, and exactly that clause must turn red.
"""

from __future__ import annotations

from collections.abc import Mapping

from meter_gateway.protocol.frames import Function, encode_di
from meter_gateway.protocol.relay import RelayAction
from meter_gateway.simulator import flaws_of_acts as acts
from meter_gateway.simulator import flaws_of_words as wire
from meter_gateway.simulator.flaw import Break

_SET_NOTHING = acts.only_said(Function.WRITE, "04000F01")
_CLEAR_NOTHING = acts.only_said(Function.CLEAR_EVENTS)

BREAKS: Mapping[str, Break] = {
    "link.opening": Break("announces another number", opening=wire.another_serial),
    "link.heartbeat": Break("never says that it is still there", heartbeat=lambda raw: b""),
    "frame.preamble": Break("hears nothing after more than four FEH", heard=wire.deaf_after_long_preamble),
    "frame.split": Break("forgets the parts of a question", heard=wire.deaf_to_parts),
    "frame.glued": Break("hears the first frame of a portion only", heard=wire.first_frame_only),
    "frame.noise": Break("hears nothing after noise", heard=wire.deaf_after_noise),
    "frame.resync": Break("throws the next frame away with a damaged one", heard=wire.deaf_after_damage),
    "frame.bad-checksum": Break("does not look at the checksum", heard=wire.any_checksum),
    "frame.bad-end": Break("does not look at the end", heard=wire.any_end),
    "frame.echo": Break("answers answers", heard=wire.answers_answers),
    "frame.other-address": Break("answers for every address", asked=wire.answers_to_strangers),
    "frame.any-address": Break("answers as AAAAAAAAAAAA", answered=wire.answers_as_anybody),
    "frame.short-address": Break("does not know short addresses", asked=wire.deaf_to_short_addresses),
    "frame.broadcast": Break("answers broadcasts", asked=wire.answers_broadcasts),
    "read.address": Break("tells its address the wrong way round", answered=wire.wrong_address_told),
    "read.identity": Break(
        "holds its address the wrong way round", answered=wire.register("04000401", lambda raw: raw[::-1])
    ),
    "read.counters": Break(
        "answers the overdraft short", answered=wire.register("00900101", lambda raw: raw[:3])
    ),
    "read.purchases": Break("has no record of the purchase before", answered=wire.denied("03320302")),
    "read.limits": Break(
        "holds nonsense in the second alarm", answered=wire.register("04000F02", lambda raw: b"\xab" * 4)
    ),
    "read.supply": Break(
        "holds nonsense in voltage A", answered=wire.register("02010100", lambda raw: b"\x0f\x22")
    ),
    "read.blocks": Break("knows no blocks", answered=wire.denied("0201FF00")),
    "read.status": Break(
        "says that it counts money", answered=wire.status(lambda word, _: word.raw ^ 0x0300)
    ),
    "read.clock": Break(
        "tells midnight for the time", answered=wire.register("04000102", lambda raw: bytes(3))
    ),
    "read.freezes": Break(
        "freezes all days alike in time",
        answered=wire.register("05060002", lambda raw: encode_di("23112359") + b"\x26"),
    ),
    "read.events": Break("does not count its trips", answered=wire.denied("1E000001")),
    "read.unknown": Break("refuses with another error word", answered=wire.other_error_word),
    "read.follow-up": Break("numbers its follow-up frames wrongly", answered=wire.wrong_sequence),
    "read.no-follow-up": Break("follows up where nothing follows", answered=wire.follows_up_nothing),
    "clock.far-broadcast": Break("believes any time", asked=acts.believes_any_time),
    "clock.broadcast": Break("hears no time", asked=acts.deaf_to(Function.BROADCAST_TIME)),
    "clock.set": Break("says that it set its clock", *acts.only_said(Function.WRITE, "04000102")),
    "clock.set-password": Break(
        "lets everybody set its clock", asked=acts.any_password(Function.WRITE, "04000102")
    ),
    "clock.freeze": Break("refuses to freeze", answered=acts.refuses(Function.FREEZE)),
    "clock.freeze-broadcast": Break("answers a freeze for all", answered=acts.answers_freeze_for_all),
    "write.setting": Break("says that it set an alarm", *_SET_NOTHING),
    "write.wrong-password": Break("lets everybody set", asked=acts.any_password(Function.WRITE, "04000F01")),
    "write.unknown": Break("accepts every write", *acts.only_said(Function.WRITE, "0E0E0E0E")),
    "write.password": Break("lets the old password hold", asked=acts.old_password_holds),
    "account.first": Break("needs no account", asked=acts.before_credit(acts.needs_no_account)),
    "account.again": Break("opens its account again", asked=acts.opens_again),
    "credit.next": Break(
        "leaves the purchased energy where it was", answered=acts.after_credit(acts.purchased_stands_still)
    ),
    "credit.repeated": Break(
        "takes the same credit twice", asked=acts.before_credit(acts.takes_any_count(0))
    ),
    "credit.skipped": Break(
        "takes a count that skips one", asked=acts.before_credit(acts.takes_any_count(2))
    ),
    "credit.customer": Break("takes credits for anybody", asked=acts.before_credit(acts.takes_any_customer)),
    "credit.over-limit": Break(
        "knows no limit", asked=acts.before_credit(acts.knows_no_limit), answered=acts.limit_again
    ),
    "credit.record": Break(
        "records nothing as the balance before", answered=acts.after_credit(acts.records_nothing_before)
    ),
    "credit.wildcard": Break(
        "takes credits for all", asked=wire.obeys_anybody(Function.SECURITY, Function.WRITE)
    ),
    "credit.length": Break("fills a short credit up", asked=acts.before_credit(acts.fills_up)),
    "credit.password": Break(
        "takes credits from everybody", asked=acts.any_password(Function.WRITE, "000A0100")
    ),
    "credit.status": Break("tells another count", answered=acts.count_told_wrongly),
    "credit.void": Break("gives back and keeps", answered=acts.void_takes_nothing),
    "credit.void-repeated": Break("gives back twice", asked=acts.voids_again),
    "purse.init": Break("keeps what was purchased", answered=acts.keeps_purchased),
    "purse.trips": Break("stays closed with nothing left", answered=wire.status(wire.closed_at_zero)),
    "purse.closes": Break(
        "stays open after a credit", answered=acts.after_credit(acts.stays_open_after_credit)
    ),
    "relay.stays-off": Break("closes with any credit", answered=acts.after_credit(acts.closes_with_credit)),
    "relay.wrong-password": Break("obeys everybody", asked=acts.any_password(Function.RELAY)),
    "relay.expired": Break("obeys for ever", asked=acts.obeys_for_ever),
    "relay.no-action": Break("takes nonsense for a trip", asked=acts.takes_nonsense_for_trip),
    "relay.wildcard": Break("obeys what is for nobody", asked=wire.obeys_anybody(Function.RELAY)),
    "relay.trip": Break(
        "forgets what it was told", answered=wire.status(lambda word, _: word.raw & ~(1 << 6))
    ),
    "relay.close": Break(
        "says that it closed",
        asked=acts.action((RelayAction.CLOSE, RelayAction.PERMIT_CLOSE), RelayAction.RELEASE),
    ),
    "relay.report": Break("reports nothing", reports=False),
    "relay.lamp-on": Break("lights no lamp", asked=acts.action((RelayAction.ALARM,), RelayAction.ALARM_OFF)),
    "relay.lamp-off": Break(
        "lets the lamp burn", asked=acts.action((RelayAction.ALARM_OFF,), RelayAction.ALARM)
    ),
    "relay.keep": Break("trips although power is kept", asked=acts.trips_although_kept),
    "relay.release": Break("keeps for ever", asked=acts.action((RelayAction.RELEASE,), RelayAction.KEEP)),
    "clear.events": Break("clears no events", *_CLEAR_NOTHING),
    "clear.energy": Break("clears the purse too", answered=acts.clears_too_much),
}
"""By the clause that must find it; every clause of the kit has one."""
