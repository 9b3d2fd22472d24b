"""A platform's notify: the raw bytes go to one service, and what it says goes back to the platform."""

import logging
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from apps.common.api import BodyTooLarge, refuse_large_body
from apps.common.scoping import own_scopes
from apps.income.platforms.base import LARGEST_NOTIFY_BYTES
from apps.income.services.payments import take_notify

log = logging.getLogger(__name__)

# Neither platform takes this, with its status, for success: both deliver again.
_AGAIN = b'{"code": "FAIL", "message": "please deliver again"}'


@own_scopes
@method_decorator(csrf_exempt, name="dispatch")
class NotifyView(View):
    """The signature of the body is the whole of the authentication; neither session nor token is looked at."""

    http_method_names = ["post"]
    channel = ""

    def post(self, request: HttpRequest, account_id: UUID) -> HttpResponse:
        try:
            refuse_large_body(request.META.get("CONTENT_LENGTH"), LARGEST_NOTIFY_BYTES)
            status, content_type, answer = take_notify(
                channel=self.channel,
                account_id=account_id,
                headers=dict(request.headers),
                body=request.body,
                now=timezone.now(),
            )
        except BodyTooLarge as refusal:
            log.warning("a notify of account %s was too large to be read", account_id)
            status, content_type, answer = refusal.status, "application/json", _AGAIN
        except Exception:
            # Answering success here would lose money; a platform repeats for a day.
            log.exception("the notify of account %s could not be taken in", account_id)
            status, content_type, answer = 500, "application/json", _AGAIN
        return HttpResponse(answer, status=status, content_type=content_type)
