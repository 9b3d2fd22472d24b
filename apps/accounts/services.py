"""The verbs: open a landlord's account, take on a member, register a renter, log in and out."""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts import codes, passwords
from apps.accounts.models import AccessToken, Landlord, Member, PayerIdentity, Renter, User
from apps.accounts.roles import Role
from apps.common.errors import Refused
from apps.common.ids import secret_token, uuid7

TOKEN_LIFE = timedelta(days=7)


class LoginRefused(Refused):
    """Wrong phone or password; which of the two is never said."""

    code = "login_refused"
    status = 401
    detail = _("Phone or password is wrong.")


def create_user(
    *, username: str, password: str | None, name: str, now: datetime, operator: bool = False
) -> User:
    """Return a new login. Without a password it can only come in through a platform's login.

    :raises Refused: if the phone is taken.
    """
    user = User(username=username, name=name, is_operator=operator, created_at=now)
    user.set_password(password)
    if User.objects.filter(username=username).exists():
        raise Refused(
            _("There is an account with this phone already."),
            code="phone_taken",
            fields={"phone": _("Log in instead, or use another phone.")},
        )
    user.save()
    return user


def open_landlord(*, name: str, owner: User, phone: str, now: datetime) -> Landlord:
    """Return a new landlord whose owner is `owner`."""
    with transaction.atomic():
        landlord = Landlord.objects.create(name=name, phone=phone, created_at=now)
        take_on_member(landlord=landlord, user=owner, role=Role.OWNER)
    return landlord


def take_on_member(*, landlord: Landlord, user: User, role: Role) -> Member:
    """Return the membership of `user` with this landlord; may run twice, the later role holds."""
    sites = {"site_ids": None} if role == Role.OWNER else {}
    member, _made = Member.objects.update_or_create(
        landlord=landlord, user=user, defaults={"role": role, **sites}
    )
    return member


def register_renter(*, name: str, phone: str, user: User | None) -> Renter:
    """Return the renter behind `user`, or a new one without a login."""
    if user is not None:
        renter, _made = Renter.objects.get_or_create(user=user, defaults={"name": name, "phone": phone})
        return renter
    return Renter.objects.create(name=name, phone=phone)


def check_login(*, username: str, password: str) -> User:
    """Return the user of this login.

    :raises LoginRefused: if there is none, or the password is wrong; both take the same time.
    """
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        make_password(password)
        raise LoginRefused()
    if not check_password(password, user.password):
        raise LoginRefused()
    return user


def issue_token(*, user: User, now: datetime, life: timedelta = TOKEN_LIFE) -> tuple[str, AccessToken]:
    """Return a new bearer token in clear, this once, and its row."""
    token = secret_token(256)
    row = AccessToken.objects.create(
        token_hash=_token_hash(token), user=user, created_at=now, expires_at=now + life
    )
    return token, row


def user_of_token(token: str, *, now: datetime) -> tuple[User, AccessToken] | None:
    """Return whose token this is, or None if it is unknown, ended or expired."""
    row = (
        AccessToken.objects.select_related("user")
        .filter(token_hash=_token_hash(token), revoked_at=None, expires_at__gt=now, user__is_active=True)
        .first()
    )
    return (row.user, row) if row else None


def revoke_token(*, token_id: UUID, now: datetime) -> None:
    """End this token; may run twice."""
    AccessToken.objects.filter(pk=token_id, revoked_at=None).update(revoked_at=now)


def know_payer(*, channel: str, app_id: str, open_id: str, user: User | None = None) -> PayerIdentity:
    """Return the identity of a payer a platform has just named to us; may run twice."""
    identity, _made = PayerIdentity.objects.get_or_create(channel=channel, app_id=app_id, open_id=open_id)
    if user is not None and identity.user_id is None:
        PayerIdentity.objects.filter(pk=identity.pk, user=None).update(user=user)
        identity.user = user
    return identity


def user_of_payer(identity: PayerIdentity, *, now: datetime) -> User:
    """Return the login behind a payer, made at her first visit; its only way in is the platform."""
    if identity.user is not None:
        return identity.user
    with transaction.atomic():
        user = create_user(
            username=f"{identity.channel.lower()}-{uuid7().hex}", password=None, name="", now=now
        )
        PayerIdentity.objects.filter(pk=identity.pk).update(user=user)
    return user


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def register_landlord(
    *, phone: str, code: str, password: str, name: str, now: datetime
) -> tuple[User, Landlord]:
    """Return a new login and her landlord's account, once the phone's code has proved that it is hers.

    A login that exists already (a renter of others, say) proves itself with its own password and becomes an owner.

    :raises Refused: `code_refused`, `password_weak`, `phone_invalid`, or `phone_taken` with another password.
    """
    phone = codes.checked_phone(phone)
    if not name.strip():
        raise Refused(
            _("Say how your renters know you."), code="name_missing", fields={"name": _("Required.")}
        )
    passwords.refuse_weak(password)
    codes.use_code(phone=phone, code=code, now=now)
    with transaction.atomic():
        user = User.objects.filter(username=phone).first()
        if user is None:
            user = create_user(username=phone, password=password, name=name.strip(), now=now)
        elif not user.has_usable_password():
            user.set_password(password)
            user.save(update_fields=["password"])
        elif not check_password(password, user.password):
            raise Refused(
                _("There is an account with this phone already; use its password."),
                code="phone_taken",
                fields={"password": _("Not this account's password.")},
            )
        landlord = open_landlord(name=name.strip(), owner=user, phone=phone, now=now)
    return user, landlord
