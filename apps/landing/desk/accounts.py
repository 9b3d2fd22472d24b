"""Collection accounts at both desks: what there is, how the check stands, and the guided set-up.

Writing asks for the password again, so those pages open short scopes of their own: a counted wrong guess must outlive
the refusal. The platform is asked by a worker, and this page says how far it has come.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import Landlord
from apps.accounts.passwords import ask_again
from apps.accounts.roles import Act
from apps.common.errors import Refused
from apps.common.scoping import landlord_scope, own_scopes
from apps.income.models import CollectionAccount
from apps.income.services import account_checks, accounts
from apps.income.setting_up import ASKED, PAPERS
from apps.income.states import Channel, CheckState
from apps.income.strategies import Strategy, capabilities
from apps.landing.account_words import check_said, has_wrong_keys, next_step
from apps.landing.desk import cells, words
from apps.landing.desk.account_forms import NameForm, PasswordForm, SetUpForm, check_words, more_on, way_words
from apps.landing.desk.account_notes import account_notes, certificate_said
from apps.landing.desk.base import ScopedModelAdmin


class AccountPages(ScopedModelAdmin):
    """What both desks share."""

    seen_with = Act.GOVERN
    list_display: Any = ("account", "way", "in_force", "checked", "to_do")
    ordering = ("-is_active", "-id")
    show_full_result_count = False

    @admin.display(description=gettext_lazy("collection account"))
    def account(self, row: Any) -> str:
        return str(row)

    @admin.display(description=gettext_lazy("way"))
    def way(self, row: Any) -> str:
        return way_words(row.strategy)

    @admin.display(description=gettext_lazy("takes payments"), ordering="is_active")
    def in_force(self, row: Any) -> SafeString:
        return cells.said(words.Said(_("yes"), "good") if row.is_active else words.Said(_("no"), "idle"))

    @admin.display(description=gettext_lazy("checked"))
    def checked(self, row: Any) -> SafeString:
        return cells.said(check_words(row))

    @admin.display(description=gettext_lazy("next step"))
    def to_do(self, row: Any) -> str:
        return next_step(row) or words.NOTHING

    def get_urls(self) -> list[URLPattern]:
        pages: list[tuple[str, str, Callable[..., Any]]] = [
            (f"{self.prefix}set-up/", "set_up", self.ways_view),
            (f"{self.prefix}set-up/<slug:strategy>/<slug:channel>/", "set_up_one", self.set_up_view),
            ("<path:object_id>/check/", "check", self.check_view),
            ("<path:object_id>/name/", "name", self.name_view),
            ("<path:object_id>/close/", "close", self.close_view),
        ]
        own = [
            path(route, self.admin_site.admin_view(view), name=f"income_collectionaccount_{name}")
            for route, name, view in pages
        ]
        return own + super().get_urls()

    prefix = ""

    def _scope(self, request: Any, landlord_id: UUID) -> AbstractContextManager[None]:
        return landlord_scope(landlord_id)

    def _landlord_id(self, request: Any, landlord_id: UUID | None) -> UUID:
        """Whose account is to be set up."""
        raise NotImplementedError

    def _owner_of(self, request: Any, account_id: UUID) -> UUID | None:
        """Whose account this is, as far as this desk may know."""
        raise NotImplementedError

    def _known(self, request: Any, object_id: str) -> Any:
        """Return account and owner, or the answer to a missing one, which a foreign one gets too."""
        try:
            account_id = UUID(object_id)
        except ValueError:
            owner = None
        else:
            owner = self._owner_of(self._allowed(request), account_id)
        if owner is None:
            return self._get_obj_does_not_exist_redirect(self._allowed(request), self.opts, object_id)
        return account_id, owner

    def _set_up_links(self, request: Any, landlord_id: UUID) -> list[dict[str, Any]]:
        """The ways there are, the best first, each with its papers and a button per channel."""
        found = []
        for strategy in (Strategy.S1, Strategy.S2, Strategy.S3, Strategy.S0):
            buttons = []
            for channel in Channel if strategy != Strategy.S0 else ():
                if capabilities(strategy, channel).needs_provider and not settings.PROVIDER_ACCOUNTS.get(
                    channel
                ):
                    continue
                buttons.append(
                    {
                        "text": words.channel(channel),
                        "href": self._address("set_up_one", landlord_id, strategy.value, channel.value),
                    }
                )
            found.append(
                {
                    "title": way_words(strategy),
                    "code": strategy.value,
                    "papers": PAPERS[strategy],
                    "buttons": buttons,
                    "is_offered": bool(buttons) or strategy == Strategy.S0,
                    "more": more_on(strategy),
                }
            )
        return found

    def _address(self, page: str, landlord_id: UUID, *args: Any) -> str:
        raise NotImplementedError

    @own_scopes
    def ways_view(self, request: Any, landlord_id: UUID | None = None) -> HttpResponse:
        owner = self._landlord_id(self._allowed(request), landlord_id)
        with self._scope(request, owner):
            ready = CollectionAccount.objects.filter(is_active=True).exists()
            notes = account_notes(timezone.now(), site=self.admin_site.name)
        return self._page(
            request,
            "desk/account_ways.html",
            title=_("Set up how you are paid"),
            ways=self._set_up_links(request, owner),
            has_one=ready,
            account_notes=notes,
            owner=self._owner_name(owner),
        )

    @own_scopes
    def set_up_view(
        self, request: Any, strategy: str, channel: str, landlord_id: UUID | None = None
    ) -> HttpResponse:
        owner = self._landlord_id(self._allowed(request), landlord_id)
        if (strategy, channel) not in ASKED:
            raise Http404
        with self._scope(request, owner):
            notes = account_notes(timezone.now(), site=self.admin_site.name)
        form = SetUpForm(strategy, channel, request.POST or None)
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            wish = accounts.Wish(
                channel=Channel(channel),
                strategy=Strategy(strategy),
                fields={name: given[name] for name in form.asked},
                payee_name=given.get("payee_name", ""),
                contact_phone=given["contact_phone"],
            )
            try:
                ask_again(user=request.user, password=given["password"], now=timezone.now())
                with self._scope(request, owner):
                    made = accounts.propose_account(wish=wish, by_id=request.user.pk, now=timezone.now())
                return redirect(f"{self.admin_site.name}:income_collectionaccount_change", made.pk)
            except Refused as refusal:
                form.take(refusal)
        return self._page(
            request,
            "desk/account_form.html",
            is_secret=True,
            title=f"{words.channel(channel)} · {way_words(strategy)}",
            account_notes=[note for note in notes if note["account"].channel == channel],
            form=form,
            button=_("Save and have it checked"),
            explains=more_on(Strategy(strategy)),
            papers=PAPERS[strategy],
            back=self._address("set_up", owner),
            owner=self._owner_name(owner),
        )

    def change_view(
        self, request: Any, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        self._allowed(request)
        account = self.get_object(request, object_id)
        if account is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        now = timezone.now()
        is_checking = account.check_state == CheckState.PENDING and account.check_at is not None
        site = self.admin_site.name
        return self._page(
            request,
            "desk/account.html",
            title=str(account),
            original=account,
            account=account,
            way=way_words(account.strategy),
            is_checking=is_checking,
            check=check_words(account),
            said=check_said(account),
            is_wrong=has_wrong_keys(account),
            certificate=certificate_said(account, now),
            to_do=next_step(account),
            checked_at=words.moment(account.checked_at, now) if account.checked_at else "",
            ends_at=words.moment(account.certificate_ends_at, now) if account.certificate_ends_at else "",
            owner=self._owner_name(account.landlord_id),
            acts=self._acts(account),
            check_url=reverse(f"{site}:income_collectionaccount_check", args=[account.pk]),
        )

    def _acts(self, account: CollectionAccount) -> list[dict[str, Any]]:
        """What may be done with it, the most urgent first."""
        found: list[dict[str, Any]] = []
        if has_wrong_keys(account) and account.strategy != Strategy.S3:
            assert account.landlord_id is not None
            again = self._address("set_up_one", account.landlord_id, account.strategy, account.channel)
            found.append({"href": again, "text": _("Enter it again"), "kind": "primary"})
        if account.can.needs_payee_name:
            found.append(self._act(account, "name", _("Correct the payee's name"), "plain"))
        if account.is_active:
            found.append(self._act(account, "close", _("Stop taking payments through it"), "grave"))
        return found

    def _act(self, account: CollectionAccount, page: str, text: str, kind: str) -> dict[str, Any]:
        href = reverse(f"{self.admin_site.name}:income_collectionaccount_{page}", args=[account.pk])
        return {"href": href, "text": text, "kind": kind}

    @own_scopes
    def check_view(self, request: Any, object_id: str) -> HttpResponse:
        known = self._known(request, object_id)
        if isinstance(known, HttpResponse):
            return known
        account_id, owner = known
        if request.method == "POST":
            try:
                with self._scope(request, owner):
                    account_checks.ask_check(account_id=account_id, by_id=request.user.pk, now=timezone.now())
            except Refused as refusal:
                self.message_user(request, str(refusal.detail), messages.ERROR)
        return redirect(f"{self.admin_site.name}:income_collectionaccount_change", account_id)

    @own_scopes
    def name_view(self, request: Any, object_id: str) -> HttpResponse:
        return self._act_page(
            request,
            object_id,
            NameForm,
            lambda account_id, form: accounts.correct_payee_name(
                account_id=account_id,
                name=form.cleaned_data["payee_name"],
                by_id=request.user.pk,
                now=timezone.now(),
            ),
            title=_("Correct the payee's name"),
            explains=_(
                "The account stays the same; only the name the platform compares is set anew. Waiting transfers go on."
            ),
        )

    @own_scopes
    def close_view(self, request: Any, object_id: str) -> HttpResponse:
        return self._act_page(
            request,
            object_id,
            PasswordForm,
            lambda account_id, form: accounts.close_account(
                account_id=account_id, by_id=request.user.pk, now=timezone.now()
            ),
            title=_("Stop taking payments through it"),
            explains=_(
                "Renters can no longer pay on this channel. Orders made before stay with this account."
            ),
        )

    def _act_page(
        self,
        request: Any,
        object_id: str,
        form_class: type[PasswordForm],
        act: Callable[[UUID, Any], Any],
        *,
        title: str,
        explains: str,
    ) -> HttpResponse:
        known = self._known(request, object_id)
        if isinstance(known, HttpResponse):
            return known
        account_id, owner = known
        form = form_class(request.POST or None)
        back = reverse(f"{self.admin_site.name}:income_collectionaccount_change", args=[account_id])
        if request.method == "POST" and form.is_valid():
            try:
                ask_again(user=request.user, password=form.cleaned_data["password"], now=timezone.now())
                with self._scope(request, owner):
                    act(account_id, form)
                return redirect(back)
            except Refused as refusal:
                form.take(refusal)
        return self._page(
            request,
            "desk/account_form.html",
            is_secret=True,
            title=title,
            form=form,
            button=title,
            explains=explains,
            papers=(),
            back=back,
            owner=self._owner_name(owner),
        )

    def _allowed(self, request: Any) -> Any:
        if not self._may(request, Act.GOVERN):
            raise PermissionDenied
        return request

    def _owner_name(self, landlord_id: UUID) -> str:
        return str(Landlord.objects.values_list("name", flat=True).get(pk=landlord_id))

    def _page(self, request: Any, template: str, **context: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        shared = {**self.admin_site.each_context(request), "opts": self.opts}
        shared["list_url"] = reverse(f"{self.admin_site.name}:income_collectionaccount_changelist")
        return TemplateResponse(request, template, {**shared, **context})


class LandlordAccounts(AccountPages):
    """A landlord's own accounts; only she, as the owner, comes here."""

    change_list_template = "desk/account_list.html"

    def _landlord_id(self, request: Any, landlord_id: UUID | None) -> UUID:
        found: UUID = request.membership.landlord_id
        return found

    def _owner_of(self, request: Any, account_id: UUID) -> UUID | None:
        owner = self._landlord_id(request, None)
        with landlord_scope(owner):
            return owner if CollectionAccount.objects.filter(pk=account_id).exists() else None

    def _address(self, page: str, landlord_id: UUID, *args: Any) -> str:
        return reverse(f"{self.admin_site.name}:income_collectionaccount_{page}", args=args)

    def changelist_view(self, request: Any, extra_context: Any = None) -> Any:
        context = {"set_up_url": self._address("set_up", request.membership.landlord_id)}
        return super().changelist_view(request, {**context, **(extra_context or {})})


def register(site: Any) -> None:
    site.register(CollectionAccount, LandlordAccounts)
