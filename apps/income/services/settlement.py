"""Send what the operator collected for a landlord on to her (strategy S3): number first, committed, then the call.

The energy never waits for this. Whatever a transfer comes to, money is in exactly one place of the books: owed to the
payee, on its way, or with her.
"""

import logging
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, Sum

from apps.accounts import audit
from apps.common.ids import readable_code
from apps.common.scoping import landlord_scope
from apps.income import postings
from apps.income.models import CollectionAccount, Payment, Refund, Settlement
from apps.income.platforms import base as platforms
from apps.income.platforms.transfers import (
    REMARK,
    WHY,
    TransferRequest,
    TransferResult,
    Transfers,
    transfers_for,
)
from apps.income.services import channels
from apps.income.services.ledger import Booking, balance, book, book_all
from apps.income.states import TRANSFER_UNDER_WAY, CheckState, SettlementState
from apps.income.strategies import to_transfer

log = logging.getLogger(__name__)

# After the first tries there is no hurry: a payee has a day to confirm.
_ASK_AFTER = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600))
# A platform that says no for a reason of its own says so again a moment later.
_AFTER_A_NO = timedelta(hours=1)
# The platforms count a payee's day in their own time.
_PLATFORM_DAY = ZoneInfo("Asia/Shanghai")
# A platform's no to one of these holds for every later transfer, until a person mends the payee.
_STOPS = frozenset({"NAME_MISMATCH", "AUTHORISATION"})


def collected_bookings(payment: Payment) -> list[Booking]:
    """Return what is to be booked because the operator owes a payment it collected. Nothing where the money went to the
    landlord directly."""
    if payment.account.can.funds_direct:
        return []
    moves = postings.held_for_payee(account_id=payment.account_id, amount_yuan=payment.amount_yuan)
    return [Booking(f"payment:{payment.pk}:held", "held", moves)]


def note_collected(*, payment: Payment, now: datetime) -> None:
    """Book that the operator owes a payment it collected; in the payment's own transaction."""
    if bookings := collected_bookings(payment):
        book_all(bookings, now=now)


def note_given_back(*, refund: Refund, account: CollectionAccount, now: datetime) -> None:
    """Book that a refund went out of what the operator held; in the refund's own transaction. What was transferred
    before is taken off the next transfers: what is owed may fall below zero."""
    if account.can.funds_direct:
        return
    moves = postings.held_for_payee(account_id=account.pk, amount_yuan=-refund.amount_yuan)
    book(reference=f"refund:{refund.pk}:held", kind="held", moves=moves, now=now)


def begin_settlement(*, account_id: UUID, now: datetime) -> Settlement | None:
    """Return a new transfer of what is owed to an account's payee; None while there is nothing to send.

    Inside the landlord's scope; locks the account, so that two callers begin one. Nothing is sent below the platform's
    floor, above its limit for one payee and day, while one is under way, within an hour of a refusal for a reason of
    the platform's own, or while the account is stopped.
    """
    try:
        with transaction.atomic():
            account = CollectionAccount.objects.select_for_update(of=("self",)).filter(pk=account_id).first()
            if account is None or account.can.funds_direct or account.settling_stopped:
                return None
            today = now.astimezone(_PLATFORM_DAY).replace(hour=0, minute=0, second=0, microsecond=0)
            todays = Settlement.objects.filter(
                account__payee_print=account.payee_print, created_at__gte=today
            )
            if todays.filter(state=SettlementState.RETURNED, said="DAY_LIMIT").exists():
                return None
            refused = Settlement.objects.filter(
                account=account, state=SettlementState.RETURNED, said="REFUSED"
            )
            if refused.filter(ended_at__gt=now - _AFTER_A_NO).exists():
                return None
            counted = todays.filter(state__in=[*sorted(TRANSFER_UNDER_WAY), SettlementState.DONE])
            amount_yuan = to_transfer(
                payable_yuan=max(balance(postings.Asset.CNY, postings.payable(account.pk)), Decimal(0)),
                transferred_today_yuan=counted.aggregate(sum=Sum("amount_yuan"))["sum"] or Decimal(0),
                can=account.can,
            )
            if not amount_yuan:
                return None
            settlement = Settlement.objects.create(
                account=account,
                number=f"S{now:%y%m%d}{readable_code(12)}",
                amount_yuan=amount_yuan,
                created_at=now,
                next_at=now,
            )
            moves = postings.transfer_begun(
                account_id=account.pk, settlement_id=settlement.pk, amount_yuan=amount_yuan
            )
            book(reference=f"settlement:{settlement.pk}:begun", kind="transfer", moves=moves, now=now)
    except IntegrityError:
        return None
    return settlement


