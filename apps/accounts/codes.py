"""Codes sent to phones: asked for, checked, used once.

Limits per phone: one a minute, five an hour, ten a day; a code has five minutes and five tries.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts import messaging, tries
from apps.accounts.models import PhoneCode
from apps.common.errors import Refused

LIFE = timedelta(minutes=5)
LIMITS = ((timedelta(minutes=1), 1), (timedelta(hours=1), 5), (timedelta(days=1), 10))
_PHONE = re.compile(r"1\d{10}")


class PhoneInvalid(Refused):
    code = "phone_invalid"
    status = 400
    detail = gettext_lazy("A phone number has 11 digits and starts with 1.")


class TooManyCodes(Refused):
    code = "too_many_codes"
    status = 429
    detail = gettext_lazy("A code was sent a moment ago; please wait before asking for another one.")


class CodeRefused(Refused):
    code = "code_refused"
    status = 400
    detail = gettext_lazy("This code is wrong or no longer good; ask for a new one.")


def is_phone(name: str) -> bool:
    """Say whether a login's name is a phone number."""
    return name.isascii() and bool(_PHONE.fullmatch(name))


def checked_phone(phone: str) -> str:
    """Return the phone number without spaces.

    :raises PhoneInvalid: if it is not an 11-digit number that starts with 1.
    """
    plain = re.sub(r"[\s-]", "", phone)
    if not is_phone(plain):
        raise PhoneInvalid(fields={"phone": gettext_lazy("11 digits.")})
    return plain


def send_code(*, phone: str, now: datetime) -> None:
    """Send a new code to this phone; the ones before it stay good until they expire. Never inside a scope.

    :raises PhoneInvalid: if it is no phone. :raises TooManyCodes: above the limits.
    """
    phone = checked_phone(phone)
    _refuse_too_many(phone, now)
    code = f"{secrets.randbelow(1_000_000):06d}"
    PhoneCode.objects.create(phone=phone, code_hash=_hash(phone, code), created_at=now, expires_at=now + LIFE)
    messaging.send(phone, _("Your RentMeter code is %(code)s. It is good for 5 minutes.") % {"code": code})


def _refuse_too_many(phone: str, now: datetime) -> None:
    """Two requests at once would both find the last code a minute old, so the first limit is counted as well."""
    waits_s = [tries.take("code", phone, most=LIMITS[0][1], within=LIMITS[0][0], now=now)]
    for span, most in LIMITS:
        sent = PhoneCode.objects.filter(phone=phone, created_at__gt=now - span).order_by("-created_at")
        oldest = sent.values_list("created_at", flat=True)[most - 1 : most].first()
        waits_s.append(int((oldest + span - now).total_seconds()) + 1 if oldest else None)
    wait_s = max((wait_s for wait_s in waits_s if wait_s is not None), default=None)
    if wait_s is not None:
        raise TooManyCodes(fields={"phone": gettext_lazy("Please wait.")}, retry_after_s=wait_s)


def use_code(*, phone: str, code: str, now: datetime) -> None:
    """Use up the code of this phone.

    Each wrong guess costs every open code of the phone a try, by a conditional update, so guessing in parallel
    gains nothing.

    :raises CodeRefused: if no open code of this phone is this one.
    """
    use_codes([("code", phone, code)], now=now)


def use_codes(proofs: Sequence[tuple[str, str, str]], *, now: datetime) -> None:
    """Use up one code of each phone, or none: `proofs` are (field, phone, code). Counted as `use_code` does.

    :raises CodeRefused: naming the fields whose code is not an open one of its phone.
    """
    proofs = [(field, checked_phone(phone), code.strip()) for field, phone, code in proofs]
    tried = {field: _take_try(phone, now) for field, phone, _code in proofs}
    with transaction.atomic():
        wrong = [
            field
            for field, phone, code in proofs
            if not (
                tried[field]
                and PhoneCode.objects.filter(
                    phone=phone, used_at=None, expires_at__gt=now, code_hash=_hash(phone, code)
                ).update(used_at=now)
            )
        ]
        transaction.set_rollback(bool(wrong))
    if wrong:
        raise CodeRefused(fields=dict.fromkeys(wrong, gettext_lazy("Wrong or expired.")))


def _take_try(phone: str, now: datetime) -> bool:
    is_open = PhoneCode.objects.filter(phone=phone, used_at=None, expires_at__gt=now, tries_left__gt=0)
    return bool(is_open.update(tries_left=F("tries_left") - 1))


def _hash(phone: str, code: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), f"{phone}:{code}".encode(), hashlib.sha256).hexdigest()
