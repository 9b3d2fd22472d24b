"""What a password has to be, and how it is changed."""

from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts import codes, tries
from apps.accounts.models import AccessToken, User
from apps.common.errors import Conflict, Refused
from apps.common.sentences import in_a_row

GUESSES, GUESSED_WITHIN = 5, timedelta(minutes=15)


class PasswordWrong(Refused):
    code = "password_wrong"
    status = 400
    detail = _("This is not your present password.")


class PasswordReused(Refused):
    code = "password_reused"
    detail = _("This is your present password; choose another one.")


def refuse_weak(password: str) -> None:
    """Let a password pass that is long enough and not a common word.

    :raises Refused: `password_weak`.
    """
    try:
        validate_password(password)
    except ValidationError as error:
        raise Refused(
            _("This password is too easy to guess; use at least 8 characters that are not a common word."),
            code="password_weak",
            fields={"password": in_a_row(error.messages)},
        ) from None


def change_password(
    *, user: User, old: str, code: str, new: str, keep_token_id: UUID | None, now: datetime
) -> User:
    """Return the user with the new password; every token but the one kept ends, and every page's session.

    Who has no password yet proves herself with a code sent to her phone. Never inside a scope.

    :raises Refused: `password_wrong`, `code_refused`, `password_reused`, `password_weak`, `too_many_tries`.
    """
    _prove(user, old, code, now)
    if user.has_usable_password() and check_password(new, user.password):
        raise PasswordReused(fields={"new_password": _("The present one.")})
    refuse_weak(new)
    with transaction.atomic():
        if not User.objects.filter(pk=user.pk, password=user.password).update(password=make_password(new)):
            raise Conflict(_("Your password was changed elsewhere a moment ago."))
        ended = AccessToken.objects.filter(user=user, revoked_at=None)
        (ended.exclude(pk=keep_token_id) if keep_token_id else ended).update(revoked_at=now)
    user.refresh_from_db()
    return user


def ask_again(*, user: User, password: str, now: datetime) -> None:
    """Let pass who knows her password, before an act that moves money elsewhere. Never inside a scope.

    :raises Refused: `password_wrong` (also for who has none yet), `too_many_tries`.
    """
    _guess(user, password, "password", now)


def _prove(user: User, old: str, code: str, now: datetime) -> None:
    if not user.has_usable_password():
        codes.use_code(phone=user.username, code=code, now=now)
        return
    _guess(user, old, "old_password", now)


def _guess(user: User, password: str, field: str, now: datetime) -> None:
    tries.take_or_refuse("password", str(user.pk), most=GUESSES, within=GUESSED_WITHIN, now=now)
    if not check_password(password, user.password):
        raise PasswordWrong(fields={field: _("Wrong.")})
    tries.forgive("password", str(user.pk))
