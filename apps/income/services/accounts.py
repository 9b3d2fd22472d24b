"""Set up a landlord's collection account: keep what she gives sealed, switch over once it is proved, stop it.

A new account is another row. It takes payments only after the platform answered a question about an order nobody
made ("no such order", signed): until then, and if it never does, the account before it stays in force.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts import audit, doors
from apps.common.errors import Conflict, NotFound, Refused
from apps.common.queue import ring_after_commit
from apps.income.models import CollectionAccount
from apps.income.platforms import base as platforms
from apps.income.platforms.adapters import platform_for
from apps.income.services.account_messages import tell_of_change
from apps.income.setting_up import completed, merchant_number
from apps.income.states import Channel, CheckState
from apps.income.strategies import Strategy, capabilities


class CredentialsRefused(Refused):
    code = "credentials_invalid"
    status = 400
    detail = _("Something of what you entered cannot be used; the field says what.")


class StrategyMissing(Conflict):
    code = "strategy_missing"
    detail = _("The operator does not offer this way of settlement; choose another one.")


class PayeeNameMissing(Refused):
    code = "payee_name_missing"
    status = 400
    detail = _("The platform compares the payee's name with the ID card, so it is needed.")


class NotAcknowledgeable(Conflict):
    code = "not_acknowledgeable"
    detail = _("Only an account by which the operator collects and transfers needs this.")


@dataclass(frozen=True)
class Wish:
    """What somebody entered for one account; `repr` shows nothing of it."""

    channel: Channel
    strategy: Strategy
    fields: dict[str, Any] = field(repr=False)
    payee_name: str = field(default="", repr=False)
    contact_phone: str = field(default="", repr=False)


def propose_account(*, wish: Wish, by_id: UUID, now: datetime) -> CollectionAccount:
    """Return the new account, sealed and inactive, whose check has been asked for. Audited.

    A proposal for the same channel that is still being checked is dropped in its favour.

    :raises Refused: `credentials_invalid`, `strategy_missing`, `payee_name_missing`; nothing was written.
    """
    can = capabilities(wish.strategy, wish.channel)
    provider: dict[str, Any] = settings.PROVIDER_ACCOUNTS.get(wish.channel, {})
    if not can.takes_online or (can.needs_provider and not provider):
        raise StrategyMissing(fields={"strategy": _("Not available.")})
    name = wish.payee_name.strip()
    if can.needs_payee_name and not name:
        raise PayeeNameMissing(fields={"payee_name": _("Required.")})
    fields, ends_at = _checked(wish, provider)
    with transaction.atomic():
        waiting = CollectionAccount.objects.filter(channel=wish.channel, check_state=CheckState.PENDING)
        waiting.filter(is_active=False).update(
            check_state=CheckState.UNVERIFIED, check_at=None, check_said="REPLACED"
        )
        account = CollectionAccount(
            channel=wish.channel,
            strategy=wish.strategy,
            merchant_id=merchant_number(wish.strategy, wish.channel, fields, provider),
            contact_phone=wish.contact_phone.strip(),
            certificate_ends_at=ends_at,
            is_active=False,
            check_state=CheckState.PENDING,
            check_at=now,
            opened_at=now,
        )
        account.set_payee(payee_id=str(fields.get("payee_id", "")), name=name)
        account.set_credentials(fields)
        account.save()
        doors.hang(doors.Kind.ACCOUNT, str(account.pk), object_id=account.pk)
        audit.record(
            "account.propose",
            on=account,
            by_id=by_id,
            now=now,
            channel=wish.channel,
            strategy=wish.strategy,
            merchant=account.masked_merchant,
        )
        have_checked(account)
    return account


def _checked(wish: Wish, provider: dict[str, Any]) -> tuple[dict[str, Any], datetime | None]:
    entered = {
        name: value.replace("\r\n", "\n").strip() if isinstance(value, str) else value
        for name, value in wish.fields.items()
        if value
    }
    try:
        fields, ends_at = completed(entered)
        if wish.strategy == Strategy.S3 and not fields.get("payee_id"):
            raise platforms.CredentialsInvalid("payee_id", "missing")
        own = {} if wish.strategy == Strategy.S3 else fields
        whole = own if wish.strategy == Strategy.S1 else {**provider, **own}
        platform_for(wish.channel, whole, base_url=settings.SANDBOX_URL or None)
        merchant_number(wish.strategy, wish.channel, fields, provider)
    except platforms.CredentialsInvalid as problem:
        raise CredentialsRefused(fields={problem.field: _said_of(problem.detail)}) from None
    except KeyError as missing:
        raise CredentialsRefused(fields={str(missing.args[0]): _("Required.")}) from None
    return fields, ends_at


_PROBLEMS = {
    "missing": _("Required."),
    "not 32 bytes long": _("It has exactly 32 characters."),
    "not a private key that can be read": _("This is not a private key. Paste the whole file."),
    "not an RSA key of 2048 bits or more": _("This is not an RSA key of 2048 bits or more."),
    "not a certificate that can be read": _("This is not a certificate. Paste the whole file."),
    "not an RSA certificate": _("This is not an RSA certificate."),
    "not a public key that can be read": _("This is not a public key. Paste the whole file."),
    "not an RSA key": _("This is not an RSA key."),
    "not the key of this certificate": _("This private key does not belong to the certificate beside it."),
}


def _said_of(detail: str) -> Any:
    return _PROBLEMS.get(detail, detail)


def account_of(account_id: UUID) -> CollectionAccount:
    """Return one account of the landlord in scope. :raises NotFound: for another's or none."""
    account = CollectionAccount.objects.filter(pk=account_id).first()
    if account is None:
        raise NotFound(_("There is no such collection account."))
    return account


