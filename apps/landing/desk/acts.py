"""The audit in people's words."""

import re
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.landing.desk import words

_ACTS = {
    "account.open": gettext_noop("Collection account opened"),
    "account.propose": gettext_noop("Collection account entered"),
    "account.check": gettext_noop("Collection account: check asked for"),
    "account.checked": gettext_noop("Collection account checked"),
    "account.change": gettext_noop("Collection account changed"),
    "account.close": gettext_noop("Collection account stopped"),
    "account.name": gettext_noop("Payee's name corrected"),
    "account.acknowledge": gettext_noop("Collecting and transferring acknowledged"),
    "account.stopped": gettext_noop("Transfers stopped"),
    "bill.compare": gettext_noop("Daily bill compared"),
    "difference.settle": gettext_noop("Difference settled"),
    "fapiao.issue": gettext_noop("Fapiao issued"),
    "fapiao.request": gettext_noop("Fapiao asked for"),
    "landlord.change": gettext_noop("Landlord's settings changed"),
    "lease.begin": gettext_noop("Renter moved in"),
    "lease.end": gettext_noop("Lease given its end"),
    "lease.take_up": gettext_noop("Renter proved the phone named in the lease"),
    "lease.payout": gettext_noop("Money left over handed back"),
    "member.add": gettext_noop("Member added"),
    "member.change": gettext_noop("Member's role or sites changed"),
    "member.phone": gettext_noop("Member's phone changed"),
    "member.phone_asked": gettext_noop("Change of a member's phone asked for"),
    "member.phone_called_off": gettext_noop("Change of a member's phone called off"),
    "member.remove": gettext_noop("Member removed"),
    "meter.archive": gettext_noop("Meter removed"),
    "meter.change": gettext_noop("Meter changed"),
    "meter.grace": gettext_noop("Energy lent to switch on"),
    "meter.grace_ended": gettext_noop("Lent energy settled by hand"),
    "meter.grace_withdrawn": gettext_noop("Lent energy withdrawn"),
    "meter.hang": gettext_noop("Meter added"),
    "meter.init_purse": gettext_noop("Asked to initialise the purse"),
    "meter.keep_power": gettext_noop("Asked to keep power on"),
    "meter.lamp_off": gettext_noop("Asked to put the alarm lamp out"),
    "meter.lamp_on": gettext_noop("Asked for the alarm lamp"),
    "meter.open_account": gettext_noop("Asked to open the account"),
    "meter.power_off": gettext_noop("Asked to switch off"),
    "meter.power_on": gettext_noop("Asked to switch on"),
    "meter.probe": gettext_noop("Frozen meter probed"),
    "meter.recharge": gettext_noop("Recharged by hand"),
    "meter.release_power": gettext_noop("Asked to stop keeping power on"),
    "meter.reset_energy": gettext_noop("Asked to reset energy"),
    "meter.resolve": gettext_noop("Freeze resolved"),
    "meter.set_clock": gettext_noop("Asked to set the clock"),
    "payment.credit": gettext_noop("Set-aside payment credited"),
    "payment.credit_asked": gettext_noop("Crediting of a set-aside payment asked for"),
    "payment.refund": gettext_noop("Payment given back"),
    "price.set": gettext_noop("Price set"),
    "refund.by_hand": gettext_noop("Refund given back by hand"),
    "refund.finish": gettext_noop("Refund sent another way"),
    "refund.retry": gettext_noop("Refund tried again"),
    "refund.withdraw": gettext_noop("Refund withdrawn"),
    "room.add": gettext_noop("Room added"),
    "room.change": gettext_noop("Room changed"),
    "share.accept": gettext_noop("Link taken up by the renter"),
    "share.make": gettext_noop("Link made"),
    "share.revoke": gettext_noop("Link revoked"),
    "site.add": gettext_noop("Site added"),
    "site.change": gettext_noop("Site changed"),
}
_FACTS = {
    "reason": gettext_noop("reason"),
    "way": gettext_noop("way"),
    "cause": gettext_noop("cause"),
    "became": gettext_noop("the credit became"),
    "imported_kwh": gettext_noop("imported, kWh"),
    "who": gettext_noop("who"),
    "kind": gettext_noop("kind"),
    "day": gettext_noop("day"),
    "differences": gettext_noop("differences"),
    "energy_kwh": gettext_noop("energy, kWh"),
    "price": gettext_noop("price, yuan/kWh"),
    "active_from": gettext_noop("from"),
    "starts_at": gettext_noop("starts"),
    "ends_at": gettext_noop("ends"),
    "serial": gettext_noop("serial"),
    "room": gettext_noop("room"),
    "channel": gettext_noop("channel"),
    "merchant": gettext_noop("merchant"),
    "before": gettext_noop("before"),
    "strategy": gettext_noop("strategy"),
    "name": gettext_noop("name"),
    "was_name": gettext_noop("name before"),
    "was": gettext_noop("before"),
    "role": gettext_noop("role"),
    "phone": gettext_noop("phone"),
    "sites": gettext_noop("sites"),
    "note": gettext_noop("note"),
    "was_note": gettext_noop("note before"),
    "was_room": gettext_noop("room before"),
    "low_below_kwh": gettext_noop("warns below, kWh"),
    "was_low_below_kwh": gettext_noop("warned below, kWh"),
    "amount_yuan": gettext_noop("amount, yuan"),
    "minimum_recharge_yuan": gettext_noop("minimum recharge, yuan"),
    "was_minimum_recharge_yuan": gettext_noop("minimum recharge before, yuan"),
    "was_phone": gettext_noop("phone before"),
    "time_zone": gettext_noop("time zone"),
    "was_time_zone": gettext_noop("time zone before"),
    "protected_from": gettext_noop("nobody switched off from"),
    "protected_until": gettext_noop("nobody switched off until"),
    "was_protected_from": gettext_noop("protected before from"),
    "was_protected_until": gettext_noop("protected before until"),
}

