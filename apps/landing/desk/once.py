"""One form, one act: a form carries a key, and a second submit of it does nothing and says so."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from apps.accounts.models import IdempotentAnswer
from apps.common.ids import uuid7


def new_key() -> str:
    return uuid7().hex


def do_once(*, user_id: Any, key: str, act: Callable[[], Any], now: datetime) -> bool:
    """Run `act` unless this user's form with this key ran already; say whether it ran.

    The key is written first, in the act's own transaction: two submits at once queue up behind each other in
    the database. An act that is refused leaves the key unused, so that the form can be mended and sent again.

    :raises Refused: whatever `act` raises.
    """
    with transaction.atomic():
        try:
            with transaction.atomic():
                IdempotentAnswer.objects.create(
                    caller=f"desk:{user_id}", key=key, request_hash="", status=303, body={}, created_at=now
                )
        except IntegrityError:
            return False
        act()
    return True
