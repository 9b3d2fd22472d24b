"""How the desk says things: units always, times as people say them, one sentence for each state.

Pure but for the language and the time zone in force. Every instant is aware; `now` is the reader's.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import dateformat
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from apps.income.states import FinishWay
from apps.meters.states import CommandKind, CommandState, Frozen, PowerReason

NOTHING = "–"


@dataclass(frozen=True)
class Said:
    """A word and its tone: good, warn, bad, idle or plain."""

    text: str
    tone: str = "plain"
    more: str = ""


def money(amount_yuan: Decimal | None) -> str:
    """Two places and the unit; a ledger's six places are rounded for the eye only."""
    return NOTHING if amount_yuan is None else _("%(amount)s yuan") % {"amount": f"{amount_yuan:,.2f}"}


def price(price_yuan_per_kwh: Decimal | None) -> str:
    if price_yuan_per_kwh is None:
        return NOTHING
    return _("%(price)s yuan/kWh") % {"price": f"{price_yuan_per_kwh:.4f}"}


def energy(energy_kwh: Decimal | None) -> str:
    return NOTHING if energy_kwh is None else _("%(energy)s kWh") % {"energy": f"{energy_kwh:,.2f}"}


def moment(instant: datetime | None, now: datetime) -> str:
    """14:03 today, yesterday 14:03, 23 Nov 14:03; with the year where it is another one."""
    if instant is None:
        return NOTHING
    local, today = localtime(instant), localtime(now)
    if local.date() == today.date():
        return local.strftime("%H:%M")
    if local.date() == today.date() - timedelta(days=1):
        return _("yesterday %(time)s") % {"time": local.strftime("%H:%M")}
    if local.year == today.year:
        return dateformat.format(local, _("j M H:i"))
    return dateformat.format(local, _("j M Y H:i"))


def clock(instant: datetime) -> str:
    return localtime(instant).strftime("%H:%M:%S")