_EVIDENCE = {
    "count": gettext_noop("purchase count"),
    "last_purchase_kwh": gettext_noop("last purchase, kWh"),
    "purchased_kwh": gettext_noop("purchased in all, kWh"),
    "remaining_kwh": gettext_noop("remaining, kWh"),
    "total_kwh": gettext_noop("total, kWh"),
    "relay_open": gettext_noop("switch open"),
    "refusal": gettext_noop("refusal"),
    "number": gettext_noop("number"),
    "energy_kwh": gettext_noop("credit, kWh"),
    "purchased_before_kwh": gettext_noop("purchased before it, kWh"),
    "known_count": gettext_noop("count we knew"),
    "known_purchased_kwh": gettext_noop("purchased as we knew it, kWh"),
    "ledger_kwh": gettext_noop("in the ledger, kWh"),
    "difference_kwh": gettext_noop("difference, kWh"),
    "account_opened": gettext_noop("account opened"),
    # The commands' results are written as text; what was true then is "True".
    "True": gettext_noop("yes"),
    "False": gettext_noop("no"),
}
_EARLIER = re.compile(r"purchase_(\d+)_kwh")
# As one reads evidence: what was counted, what it came to, then the purchases one by one, then the rest.
_ORDER = ("count", "purchased_kwh", "difference_kwh", "ledger_kwh", "last_purchase_kwh")


def known_acts() -> frozenset[str]:
    """Return the acts people have words for."""
    return frozenset(_ACTS)


def name_of(act: str) -> str:
    return _(_ACTS[act]) if act in _ACTS else act


def facts_of(facts: dict[str, Any], now: datetime) -> str:
    """One line of an act's facts; ids are left out, because they say nothing to a person."""
    known = [(key, value) for key, value in facts.items() if key in _FACTS and value]
    return " · ".join(f"{_(_FACTS[key])}: {_said(key, str(value), now)}" for key, value in known)


def _said(key: str, value: str, now: datetime) -> str:
    if key in ("active_from", "starts_at", "ends_at"):
        try:
            return words.moment(datetime.fromisoformat(value), now)
        except ValueError:
            return value
    if key == "kind":
        return words.recharge_kind(value)
    if key in ("role", "was"):
        return words.role(value)
    if key == "way":
        return words.finish_way(value)
    if key == "sites" and value == "*":
        return _("all sites")
    return words.channel(value) if key == "channel" else value


def evidence_name(name: str) -> str:
    """What a fact of the evidence is called; the meter's own word is told apart from ours."""
    fact = name.removeprefix("meter_")
    earlier = _EARLIER.fullmatch(fact)
    if earlier is not None:
        said = _("purchase %(nth)s from the last, kWh") % {"nth": earlier[1]}
    else:
        known = _EVIDENCE.get(fact)
        said = _(known) if known else fact.replace("_", " ")
    return _("the meter: %(fact)s") % {"fact": said} if name != fact else said


def evidence_said(value: Any) -> str:
    """What a fact of the evidence is, in words where it is only true or false."""
    return _(_EVIDENCE[str(value)]) if str(value) in ("True", "False") else str(value)


def evidence_order(name: str) -> tuple[int, int]:
    """Where a fact of the evidence stands among the others."""
    fact = name.removeprefix("meter_").removeprefix("known_")
    earlier = _EARLIER.fullmatch(fact)
    if earlier is not None:
        return len(_ORDER), int(earlier[1])
    return (_ORDER.index(fact), 0) if fact in _ORDER else (len(_ORDER) + 1, 0)
