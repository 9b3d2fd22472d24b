"""Who works for the landlord, at her desk: taken on by phone, given a role and the sites to see. The owner's alone."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminTextInputWidget,
)

from apps.accounts import members
from apps.accounts.models import Member
from apps.accounts.roles import Act, Role
from apps.common.errors import Refused
from apps.common.scoping import current_landlord_id
from apps.landing.desk import words
from apps.landing.desk.forms import ActForm
from apps.landing.desk.once import do_once
from apps.meters.models import Site

_ROLES = [
    (Role.OWNER.value, gettext_lazy("Owner: everything, at all sites")),
    (Role.MANAGER.value, gettext_lazy("Manager: meters, leases, prices, money given back")),
    (Role.COLLECTOR.value, gettext_lazy("Collector: takes cash, reads meters, sees income")),
    (Role.VIEWER.value, gettext_lazy("Viewer: looks only")),
]


class MemberForm(ActForm):
    """Her role and her sites; the phone names her, once."""

    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        choices=_ROLES,
        initial=Role.VIEWER.value,
        widget=UnfoldAdminRadioSelectWidget,
    )
    sites = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Sites"),
        queryset=Site.objects.order_by("name"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy(
            "Tick the only sites this member may see. None ticked: all of them, also those to come."
        ),
        error_messages={
            "invalid_choice": gettext_lazy("There is no such site among yours."),
            "invalid_pk_value": gettext_lazy("There is no such site among yours."),
        },
    )
    field_order: tuple[str, ...] = ("role", "sites")

    def chosen(self) -> dict[str, Any]:
        sites = {site.pk: site.name for site in self.cleaned_data["sites"]}
        return {"role": Role(self.cleaned_data["role"]), "sites": sites}


class NewMemberForm(MemberForm):
    phone = forms.CharField(
        label=gettext_lazy("Phone"),
        max_length=20,
        help_text=gettext_lazy("With it this member logs in, by a code that is sent there."),
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "tel", "autocomplete": "off"}),
    )
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=60,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    field_order = ("phone", "name", "role", "sites")


class MemberPages:
    """The pages of members at a landlord's desk."""

    def __init__(self, site: Any) -> None:
        self.site = site

    def urls(self) -> list[URLPattern]:
        return [
            path("members/", self._governed(self.all_of_them), name="members"),
            path("members/add/", self._governed(self.take_on), name="member_add"),
            path("members/<uuid:member_id>/", self._governed(self.change), name="member"),
            path("members/<uuid:member_id>/remove/", self._governed(self.remove), name="member_remove"),
        ]

    def _governed(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        def governed(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
            if not self.site.may(request, Act.GOVERN):
                raise PermissionDenied
            request.current_app = self.site.name
            return view(request, *args, **kwargs)

        found: Callable[..., HttpResponse] = self.site.admin_view(governed)
        return found

    def all_of_them(self, request: Any) -> HttpResponse:
        """Show everybody with her role and her sites."""
        names = dict(Site.objects.values_list("pk", "name"))
        rows = [
            {
                "member": member,
                "role": words.role(member.role),
                "sites": " · ".join(sorted(names.get(pk, "") for pk in member.site_ids or ()))
                or _("all sites"),
                "is_me": member.user_id == request.user.pk,
            }
            for member in members.members_of(current_landlord_id()).order_by("id")
        ]
        return self._page(request, "desk/members.html", title=_("Members"), rows=rows)

    def take_on(self, request: Any) -> HttpResponse:
        """Ask for a phone, a role and sites; POST takes her on, once."""

        def act(form: MemberForm) -> None:
            members.add_member(
                landlord_id=current_landlord_id(),
                phone=form.cleaned_data["phone"],
                name=form.cleaned_data["name"],
                **form.chosen(),
                by_id=request.user.pk,
                now=timezone.now(),
            )

        return self._form(
            request,
            NewMemberForm,
            act,
            title=_("Take somebody on"),
            button=_("Take on"),
            done=_("Taken on. The phone is all this member needs to log in."),
        )

    def change(self, request: Any, member_id: UUID) -> HttpResponse:
        """Ask for her role and her sites; what is saved holds from her next page on."""
        member = self._found(member_id)
        if member is None:
            return self._nobody(request)

        def act(form: MemberForm) -> None:
            members.change_member(member=member, **form.chosen(), by_id=request.user.pk, now=timezone.now())

        return self._form(
            request,
            MemberForm,
            act,
            title=str(member.user),
            button=_("Save"),
            done=_("Saved. It holds from this member's next page on."),
            initial={"role": member.role, "sites": member.site_ids or []},
            member=member,
        )

    def remove(self, request: Any, member_id: UUID) -> HttpResponse:
        """End a membership; the button stands on the member's page."""
        member = self._found(member_id)
        if member is None:
            return self._nobody(request)
        if request.method == "POST":
            try:
                members.remove_member(member=member, by_id=request.user.pk, now=timezone.now())
            except Refused as refusal:
                messages.error(request, str(refusal.detail))
                return redirect(f"{self.site.name}:member", member_id)
            messages.success(request, _("Removed. This member sees nothing of yours any more."))
            return redirect(f"{self.site.name}:members")
        return redirect(f"{self.site.name}:member", member_id)

    def _found(self, member_id: UUID) -> Member | None:
        return members.members_of(current_landlord_id()).filter(pk=member_id).first()

    def _nobody(self, request: Any) -> HttpResponse:
        messages.warning(request, _("There is no such member among yours."))
        return redirect(f"{self.site.name}:index")

    def _form(
        self,
        request: Any,
        form_class: type[MemberForm],
        act: Callable[[MemberForm], None],
        *,
        title: str,
        button: str,
        done: str,
        initial: dict[str, Any] | None = None,
        member: Member | None = None,
    ) -> HttpResponse:
        form = form_class(request.POST) if request.method == "POST" else form_class(initial=initial)
        if request.method == "POST" and form.is_valid():
            try:
                is_new = do_once(
                    user_id=request.user.pk,
                    key=form.cleaned_data["key"],
                    act=lambda: act(form),
                    now=timezone.now(),
                )
            except Refused as refusal:
                form.take(refusal)
            else:
                said = done if is_new else _("This form was sent already; nothing was done twice.")
                messages.success(request, said)
                return redirect(f"{self.site.name}:members")
        page = self._page(
            request,
            "desk/member.html",
            title=title,
            form=form,
            form_class="desk-after",
            button=button,
            member=member,
            back_url=reverse(f"{self.site.name}:members"),
        )
        page.status_code = 400 if form.errors else 200
        return page

    def _page(self, request: Any, template: str, **context: Any) -> TemplateResponse:
        return TemplateResponse(request, template, {**self.site.each_context(request), **context})
