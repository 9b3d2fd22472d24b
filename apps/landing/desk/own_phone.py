"""A member changes the phone of her login: a code to the old one, a code to the new one, and a day to call it off."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.accounts import messaging, phones
from apps.common.errors import Refused
from apps.landing.desk import words


class PhoneForm(forms.Form):
    phone = forms.CharField(
        label=gettext_lazy("New phone"),
        max_length=20,
        error_messages={"required": gettext_lazy("11 digits.")},
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "tel", "autocomplete": "tel"}),
    )


class CodesForm(PhoneForm):
    old_code = forms.CharField(
        label=gettext_lazy("Code sent to your present phone"),
        max_length=10,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    new_code = forms.CharField(
        label=gettext_lazy("Code sent to your new phone"),
        max_length=10,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )


def answer(request: Any, *, now: datetime) -> HttpResponse | dict[str, Any]:
    """Do one step and say what to show, or where to go. Sends messages: never inside a scope."""
    step = request.POST.get("step", "")
    form: forms.Form = PhoneForm()
    if step == "call_off":
        if phones.call_off(user=request.user, now=now):
            messages.success(request, _("Called off. Your phone stays as it is."))
        return redirect(request.path)
    if step == "codes":
        form = _send_codes(request, now)
    elif step == "change":
        form = CodesForm(request.POST)
        if form.is_valid() and _asked(request, form, now):
            return redirect(request.path)
    waiting = phones.open_change(request.user)
    return {
        "title": _("Change phone"),
        "form": form,
        "step": "change" if isinstance(form, CodesForm) else "codes",
        "present": request.user.username,
        "waiting": waiting and {"phone": waiting.new_phone, "when": words.moment(waiting.due_at, now)},
    }


def _send_codes(request: HttpRequest, now: datetime) -> forms.Form:
    form = PhoneForm(request.POST)
    if not form.is_valid():
        return form
    user: Any = request.user
    try:
        phones.send_codes(user=user, phone=form.cleaned_data["phone"], now=now)
    except Refused as refusal:
        form.add_error("phone", str(refusal.detail))
        return form
    except messaging.MessageNotSent:
        form.add_error(None, _("The message could not be sent just now; please try again in a moment."))
        return form
    messages.success(
        request, _("Two codes are on their way, one to each phone. They are good for 5 minutes.")
    )
    return CodesForm(initial={"phone": form.cleaned_data["phone"]})


def _asked(request: HttpRequest, form: forms.Form, now: datetime) -> bool:
    user: Any = request.user
    try:
        change = phones.ask_change(user=user, **form.cleaned_data, now=now)
    except Refused as refusal:
        for field in refusal.fields if refusal.fields else [None]:
            form.add_error(field if field in form.fields else None, str(refusal.detail))
        return False
    said = _("From %(when)s on you log in with %(phone)s. Both phones have been told.")
    facts = {"when": words.moment(change.due_at, now), "phone": change.new_phone}
    messages.success(request, said % facts)
    return True
