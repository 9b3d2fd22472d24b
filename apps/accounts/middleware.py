"""Who is asking, and whose rows exist while we answer.

The scope is entered around `get_response`, because a template renders after its view has returned.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils import timezone

from apps.accounts import selectors, services
from apps.accounts.models import Member
from apps.common import scoping

Answer = Callable[[HttpRequest], HttpResponse]

API = "/api/v1/"


class BearerTokenMiddleware:
    """Set `request.user` and `request.access_token` from the Authorization header, where there is one."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        request.access_token = None
        request.bearer_refused = False
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            found = services.user_of_token(token.strip(), now=timezone.now())
            if found:
                request.user, request.access_token = found
            else:
                request.bearer_refused = True
        return self.get_response(request)


class LandlordScopeMiddleware:
    """Open the scope of the landlord this request works for, and roll it back if the request fails."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        request.membership = None
        request.landlord_choice = "none"
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return self.get_response(request)
        if "ops" in match.app_names or "ops" in match.namespaces:
            is_operator = request.user.is_authenticated and request.user.is_operator
            if is_operator and not _opens_own_scopes(match, request.method or "GET"):
                return self._inside(scoping.everything("the operator's desk"), request)
            return self.get_response(request)
        if not (request.path_info.startswith(API) or "admin" in match.namespaces):
            return self.get_response(request)
        request.membership = self._membership(request)
        if request.membership is None or _opens_own_scopes(match, request.method or "GET"):
            return self.get_response(request)
        return self._inside(selectors.scope_of(request.membership), request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        if scoping.current() is not None:
            transaction.set_rollback(True)

    def _inside(self, scope: Any, request: HttpRequest) -> HttpResponse:
        with scope:
            response = self.get_response(request)
            if response.status_code >= 500:
                transaction.set_rollback(True)
        return response

    def _membership(self, request: Any) -> Member | None:
        """The landlord named by X-Landlord or chosen at the desk; the only one where there is but one."""
        if not request.user.is_authenticated:
            return None
        named = request.headers.get("X-Landlord") or request.session.get("landlord")
        if named:
            request.landlord_choice = "named"
            try:
                return selectors.membership(request.user, UUID(str(named)))
            except ValueError:
                return None
        all_of_them = selectors.memberships_of(request.user)
        if len(all_of_them) > 1 and request.path_info.startswith(API):
            request.landlord_choice = "ambiguous"
            return None
        return all_of_them[0] if all_of_them else None


def _opens_own_scopes(match: Any, method: str) -> bool:
    view = match.func
    view_class = getattr(view, "cls", None) or getattr(view, "view_class", None)
    action = (getattr(view, "actions", None) or {}).get(method.lower(), "")
    handlers = [getattr(view_class, name, None) for name in (action, method.lower()) if name]
    return any(getattr(candidate, "opens_own_scopes", False) for candidate in (view, view_class, *handlers))
