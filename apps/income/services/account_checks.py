"""Have a platform prove the keys of a collection account, and keep what its notifies say of them."""

import logging
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F

from apps.accounts import audit
from apps.common.scoping import landlord_scope
from apps.income.models import CollectionAccount
from apps.income.platforms import base as platforms
from apps.income.services import channels
from apps.income.services.accounts import account_of, have_checked, put_in_force
from apps.income.states import Channel, CheckState, Seal
from apps.income.strategies import Strategy

log = logging.getLogger(__name__)

# An unreachable platform is asked again so often, then a person asks.
_CHECK_AGAIN = tuple(timedelta(seconds=s) for s in (10, 30, 60, 300, 900))
# Refusals that say: this key, app, merchant or authorisation is not, or no longer, one of ours.
_WHO_ASKS = frozenset(
    {
        "SIGN_ERROR",
        "NO_AUTH",
        "isv.invalid-signature",
        "isv.invalid-app-id",
        "isv.invalid-app-cert-sn",
        "isv.app-auth-token-invalid",
        "aop.invalid-app-auth-token",
    }
)


def ask_check(*, account_id: UUID, by_id: UUID, now: datetime) -> CollectionAccount:
    """Have the platform asked again about an account; its state is PENDING until it answered. May run twice. Audited.

    :raises NotFound: for an account this landlord does not have.
    """
    account = account_of(account_id)
    CollectionAccount.objects.filter(pk=account.pk).update(
        check_state=CheckState.PENDING,
        check_at=now,
        check_tries=0,
        check_said=Seal.PROVED if account.check_said == Seal.PROVED else "",
    )
    audit.record("account.check", on=account, by_id=by_id, now=now, channel=account.channel)
    have_checked(account)
    account.refresh_from_db()
    return account


def doubt_account(*, account: CollectionAccount, code: str, now: datetime) -> bool:
    """Have an account checked again by itself when its platform refused an order because of who asks.

    Opens a short scope of its own. False for a refusal of another kind, and for an account that is no longer taken for
    proved: a payer who tries again causes no second check. Audited.
    """
    if code not in _WHO_ASKS:
        return False
    assert account.landlord_id is not None
    with landlord_scope(account.landlord_id), transaction.atomic():
        rows = CollectionAccount.objects.filter(pk=account.pk, check_state=CheckState.VERIFIED)
        if not rows.update(check_state=CheckState.PENDING, check_at=now, check_tries=0):
            return False
        audit.record("account.check", on=account, by_id=None, now=now, channel=account.channel, why=code)
        have_checked(account)
    return True


def check_account(*, landlord_id: UUID, account_id: UUID, now: datetime) -> str:
    """Ask the platform about an order nobody made, and take in what that proves; opens short scopes of its own.

    Claims its turn first. Returns the state afterwards. An unreachable platform leaves it PENDING and is asked again.
    """
    with landlord_scope(landlord_id):
        account = CollectionAccount.objects.filter(pk=account_id).first()
        if account is None or account.check_at is None or account.check_at > now:
            return account.check_state if account else ""
        tries = account.check_tries
        again = now + _CHECK_AGAIN[tries] if tries < len(_CHECK_AGAIN) else None
        claimed = CollectionAccount.objects.filter(
            pk=account_id, check_tries=tries, check_at=account.check_at, check_state=CheckState.PENDING
        )
        if not claimed.update(check_tries=F("check_tries") + 1, check_at=again):
            return account.check_state
        try:
            platform = channels.platform_with_own_keys(account)
        except channels.AccountBroken:
            return _take_in(account_id, CheckState.MISMATCH, "KEYS_UNREADABLE", now)
    state, said = _asked(platform)
    if said in frozenset(Seal) and account.strategy != Strategy.S1:
        # The key is the operator's own.
        said = ""
    if (account.check_said, said) == (Seal.PROVED, Seal.LATER):
        said = Seal.PROVED
    with landlord_scope(landlord_id):
        if state is None:
            CollectionAccount.objects.filter(pk=account_id).update(check_said=said)
            return CheckState.PENDING
        return _take_in(account_id, state, said, now)


def _asked(platform: platforms.Platform) -> tuple[CheckState | None, str]:
    """What an answer proves about the keys; None while nobody answered."""
    try:
        all_proved = platform.prove(f"RM{uuid4().hex[:28]}")
    except platforms.PlatformAnswerInvalid as problem:
        return CheckState.MISMATCH, problem.code[:40]
    except platforms.PlatformRefused as refusal:
        return CheckState.MISMATCH, refusal.code[:40]
    except platforms.PlatformError as error:
        log.info("a collection account could not be checked: %s", type(error).__name__)
        return None, "UNREACHABLE"
    if platform.channel != Channel.WECHAT:
        return CheckState.VERIFIED, ""
    return CheckState.VERIFIED, Seal.PROVED if all_proved else Seal.LATER


def note_seal(*, account: CollectionAccount, opened: bool) -> None:
    """Keep what a notify the platform signed said of a landlord's own APIv3 key: it opened, or it did not.

    Inside the landlord's scope; may run twice. The account goes on taking payments: what a notify cannot tell, asking
    the platform finds out. Of an account that was not proved nothing is kept.
    """
    said = Seal.PROVED if opened else Seal.WRONG
    if account.channel != Channel.WECHAT or account.strategy != Strategy.S1 or account.check_said == said:
        return
    if account.check_state != CheckState.VERIFIED:
        return
    rows = CollectionAccount.objects.filter(pk=account.pk, check_state=CheckState.VERIFIED)
    rows.update(check_said=said)


def _take_in(account_id: UUID, state: CheckState, said: str, now: datetime) -> str:
    with transaction.atomic():
        account = CollectionAccount.objects.select_for_update(of=("self",)).get(pk=account_id)
        rows = CollectionAccount.objects.filter(pk=account_id, check_state=CheckState.PENDING)
        # The name of a payee is proved by the first transfer, not by this.
        reached = CheckState.UNVERIFIED if account.strategy == Strategy.S3 and not said else state
        if not rows.update(check_state=reached, check_said=said, checked_at=now, check_at=None):
            return account.check_state
        account.refresh_from_db()
        audit.record(
            "account.checked", on=account, by_id=None, now=now, channel=account.channel, state=reached
        )
        if state == CheckState.VERIFIED and not account.is_active:
            put_in_force(account=account, by_id=None, now=now)
    return reached
