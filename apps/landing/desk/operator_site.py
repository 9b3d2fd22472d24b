"""The operator's desk, and its pages that list no rows."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from markdown_it import MarkdownIt

from apps.accounts.roles import Act
from apps.common.scoping import own_scopes
from apps.landing.desk.desk_site import DeskSite
from apps.landing.desk.login import OperatorLogin
from apps.landing.desk.navigation import Link, operator_links
from apps.landing.desk.proofs import proofs
from apps.landing.desk.queues import queues_now
from apps.landing.desk.stuck import what_is_stuck


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
