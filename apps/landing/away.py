"""What anybody gets while PostgreSQL is away or has just come back: the same everywhere, and never a bare 500.

Django brings every failure here that nothing else has answered, from a middleware, a view, REST or a template alike.
Nothing in this module asks the database.
"""

import sys
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.cache import add_never_cache_headers
from django.utils.translation import get_language_from_request
from django.utils.translation import gettext as _
from django.views.defaults import server_error

from apps.common.api import error_body
from apps.common.queue import database_is_away
from apps.landing.old_form import page_of_form
from apps.landing.page.edge import content_security_policy

# PostgreSQL needs a second or five to come back.
AGAIN_S = 5
_FOR_MACHINES = ("/api/", "/pay/notify/")


def answer(request: HttpRequest) -> HttpResponse:
    """Answer 503 where the database is away, and when to come again; a fault of ours stays a 500."""
    if not any(database_is_away(error) for error in _failures()):
        return server_error(request)
    # The failure may be older than the request's own choice of a language.
    with translation.override(get_language_from_request(request)):
        response = _for_machines() if request.path.startswith(_FOR_MACHINES) else _for_people(request)
    response["Retry-After"] = str(AGAIN_S)
    add_never_cache_headers(response)
    return response


def _failures() -> Iterator[BaseException]:
    """What went wrong, and what that came of."""
    error = sys.exception()
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _for_machines() -> HttpResponse:
    detail = _(
        "We are back in a moment. Send the same again in a few seconds, a write with the same Idempotency-Key: it is "
        "done once."
    )
    return JsonResponse(error_body("away", detail), status=503)


def _for_people(request: HttpRequest) -> HttpResponse:
    """A read comes back by itself; of a form nobody knows here whether it was done, so a person looks first."""
    is_read = request.method in ("GET", "HEAD")
    context = {
        "request": request,
        "title": _("Back in a moment"),
        "detail": _(
            "Something of ours is just starting again. Nothing that was paid or entered before is lost."
        )
        if is_read
        else _(
            "Something of ours is just starting again, and we cannot say whether your form still got through."
        ),
        "advice": _("This page tries again by itself every few seconds.")
        if is_read
        else _("Wait a few seconds, open the page again and look, before you send it once more."),
        "link": {
            "href": request.get_full_path() if is_read else page_of_form(request),
            "words": _("Try again now") if is_read else _("Open the page again"),
        },
        "again_s": AGAIN_S if is_read else 0,
        "has_no_choices": True,
    }
    response = HttpResponse(render_to_string("landing/away.html", context), status=503)
    response["Content-Security-Policy"] = content_security_policy()
    return response