def send_settlement(*, landlord_id: UUID, settlement_id: UUID, now: datetime) -> None:
    """Ask the platform for a transfer, or how it is, and take in the answer; opens short scopes of its own.

    Claims its turn first. After an unknown result it asks how it is before it sends again, always the same number.
    """
    with landlord_scope(landlord_id):
        settlement = Settlement.objects.select_related("account").filter(pk=settlement_id).first()
        if settlement is None or settlement.state not in TRANSFER_UNDER_WAY:
            return
        if settlement.next_at is None or settlement.next_at > now:
            return
        pause = _ASK_AFTER[min(settlement.tries, len(_ASK_AFTER) - 1)]
        rows = Settlement.objects.filter(
            pk=settlement.pk, tries=settlement.tries, state__in=sorted(TRANSFER_UNDER_WAY)
        )
        if not rows.update(tries=F("tries") + 1, next_at=now + pause):
            return
        account = settlement.account
        request = TransferRequest(
            number=settlement.number,
            amount_yuan=settlement.amount_yuan,
            payee_id=str(account.credentials()["payee_id"]),
            payee_name=account.payee_name(),
            remark=REMARK,
            notify_url=channels.notify_url(account),
        )
        sender = _sender(account)
    try:
        result = _asked(sender, request, is_first=settlement.tries == 0)
    except platforms.PlatformRefused as refusal:
        why = WHY.get(refusal.code, "REFUSED")
        with landlord_scope(landlord_id):
            _refused(settlement.pk, why, now)
        return
    except platforms.PlatformError as error:
        log.info("transfer %s: the result is unknown (%s)", settlement_id, type(error).__name__)
        return
    with landlord_scope(landlord_id):
        apply_transfer_result(settlement_id=settlement_id, result=result, now=now)


def _sender(account: CollectionAccount) -> Transfers:
    provider: dict[str, Any] = settings.PROVIDER_ACCOUNTS.get(account.channel, {})
    return transfers_for(account.channel, provider, base_url=settings.SANDBOX_URL or None)


def _asked(sender: Transfers, request: TransferRequest, *, is_first: bool) -> TransferResult:
    if not is_first:
        try:
            result = sender.query(request.number)
        except platforms.PlatformRefused as refusal:
            # No to the question is no word about the transfer, which may be on its way or with the payee.
            raise platforms.PlatformUnreachable(f"the question was refused: {refusal.code}") from None
        if result.state != "UNKNOWN_TRANSFER":
            return result
    return sender.send(request)


def _refused(settlement_id: UUID, why: str, now: datetime) -> None:
    """No money moved, and the same number may be asked again: an empty account of the operator's is filled by and by,
    everything else ends the transfer."""
    if why == "BALANCE_LOW":
        Settlement.objects.filter(pk=settlement_id, state=SettlementState.CREATED).update(said=why)
        return
    _end(settlement_id, SettlementState.RETURNED, why, {}, now)


def apply_transfer_result(*, settlement_id: UUID, result: TransferResult, now: datetime) -> Settlement:
    """Take in what a platform has proved about one transfer; inside the landlord's scope.

    Safe to run twice and in parallel: states change conditionally, and books are written by a reference that exists
    once. An amount that is not ours leaves the transfer under way, for a person.
    """
    settlement = Settlement.objects.get(pk=settlement_id)
    if result.amount_yuan is not None and result.amount_yuan != settlement.amount_yuan:
        log.warning("transfer %s: the platform speaks of another amount", settlement.number)
        Settlement.objects.filter(pk=settlement_id).update(said="WRONG_AMOUNT")
        return settlement
    rows = Settlement.objects.filter(pk=settlement_id, state__in=sorted(TRANSFER_UNDER_WAY))
    if result.state in ("PROCESSING", "CONFIRMING"):
        rows.update(
            state=SettlementState(result.state),
            platform_number=result.platform_number,
            confirm_package=result.confirm_package,
            evidence=result.evidence,
            said="",
        )
    elif result.state == "DONE":
        rows.update(platform_number=result.platform_number)
        _end(settlement_id, SettlementState.DONE, "", result.evidence, now)
    elif result.state == "FAILED":
        _end(settlement_id, SettlementState.RETURNED, result.why, result.evidence, now)
    settlement.refresh_from_db()
    return settlement


def _end(
    settlement_id: UUID, state: SettlementState, why: str, evidence: dict[str, Any], now: datetime
) -> None:
    if why in _STOPS:
        state = SettlementState.STOPPED
    with transaction.atomic():
        rows = Settlement.objects.filter(pk=settlement_id, state__in=sorted(TRANSFER_UNDER_WAY))
        if not rows.update(
            state=state, said=why, evidence=evidence, ended_at=now, next_at=None, confirm_package=""
        ):
            return
        settlement = Settlement.objects.select_related("account").get(pk=settlement_id)
        moves = postings.transfer_ended(
            account_id=settlement.account_id,
            settlement_id=settlement.pk,
            amount_yuan=settlement.amount_yuan,
            arrived=state == SettlementState.DONE,
        )
        book(reference=f"settlement:{settlement.pk}:ended", kind="transfer", moves=moves, now=now)
        account = CollectionAccount.objects.filter(pk=settlement.account_id)
        if state == SettlementState.DONE:
            account.filter(~Q(check_state=CheckState.VERIFIED)).update(
                check_state=CheckState.VERIFIED, check_said=""
            )
        if state == SettlementState.STOPPED:
            mismatch = (
                {"check_state": CheckState.MISMATCH, "check_said": why} if why == "NAME_MISMATCH" else {}
            )
            account.update(settling_stopped=why, **mismatch)
            audit.record(
                "account.stopped",
                on=settlement.account,
                by_id=None,
                now=now,
                channel=settlement.account.channel,
                why=why,
            )
