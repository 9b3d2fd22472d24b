"""What every list and page of both desks shares: read-mostly, own rows only, the project's audit."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from apps.accounts.models import AuditLine
from apps.accounts.roles import Act
from apps.landing.desk import acts, words

NOBODY: Act | None = None


class ScopedModelAdmin(ModelAdmin):
    """Lists and shows rows of the open scope; adds and changes only where a subclass names the act for it.

    `seen_with` is the act a role needs to see the model at all; `by_parent` names foreign keys of the model by
    which a list may be narrowed through its address. Nothing is ever deleted here.
    """

    seen_with = Act.VIEW
    added_with: Act | None = NOBODY
    changed_with: Act | None = NOBODY
    by_parent: tuple[str, ...] = ()

    list_display: Any
    list_filter: Any
    list_select_related: Any
    search_fields: Any
    fields: Any
    inlines: Any
    actions: Any = None
    list_per_page = 50
    list_max_show_all = 200
    list_filter_sheet = False
    show_facets = ShowFacets.NEVER
    show_full_result_count = True
    object_history_template = "desk/history.html"

    @admin.display(description=gettext_lazy("landlord"), ordering="landlord__name")
    def landlord_name(self, row: Any) -> str:
        """The operator's column: whose a row is."""
        return str(row.landlord)

    def _may(self, request: HttpRequest, act: Act | None) -> bool:
        return act is not None and self.admin_site.may(request, act)

    def find(self, request: HttpRequest, object_id: str, needs: Act) -> Any:
        """Return the thing, or the answer to a missing one, which a foreign one gets too."""
        if not self._may(request, needs):
            raise PermissionDenied
        thing = self.get_object(request, object_id)
        if thing is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return thing

    def find_hers(self, request: HttpRequest, object_id: str, needs: Act) -> Any:
        """Return the same for an act that is the landlord's own, and no operator's for her."""
        if self.admin_site.name != "admin":
            raise PermissionDenied
        return self.find(request, object_id, needs)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.seen_with)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request, self.added_with)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.changed_with)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Allow a list to be narrowed by its own filters and parents only; an address is not a query language."""
        if any(lookup == f"{parent}__id__exact" for parent in self.by_parent):
            return True
        if any(lookup == getattr(known, "parameter_name", None) for known in self.list_filter):
            return True
        named = {name for name in self.list_filter if isinstance(name, str)}
        return any(lookup == name or lookup.startswith(f"{name}__") for name in named)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Write nothing of Django's: its log has no landlord. The services write the project's audit."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Write nothing of Django's."""

    def log_deletion(self, request: HttpRequest, obj: Any, object_repr: str) -> None:
        """Write nothing of Django's."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Write nothing of Django's."""

    def lines_of(self, obj: Any) -> Any:
        """Return what was written of an object, newest first.

        Only what a landlord owns has a history, and its key is a UUID; a gateway's is its name.
        """
        if not isinstance(obj.pk, UUID):
            return AuditLine.objects.none()
        return AuditLine.objects.filter(object_id=obj.pk).select_related("by").order_by("-id")

    def said_of(self, line: Any) -> str:
        """Return what was done, in people's words."""
        return acts.name_of(line.act)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the project's own audit lines of one object."""
        obj = self.get_object(request, object_id)
        if obj is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        now = timezone.now()
        context = {
            **self.admin_site.each_context(request),
            "title": _("History"),
            "opts": self.opts,
            "original": obj,
            "lines": [
                {
                    "when": words.moment(line.at, now),
                    "by": line.by or _("the system"),
                    "act": self.said_of(line),
                    "facts": acts.facts_of(getattr(line, "facts", {}), now),
                }
                for line in self.lines_of(obj)[:200]
            ],
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.object_history_template, context)


def pretty_facts(facts: dict[str, Any]) -> SafeString:
    """Evidence as a person reads it: one fact a line."""
    if not facts:
        return format_html('<span class="desk-none">{}</span>', words.NOTHING)
    ordered = sorted(facts.items(), key=lambda fact: acts.evidence_order(fact[0]))
    named = ((capfirst(acts.evidence_name(name)), acts.evidence_said(value)) for name, value in ordered)
    return format_html(
        '<dl class="desk-facts">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", named)
    )