def have_checked(account: CollectionAccount) -> None:
    """Ring for a check that is due, once the transaction has committed."""
    ring_after_commit(
        "income.check_account", queue_name="money", landlord_id=account.landlord_id, account_id=account.pk
    )


def put_in_force(*, account: CollectionAccount, by_id: UUID | None, now: datetime) -> bool:
    """Let an account take the next orders in place of the one before it, and tell both owners; in the caller's
    transaction. False for an S3 account nobody acknowledged, which stays as it is.
    """
    if account.can.needs_acknowledgement and account.acknowledged_by_id is None:
        return False
    before = (
        CollectionAccount.objects.select_for_update(of=("self",))
        .filter(channel=account.channel, is_active=True)
        .exclude(pk=account.pk)
        .first()
    )
    if before is not None:
        CollectionAccount.objects.filter(pk=before.pk).update(is_active=False)
    CollectionAccount.objects.filter(pk=account.pk).update(is_active=True)
    account.is_active = True
    audit.record(
        "account.open" if before is None else "account.change",
        on=account,
        by_id=by_id,
        now=now,
        channel=account.channel,
        strategy=account.strategy,
        merchant=account.masked_merchant,
        before=before.masked_merchant if before else "",
    )
    tell_of_change(account=account, before=before, now=now)
    return True


def close_account(*, account_id: UUID, by_id: UUID, now: datetime) -> CollectionAccount:
    """Take no more orders through an account; what was ordered stays with it. May run twice. Audited.

    :raises NotFound: for an account this landlord does not have.
    """
    account = account_of(account_id)
    with transaction.atomic():
        if CollectionAccount.objects.filter(pk=account_id, is_active=True).update(is_active=False):
            audit.record("account.close", on=account, by_id=by_id, now=now, channel=account.channel)
            tell_of_change(account=account, before=account, now=now)
    account.refresh_from_db()
    return account


def acknowledge(*, account_id: UUID, by_id: UUID, now: datetime) -> CollectionAccount:
    """Let the operator say that she knows the law about collecting for others, for one account. Audited.

    The account comes into force if the platform has proved the operator's keys; without this it cannot (a constraint
    holds it). The caller has made sure that `by_id` is an operator. May run twice.

    :raises NotFound, NotAcknowledgeable: and nothing was written.
    """
    account = account_of(account_id)
    if not account.can.needs_acknowledgement:
        raise NotAcknowledgeable()
    with transaction.atomic():
        rows = CollectionAccount.objects.filter(pk=account_id, acknowledged_by=None)
        if rows.update(acknowledged_by=by_id, acknowledged_at=now):
            account.refresh_from_db()
            audit.record("account.acknowledge", on=account, by_id=by_id, now=now, channel=account.channel)
            if account.checked_at is not None and account.check_state != CheckState.MISMATCH:
                put_in_force(account=account, by_id=by_id, now=now)
    return account


def correct_payee_name(*, account_id: UUID, name: str, by_id: UUID, now: datetime) -> CollectionAccount:
    """Set the ID-card name of the same payee anew; what stood still because of it goes on. Audited, without the name.

    :raises NotFound, PayeeNameMissing: and nothing was written.
    """
    account = account_of(account_id)
    if not name.strip():
        raise PayeeNameMissing(fields={"payee_name": _("Required.")})
    with transaction.atomic():
        account.reseal_payee_name(name.strip())
        account.settling_stopped = ""
        if account.strategy == Strategy.S3:
            account.check_state = CheckState.UNVERIFIED
        account.save(update_fields=["sealed_payee_name", "settling_stopped", "check_state"])
        audit.record("account.name", on=account, by_id=by_id, now=now, channel=account.channel)
        tell_of_change(account=account, before=account, now=now)
    return account
