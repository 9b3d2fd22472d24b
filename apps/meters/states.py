"""The life of a command.

    QUEUED ──► SENT ──► ACKED ──► DONE
      │          │         │
      │          ├──► UNKNOWN ◄──► SENT     nobody knows whether it was done: ask the meter, then go on
      │          └──► REJECTED              the meter said no, and its read-back agrees
      ├──► EXPIRED                          too late to be wanted; never a credit
      └──► CANCELLED                        taken back before its bytes were stored

DONE needs the meter's own read-back, never an acknowledgement alone. There is no way out of the last row.
A credit that cannot be explained stays where it is; what freezes is the meter's credit queue.
"""

from enum import StrEnum


class CommandKind(StrEnum):
    READ = "READ"
    READ_FREEZE = "READ_FREEZE"
    PROBE = "PROBE"
    POWER_ON = "POWER_ON"
    POWER_OFF = "POWER_OFF"
    CREDIT = "CREDIT"
    KEEP_POWER = "KEEP_POWER"
    RELEASE_KEEP = "RELEASE_KEEP"
    LAMP_ON = "LAMP_ON"
    LAMP_OFF = "LAMP_OFF"
    SET_CLOCK = "SET_CLOCK"
    OPEN_ACCOUNT = "OPEN_ACCOUNT"
    RESET_ENERGY = "RESET_ENERGY"
    INIT_PURSE = "INIT_PURSE"


class CommandState(StrEnum):
    QUEUED = "QUEUED"
    SENT = "SENT"
    ACKED = "ACKED"
    UNKNOWN = "UNKNOWN"
    DONE = "DONE"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


FINAL = frozenset({CommandState.DONE, CommandState.REJECTED, CommandState.EXPIRED, CommandState.CANCELLED})
OPEN = frozenset(CommandState) - FINAL
READ_KINDS = frozenset({CommandKind.READ, CommandKind.READ_FREEZE, CommandKind.PROBE})
# Wishes about the relay: of all four the newest wins.
POWER_KINDS = frozenset(
    {CommandKind.POWER_ON, CommandKind.POWER_OFF, CommandKind.KEEP_POWER, CommandKind.RELEASE_KEEP}
)
LAMP_KINDS = frozenset({CommandKind.LAMP_ON, CommandKind.LAMP_OFF})
# What takes a purchase count: never two of them unproved, never late, never renumbered.
CREDIT_KINDS = frozenset({CommandKind.CREDIT, CommandKind.OPEN_ACCOUNT})
# What makes another body of a meter. Not to be undone, and never sent a second time by itself.
RESET_KINDS = frozenset({CommandKind.RESET_ENERGY, CommandKind.INIT_PURSE})
# What the relay is wished to be once one of these is done; releasing and the lamp wish nothing of it.
WISHES_ON = {
    CommandKind.POWER_ON: True,
    CommandKind.KEEP_POWER: True,
    CommandKind.POWER_OFF: False,
}

_S = CommandState
NEXT: dict[CommandState, frozenset[CommandState]] = {
    _S.QUEUED: frozenset({_S.SENT, _S.EXPIRED, _S.CANCELLED}),
    _S.SENT: frozenset({_S.ACKED, _S.UNKNOWN, _S.DONE, _S.REJECTED}),
    _S.ACKED: frozenset({_S.SENT, _S.UNKNOWN, _S.DONE, _S.REJECTED, _S.EXPIRED, _S.CANCELLED}),
    _S.UNKNOWN: frozenset({_S.SENT, _S.ACKED, _S.DONE, _S.REJECTED, _S.EXPIRED, _S.CANCELLED}),
    **{final: frozenset() for final in FINAL},
}


def allowed_from(to: CommandState) -> frozenset[CommandState]:
    """Return the states from which a command may go to `to`."""
    return frozenset(state for state, nexts in NEXT.items() if to in nexts)


class Purpose(StrEnum):
    """Why a letter was written: what its frames are to do or to find out."""

    COUNT = "COUNT"
    DELIVER = "DELIVER"
    PROVE = "PROVE"
    SWITCH = "SWITCH"
    CHECK = "CHECK"
    READ = "READ"
    FREEZE = "FREEZE"
    PROBE = "PROBE"
    SET = "SET"
    CLOSING = "CLOSING"
    RESET = "RESET"


class Errand(StrEnum):
    """What a phone at the meter is to do."""

    READ = "READ"
    RECHARGE = "RECHARGE"


class Outcome(StrEnum):
    """What became of a letter, in the gateway's words."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    NOT_CONNECTED = "not_connected"
    STALE_EPOCH = "stale_epoch"
    EXPIRED = "expired"


class Frozen(StrEnum):
    """Why no further credit leaves for a meter until a person has looked."""

    CONTRADICTION = "CONTRADICTION"
    FOREIGN_PURCHASE = "FOREIGN_PURCHASE"
    REFUSED = "REFUSED"
    UNCERTAIN = "UNCERTAIN"
    COUNT_FULL = "COUNT_FULL"


class Way(StrEnum):
    """How a person ends a freeze."""

    ADOPT = "adopt"
    RESEND = "resend"
    IMPORT = "import"
    EPOCH = "epoch"


class PowerReason(StrEnum):
    """Why a meter gives no power."""

    NONE = ""
    ZERO_BALANCE = "ZERO_BALANCE"
    FORCED_OFF = "FORCED_OFF"
    OTHER = "OTHER"
