"""How a landlord comes to her money, and what each way can and cannot do; pure data and arithmetic.

    S0  cash and bank, outside any platform        nothing but an entry in the books
    S1  the landlord's own merchant account        money lands there; needs a business licence
    S2  a sub-merchant under the operator's        the platform clears it to the landlord; the ID-card name is checked
    S3  the operator collects and transfers        two hops; other people's money in the operator's account

No payment is shared with anybody (S4, the platforms' profit sharing): a share is at most 30 %, so it is no way to
bring a landlord her money, and an operator's part of it would be a fee inside the price of electricity. Orders say
so when they are made, and then no one can share them.

Energy depends on *paid*, never on *settled*: nothing here is asked before a credit. Figures of S3: WeChat Pay
"merchant transfer" (0.10 yuan least, name checked from 0.30, 20,000 a day for one payee), Alipay
`fund.trans.uni.transfer` (0.10 least, 50,000 for one transfer to a person).
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

FEN = Decimal("0.01")
# What both platforms take of a payment unless they agreed on less: 0.6 %.
USUAL_FEE_RATE = Decimal("0.0060")


class Strategy(StrEnum):
    S0 = "S0"
    S1 = "S1"
    S2 = "S2"
    S3 = "S3"


@dataclass(frozen=True)
class Capabilities:
    """What one strategy can do on one channel. None is "no limit known"."""

    takes_online: bool
    funds_direct: bool
    needs_own_keys: bool = False
    needs_provider: bool = False
    needs_payee_name: bool = False
    needs_payee_confirm: bool = False
    needs_acknowledgement: bool = False
    refund_after_settle: bool = True
    least_yuan: Decimal = FEN
    most_single_yuan: Decimal | None = None
    most_day_payee_yuan: Decimal | None = None


_S1 = Capabilities(takes_online=True, funds_direct=True, needs_own_keys=True)
_S2 = Capabilities(takes_online=True, funds_direct=True, needs_provider=True, needs_payee_name=True)
_CAPABILITIES = {
    ("S1", "wechat"): _S1,
    ("S1", "alipay"): _S1,
    ("S2", "wechat"): _S2,
    ("S2", "alipay"): _S2,
    ("S3", "wechat"): Capabilities(
        takes_online=True,
        funds_direct=False,
        needs_provider=True,
        needs_payee_name=True,
        needs_payee_confirm=True,
        needs_acknowledgement=True,
        refund_after_settle=False,
        least_yuan=Decimal("0.30"),
        most_single_yuan=Decimal("20000.00"),
        most_day_payee_yuan=Decimal("20000.00"),
    ),
    ("S3", "alipay"): Capabilities(
        takes_online=True,
        funds_direct=False,
        needs_provider=True,
        needs_payee_name=True,
        needs_acknowledgement=True,
        refund_after_settle=False,
        least_yuan=Decimal("0.10"),
        most_single_yuan=Decimal("50000.00"),
        most_day_payee_yuan=Decimal("2000000.00"),
    ),
}
_BY_HAND = Capabilities(takes_online=False, funds_direct=True)


def capabilities(strategy: str, channel: str) -> Capabilities:
    """Return what a strategy can do on a channel.

    :raises KeyError: for a pair nobody adapted.
    """
    return _BY_HAND if strategy == Strategy.S0 else _CAPABILITIES[strategy, channel]


def to_transfer(*, payable_yuan: Decimal, transferred_today_yuan: Decimal, can: Capabilities) -> Decimal:
    """Return how much of what is owed to a payee may be sent now, whole fen; zero means wait.

    What is below the platform's floor waits for more; what is above the day's limit waits for the next day.
    """
    amount_yuan = payable_yuan.quantize(FEN, "ROUND_DOWN")
    if can.most_single_yuan is not None:
        amount_yuan = min(amount_yuan, can.most_single_yuan)
    if can.most_day_payee_yuan is not None:
        amount_yuan = min(amount_yuan, can.most_day_payee_yuan - transferred_today_yuan)
    return amount_yuan if amount_yuan >= can.least_yuan else Decimal("0.00")


def fee_of(amount_yuan: Decimal, fee_rate: Decimal) -> Decimal:
    """Return what a channel keeps of an amount: rounded half up to the fen, for each payment by itself."""
    return (amount_yuan * fee_rate).quantize(FEN, ROUND_HALF_UP)
