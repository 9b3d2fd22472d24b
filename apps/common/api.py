"""What every REST view shares: the shape of an error, and how lists are paged."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import transaction
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions, status
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common import scoping
from apps.common.errors import Refused

_TOO_DEEP = gettext_lazy("This is nested more deeply than anything that can be asked for here.")
_NO_SUCH_FORM = gettext_lazy("There is no such form of this answer.")
_FROM_NEXT = gettext_lazy("Take it from `next` or `previous`.")


class BodyTooLarge(Refused):
    code = "too_large"
    status = 413
    detail = gettext_lazy("This is more than can be taken at once; send less.")


def refuse_large_body(length: str | None, most_bytes: int) -> None:
    """Refuse a body by its announced length, before any of it is read. :raises BodyTooLarge:"""
    if int(length or 0) > most_bytes:
        raise BodyTooLarge()


class JsonBody(JSONParser):
    """JSON no deeper than any body here; a thousand levels would exhaust whoever walks through them."""

    deepest = 10

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            data = super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise exceptions.ParseError(_TOO_DEEP) from None
        level = [data]
        for _depth in range(self.deepest):
            level = [inner for one in level for inner in _inside(one)]
        if level:
            raise exceptions.ParseError(_TOO_DEEP)
        return data


class ByAcceptHeader(DefaultContentNegotiation):
    """`?format=` with a form an address does not have names the field; it is no missing page."""

    def filter_renderers(self, renderers: Any, format: str) -> Any:
        try:
            return super().filter_renderers(renderers, format)
        except Http404:
            raise exceptions.ValidationError({"format": _NO_SUCH_FORM}) from None


class NewestFirst(CursorPagination):
    """Cursor pages, newest first; ids are time-ordered, so they are the order."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 500

    def decode_cursor(self, request: Request) -> Cursor | None:
        try:
            found = super().decode_cursor(request)
            if found is not None and found.position is not None:
                UUID(str(found.position))
        except (exceptions.NotFound, ValueError):
            raise exceptions.ValidationError({"cursor": _FROM_NEXT}) from None
        return found

    def get_page_size(self, request: Request) -> int:
        return limit(request, usual=self.page_size, most=self.max_page_size)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        integer = {"type": "integer", "minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
        said = {"cursor": "As in `next` or `previous` of a page.", "limit": "Lines a page, at most 500."}
        schemas: dict[str, dict[str, Any]] = {"cursor": {"type": "string"}, "limit": integer}
        return [
            {"name": name, "in": "query", "required": False, "description": text, "schema": schemas[name]}
            for name, text in said.items()
        ]


def limit(request: Request, *, usual: int = 50, most: int = 500) -> int:
    """Return how many lines a page shall have; 400 for anything but 1 to `most`."""
    text = request.query_params.get("limit", str(usual))
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 0 < int(text) <= most):
        raise exceptions.ValidationError({"limit": _("A number from 1 to 500.")})
    return int(text)


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
        body["fields"] = {_sayable(name): _sayable(problem) for name, problem in fields.items()}
    return Response(body, status=status_code)


def _sayable(words: Any) -> str:
    """Half characters, which JSON can escape and UTF-8 cannot carry, may be quoted from the request."""
    return str(words).encode(errors="replace").decode()


def _inside(data: Any) -> Any:
    if isinstance(data, dict):
        return data.values()
    return data if isinstance(data, list) else ()


def _fields(detail: Any) -> Mapping[str, Any]:
    return detail if isinstance(detail, Mapping) else {"non_field_errors": detail}


def _first(problem: Any) -> str:
    while isinstance(problem, (list, tuple)) and problem:
        problem = problem[0]
    if isinstance(problem, Mapping):
        return "; ".join(f"{name}: {_first(inner)}" for name, inner in problem.items())
    return str(problem)
