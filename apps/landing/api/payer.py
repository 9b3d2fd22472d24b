"""Who calls and who pays, as far as REST can know; never what a body claims."""

from typing import Any

from rest_framework.request import Request

from apps.accounts.models import PayerIdentity
from apps.common.addresses import address_of


def payer_of(request: Request, channel: str) -> PayerIdentity | None:
    """Return whom the platform has named: for this login, else in this page's session; None asks for a QR.

    A login known to several apps of a platform pays as the one seen last; the wrong app's falls back to a QR.
    """
    if request.user.is_authenticated:
        known = PayerIdentity.objects.filter(user=request.user, channel=channel).order_by("-id").first()
        if known is not None:
            return known
    session: Any = request._request.session
    named = session.get(f"payer:{channel}")
    return PayerIdentity.objects.filter(pk=named, channel=channel).first() if named else None


def caller_of(request: Request) -> str:
    """Return whose Idempotency-Keys these are: the login's, the page session's, or the address's.

    Two strangers who both count their keys from 1 must not be shown each other's orders.
    """
    if request.user.is_authenticated:
        return f"user:{request.user.pk}"
    session: Any = request._request.session
    if session.session_key:
        return f"session:{session.session_key}"
    return f"address:{address_of(request)}"
