"""What the operator collected and sent on to a landlord (S3), read-only."""

from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.roles import Act
from apps.income.models import Settlement
from apps.income.states import SettlementState
from apps.landing.desk import cells, words
from apps.landing.desk.base import ScopedModelAdmin

_TONES = {
    SettlementState.DONE: "good",
    SettlementState.CONFIRMING: "warn",
    SettlementState.RETURNED: "warn",
    SettlementState.STOPPED: "bad",
}


def why_words(said: str) -> str:
    """Why a transfer ended without money, or waits."""
    return {
        "": "",
        "NAME_MISMATCH": _("the name is not the one on the payee's ID card"),
        "DAY_LIMIT": _("the payee's limit of the day is reached; the rest goes tomorrow"),
        "BALANCE_LOW": _("the operator's account has to be filled; it goes on by itself"),
        "NOT_CONFIRMED": _("the payee did not confirm within a day; it is sent again"),
        "AUTHORISATION": _("the platform does not allow this transfer any more"),
        "WRONG_AMOUNT": _("the platform speaks of another amount; a person has to look"),
    }.get(said, _("the platform refused it"))


class SettlementAdmin(ScopedModelAdmin):
    seen_with = Act.SEE_BILLS
    list_display = ("when", "amount", "payee", "state_said", "ended", "number")
    list_select_related = ("account",)
    list_filter = ("state",)
    search_fields = ("number", "platform_number")
    search_help_text = gettext_lazy("Transfer number")
    ordering = ("-id",)
    fields = ("number", "platform_number", "amount", "payee", "state_said", "when", "ended")

    @admin.display(description=gettext_lazy("begun"), ordering="id")
    def when(self, row: Any) -> SafeString:
        return cells.instant(row.created_at, timezone.now())

    @admin.display(description=gettext_lazy("ended"), ordering="ended_at")
    def ended(self, row: Any) -> SafeString:
        return cells.instant(row.ended_at, timezone.now())

    @admin.display(description=gettext_lazy("amount"), ordering="amount_yuan")
    def amount(self, row: Any) -> str:
        return words.money(row.amount_yuan)

    @admin.display(description=gettext_lazy("payee"))
    def payee(self, row: Any) -> str:
        return f"{row.account.get_channel_display()} {row.account.masked_payee_name}"

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_said(self, row: Any) -> SafeString:
        tone = _TONES.get(SettlementState(row.state), "idle")
        return cells.said(words.Said(row.get_state_display(), tone, why_words(row.said)))


def register(site: Any) -> None:
    site.register(Settlement, SettlementAdmin)
