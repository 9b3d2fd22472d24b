"""The audit in people's words."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.landing.desk import words

_ACTS = {
    "meter.hang": gettext_noop("Meter added"),
    "meter.recharge": gettext_noop("Recharged by hand"),
    "meter.power_on": gettext_noop("Asked to switch on"),
    "meter.power_off": gettext_noop("Asked to switch off"),
    "lease.begin": gettext_noop("Renter moved in"),
    "price.set": gettext_noop("Price set"),
    "account.open": gettext_noop("Collection account opened"),
    "site.add": gettext_noop("Site added"),
    "site.change": gettext_noop("Site changed"),
    "room.add": gettext_noop("Room added"),
    "room.change": gettext_noop("Room changed"),
}
_FACTS = {
    "reason": gettext_noop("reason"),
    "kind": gettext_noop("kind"),
    "energy_kwh": gettext_noop("energy, kWh"),
    "price": gettext_noop("price, yuan/kWh"),
    "active_from": gettext_noop("from"),
    "starts_at": gettext_noop("starts"),
    "ends_at": gettext_noop("ends"),
    "serial": gettext_noop("serial"),
    "room": gettext_noop("room"),
    "channel": gettext_noop("channel"),
    "name": gettext_noop("name"),
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
}


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
    return words.channel(value) if key == "channel" else value


def evidence_name(name: str) -> str:
    """What a fact of the evidence is called; the meter's own word is told apart from ours."""
    known = _EVIDENCE.get(name.removeprefix("meter_"))
    said = _(known) if known else name.replace("_", " ")
    return _("the meter: %(fact)s") % {"fact": said} if name.startswith("meter_") else said
