"""What both desks share: the look, the language switch, the local time, a refusal as a page of the desk."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import update_wrapper
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django.views.i18n import set_language
from unfold.sites import UnfoldAdminSite

from apps.accounts import changes, selectors
from apps.accounts.roles import Act
from apps.common.scoping import own_scopes
from apps.landing.desk import typed
from apps.landing.desk.navigation import Link

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
