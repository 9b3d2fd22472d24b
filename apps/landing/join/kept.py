"""What a visitor's session keeps from one screen to the next, so that nothing typed is typed again.

`phone` and `sent_at` are of the code that was sent; `form` is a meter's form that waits for a login, and
`is_sent` says that its button was pressed already; `back` is the page that asked for the login.
"""

from typing import Any

from django.contrib.auth import login
from django.http import HttpRequest

from apps.accounts.models import User

_KEY = "join"
_LOGIN_BACKEND = "apps.accounts.backends.LoginBackend"


def kept(request: HttpRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.session.get(_KEY, {})
    return found


def keep(request: HttpRequest, **more: Any) -> None:
    request.session[_KEY] = {**kept(request), **more}


def forget(request: HttpRequest, *names: str) -> None:
    request.session[_KEY] = {name: value for name, value in kept(request).items() if name not in names}


def enter(request: HttpRequest, user: User) -> None:
    """Log this browser in. The session gets a new key; what it kept comes along, the code's phone does not."""
    waiting = {name: value for name, value in kept(request).items() if name in ("form", "is_sent", "back")}
    login(request, user, backend=_LOGIN_BACKEND)
    request.session[_KEY] = waiting
