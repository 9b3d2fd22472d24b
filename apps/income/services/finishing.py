"""Finish a refund that its payer's card does not take: to another card of hers, or to the merchant's own bank account.

Card and name go to the platform, sealed for it alone, within the call of the member who typed them: no row, queue or
log has them, and nobody can ask a second time for her.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit
from apps.common.errors import Conflict, NotFound, Refused
from apps.common.scoping import landlord_scope
from apps.income.models import CollectionAccount, Refund
from apps.income.platforms import base as platforms
from apps.income.platforms.wechat_refunds import BANKS, is_card_name, is_card_number
from apps.income.services.channels import platform_of
from apps.income.services.refunds import apply_refund_result
from apps.income.states import Channel, FinishWay, RefundState

log = logging.getLogger(__name__)

# Longer than a call may take, so that no question overtakes it.
_ASK_AFTER = timedelta(seconds=60)


class NotHalted(Conflict):
    code = "not_halted"
    detail = _(
        "WeChat Pay does not hold this refund for you: it was not halted by the payer's card, is on its way again, or "
        "has ended. The payment's page says how it is."
    )


class CardInvalid(Refused):
    """A card that no platform would take; names each field, and repeats nothing of what was typed."""

    code = "card_invalid"
    status = 400


class FinishRefused(Conflict):
    code = "platform_refused"
    detail = _("The platform did not take it.")


@dataclass(frozen=True)
class _Turn:
    account: CollectionAccount
    request: platforms.FinishRequest
    refund_id: UUID
    tries: int
    was: dict[str, str]


def checked_card(*, bank: str, number: str, name: str) -> platforms.PayersCard:
    """Return a payer's card as a platform would take it. :raises CardInvalid: naming every field that is wrong."""
    fields = {
        "card_bank": "" if bank in BANKS else _("Choose the bank of the card."),
        "card_number": "" if is_card_number(number) else _("The digits on the card: 12 to 19 of them."),
        "card_name": "" if is_card_name(name) else _("The name that stands on the card."),
    }
    wrong = {field: problem for field, problem in fields.items() if problem}
    if wrong:
        raise CardInvalid(_("This card cannot take money."), fields=wrong)
    return platforms.PayersCard(bank=bank, number=number, name=name.strip())


def is_halted(refund: Refund) -> bool:
    """Say whether the platform holds this refund between payer and merchant, until it is told where it shall go."""
    told = refund.evidence
    return (
        refund.state == RefundState.REVIEW
        and refund.payment.channel == Channel.WECHAT
        and told.get("status") == "ABNORMAL"
        and bool(told.get("refund_id"))
    )


def finish_refund(
    *, landlord_id: UUID, refund_id: UUID, card: platforms.PayersCard | None, by_id: UUID, now: datetime
) -> Refund:
    """Have the platform send a refund that it holds another way, and take in its answer; opens short scopes. Audited.

    Claims it first, so that of two members one asks, and nothing else asks before the platform has heard this. Where
    nobody knows whether it has, the refund stays under way and is asked about; if it is halted still, she may type
    the card again. Back with the merchant it is not with the payer: it waits for her to hand it over by herself.

    :param card: None sends it to the merchant's own bank account.
    :raises NotFound, NotHalted: and nothing was sent.
    :raises FinishRefused: the platform said no, and holds it still.
    :raises ValueError: a card no platform would take; nothing was sent. Who calls has checked it (`checked_finish`).
    """
    with landlord_scope(landlord_id):
        turn = _claimed(refund_id, card, by_id, now)
        platform = platform_of(turn.account)
    try:
        result = platform.finish_refund(turn.request)
    except (platforms.PlatformRefused, ValueError) as refusal:
        with landlord_scope(landlord_id):
            _give_turn_back(turn)
        if isinstance(refusal, ValueError):
            raise
        raise FinishRefused(
            _(
                "The platform did not take it (%(code)s). The money stays with it; try again, or the other way."
            )
            % {"code": refusal.code}
        ) from None
    except platforms.PlatformError as error:
        log.info("refund %s: the result is unknown (%s)", refund_id, type(error).__name__)
    else:
        with landlord_scope(landlord_id):
            apply_refund_result(account=turn.account, result=result, now=now, is_answer=True)
    with landlord_scope(landlord_id):
        return Refund.objects.select_related("payment").get(pk=refund_id)


def _claimed(refund_id: UUID, card: platforms.PayersCard | None, by_id: UUID, now: datetime) -> _Turn:
    with transaction.atomic():
        refund = Refund.objects.select_related("payment__account").filter(pk=refund_id).first()
        if refund is None:
            raise NotFound(_("There is no such refund."))
        if not is_halted(refund):
            raise NotHalted()
        way = FinishWay.MERCHANT if card is None else FinishWay.CARD
        was = {"review_reason": refund.review_reason, "finish_way": refund.finish_way}
        rows = Refund.objects.filter(pk=refund.pk, state=RefundState.REVIEW, tries=refund.tries)
        tries = refund.tries + 1
        if not rows.update(
            state=RefundState.PROCESSING,
            finish_way=way,
            review_reason="",
            tries=tries,
            next_at=now + _ASK_AFTER,
        ):
            raise NotHalted()
        audit.record(
            "refund.finish", on=refund, by_id=by_id, now=now, amount_yuan=refund.amount_yuan, way=way
        )
    request = platforms.FinishRequest(
        out_trade_no=refund.payment.out_trade_no,
        out_refund_no=refund.out_refund_no,
        refund_id=refund.evidence["refund_id"],
        card=card,
    )
    return _Turn(refund.payment.account, request, refund.pk, tries, was)


def _give_turn_back(turn: _Turn) -> None:
    rows = Refund.objects.filter(pk=turn.refund_id, state=RefundState.PROCESSING, tries=turn.tries)
    rows.update(state=RefundState.REVIEW, next_at=None, **turn.was)
