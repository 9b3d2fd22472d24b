"""What anybody gets while PostgreSQL is away or has just come back, or after a fault of ours: never a bare 500.

Django brings every failure here that nothing else has answered, from a middleware, a view, REST or a template alike.
Nothing in this module asks the database.
"""

import sys
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.cache import add_never_cache_headers
from django.utils.translation import get_language_from_request
from django.utils.translation import gettext as _

from apps.common.api import error_body
from apps.common.queue import database_is_away
from apps.landing.old_form import page_of_form
from apps.landing.page.edge import content_security_policy

# PostgreSQL needs a second or five to come back.
AGAIN_S = 5
_FOR_MACHINES = ("/api/", "/pay/notify/")


def answer(request: HttpRequest) -> HttpResponse:
    """Answer 503 where the database is away, and when to come again; a fault of ours is a 500 in the same two forms."""
    is_away = any(database_is_away(error) for error in _failures())
    for_machines = request.path.startswith(_FOR_MACHINES)
    # The failure may be older than the request's own choice of a language.
    with translation.override(get_language_from_request(request)):
        if is_away:
            response = _for_machines() if for_machines else _for_people(request)
            response["Retry-After"] = str(AGAIN_S)
        else:
            response = _fault_for_machines() if for_machines else _fault_for_people(request)
    add_never_cache_headers(response)
    return response


def _fault_for_machines() -> HttpResponse:
    detail = _(
        "Something went wrong on our side, and we have noted it. Ask where it stands before you send a write again, or "
        "send it with the same Idempotency-Key: it is done once."
    )
    return JsonResponse(error_body("internal", detail), status=500)


def _fault_for_people(request: HttpRequest) -> HttpResponse:
    context = {
        "request": request,
        "title": _("This did not work"),
        "detail": _("Something went wrong on our side. Nothing that was paid or entered before is lost."),
        "advice": _("Open the page again and look, before you send anything once more."),
        "link": {"href": page_of_form(request), "words": _("Open the page again")},
        "has_no_choices": True,
    }
    return _page(context, status=500)


def _page(context: dict[str, Any], *, status: int) -> HttpResponse:
    response = HttpResponse(render_to_string("landing/away.html", context), status=status)
    response["Content-Security-Policy"] = content_security_policy()
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
    return _page(context, status=503)
