"""Her meter: the form that adds it, and the page that shows its first reading and its code."""

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts import doors, selectors
from apps.accounts.doors import Found
from apps.accounts.models import Member
from apps.accounts.roles import Act
from apps.common.errors import Forbidden, Gone, NotFound, Refused
from apps.landing.desk.once import new_key
from apps.landing.join.adding import add_typed_meter
from apps.landing.join.kept import forget, keep, kept
from apps.landing.join.screens import added_screen
from apps.landing.join.typed import FieldsMissing, MeterForm, text_of
from apps.landing.page.edge import page
from apps.landing.qr import qr_image
from apps.landing.selectors import MeterBarred
from apps.meters.models import Meter, Site, StockedMeter
from apps.meters.services.registry import MeterTaken

_LAST = "join_last"


class _NoSuchMeter(NotFound):
    detail = gettext_lazy("There is no such meter.")


_LONGEST_KEY = 64


@require_http_methods(["GET", "HEAD", "POST"])
@page
def claim(request: Any) -> HttpResponse:
    """Add a meter out of the form. Who is not logged in gets back to it, with everything typed."""
    is_post = request.method == "POST"
    form = MeterForm.of(request.POST) if is_post else _begun(request)
    members = selectors.memberships_of(request.user) if request.user.is_authenticated else []
    if not members:
        is_stranger = not request.user.is_authenticated
        keep(request, form=form.kept(), is_sent=is_post and is_stranger)
        return redirect("join:log_in" if is_post and is_stranger else "join:register")
    mine = _arranging(members)
    if is_post:
        return _add(request, form, mine, request.POST.get("key", "")[:_LONGEST_KEY])
    found = doors.open_one(doors.Kind.QR, form.token) if form.token else None
    if found is not None:
        forget(request, "form")
        if selectors.membership(request.user, found.landlord_id) is None:
            raise MeterTaken()
        return redirect("join:claimed", token=form.token)
    stocked = StockedMeter.objects.filter(qr_token=form.token).first() if form.token else None
    if stocked is not None and stocked.barred_at is not None:
        forget(request, "form")
        raise MeterBarred()
    if form.token and stocked is None:
        forget(request, "form")
        unknown = NotFound(_("This code is on no meter we know. Type the number under it instead."))
        return _form_screen(request, replace(form, token=""), mine, unknown)
    return _form_screen(request, form, mine)


@require_safe
@page
def claimed(request: Any, token: str) -> HttpResponse:
    """Show what became of the meter: its first reading comes by itself, its code can be hung up."""
    if not request.user.is_authenticated:
        return _after_login(request)
    found, member = _own_meter(request, token)
    now = timezone.now()
    with selectors.scope_of(member):
        context = added_screen(_meter(found), member, now)
    return render(request, "join/claimed.html", {**context, "token": token})


@require_safe
@page
def qr_svg(request: Any, token: str) -> HttpResponse:
    return _qr(request, token, "svg", "image/svg+xml")


@require_safe
@page
def qr_png(request: Any, token: str) -> HttpResponse:
    return _qr(request, token, "png", "image/png")


def go_on(request: Any) -> HttpResponse:
    """Lead whoever has just logged in on to what she was about; a form she had sent already is sent now."""
    waiting = kept(request)
    forget(request, "back", "is_sent")
    if waiting.get("is_sent") and waiting.get("form"):
        members = selectors.memberships_of(request.user)
        if members:
            return _add(request, MeterForm(**waiting["form"]), _arranging(members), "")
    return redirect(waiting.get("back") or "join:claim")


def kept_form(request: HttpRequest) -> MeterForm | None:
    """Return the form that waits for the login, or None."""
    waiting = kept(request).get("form")
    return MeterForm(**waiting) if waiting and any(waiting.values()) else None


