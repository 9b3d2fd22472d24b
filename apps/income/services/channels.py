"""A landlord's collection accounts, and the platform behind each."""

import logging
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit, doors
from apps.common.errors import Conflict
from apps.income.models import CollectionAccount
from apps.income.platforms.base import CredentialsInvalid, Platform, platform_for
from apps.income.states import Channel

log = logging.getLogger(__name__)


class ChannelMissing(Conflict):
    code = "channel_missing"
    detail = _(
        "The landlord does not take payments on this channel yet; choose the other one or ask the landlord."
    )


class AccountBroken(Conflict):
    code = "account_broken"
    detail = _("This way of paying does not work just now; choose the other one or ask the landlord.")


def open_account(
    *, channel: Channel, merchant_id: str, credentials: dict[str, Any], by_id: UUID | None, now: Any
) -> CollectionAccount:
    """Return the landlord's new collection account, sealed, active, with its door for notifies. Audited."""
    with transaction.atomic():
        CollectionAccount.objects.filter(channel=channel, is_active=True).update(is_active=False)
        account = CollectionAccount(channel=channel, merchant_id=merchant_id)
        account.set_credentials(credentials)
        account.save()
        doors.hang(doors.Kind.ACCOUNT, str(account.pk), object_id=account.pk)
        audit.record("account.open", on=account, by_id=by_id, now=now, channel=channel)
    return account


def active_account(channel: str) -> CollectionAccount:
    """Return the account that takes payments of this channel.

    :raises ChannelMissing: if the landlord has none.
    """
    account = CollectionAccount.objects.filter(channel=channel, is_active=True).first()
    if account is None:
        raise ChannelMissing(fields={"channel": _("Not available.")})
    return account


def platform_of(account: CollectionAccount) -> Platform:
    """Return the adapter behind this account: the platform itself, or the sandbox where one is configured.

    :raises AccountBroken: if a stored key or certificate cannot be used.
    """
    try:
        return platform_for(account.channel, account.credentials(), base_url=settings.SANDBOX_URL or None)
    except CredentialsInvalid as problem:
        log.error("collection account %s cannot be used: %s", account.pk, problem)
        raise AccountBroken(fields={"channel": _("Not available.")}) from None


def notify_url(account: CollectionAccount) -> str:
    return f"{settings.NOTIFY_BASE_URL}/pay/notify/{account.channel}/{account.pk}/"
