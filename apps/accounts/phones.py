"""Another phone for a login: proved by a code to the old one and one to the new one, and in force a day later.

For that day whoever still reads the old phone's messages can call it off. Every change stays on record.
"""

import logging
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from apps.accounts import audit, changes, codes, messaging, tries
from apps.accounts.models import PhoneChange, Renter, User
from apps.accounts.roles import Role
from apps.accounts.selectors import memberships_of
from apps.common.errors import Refused
from apps.common.scoping import landlord_scope

log = logging.getLogger(__name__)

NOTICE = timedelta(hours=24)
MOST, WITHIN = 5, timedelta(hours=1)


class PhoneMissing(Refused):
    code = "phone_missing"
    detail = gettext_lazy("This login has no phone number that could be changed.")


class PhoneSame(Refused):
    code = "phone_same"
    detail = gettext_lazy("This is your present phone number.")


class PhoneTaken(Refused):
    code = "phone_taken"
    detail = gettext_lazy("There is an account with this phone already.")


def send_codes(*, user: User, phone: str, now: datetime) -> None:
    """Send a code to the login's present phone and one to the new one. Never inside a scope.

    :raises Refused: as `ask_change`, and `too_many_codes`. :raises messaging.MessageNotSent: if one did not leave.
    """
    phone = _checked(user, phone)
    tries.take_or_refuse("phone-codes", str(user.pk), most=MOST, within=WITHIN, now=now)
    for one in (user.username, phone):
        codes.send_code(phone=one, now=now)


def ask_change(*, user: User, phone: str, old_code: str, new_code: str, now: datetime) -> PhoneChange:
    """Return the change that comes into force in 24 hours; both phones are told. Never inside a scope. Audited.

    It takes the place of one that waits already. Both codes are used up, or neither.

    :raises Refused: `phone_invalid`, `phone_missing`, `phone_same`, `phone_taken`, `code_refused`, `too_many_tries`.
    """
    phone = _checked(user, phone)
    tries.take_or_refuse("phone", str(user.pk), most=MOST, within=WITHIN, now=now)
    codes.use_codes([("old_code", user.username, old_code), ("new_code", phone, new_code)], now=now)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        _open(user).update(state=PhoneChange.State.CALLED_OFF, ended_at=now)
        change = PhoneChange.objects.create(
            user=user, old_phone=user.username, new_phone=phone, asked_at=now, due_at=now + NOTICE
        )
        _audit(change, PhoneChange.State.WAITING, now)
    said = _(
        "The phone of your RentMeter login changes from %(old)s to %(new)s in 24 hours. If that was not you, log in "
        "and call it off."
    )
    _tell(change, said)
    return change


def call_off(*, user: User, now: datetime) -> bool:
    """Let the change that waits not happen; say whether there was one. May run twice. Audited."""
    with transaction.atomic():
        change = _open(user).first()
        if change is None or not _end(change, PhoneChange.State.CALLED_OFF, now):
            return False
        _audit(change, PhoneChange.State.CALLED_OFF, now)
    return True


def open_change(user: User) -> PhoneChange | None:
    """Return the change that waits, if one does."""
    return _open(user).first()


def take_effect(now: datetime) -> int:
    """Bring the changes into force whose day is over; returns how many. May run twice, in parallel.

    A phone that has got a login of its own meanwhile keeps it, and the change is off.
    """
    due = PhoneChange.objects.filter(state=PhoneChange.State.WAITING, due_at__lte=now)
    done = 0
    for change in due.select_related("user"):
        if not _change(change, now):
            continue
        with override(change.user.language):
            _tell(change, _("The phone of your RentMeter login is now %(new)s, no longer %(old)s."))
        done += 1
    return done


def _change(change: PhoneChange, now: datetime) -> bool:
    try:
        with transaction.atomic():
            if not _end(change, PhoneChange.State.DONE, now):
                return False
            User.objects.filter(pk=change.user_id, username=change.old_phone).update(
                username=change.new_phone
            )
            _audit(change, PhoneChange.State.DONE, now)
            _follow(change, now)
    except IntegrityError:
        with transaction.atomic():
            if _end(change, PhoneChange.State.CALLED_OFF, now):
                _audit(change, PhoneChange.State.CALLED_OFF, now)
        return False
    return True


def _checked(user: User, phone: str) -> str:
    phone = codes.checked_phone(phone)
    if not codes.is_phone(user.username):
        raise PhoneMissing()
    if phone == user.username:
        raise PhoneSame(fields={"phone": gettext_lazy("The present one.")})
    if User.objects.filter(username=phone).exists():
        raise PhoneTaken(fields={"phone": gettext_lazy("Taken.")})
    return phone


def _open(user: User) -> QuerySet[PhoneChange]:
    return PhoneChange.objects.filter(user=user, state=PhoneChange.State.WAITING)


def _end(change: PhoneChange, state: PhoneChange.State, now: datetime) -> bool:
    rows = PhoneChange.objects.filter(pk=change.pk, state=PhoneChange.State.WAITING)
    return rows.update(state=state, ended_at=now) == 1


def _audit(change: PhoneChange, state: PhoneChange.State, now: datetime) -> None:
    """One line with each landlord she works for."""
    old, new = messaging.masked_phone(change.old_phone), messaging.masked_phone(change.new_phone)
    for member in memberships_of(change.user):
        with landlord_scope(member.landlord_id):
            audit.record(
                {"WAITING": "member.phone_asked", "DONE": "member.phone"}.get(
                    state, "member.phone_called_off"
                ),
                on=member,
                by_id=change.user_id,
                now=now,
                phone=new,
                was=old,
            )


def _follow(change: PhoneChange, now: datetime) -> None:
    """Let the renter behind the login, and whom an owner's renters call, be reached by the new phone.

    A number that was not the login's stays: somebody chose it.
    """
    Renter.objects.filter(user_id=change.user_id, phone=change.old_phone).update(phone=change.new_phone)
    for member in memberships_of(change.user):
        if member.role == Role.OWNER and member.landlord.phone == change.old_phone:
            with landlord_scope(member.landlord_id):
                changes.change_landlord(
                    landlord=member.landlord, by_id=change.user_id, now=now, phone=change.new_phone
                )


def _tell(change: PhoneChange, said: str) -> None:
    """Write to both phones; a message that does not leave holds nothing up."""
    facts = {
        "old": messaging.masked_phone(change.old_phone),
        "new": messaging.masked_phone(change.new_phone),
    }
    for phone in (change.old_phone, change.new_phone):
        try:
            messaging.send(phone, said % facts)
        except messaging.MessageNotSent as error:
            log.warning("a notice of a changed phone was not sent: %s", error)
