"""The lives of a payment and of a recharge, and what a renter is told of both.

payment   CREATED ──► PENDING ──► PAID            PAID beats CLOSED: money that arrived, arrived
             └───────────┴──► CLOSED ──► PAID
          any but PAID ──► REVIEW ──► PAID         something does not agree: nothing is credited, and once a person
                                                   has decided so, all that arrived goes back, or the platform is asked
                                                   anew and it is credited, if every field agrees now

recharge  OPEN ──► CREDITED     the meter proved it
            └──► CANCELLED      its command was taken back before any byte was stored, or the meter refused it

refund    WAITING ──► CREATED ──► PROCESSING ──► DONE
             │           └────────────┴──► CLOSED            the platform gave it up: no money moved, another may follow
             │           └────────────┴──► REVIEW ──► DONE   a person looks; asking again keeps the number, or she
             │                                               gives the money back by hand and writes it down
             └──► CLOSED            the meter proved that it has the energy, or a member withdrew it before that
          WAITING: bytes have left, and only the meter can say whether it took them
          REVIEW ──► PROCESSING     the payer's card takes nothing any more: a member sends it to another card of hers,
                                    or to the merchant's own bank account. There it is in REVIEW again, RETURNED, until
                                    she has handed it over by herself

grace     GIVEN ──► OWED ──► REPAYING ──► REPAID   a recharge repays it: claimed with the recharge, done with its proof
            │        │ ▲─────────┘                that recharge was taken back
            │        └──► PAID, FORGIVEN          a member took cash for it, or wrote it off
            └──► CANCELLED                        no meter will get it, or a member withdrew it before it left

account   UNVERIFIED ──► PENDING ──► VERIFIED    the platform's own answer to a question about an order nobody made
                            └──────► MISMATCH    key, certificate or number do not belong together

transfer  CREATED ──► PROCESSING ──► DONE        the platform proved it
             └──► CONFIRMING ──► DONE            the payee confirms in the app, within 24 hours
             └──────┴───────┴──► RETURNED        no money moved: it is owed again, and another number may follow
             └──────┴───────┴──► STOPPED         likewise, and nothing more is sent before a person mended the payee
"""

from enum import StrEnum


class Channel(StrEnum):
    WECHAT = "wechat"
    ALIPAY = "alipay"


class PaymentState(StrEnum):
    CREATED = "CREATED"
    PENDING = "PENDING"
    PAID = "PAID"
    CLOSED = "CLOSED"
    REVIEW = "REVIEW"


MAY_BECOME_PAID = frozenset({PaymentState.CREATED, PaymentState.PENDING, PaymentState.CLOSED})
UNDECIDED = frozenset({PaymentState.CREATED, PaymentState.PENDING})


class RechargeKind(StrEnum):
    PAYMENT = "PAYMENT"
    CASH = "CASH"
    GIFT = "GIFT"
    CORRECTION = "CORRECTION"
    IMPORT = "IMPORT"
    GRACE = "GRACE"


class RechargeState(StrEnum):
    OPEN = "OPEN"
    CREDITED = "CREDITED"
    CANCELLED = "CANCELLED"


class GraceState(StrEnum):
    GIVEN = "GIVEN"
    OWED = "OWED"
    REPAYING = "REPAYING"
    REPAID = "REPAID"
    PAID = "PAID"
    FORGIVEN = "FORGIVEN"
    CANCELLED = "CANCELLED"


# Neither repaid nor given up: a holder has one of these at most.
OPEN_GRACES = frozenset({GraceState.GIVEN, GraceState.OWED, GraceState.REPAYING})
# In a meter, and on the books as owed.
DEBTS = OPEN_GRACES - {GraceState.GIVEN}


class FapiaoState(StrEnum):
    REQUESTED = "REQUESTED"
    ISSUED = "ISSUED"


class RefundState(StrEnum):
    WAITING = "WAITING"
    CREATED = "CREATED"
    PROCESSING = "PROCESSING"
    DONE = "DONE"
    CLOSED = "CLOSED"
    REVIEW = "REVIEW"


UNDER_WAY = frozenset({RefundState.CREATED, RefundState.PROCESSING})
# Asked for, and neither ended nor given up.
NOT_ENDED = UNDER_WAY | {RefundState.WAITING, RefundState.REVIEW}
# Its money has gone back or still may: all but CLOSED count against what was paid.
HOLDS_MONEY = frozenset(RefundState) - {RefundState.CLOSED}

# Its money has gone back or will, as far as anybody knows: what a receipt says.
GOES_BACK = HOLDS_MONEY - {RefundState.WAITING}


class RefundWay(StrEnum):
    """CHANNEL: the way the money came. HAND: the channel could not, and a member gave it back."""

    CHANNEL = "CHANNEL"
    HAND = "HAND"


class FinishWay(StrEnum):
    """Where a refund goes that the payer's card does not take: another CARD of hers, or the MERCHANT's own bank."""

    CARD = "CARD"
    MERCHANT = "MERCHANT"


class CheckState(StrEnum):
    UNVERIFIED = "UNVERIFIED"
    PENDING = "PENDING"
    VERIFIED = "VERIFIED"
    MISMATCH = "MISMATCH"


class Seal(StrEnum):
    """What of WeChat's APIv3 key is known."""

    PROVED = "SEAL_PROVED"
    """It opened something."""
    LATER = "SEAL_LATER"
    """Nothing was sealed with it yet."""
    WRONG = "SEAL_WRONG"
    """A notify that the platform signed did not open."""


class SettlementState(StrEnum):
    CREATED = "CREATED"
    PROCESSING = "PROCESSING"
    CONFIRMING = "CONFIRMING"
    DONE = "DONE"
    RETURNED = "RETURNED"
    STOPPED = "STOPPED"


TRANSFER_UNDER_WAY = frozenset(
    {SettlementState.CREATED, SettlementState.PROCESSING, SettlementState.CONFIRMING}
)


class OrderState(StrEnum):
    """What a renter is told; derived from payment and recharge, stored nowhere."""

    CREATED = "created"
    PAID = "paid"
    DELIVERING = "delivering"
    CREDITED = "credited"
    CLOSED = "closed"
    REVIEW = "review"
    REFUNDING = "refunding"
    REFUNDED = "refunded"


def order_state(
    payment: str, recharge: str | None, credit_number: int | None, refund: str | None = None
) -> OrderState:
    """Return what a renter is told; `credit_number` is set once the credit's bytes are stored.

    A recharge that stands outweighs refunds: the one of a part, or one that waits for the meter.

    :param refund: the state of the payment's newest refund; DONE only if nothing is left to go back.
    """
    if payment == PaymentState.PAID:
        if recharge is None or recharge == RechargeState.CANCELLED:
            if refund == RefundState.DONE:
                return OrderState.REFUNDED
            if refund is not None or recharge is not None:
                return OrderState.REFUNDING
        if recharge == RechargeState.CREDITED:
            return OrderState.CREDITED
        return OrderState.PAID if credit_number is None else OrderState.DELIVERING
    if payment == PaymentState.REVIEW:
        return OrderState.REVIEW
    return OrderState.CLOSED if payment == PaymentState.CLOSED else OrderState.CREATED
