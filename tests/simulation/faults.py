"""What may go wrong, how often it does in one world, and how often it really did."""

import random
from collections import Counter
from collections.abc import Collection
from enum import Enum


class WorkerDied(BaseException):
    """The process is gone in the middle of what it did."""


class Fault(Enum):
    """A kind of fault: what happens, and its greatest rate (a chance per occasion, or events per minute)."""

    # links: chances per chunk of bytes
    STALL_DOWN = ("a question stands still in the network, and all behind it", 0.06)
    STALL_UP = ("an answer stands still in the network, and all behind it", 0.06)
    SPLIT = ("bytes arrive in two pieces", 0.25)
    GLUE = ("bytes of two frames arrive as one piece", 0.2)
    DOUBLE_DOWN = ("a question reaches the meter twice", 0.12)
    DOUBLE_UP = ("an answer reaches the gateway twice", 0.12)
    NOISE = ("a byte is changed on the way", 0.03)
    RESET = ("the connection is reset while bytes are under way", 0.03)
    # links: events per minute
    HALF_OPEN = ("the meter hangs up and the gateway does not hear of it", 0.5)
    PARTITION = ("a meter's link carries nothing for a while", 0.4)
    SWIZZLE_CLOG = ("links stop one by one and go on in another order", 0.3)
    MOVE = ("a meter dials the other gateway while its old socket stands", 0.5)
    # broker: chances per message, or events per minute
    TASK_LOST = ("a gateway's word to the office is lost", 0.08)
    TASK_DOUBLED = ("a gateway's word is heard twice", 0.15)
    DOORBELL_LOST = ("a doorbell rings nowhere", 0.3)
    DOORBELL_DOUBLED = ("a doorbell rings twice", 0.3)
    TASK_LATE = ("a task runs late", 0.1)
    LETTER_LOST = ("a letter never reaches the gateway", 0.08)
    LETTER_DOUBLED = ("a letter reaches the gateway twice", 0.15)
    LETTER_LATE = ("a letter reaches the gateway late", 0.08)
    BROKER_AWAY = ("the broker cannot be reached", 0.3)
    BROKER_EMPTIED = ("the broker comes back empty", 0.2)
    # processes
    CRASH_BEFORE_COMMIT = ("a worker dies in a transaction", 0.05)
    CRASH_BEFORE_POST = ("a worker dies between commit and post", 0.05)
    GATEWAY_KILLED = ("a gateway process is killed and starts again", 0.25)
    SWEEPER_STOPPED = ("the sweeper stands still", 0.3)
    CLOCK_SKEW = ("the clocks of two processes differ", 1.0)
    # meters
    POWER_CUT = ("a meter loses power", 0.3)
    CUT_IN_CREDIT = ("a meter loses power in the middle of a credit", 0.15)
    TORN_FLASH = ("power goes at any byte of a credit on flash that is not atomic", 0.3)
    ACK_FORGOTTEN = ("a meter says yes, loses power and has forgotten it", 0.08)
    OVER_LIMIT = ("a credit would pass the hoarding limit", 1.0)
    FOREIGN_PURCHASE = ("somebody else credits the meter", 0.2)
    ENERGY_RESET = ("a meter's counted energy is set to zero, and its next body begins", 0.25)
    DEVICE_SWAP = ("another device is hung in the room, and the account goes on with it", 0.3)
    RESOLVED = ("a frozen meter is set going again by a person", 1.0)
    EPOCH_IN_CREDIT = ("a person lets another body begin while a credit is open", 1.0)
    PURSE_INIT = ("a meter's purse is made as new before its first credit", 0.6)
    # people
    PHONE_CARRIES = ("a phone carries the credit's frame too", 0.4)
    PHONE_REPLAYS = ("a phone brings an old frame again", 0.5)
    PHONE_ALTERS = ("a phone brings a frame with a changed byte", 0.3)
    PHONE_KEEPS = ("a phone brings a frame a week later", 1.0)
    PHONE_TELLS = ("a phone is handed the credit, brings it and tells of it, sooner or later", 0.6)
    PHONE_LIES = ("a phone is handed the credit, keeps it and forges the meter's proof", 0.6)
    NOTIFY_DOUBLED = ("a payment is notified twice", 0.4)
    NOTIFY_LATE = ("a notify comes minutes late, after the poll", 0.2)
    NOTIFY_LOST = ("a notify never comes; a poll finds the payment", 0.2)
    PLATFORM_SILENT = ("the payment platform does not answer, whatever it did", 0.25)
    PAID_OTHERWISE = ("another amount arrives than was ordered", 0.15)
    PAID_TWICE = ("one order is paid on both channels", 1.0)
    REFUND_REFUSED = ("a platform refuses to give money back", 0.5)
    NOTIFY_FORGED = ("a notify says what its platform never said, or what it said of another app", 0.5)
    TWO_AT_ONCE = ("two orders for one meter are paid in the same moment", 0.4)
    CANCEL_LATE = ("a credit is cancelled after its bytes were stored", 0.5)
    REFUND_RACES = ("money is asked back while the credit's bytes are under way", 1.0)

    # Asked at every chunk of bytes; a member is itself and nothing else.
    __hash__ = object.__hash__

    def __init__(self, words: str, most: float) -> None:
        self.words = words
        self.most = most


