"""What every REST view shares: the shape of an error, and how lists are paged."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import transaction
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions, status
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response

from apps.common import scoping
from apps.common.errors import Refused


class BodyTooLarge(Refused):
    code = "too_large"
    status = 413
    detail = gettext_lazy("This is more than can be taken at once; send less.")


def refuse_large_body(length: str | None, most_bytes: int) -> None:
    """Refuse a body by its announced length, before any of it is read. :raises BodyTooLarge:"""
    if int(length or 0) > most_bytes:
        raise BodyTooLarge()


class NewestFirst(CursorPagination):
    """Cursor pages, newest first; ids are time-ordered, so they are the order."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 500


def answer_error(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return `{"type", "code", "detail", "fields"?}` for an anticipated failure; None lets others be a 500.

    Whatever the view had written is rolled back: DRF alone would commit it.
    """
    if scoping.current() is not None:
        transaction.set_rollback(True)
    if isinstance(error, RequestDataTooBig):
        # Django has looked at the announced length and read nothing.
        error = BodyTooLarge()
    if isinstance(error, Refused):
        answer = _answer(error.status, error.code, str(error.detail), error.fields)
        if error.retry_after_s is not None:
            answer["Retry-After"] = str(error.retry_after_s)
        return answer
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.ValidationError):
        fields = {name: _first(problem) for name, problem in _fields(error.detail).items()}
        return _answer(400, "invalid", _("Some fields cannot be used as they are."), fields)
    if isinstance(error, exceptions.Throttled):
        answer = _answer(429, "throttled", str(error.detail), {})
        wait_s = getattr(error, "wait", None)
        if wait_s is not None:
            answer["Retry-After"] = str(int(wait_s) + 1)
        return answer
    if isinstance(error, exceptions.APIException):
        codes = error.get_codes()
        code = codes if isinstance(codes, str) else error.default_code
        answer = _answer(error.status_code, code, str(error.detail), {})
        if error.status_code == status.HTTP_401_UNAUTHORIZED:
            answer["WWW-Authenticate"] = "Bearer"
        return answer
    return None


def error_body(code: str, detail: str) -> dict[str, Any]:
    """Return what every refusal says, whoever answers it."""
    return {"type": f"/api/v1/docs/#error-{code}", "code": code, "detail": detail}


def _answer(status_code: int, code: str, detail: str, fields: Mapping[str, Any]) -> Response:
    body = error_body(code, detail)
    if fields:
        body["fields"] = {name: str(problem) for name, problem in fields.items()}
    return Response(body, status=status_code)


def _fields(detail: Any) -> Mapping[str, Any]:
    return detail if isinstance(detail, Mapping) else {"non_field_errors": detail}


def _first(problem: Any) -> str:
    while isinstance(problem, (list, tuple)) and problem:
        problem = problem[0]
    if isinstance(problem, Mapping):
        return "; ".join(f"{name}: {_first(inner)}" for name, inner in problem.items())
    return str(problem)
