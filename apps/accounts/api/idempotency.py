"""`Idempotency-Key` on the writes of members."""

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.idempotency import answer_once

HEADER = "Idempotency-Key"
_LONGEST_KEY = 255

Method = Callable[..., Response]


def idempotent(method: Method) -> Method:
    """Do what this view method does at most once for the same member and key; inside the landlord's scope."""

    @wraps(method)
    def answer(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER, "")
        if not key:
            return method(view, request, *args, **kwargs)
        if len(key) > _LONGEST_KEY:
            raise ValidationError({HEADER: _("At most 255 characters.")})

        def act() -> tuple[int, Any]:
            response = method(view, request, *args, **kwargs)
            return response.status_code, json.loads(JSONRenderer().render(response.data) or b"{}")

        status, body = answer_once(
            caller=f"user:{request.user.pk}",
            key=key,
            request_hash=_hash(request),
            now=timezone.now(),
            act=act,
        )
        return Response(body, status=status)

    return answer


def _hash(request: Request) -> str:
    body = json.dumps(request.data, sort_keys=True, default=str)
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()
