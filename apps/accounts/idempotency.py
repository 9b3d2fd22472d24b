"""A write that was asked for twice is done once, and answers the same for ever."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.accounts.models import IdempotentAnswer
from apps.common.errors import Refused


class IdempotencyMismatch(Refused):
    code = "idempotency_mismatch"
    detail = _("This Idempotency-Key was used for another request; take a new key.")


def answer_once(
    *, caller: str, key: str, request_hash: str, now: datetime, act: Callable[[], tuple[int, Any]]
) -> tuple[int, Any]:
    """Return status and body of `act`, done at most once for this caller and key.

    In the transaction of the act itself: if it is refused, nothing is kept and the key may be used again. A
    second request that arrives meanwhile waits for the first to end, because the row is written first.

    :raises IdempotencyMismatch: if the key was used for something else.
    """
    claim = IdempotentAnswer(
        caller=caller, key=key, request_hash=request_hash, status=0, body={}, created_at=now
    )
    IdempotentAnswer.objects.bulk_create([claim], ignore_conflicts=True)
    kept = IdempotentAnswer.objects.get(caller=caller, key=key)
    if kept.request_hash != request_hash:
        raise IdempotencyMismatch()
    if kept.pk != claim.pk:
        return kept.status, kept.body
    status, body = act()
    IdempotentAnswer.objects.filter(pk=claim.pk).update(status=status, body=body)
    return status, body
