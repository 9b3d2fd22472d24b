"""The two desks. A member's role or being an operator opens them; Django's staff and superuser flags open nothing."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import update_wrapper
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django.views.i18n import set_language
from markdown_it import MarkdownIt
from unfold.sites import UnfoldAdminSite

from apps.accounts import changes, selectors
from apps.accounts.roles import Act
from apps.common.scoping import own_scopes
from apps.landing.desk import (
    accounts,
    bills,
    house,
    leases,
    machines,
    meters,
    operator_accounts,
    operators,
    own_phone,
    places,
    records,
    settlements,
    stock,
    typed,
)
from apps.landing.desk.home import home
from apps.landing.desk.login import LandlordLogin, OperatorLogin
from apps.landing.desk.members import MemberPages
from apps.landing.desk.navigation import Link, landlord_links, operator_links
from apps.landing.desk.proofs import proofs
from apps.landing.desk.queues import queues_now
from apps.landing.desk.stuck import what_is_stuck

# One accent, 4.5:1 on white at 600 and on the dark ground at 500.
ACCENT = {
    "50": "#f0fdfa",
    "100": "#ccfbf1",
    "200": "#99f6e4",
    "300": "#5eead4",
    "400": "#2dd4bf",
    "500": "#14b8a6",
    "600": "#0f766e",
    "700": "#115e59",
    "800": "#134e4a",
    "900": "#0f3f3c",
    "950": "#042f2e",
}


def choose_language(request: Any) -> HttpResponse:
    """Django's switch, which is the browser's; whoever is logged in gets her messages in it too."""
    if request.user.is_authenticated:
        changes.change_user(user=request.user, language=request.POST.get("language"))
    answer: HttpResponse = set_language(request)
    return answer


class DeskSite(UnfoldAdminSite):
    """What both desks share: the look, the language switch, the local time, a refusal as a page of the desk."""

    site_title = "RentMeter"
    enable_nav_sidebar = True
    final_catch_all_view = False
    login_template = "desk/login.html"
    site_url = None
    subtitle: Any = ""

    def may(self, request: Any, act: Act) -> bool:
        raise NotImplementedError

    def links(self) -> list[tuple[Any, list[Link]]]:
        raise NotImplementedError

    def zone(self, request: Any) -> ZoneInfo:
        return ZoneInfo(timezone.get_default_timezone_name())

    def welcome(self, request: Any) -> HttpResponse | None:
        """Return where a person must go before she may see anything here, or None."""
        return None

    def get_urls(self) -> list[URLPattern]:
        return [path("language/", require_POST(choose_language), name="language"), *super().get_urls()]

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        inner = super().admin_view(view, cacheable)

        def outer(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in ("GET", "HEAD", "POST"):
                return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
            with timezone.override(self.zone(request)):
                try:
                    if self.has_permission(request):
                        if (answer := self.welcome(request)) is not None:
                            return answer
                    elif request.method == "POST":
                        typed.keep(request, now=timezone.now())
                    response: Any = inner(request, *args, **kwargs)
                    if self.has_permission(request):
                        typed.remember(request, response)
                        typed.give_back(request, response, now=timezone.now())
                    # Rendered here, while the landlord's own time zone is in force.
                    return response.render() if isinstance(response, TemplateResponse) else response
                except PermissionDenied:
                    return self.refuse(request)

        return update_wrapper(outer, view)

    def refuse(self, request: Any) -> HttpResponse:
        """Answer what a role may not do, in the desk's own look."""
        request.current_app = self.name
        context = {**self.each_context(request), "title": _("Your role may not do this")}
        return render(request, "desk/refused.html", context, status=403)

    @own_scopes
    def login(self, request: Any, extra_context: Any = None) -> HttpResponse:
        """Outside any scope, whose end could forget a wrong try."""
        return super().login(request, extra_context)

    def search(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Find nothing: the base class caches what it finds by user, not by landlord."""
        return HttpResponse()

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        raise PermissionDenied

    def app_index(self, request: HttpRequest, app_label: str, extra_context: Any = None) -> HttpResponse:
        return redirect(f"{self.name}:index")

    def get_log_entries(self, request: HttpRequest) -> Any:
        return LogEntry.objects.none()

    def each_context(self, request: Any) -> dict[str, Any]:
        context = super().each_context(request)
        context.update(
            site_title=self.site_title,
            site_header="RentMeter",
            site_subheader=self.subtitle_for(request),
            site_symbol="bolt",
            site_url=None,
            show_languages=True,
            languages_action=reverse(f"{self.name}:language"),
            colors={**context["colors"], "primary": ACCENT},
            styles=[static("desk/desk.css")],
            scripts=[static("desk/desk.js")],
            show_history=True,
            show_view_on_site=False,
            account_links=self.account_links(request),
        )
        return context

    def subtitle_for(self, request: Any) -> str:
        return str(self.subtitle)

    def account_links(self, request: Any) -> list[dict[str, Any]]:
        return [{"title": _("Change password"), "link": reverse(f"{self.name}:password_change")}]

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        return [
            {
                "title": title,
                "separator": bool(title),
                "items": [
                    {
                        "title": link.title,
                        "icon": link.icon,
                        "link": reverse(f"{self.name}:{link.view}") + link.query,
                        "active": self._is_at(request, link),
                        "has_permission": self.may(request, link.seen_with),
                        **(
                            {"badge": _badge(link.count, getattr(request, "membership", None))}
                            if link.count
                            else {}
                        ),
                    }
                    for link in links
                ],
            }
            for title, links in self.links()
        ]

    def _is_at(self, request: HttpRequest, link: Link) -> bool:
        here = reverse(f"{self.name}:{link.view}")
        return request.path == here if link.view == "index" else request.path.startswith(here)


def _badge(count: Callable[[], int], membership: Any) -> Any:
    """Counted only where it is shown: the login page has a sidebar it never draws, and no scope.

    A page that opens short scopes of its own is drawn outside them, so a member's count brings hers along.
    """

    def said() -> str:
        with selectors.scope_of(membership) if membership else nullcontext():
            found = count()
        return str(found) if found else ""

    return lazy(said, str)()


class LandlordSite(DeskSite):
    """A landlord's own desk. The middleware has opened her scope; `request.membership` says in which role."""

    login_form = LandlordLogin
    index_template = "desk/home.html"
    index_title = gettext_lazy("Home")
    subtitle = gettext_lazy("Landlord's desk")

    def has_permission(self, request: Any) -> bool:
        return bool(request.user.is_active and getattr(request, "membership", None))

    def may(self, request: Any, act: Act) -> bool:
        return self.has_permission(request) and request.membership.may(act)

    def zone(self, request: Any) -> ZoneInfo:
        membership = getattr(request, "membership", None)
        return ZoneInfo(membership.landlord.time_zone) if membership else super().zone(request)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._joined: list[Callable[[], Link]] = []

    def join(self, link: Callable[[], Link]) -> None:
        """Let an app that this one does not know stand first in the sidebar, and on the home page what waits there."""
        self._joined.append(link)

    def links(self) -> list[tuple[Any, list[Link]]]:
        [(title, first), *others] = landlord_links()
        return [(title, [*first, *(link() for link in self._joined)]), *others]

    def waiting(self) -> list[dict[str, str]]:
        """Return what waits behind the joined pages, one sentence each."""
        found = []
        for link in (made() for made in self._joined):
            said = link.said(link.count()) if link.said and link.count else ""
            if said:
                found.append({"said": said, "href": reverse(f"{self.name}:{link.view}")})
        return found

    def subtitle_for(self, request: Any) -> str:
        return request.membership.landlord.name if self.has_permission(request) else str(self.subtitle)

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("landlord/", self.admin_view(self.choose_landlord), name="choose_landlord"),
            path("phone/", self.admin_view(self.own_phone), name="own_phone"),
            path("settings/", self.admin_view(self.house), name="house"),
            *MemberPages(self).urls(),
        ]
        return [*own, *super().get_urls()]

    @own_scopes
    def own_phone(self, request: Any) -> HttpResponse:
        """Let a member change the phone of her login; messages leave the house, so no scope is open."""
        request.current_app = self.name
        found = own_phone.answer(request, now=timezone.now())
        if isinstance(found, HttpResponse):
            return found
        return TemplateResponse(request, "desk/own_phone.html", {**self.each_context(request), **found})

    def house(self, request: Any) -> HttpResponse:
        """Let the owner change what holds for all her meters."""
        if not self.may(request, Act.GOVERN):
            raise PermissionDenied
        request.current_app = self.name
        found = house.answer(request, now=timezone.now())
        if isinstance(found, HttpResponse):
            return found
        status = 400 if found["form"].errors else 200
        context = {**self.each_context(request), **found}
        return TemplateResponse(request, "desk/house.html", context, status=status)

    def welcome(self, request: Any) -> HttpResponse | None:
        """A member of several landlords says which one first; otherwise a link would open on the wrong one."""
        if "landlord" in request.session or request.headers.get("X-Landlord"):
            return None
        if request.path in (reverse(f"{self.name}:choose_landlord"), reverse(f"{self.name}:logout")):
            return None
        if len(selectors.memberships_of(request.user)) < 2:
            return None
        return redirect(f"{self.name}:choose_landlord")

    def choose_landlord(self, request: Any) -> HttpResponse:
        memberships = selectors.memberships_of(request.user)
        if request.method == "POST":
            wanted = request.POST.get("landlord", "")
            if any(str(m.landlord_id) == wanted for m in memberships):
                request.session["landlord"] = str(UUID(wanted))
                return redirect(f"{self.name}:index")
        request.current_app = self.name
        context = {**self.each_context(request), "title": _("Whose desk?"), "memberships": memberships}
        return TemplateResponse(request, "desk/choose_landlord.html", context)

    def account_links(self, request: Any) -> list[dict[str, Any]]:
        phone = {"title": _("Change phone"), "link": reverse(f"{self.name}:own_phone")}
        renter = {"title": _("To the renter's view"), "link": reverse("rented_meters")}
        links = [renter, phone, *super().account_links(request)]
        if "landlord" in request.session:
            links.insert(0, {"title": _("Other landlord"), "link": reverse(f"{self.name}:choose_landlord")})
        return links

    @own_scopes
    def login(self, request: Any, extra_context: Any = None) -> HttpResponse:
        """Forget the choice of a landlord this login no longer works for, or nobody could ever come in again."""
        if request.user.is_authenticated and request.membership is None and "landlord" in request.session:
            del request.session["landlord"]
            if selectors.memberships_of(request.user):
                return HttpResponseRedirect(reverse(f"{self.name}:index"))
        return super().login(request, extra_context)

    def index(self, request: Any, extra_context: Any = None) -> TemplateResponse:
        return super().index(
            request, {**home(request, self), "waiting": self.waiting(), **(extra_context or {})}
        )