def age(instant: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit that fits."""
    if instant is None:
        return _("never")
    seconds = int((now - instant).total_seconds())
    if seconds < 60:
        return _("just now")
    if seconds < 3600:
        return ngettext("%(n)d minute ago", "%(n)d minutes ago", seconds // 60) % {"n": seconds // 60}
    if seconds < 172_800:
        return ngettext("%(n)d hour ago", "%(n)d hours ago", seconds // 3600) % {"n": seconds // 3600}
    return ngettext("%(n)d day ago", "%(n)d days ago", seconds // 86_400) % {"n": seconds // 86_400}


def how_long(instant: datetime | None, now: datetime) -> str:
    """For how long something has stood still."""
    if instant is None:
        return NOTHING
    seconds = max(int((now - instant).total_seconds()), 0)
    if seconds < 120:
        return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    if seconds < 7200:
        return ngettext("%(n)d minute", "%(n)d minutes", seconds // 60) % {"n": seconds // 60}
    if seconds < 172_800:
        return ngettext("%(n)d hour", "%(n)d hours", seconds // 3600) % {"n": seconds // 3600}
    return ngettext("%(n)d day", "%(n)d days", seconds // 86_400) % {"n": seconds // 86_400}


def power(power_on: bool | None, reason: str) -> Said:
    """Whether there is light, and if not, why."""
    if power_on is None:
        return Said(_("Power unknown"), "idle")
    if power_on:
        return Said(_("Power on"), "good")
    why = {
        PowerReason.ZERO_BALANCE: _("no energy left"),
        PowerReason.FORCED_OFF: _("switched off by the landlord"),
    }.get(PowerReason(reason), _("the meter does not say why"))
    return Said(_("Power off"), "bad", why)


def online(is_online: bool) -> Said:
    return Said(_("Online"), "good") if is_online else Said(_("Offline"), "idle")


def look(kind: str) -> Said:
    return {
        "frozen": Said(_("Recharges on hold"), "bad"),
        "off": Said(_("Power off"), "bad"),
        "low": Said(_("Low energy"), "warn"),
        "stale": Said(_("No fresh reading"), "warn"),
    }.get(kind, Said(""))


def frozen(reason: str) -> Said:
    """Why no further credit leaves for a meter, and what a person can do."""
    return (
        {
            Frozen.CONTRADICTION: Said(
                _("The meter's purchase record contradicts ours"),
                "bad",
                _("Read the meter, compare both records, then correct by hand."),
            ),
            Frozen.FOREIGN_PURCHASE: Said(
                _("The meter took a purchase that is not ours"),
                "bad",
                _("Find out who sold it. The meter's own count is the truth."),
            ),
            Frozen.REFUSED: Said(
                _("The meter refuses credits"),
                "bad",
                _("Check its customer number and keys; swap it if they fit."),
            ),
            Frozen.UNCERTAIN: Said(
                _("A credit may be in the meter or not, and this model takes a repeat twice"),
                "bad",
                _("Probe it; its purchase count says whether the same bytes may leave again."),
            ),
            Frozen.COUNT_FULL: Said(
                _("The meter's purchase counter is full"), "bad", _("Reset or swap the meter on site.")
            ),
        }.get(Frozen(reason) if reason else Frozen.REFUSED, Said(reason))
        if reason
        else Said("")
    )


def command_kind(kind: str) -> str:
    return {
        CommandKind.READ: _("Read"),
        CommandKind.POWER_ON: _("Switch on"),
        CommandKind.POWER_OFF: _("Switch off"),
        CommandKind.CREDIT: _("Recharge"),
        CommandKind.READ_FREEZE: _("Read a midnight"),
        CommandKind.PROBE: _("Probe a frozen meter"),
        CommandKind.KEEP_POWER: _("Keep power on"),
        CommandKind.RELEASE_KEEP: _("Stop keeping power on"),
        CommandKind.LAMP_ON: _("Alarm lamp on"),
        CommandKind.LAMP_OFF: _("Alarm lamp off"),
        CommandKind.SET_CLOCK: _("Set the clock"),
        CommandKind.OPEN_ACCOUNT: _("Open the meter's account"),
        CommandKind.RESET_ENERGY: _("Reset energy"),
        CommandKind.INIT_PURSE: _("Initialise the purse"),
    }.get(CommandKind(kind), kind)


def command_state(state: str) -> Said:
    return {
        CommandState.QUEUED: Said(_("waiting to be sent"), "idle"),
        CommandState.SENT: Said(_("sent to the meter"), "idle"),
        CommandState.ACKED: Said(_("reached the meter"), "idle"),
        CommandState.UNKNOWN: Said(_("no answer yet"), "warn"),
        CommandState.DONE: Said(_("done by the meter"), "good"),
        CommandState.REJECTED: Said(_("refused by the meter"), "bad"),
        CommandState.EXPIRED: Said(_("not done: too late"), "bad"),
        CommandState.CANCELLED: Said(_("taken back"), "idle"),
    }.get(CommandState(state), Said(state))


def payment_state(state: str) -> Said:
    return {
        "CREATED": Said(_("not paid yet"), "idle"),
        "PENDING": Said(_("not paid yet"), "idle"),
        "PAID": Said(_("paid"), "good"),
        "CLOSED": Said(_("closed without payment"), "idle"),
        "REVIEW": Said(_("needs a look"), "bad"),
        "REFUNDED": Said(_("refunded"), "idle"),
    }.get(state, Said(state))


def recharge_kind(kind: str) -> str:
    return {
        "CASH": _("cash"),
        "GIFT": _("gift"),
        "CORRECTION": _("correction"),
        "PAYMENT": _("payment"),
        "IMPORT": _("bought elsewhere"),
        "GRACE": _("grace"),
    }.get(kind, kind)


def role(name: str) -> str:
    return {
        "OWNER": _("owner"),
        "MANAGER": _("manager"),
        "COLLECTOR": _("collector"),
        "VIEWER": _("viewer"),
    }.get(name, name)


def channel(name: str) -> str:
    return {"wechat": _("WeChat Pay"), "alipay": _("Alipay"), "cash": _("Cash")}.get(name, name)


def finish_way(name: str) -> str:
    """Where a refund goes that the payer's card did not take; any other text as it is."""
    known = {
        FinishWay.CARD: _("another card of the payer"),
        FinishWay.MERCHANT: _("the merchant's own bank account"),
    }
    return {way.value: said for way, said in known.items()}.get(name, name)


# What the deciding code notes on a command's events; translated here, where people read it.
_NOTES = (
    gettext_noop("a newer wish replaced it"),
    gettext_noop("the meter could not be reached in time"),
    gettext_noop("the meter did not answer in time"),
    gettext_noop("refused by the meter"),
    gettext_noop("not taken by the meter"),
    gettext_noop("no answer"),
    gettext_noop("no answer in time"),
    gettext_noop("no proof yet"),
    gettext_noop("the connection was lost"),
    gettext_noop("the purchase count could not be read"),
    gettext_noop("not in the meter; the same bytes again"),
    gettext_noop("the meter's purchase record contradicts ours"),
    gettext_noop("the meter said yes; its read-back is missing"),
    gettext_noop("said yes, but does not show it yet"),
    gettext_noop("the meter does not show it; sending it again"),
    gettext_noop("the meter does not show it; looking again"),
    gettext_noop("refused: the meter keeps its power on until it is released"),
    gettext_noop("waits until midnight has passed"),
    gettext_noop("the account was open already"),
    gettext_noop("the closing reading is missing"),
    gettext_noop("a recharge came first"),
    gettext_noop("closing reading taken; sent to the meter"),
    gettext_noop("it did not happen, and nothing is sent again by itself"),
    gettext_noop("taken back before anything left"),
)

# Ends that say more than that the meter did it, or refused it.
_HAD_IT = ("the account was open already",)
_SAYS_WHY = (
    "refused: the meter keeps its power on until it is released",
    "it did not happen, and nothing is sent again by itself",
)


def note(text: str) -> str:
    return _(text) if text in _NOTES else ""


@dataclass(frozen=True)
class Step:
    """One step in a command's life: what happened, when (empty while it is still awaited), its tone."""

    text: str
    at: str
    tone: str


def command_life(
    state: str, created_at: datetime, events: list[Any], is_online: bool | None = None
) -> list[Step]:
    """Return a command's life in at most three steps: asked, reached the meter, what the meter did of it.

    `events` are its events, oldest first, each with `state`, `at` and `note`. Whether the meter is online
    says what a queued command waits for.
    """
    asked = Step(_("Asked"), clock(created_at), "good")
    newest = {event.state: event for event in events}
    last = events[-1] if events else None
    acked = newest.get(CommandState.ACKED)
    sent = newest.get(CommandState.SENT)
    way = (
        Step(_("Reached the meter"), clock(acked.at), "good")
        if acked
        else Step(_("Sent"), clock(sent.at), "good")
        if sent
        else None
    )
    steps = [asked] + ([way] if way else [])
    if state == CommandState.DONE and last:
        already = note(last.note) if last.note in _HAD_IT else ""
        return [*steps, Step(already or _("Done by the meter"), clock(last.at), "good")]
    if state in (CommandState.REJECTED, CommandState.EXPIRED, CommandState.CANCELLED) and last:
        why = note(last.note)
        said = {
            CommandState.REJECTED: _("Not done: the meter refused"),
            CommandState.EXPIRED: _("Not done: the meter could not be reached in time"),
            CommandState.CANCELLED: _("Taken back"),
        }[CommandState(state)]
        if state == CommandState.CANCELLED and why:
            said = f"{said}: {why}"
        elif state == CommandState.REJECTED and last.note in _SAYS_WHY:
            said = _("Not done: %(why)s") % {"why": why}
        return [*steps, Step(said, clock(last.at), "idle" if state == CommandState.CANCELLED else "bad")]
    waiting = {
        CommandState.QUEUED: _("waiting for the meter to be online")
        if is_online is False
        else _("waiting to be sent"),
        CommandState.SENT: _("waiting for the meter's answer"),
        CommandState.ACKED: _("waiting for the meter's proof"),
        CommandState.UNKNOWN: _("no answer yet; asking the meter what it did"),
    }.get(CommandState(state), "")
    return [*steps, Step(waiting, "", "wait")]