def _begun(request: HttpRequest) -> MeterForm:
    """The form as it opens: what waited for a login, a scanned code, and where the last meter was hung."""
    form = MeterForm(**kept(request).get("form", {}))
    if "token" in request.GET:
        token = text_of(request.GET, "token", 64)
        if token != form.token:
            form = replace(form, token=token, number="", claim_code="")
        keep(request, form=form.kept())
    if not form.price_yuan_per_kwh:
        form = replace(form, **request.session.get(_LAST, {}))
    return form


def _add(request: Any, form: MeterForm, mine: list[Member], key: str) -> HttpResponse:
    try:
        member = _for_whom(request, form, mine)
        token = add_typed_meter(
            member=member,
            form=form,
            key=key or new_key(),
            now=timezone.now(),
        )
    except Refused as refusal:
        return _form_screen(request, form, mine, refusal)
    forget(request, "form")
    request.session[_LAST] = {
        name: getattr(form, name) for name in ("site", "building", "price_yuan_per_kwh", "landlord")
    }
    if len(mine) > 1:
        request.session["landlord"] = str(member.landlord_id)
    return redirect("join:claimed", token=token)


def _arranging(members: list[Member]) -> list[Member]:
    mine = [member for member in members if member.may(Act.ARRANGE)]
    if not mine:
        raise Forbidden(_("You may look at this landlord's meters, but not add one. Ask the owner."))
    return mine


def _for_whom(request: Any, form: MeterForm, mine: list[Member]) -> Member:
    """The landlord the meter goes to; who works for several says which one.

    :raises FieldsMissing: if she does not.
    """
    if len(mine) == 1:
        return mine[0]
    named = next((member for member in mine if str(member.landlord_id) == form.landlord), None)
    if named is None:
        raise FieldsMissing(
            _("Something is still missing."), fields={"landlord": _("Say whose meter it is.")}
        )
    return named


def _form_screen(
    request: Any, form: MeterForm, mine: list[Member], refusal: Refused | None = None
) -> HttpResponse:
    errors = dict(refusal.fields) if refusal else {}
    chosen = form.landlord or str(request.session.get("landlord", ""))
    sites: list[str] = []
    is_first = False
    if len(mine) == 1:
        with selectors.scope_of(mine[0]):
            is_first = not Meter.objects.exists()
            sites = list(Site.objects.order_by("name").values_list("name", flat=True))
    context = {
        "form": form,
        "refusal": refusal,
        "errors": errors,
        "key": new_key(),
        "sites": sites,
        "is_first": is_first,
        "landlord": mine[0].landlord.name if len(mine) == 1 else "",
        "landlords": [
            {
                "id": str(member.landlord_id),
                "name": member.landlord.name,
                "is_chosen": str(member.landlord_id) == chosen,
            }
            for member in (mine if len(mine) > 1 else [])
        ],
        "where": " · ".join(part for part in (form.site, form.building, form.floor) if part),
    }
    return render(request, "join/claim.html", context, status=refusal.status if refusal else 200)


def _after_login(request: HttpRequest) -> HttpResponse:
    keep(request, back=request.path)
    return redirect("join:log_in")


def _own_meter(request: Any, token: str) -> tuple[Found, Member]:
    """What the token opens on, and the membership of who works there; to all others it is as missing as any."""
    found = doors.open_one(doors.Kind.QR, token)
    member = selectors.membership(request.user, found.landlord_id) if found else None
    if found is None or member is None:
        raise _NoSuchMeter()
    return found, member


def _meter(found: Found) -> Meter:
    meter = Meter.objects.select_related("room__site").filter(pk=found.object_id).first()
    if meter is None:
        raise _NoSuchMeter()
    if meter.archived_at is not None:
        raise Gone(_("This meter has been removed."))
    return meter


def _qr(request: Any, token: str, kind: str, media_type: str) -> HttpResponse:
    if not request.user.is_authenticated:
        return _after_login(request)
    found, member = _own_meter(request, token)
    with selectors.scope_of(member):
        meter = _meter(found)
    response = HttpResponse(qr_image(meter, kind), content_type=media_type)
    response["Content-Disposition"] = content_disposition_header(False, f"{meter.room}.{kind}") or "inline"
    return response