class OperatorSite(DeskSite):
    """The platform's own desk; the middleware has opened everything for it."""

    login_form = OperatorLogin
    index_template = "desk/stuck.html"
    index_title = gettext_lazy("What is stuck")
    subtitle = gettext_lazy("Operator's desk")

    def has_permission(self, request: Any) -> bool:
        user = request.user
        return bool(user.is_authenticated and user.is_active and user.is_operator)

    def may(self, request: Any, act: Act) -> bool:
        return self.has_permission(request)

    def links(self) -> list[tuple[Any, list[Link]]]:
        return operator_links()

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("queues/", self.admin_view(self.queues), name="queues"),
            path("proofs/", self.admin_view(self.proofs), name="proofs"),
            path("runbook/", self.admin_view(self.runbook), name="runbook"),
        ]
        return [*own, *super().get_urls()]

    def runbook(self, request: Any) -> HttpResponse:
        """Show docs/runbook-frozen.md where it is needed, in the reader's language."""
        request.current_app = self.name
        name = "runbook-frozen.zh.md" if (get_language() or "").startswith("zh") else "runbook-frozen.md"
        text = (settings.ROOT / "docs" / name).read_text(encoding="utf-8")
        # A file of our own; HTML in it would still be shown as text.
        page = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
        context = {**self.each_context(request), "title": _("Runbook"), "text": SafeString(page)}
        return TemplateResponse(request, "desk/runbook.html", context)

    def proofs(self, request: Any) -> HttpResponse:
        """Show what the daily proof found."""
        request.current_app = self.name
        context = {**self.each_context(request), "title": _("Daily proof"), "report": proofs(timezone.now())}
        return TemplateResponse(request, "desk/proofs.html", context)

    @own_scopes
    def queues(self, request: Any) -> HttpResponse:
        """Show what waits at the broker; asks it, so no scope is open."""
        request.current_app = self.name
        context = {**self.each_context(request), "title": _("Queues"), "report": queues_now(timezone.now())}
        return TemplateResponse(request, "desk/queues.html", context)

    def index(self, request: Any, extra_context: Any = None) -> TemplateResponse:
        return super().index(request, {"report": what_is_stuck(timezone.now()), **(extra_context or {})})


landlord_site = LandlordSite("admin")
operator_site = OperatorSite("ops")

for page in (meters, leases, records, places, accounts, settlements, bills):
    page.register(landlord_site)
for page in (machines, operators, stock, operator_accounts, bills):
    page.register(operator_site)
