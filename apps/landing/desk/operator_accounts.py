"""Collection accounts at the operator's desk."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import Landlord
from apps.common.scoping import everything, own_scopes
from apps.income.models import CollectionAccount
from apps.income.services import accounts
from apps.landing.desk.account_forms import PasswordForm
from apps.landing.desk.accounts import AccountPages


class OperatorAccounts(AccountPages):
    """Every landlord's accounts: an operator may finish a set-up for her, and acknowledges S3."""

    list_display = ("landlord_name", "account", "way", "in_force", "checked", "to_do")
    list_select_related = ("landlord",)
    list_filter = ("check_state", "strategy")
    prefix = "for/<uuid:landlord_id>/"

    def _landlord_id(self, request: Any, landlord_id: UUID | None) -> UUID:
        if landlord_id is None or not Landlord.objects.filter(pk=landlord_id).exists():
            raise Http404
        return landlord_id

    def _owner_of(self, request: Any, account_id: UUID) -> UUID | None:
        with everything("the operator's desk"):
            rows = CollectionAccount.objects.filter(pk=account_id)
            return rows.values_list("landlord_id", flat=True).first()

    def _address(self, page: str, landlord_id: UUID, *args: Any) -> str:
        return reverse(f"{self.admin_site.name}:income_collectionaccount_{page}", args=[landlord_id, *args])

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<path:object_id>/acknowledge/",
            self.admin_site.admin_view(self.acknowledge_view),
            name="income_collectionaccount_acknowledge",
        )
        return [own, *super().get_urls()]

    def _acts(self, account: CollectionAccount) -> list[dict[str, Any]]:
        found = super()._acts(account)
        if account.can.needs_acknowledgement and account.acknowledged_by_id is None:
            found.insert(0, self._act(account, "acknowledge", _("Acknowledge and switch on"), "primary"))
        return found

    @own_scopes
    def acknowledge_view(self, request: Any, object_id: str) -> HttpResponse:
        return self._act_page(
            request,
            object_id,
            PasswordForm,
            lambda account_id, form: accounts.acknowledge(
                account_id=account_id, by_id=request.user.pk, now=timezone.now()
            ),
            title=_("Acknowledge and switch on"),
            explains=_(
                "You will hold other people's money. Collecting and then paying out is payment business under the "
                "regulation on non-bank payment institutions (State Council order 768); without a licence it is fined. "
                "Ask a lawyer first. The landlord's page will say: transferred, not direct."
            ),
        )


def register(site: Any) -> None:
    site.register(CollectionAccount, OperatorAccounts)
