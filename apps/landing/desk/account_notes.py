"""What an owner has to do about an account that takes payments: said wherever she may come by."""

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.income.models import CollectionAccount
from apps.income.selectors import WARN_BEFORE, accounts_to_look_at
from apps.landing.account_words import check_said, next_step
from apps.landing.desk import words


def account_notes(now: datetime, *, site: str = "admin") -> list[dict[str, Any]]:
    """Return a sentence for each account in force with something to do; home, inbox and wizard say it."""
    return [
        {
            "account": account,
            "text": certificate_said(account, now) or check_said(account) or next_step(account),
            "href": reverse(f"{site}:income_collectionaccount_change", args=[account.pk]),
        }
        for account in accounts_to_look_at(now)
    ]


def certificate_said(account: CollectionAccount, now: datetime) -> str:
    """Say that the certificate of an account in force ends soon; empty while it is good."""
    ends_at = account.certificate_ends_at
    if not account.is_active or ends_at is None or ends_at > now + WARN_BEFORE:
        return ""
    return _("Its certificate ends %(when)s; set up the new one before.") % {
        "when": words.moment(ends_at, now)
    }