PER_MINUTE = (
    Fault.HALF_OPEN, Fault.PARTITION, Fault.SWIZZLE_CLOG, Fault.MOVE, Fault.BROKER_AWAY, Fault.BROKER_EMPTIED,
    Fault.GATEWAY_KILLED, Fault.SWEEPER_STOPPED, Fault.POWER_CUT, Fault.FOREIGN_PURCHASE, Fault.ENERGY_RESET,
    Fault.PHONE_REPLAYS, Fault.PHONE_ALTERS, Fault.PHONE_TELLS, Fault.PHONE_LIES, Fault.DEVICE_SWAP,
)  # fmt: skip


# Happen only where real payments are: in the PostgreSQL mode.
OF_PEOPLES_MONEY = (
    Fault.PLATFORM_SILENT, Fault.PAID_OTHERWISE, Fault.PAID_TWICE, Fault.REFUND_REFUSED, Fault.NOTIFY_FORGED,
)  # fmt: skip


# What a world on PostgreSQL is there for: few are lived, so most of these meet in each.
PEOPLES = (
    *OF_PEOPLES_MONEY, Fault.FOREIGN_PURCHASE, Fault.DEVICE_SWAP, Fault.PHONE_TELLS, Fault.PHONE_LIES,
    Fault.CANCEL_LATE, Fault.ENERGY_RESET, Fault.TORN_FLASH,
)  # fmt: skip


class Faults:
    """The faults of one world. About half of the kinds are awake in it, each at a rate of its own."""

    def __init__(self, dice: random.Random, *, awake_often: Collection[Fault] = ()) -> None:
        self._dice = dice
        self.rates = {
            fault: fault.most * dice.uniform(0.2, 1)
            for fault in Fault
            if dice.random() < (0.8 if fault in awake_often else 0.45)
        }
        self.fired: Counter[Fault] = Counter()
        self.healed = False

    def strikes(self, fault: Fault) -> bool:
        """Throw the dice for one occasion; the caller says `count` once the fault really had its effect."""
        if self.healed or fault not in self.rates:
            return False
        return self._dice.random() < self.rates[fault]

    def hits(self, fault: Fault) -> bool:
        """As `strikes`, for faults whose effect is certain."""
        if not self.strikes(fault):
            return False
        self.fired[fault] += 1
        return True

    def count(self, fault: Fault) -> None:
        self.fired[fault] += 1

    def is_awake(self, fault: Fault) -> bool:
        return fault in self.rates and not self.healed
