"""What income asks of a payment platform, whichever it is.

An adapter turns one landlord's merchant account into four questions: make a charge, how is it, close it, and
what does this notify prove. It touches no table and knows no order of ours: whether an amount is the ordered
one, and whether a payment was seen before, is decided by whoever asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, Protocol

from apps.common.platforms import (
    LONGEST_DETAIL,
    CredentialsInvalid,
    PlatformAnswerInvalid,
    PlatformError,
    PlatformRefused,
    PlatformUnreachable,
)
from apps.income.platforms.bills import Bill, BillInvalid, BillLine, BillMissing, BillNotReady, LineKind

__all__ = [
    "Bill",
    "BillInvalid",
    "BillLine",
    "BillMissing",
    "BillNotReady",
    "Charge",
    "ChargeRequest",
    "CredentialsInvalid",
    "FinishRequest",
    "LineKind",
    "NotifyRefused",
    "PayersCard",
    "Platform",
    "PlatformAnswerInvalid",
    "PlatformError",
    "PlatformRefused",
    "PlatformResult",
    "PlatformUnreachable",
    "RefundRequest",
    "RefundResult",
    "RefundState",
    "State",
]

State = Literal["PAID", "PENDING", "CLOSED", "UNKNOWN_ORDER", "REFUNDED"]
"""PENDING: not paid, may still be. UNKNOWN_ORDER: the platform has no order of this number. REFUNDED: was
paid, and the platform speaks of money going back in part or in full; never a reason to credit."""

RefundState = Literal["DONE", "PROCESSING", "CLOSED", "ABNORMAL", "RETURNED", "UNKNOWN_REFUND"]
"""PROCESSING is not yet a refund: ask again. ABNORMAL: the payer's account cannot take the money back, a case
for a person; the platform holds it until then. RETURNED: it went to the merchant's own bank account, and the payer
has none of it. CLOSED and UNKNOWN_REFUND: no money moved under this number."""

LARGEST_NOTIFY_BYTES = 64 * 1024


class NotifyRefused(PlatformError):
    """A notify that changes nothing; answer it with `notify_answer(False)`, never with success.

    `code` is stable: TOO_LARGE, EMPTY, NOT_JSON, NOT_A_FORM, MISSING_HEADER, MISSING_FIELD, BAD_TIMESTAMP,
    OUTSIDE_WINDOW, UNKNOWN_SERIAL, BAD_SIGNATURE, SIGNATURE_PROBE, DECRYPTION, UNKNOWN_EVENT, UNKNOWN_STATE,
    WRONG_APP, WRONG_MERCHANT, WRONG_CURRENCY, BAD_AMOUNT, CERTIFICATE_CHANGED.

    `out_trade_no` is set only when the platform's signature was good: then the mismatch is the platform's own
    word about this order, and a case for a person. Without it the sender may be anybody.
    """

    def __init__(self, code: str, detail: str = "", *, out_trade_no: str | None = None) -> None:
        self.code = code
        self.detail = detail[:LONGEST_DETAIL]
        self.out_trade_no = out_trade_no
        super().__init__(f"{code}: {self.detail}" if self.detail else code)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRequest:
    """One order as a platform needs it.

    :param out_trade_no: ours, 6 to 32 of `[0-9A-Za-z_]`; the idempotency key at the platform.
    :param payer_id: the payer's id of exactly this app (openid, open_id); None asks for a QR instead.
    :param notify_url: without a query string; WeChat refuses one.
    :param expires_at: aware; after this the platform takes no money for this order.
    :param return_url: where the platform's own page sends the payer's browser back; her coming proves nothing.
    """

    out_trade_no: str
    amount_yuan: Decimal
    description: str
    payer_id: str | None = field(repr=False)
    notify_url: str
    expires_at: datetime
    payer_ip: str | None = None
    return_url: str = ""


@dataclass(frozen=True, slots=True)
class Charge:
    """What the payer's screen needs: the parameters of the app's own bridge, or the text of a QR."""

    bridge: dict[str, str] | None
    qr_text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundResult:
    """What the platform proved about one refund. `evidence` as in `PlatformResult`."""

    out_refund_no: str
    state: RefundState
    refund_yuan: Decimal | None
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformResult:
    """What the platform proved about one order.

    :param amount_yuan: the order's total, whatever coupons the payer used; None where none was named.
    :param paid_at: aware, UTC.
    :param payer_id: in clear, for comparing only; `evidence` holds the masked form.
    :param evidence: what was said, from a list of allowed fields; safe to store and show.
    :param refund: what a notify proved about one refund of this order, where the platform told its number.
    """

    channel: str
    merchant_id: str
    app_id: str
    out_trade_no: str
    transaction_id: str | None
    state: State
    amount_yuan: Decimal | None
    currency: str | None
    paid_at: datetime | None
    payer_id: str | None = field(repr=False)
    evidence: dict[str, Any]
    refund: RefundResult | None = None


def without_particulars(
    *, channel: str, merchant_id: str, app_id: str, out_trade_no: str, state: State, said: str
) -> PlatformResult:
    """Return what is known of an order the platform tells nothing more about than `said`, its own word."""
    return PlatformResult(
        channel=channel,
        merchant_id=merchant_id,
        app_id=app_id,
        out_trade_no=out_trade_no,
        transaction_id=None,
        state=state,
        amount_yuan=None,
        currency=None,
        paid_at=None,
        payer_id=None,
        evidence={"said": said},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """Money back to where it came from, in part or in full.

    :param out_refund_no: ours, 6 to 32 of `[0-9A-Za-z_]`; whatever happens, a repeat keeps it, and then the
        money goes back once.
    :param paid_yuan: the order's total, which WeChat compares.
    :param notify_url: where WeChat tells how it ended, as for a charge; Alipay tells nobody and is asked.
    """

    out_trade_no: str
    out_refund_no: str
    refund_yuan: Decimal
    paid_yuan: Decimal
    reason: str = ""
    notify_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayersCard:
    """Another bank card of a payer. Goes to the platform sealed, and nowhere else: no table, queue or log.

    :param bank: the platform's code of the bank, one of `wechat_refunds.BANKS`.
    :param number: digits only.
    """

    bank: str
    number: str = field(repr=False)
    name: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishRequest:
    """Another way for a refund that is ABNORMAL.

    :param refund_id: the platform's own number of the refund.
    :param card: None sends it to the merchant's own bank account.
    """

    out_trade_no: str
    out_refund_no: str
    refund_id: str
    card: PayersCard | None


class Platform(Protocol):
    """One merchant account at one platform. Safe to share between threads; holds no connection."""

    channel: str
    merchant_id: str
    app_id: str

    def prove(self, out_trade_no: str) -> bool:
        """Ask about an order nobody made, to find out whether these keys are this merchant's. Changes nothing.

        Returns only for "no such order", signed by the platform with a key we hold: True where nothing is left to
        prove, False where WeChat's APIv3 key waits for the first notify, as nothing else is sealed with it.

        :raises PlatformRefused: the platform does not know our key, certificate or number.
        :raises PlatformAnswerInvalid: we do not know the platform's.
        :raises PlatformUnreachable: nobody knows.
        """

    def create_charge(self, request: ChargeRequest) -> Charge:
        """Ask the platform for this order. The same request again gives a fresh charge of the same order.

        :raises ValueError: a number, amount or URL no platform would take; nothing was sent.
        :raises PlatformRefused: nothing was made.
        :raises PlatformUnreachable: unknown; query before a new number is used.
        :raises OutsideCallInScope: inside a landlord's scope.
        """

    def page_address(self, request: ChargeRequest) -> str:
        """Return the address of the platform's own page for paying this order in a phone's browser; makes no call.

        Signed now, so ask for it when the payer goes there. The platform has no trade before she has logged in there.

        :raises ValueError: as above. :raises PlatformRefused: a platform we know no such page of.
        """

    def query(self, out_trade_no: str, *, by_qr: bool = True) -> PlatformResult:
        """Ask how an order is. Changes nothing.

        :param by_qr: whether the order was made as a QR or for the platform's page. Alipay has no trade for these
            before they are opened: then "no trade" is PENDING; for an order bound to a payer it is UNKNOWN_ORDER.
        :raises PlatformRefused, PlatformUnreachable: as above.
        """

    def close(self, out_trade_no: str) -> PlatformResult:
        """Make an unpaid order unpayable. Closing twice is closing once; an order found paid comes back PAID.

        :raises PlatformRefused, PlatformUnreachable: as above.
        """

    def refund(self, request: RefundRequest) -> RefundResult:
        """Send money back. The same request again reports the same refund and moves nothing more.

        :raises ValueError: a number or amount no platform would take; nothing was sent.
        :raises PlatformRefused: no money moved; `code` says why (balance too low, more than is left, …).
        :raises PlatformUnreachable: unknown; repeat with the same number.
        """

    def query_refund(self, out_trade_no: str, out_refund_no: str) -> RefundResult:
        """Ask how a refund is. Changes nothing.

        :raises PlatformRefused, PlatformUnreachable: as above.
        """

    def finish_refund(self, request: FinishRequest) -> RefundResult:
        """Send a refund that is ABNORMAL another way. Asking again for one that is on its way moves nothing more.

        :raises ValueError: a number, bank or name no platform would take; nothing was sent.
        :raises PlatformRefused: it stays as it was; Alipay has no such state and always refuses.
        :raises PlatformUnreachable: unknown; query it.
        """

    def read_notify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> PlatformResult:
        """Return what a notify proves. Makes no call; the same notify reads the same every time.

        :param body: the bytes as they arrived, never re-written JSON.
        :param now: aware, for the replay window.
        :raises NotifyRefused: whatever else arrives.
        """

    def bill(self, day: date) -> Bill:
        """Return what the platform says it took and gave back on one Beijing day. Changes nothing.

        :raises BillNotReady, BillMissing: there is none yet, or there was nothing.
        :raises BillInvalid: a file that is not believed.
        :raises PlatformRefused, PlatformUnreachable: as above.
        """

    def notify_answer(self, ok: bool) -> tuple[int, str, bytes]:
        """Return status, content type and body that end (True) or repeat (False) the platform's delivery."""
