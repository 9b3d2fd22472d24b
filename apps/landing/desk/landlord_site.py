"""A landlord's desk: who may come in, her own pages, and what stands in the sidebar."""

from collections.abc import Callable
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts import selectors
from apps.accounts.roles import Act
from apps.common.scoping import own_scopes
from apps.landing.desk import house, own_phone
from apps.landing.desk.desk_site import DeskSite
from apps.landing.desk.home import home
from apps.landing.desk.login import LandlordLogin
from apps.landing.desk.members import MemberPages
from apps.landing.desk.navigation import Link, landlord_links


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
