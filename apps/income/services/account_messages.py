"""Tell people that an account changed, or that its certificate ends soon: rows first, sent afterwards, once each."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from apps.accounts import messaging
from apps.accounts.models import Landlord, Member
from apps.accounts.roles import Role
from apps.accounts.selectors import language_of
from apps.common.queue import ring_after_commit
from apps.common.scoping import landlord_scope
from apps.income.models import AccountMessage, CollectionAccount
from apps.income.selectors import WARN_BEFORE

log = logging.getLogger(__name__)

TRIES = 5


def tell_of_change(*, account: CollectionAccount, before: CollectionAccount | None, now: datetime) -> None:
    """Have everybody told whose account takes the money now: the owners, and the contacts of the old and the new
    account; in the caller's transaction."""
    contacts = [account.contact_phone, before.contact_phone if before else ""]
    _tell(account, before, AccountMessage.Kind.CHANGED, contacts, now)


def warn_of_certificates(*, now: datetime) -> int:
    """Warn the owners of the landlord in scope, once, of each active account whose certificate ends within 30 days;
    returns how many accounts were warned of."""
    ending = CollectionAccount.objects.filter(
        Q(warned_at=None), is_active=True, certificate_ends_at__lte=now + WARN_BEFORE
    )
    count = 0
    for account in list(ending):
        if CollectionAccount.objects.filter(pk=account.pk, warned_at=None).update(warned_at=now):
            _tell(account, None, AccountMessage.Kind.EXPIRING, [account.contact_phone], now)
            count += 1
    return count


def _tell(
    account: CollectionAccount,
    before: CollectionAccount | None,
    kind: AccountMessage.Kind,
    contacts: list[str],
    now: datetime,
) -> None:
    assert account.landlord_id is not None
    owners = Member.objects.filter(landlord_id=account.landlord_id, role=Role.OWNER, user__is_active=True)
    phones = [*owners.values_list("user__username", flat=True), *contacts]
    phones.append(Landlord.objects.values_list("phone", flat=True).get(pk=account.landlord_id))
    for phone in dict.fromkeys(phone for phone in phones if phone):
        message = AccountMessage.objects.create(
            account=account, replaced=before, kind=kind, phone=phone, about_at=now, next_at=now
        )
        ring_after_commit(
            "income.send_account_message",
            queue_name="alerts",
            landlord_id=account.landlord_id,
            message_id=message.pk,
        )


def send_account_message(*, landlord_id: UUID, message_id: UUID, now: datetime) -> bool:
    """Send one waiting message; opens short scopes of its own. One claimed by another sender is left alone.

    The try is counted before sending: a crash in between costs a try, and never sends twice in parallel.
    """
    with landlord_scope(landlord_id):
        rows = AccountMessage.objects.filter(
            pk=message_id, state=AccountMessage.State.WAITING, next_at__lte=now
        )
        if not rows.update(tries=F("tries") + 1, next_at=now + timedelta(minutes=5)):
            return False
        message = AccountMessage.objects.select_related("account__landlord", "replaced").get(pk=message_id)
        text = _sentence(message)
    try:
        messaging.send(message.phone, text)
    except messaging.MessageNotSent as error:
        log.warning("message %s was not sent: %s", message_id, error)
        with landlord_scope(landlord_id):
            AccountMessage.objects.filter(pk=message_id, tries__gte=TRIES).update(
                state=AccountMessage.State.FAILED
            )
        return False
    with landlord_scope(landlord_id):
        AccountMessage.objects.filter(pk=message_id).update(state=AccountMessage.State.SENT, sent_at=now)
    return True


def _sentence(message: AccountMessage) -> str:
    account, before = message.account, message.replaced
    with override(language_of(message.phone)):
        words = {"landlord": account.landlord.name, "account": str(account), "before": str(before)}
        if message.kind == AccountMessage.Kind.EXPIRING:
            assert account.certificate_ends_at is not None
            ends = timezone.localtime(account.certificate_ends_at)
            return _(
                "%(landlord)s: the certificate of the collection account %(account)s ends on %(day)s. Set up the new "
                "one before that day, or renters cannot pay."
            ) % {**words, "day": f"{ends:%Y-%m-%d}"}
        if before is None:
            return (
                _(
                    "%(landlord)s: payments now go to the collection account %(account)s. If this was not you, "
                    "change your password and call the operator at once."
                )
                % words
            )
        if before.pk == account.pk:
            return (
                _(
                    "%(landlord)s: the collection account %(account)s was changed or closed. If this was not you, "
                    "change your password and call the operator at once."
                )
                % words
            )
        return (
            _(
                "%(landlord)s: new payments go to the collection account %(account)s instead of %(before)s. If "
                "this was not you, change your password and call the operator at once."
            )
            % words
        )
