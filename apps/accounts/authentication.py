"""How REST knows a caller: a bearer token, or the session of our own pages."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request


class BearerTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer …`; the middleware has looked the token up already."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        http: Any = request._request
        if http.bearer_refused:
            raise AuthenticationFailed(
                _("This token is unknown or has ended; log in again."), code="token_ended"
            )
        return (http.user, http.access_token) if http.access_token else None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class PageSessionAuthentication(SessionAuthentication):
    """Our own pages call REST with their session; every write needs the page's CSRF token."""


class BearerTokenScheme(OpenApiAuthenticationExtension):
    target_class = BearerTokenAuthentication
    name = "bearerToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class PageSessionScheme(OpenApiAuthenticationExtension):
    target_class = PageSessionAuthentication
    name = "pageSession"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
