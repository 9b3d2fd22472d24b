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
from apps.income.platforms.adapters import platform_for
from apps.income.platforms.base import CredentialsInvalid, Platform
from apps.income.states import Channel, CheckState
from apps.income.strategies import Strategy

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
    """Return the landlord's new S1 account, sealed, active though nobody has asked its platform, with its door.

    For who installs and trusts the keys; people go through `accounts.propose_account`. Audited.
    """
    with transaction.atomic():
        CollectionAccount.objects.filter(channel=channel, is_active=True).update(is_active=False)
        account = CollectionAccount(channel=channel, merchant_id=merchant_id, opened_at=now)
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

    Keys are the merchant's, not the row's: the newest proved set of the same merchant asks and signs, and what the
    platform signed for the set before it is believed too, so that keys can be changed while orders are open.

    :raises AccountBroken: if a stored key or certificate cannot be used.
    """
    sets = list(
        CollectionAccount.objects.filter(
            channel=account.channel,
            merchant_id=account.merchant_id,
            strategy=account.strategy,
            payee_print=account.payee_print,
            check_state=CheckState.VERIFIED,
        ).order_by("-id")[:2]
    )
    return _adapter(account, sets or [account])


def platform_with_own_keys(account: CollectionAccount) -> Platform:
    """Return the adapter with this row's keys and no others, for proving them. :raises AccountBroken: as above."""
    return _adapter(account, [account])


def _adapter(account: CollectionAccount, sets: list[CollectionAccount]) -> Platform:
    try:
        credentials = _with_older_keys([_credentials_of(one) for one in sets], account.channel)
        return platform_for(account.channel, credentials, base_url=settings.SANDBOX_URL or None)
    except CredentialsInvalid as problem:
        log.error("collection account %s cannot be used: %s", account.pk, problem)
        raise AccountBroken(fields={"channel": _("Not available.")}) from None


def _credentials_of(account: CollectionAccount) -> dict[str, Any]:
    if account.strategy == Strategy.S1:
        return account.credentials()
    provider: dict[str, Any] = settings.PROVIDER_ACCOUNTS.get(account.channel, {})
    if account.strategy == Strategy.S3:
        return provider
    return {**provider, **account.credentials()}


def payer_login_of(account: CollectionAccount) -> dict[str, Any]:
    """Return the credentials of the app a payer of this account logs in to: the one that orders, the operator's for a
    sub-merchant's (S2) and a collected (S3) payment. A landlord's authorisation is no part of a login."""
    found = dict(_credentials_of(account))
    found.pop("app_auth_token", None)
    if sub_appid := found.get("sub_appid"):
        found["appid"] = sub_appid
        found.pop("app_secret", None)
    return found


def _with_older_keys(sets: list[dict[str, Any]], channel: str) -> dict[str, Any]:
    """Return the newest set, which also believes what the platform signed or sealed for the others."""
    newest, older = dict(sets[0]), sets[1:]
    if channel == Channel.ALIPAY:
        certificates = [one["alipay_cert_pem"] for one in older]
        more = [pem for pem in certificates if pem != newest["alipay_cert_pem"]]
        return {**newest, "more_alipay_certs": [*(newest.get("more_alipay_certs") or []), *more]}
    keys = {one["platform_public_key_id"]: one["platform_public_key_pem"] for one in older}
    keys.pop(newest["platform_public_key_id"], None)
    seals = [one["apiv3_key"] for one in older if one["apiv3_key"] != newest["apiv3_key"]]
    newest["more_platform_keys"] = {**keys, **(newest.get("more_platform_keys") or {})}
    newest["more_apiv3_keys"] = seals
    return newest


def notify_url(account: CollectionAccount) -> str:
    return f"{settings.NOTIFY_BASE_URL}/pay/notify/{account.channel}/{account.pk}/"
