"""The contract as a program reads it and as people do; English for everybody, as its names are."""

from collections.abc import Iterator
from typing import Any

from django.utils import translation
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.errors import Refused
from apps.common.openapi import ERROR_CODES


class SchemaView(SpectacularAPIView):
    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with translation.override("en"):
            return self._get_schema_response(request)


class DocsView(SpectacularSwaggerView):
    """The schema to try out, and every code of an error: its `type` leads to its line here."""

    url_name = "api_schema"
    template_name = "rest/docs.html"

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response = super().get(request, *args, **kwargs)
        with translation.override("en"):
            said = {refusal.code: str(refusal.detail) for refusal in _refusals(Refused) if refusal.detail}
        response.data["errors_title"] = "Errors: every code with its status"
        response.data["errors"] = [
            {"code": code, "status": status, "said": said.get(code, "")}
            for code, status in sorted(ERROR_CODES.items(), key=lambda error: (error[1], error[0]))
        ]
        return response


def _refusals(of: type[Refused]) -> Iterator[type[Refused]]:
    for refusal in of.__subclasses__():
        yield refusal
        yield from _refusals(refusal)
