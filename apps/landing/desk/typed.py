"""What a member had typed when her form could not be taken, kept until she is in again, so that nothing is typed twice.

Every form of both desks is kept, by where it is sent to: a session that ended in the middle of it, and a form that
stood open so long that its CSRF token is an old one. A form that asks for a password or a payer's bank card is kept
nowhere.
"""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

KEPT_FOR = timedelta(hours=1)
_KEY = "desk_typed"
_LONGEST, _MOST = 4_000, 40
_NEVER = {"csrfmiddlewaretoken", "key"}
_SECRET = ("password", "card")

# Who last had a desk open in this browser; a session that has ended cannot say it any more.
_LAST_HERE, _REMEMBERED_S = "desk_last", 30 * 86_400


def remember(request: Any, response: HttpResponse) -> None:
    """Let the browser say later, when no session does, whose form it sends."""
    who = _who(request)
    if who != _last_here(request):
        response.set_signed_cookie(
            _LAST_HERE,
            who,
            salt=_LAST_HERE,
            max_age=_REMEMBERED_S,
            httponly=True,
            samesite="Lax",
            secure=request.is_secure(),
        )


def keep(request: Any, *, now: datetime) -> bool:
    """Keep a form that was not taken, the newest one only; say whether it is kept.

    Only for a request that this site's own page has sent: what a stranger's page sends must not come back as typed.
    """
    who = _who(request) or _last_here(request)
    names = list(request.POST)
    if not who or request.FILES or any(secret in name for secret in _SECRET for name in names):
        return False
    fields = {name: request.POST.getlist(name) for name in names if name not in _NEVER}
    sizes = [len(value) for values in fields.values() for value in values]
    # Half of what was typed would look like all of it.
    if not sizes or len(sizes) > _MOST or max(sizes) > _LONGEST:
        return False
    request.session[_KEY] = {"path": request.path, "who": who, "at": now.isoformat(), "fields": fields}
    return True


def give_back(request: Any, response: HttpResponse, *, now: datetime) -> None:
    """Fill the unsent form of a page with what was typed there, once, and say so."""
    kept = request.session.get(_KEY)
    if request.method != "GET" or not kept or (kept["path"], kept["who"]) != (request.path, _who(request)):
        return
    form = _form_of(response)
    if form is None:
        return
    del request.session[_KEY]
    if now - datetime.fromisoformat(kept["at"]) > KEPT_FOR:
        return
    for name, field in form.fields.items():
        values = kept["fields"].get(name)
        if isinstance(field, forms.BooleanField):
            form.initial[name] = bool(values)
        elif values:
            form.initial[name] = values if isinstance(field, forms.MultipleChoiceField) else values[-1]
    said = _("You were logged out in between. What you typed is here again; nothing was sent yet.")
    if kept.get("is_old"):
        said = _("This page had grown too old. What you typed is here again; nothing was sent yet.")
    messages.warning(request, said)


def keep_old(request: Any, *, now: datetime) -> bool:
    """Keep a form whose CSRF token was an old one; as `keep`."""
    if not keep(request, now=now):
        return False
    request.session[_KEY] = {**request.session[_KEY], "is_old": True}
    return True


def _who(request: Any) -> str:
    if not request.user.is_authenticated:
        return ""
    membership = getattr(request, "membership", None)
    return f"{request.user.pk}:{membership.landlord_id if membership else ''}"


def _last_here(request: HttpRequest) -> str:
    return str(request.get_signed_cookie(_LAST_HERE, "", salt=_LAST_HERE, max_age=_REMEMBERED_S))


def _form_of(response: HttpResponse) -> forms.BaseForm | None:
    """Find the form of a page that is not rendered yet; Django's own pages wrap theirs."""
    if not isinstance(response, TemplateResponse):
        return None
    for name, value in (response.context_data or {}).items():
        form = getattr(value, "form", value)
        if name != "action_form" and isinstance(form, forms.BaseForm) and not form.is_bound:
            return form
    return None
