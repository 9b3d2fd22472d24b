"""What stands in the sidebars."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.roles import Act


@dataclass(frozen=True)
class Link:
    title: Any
    icon: str
    view: str
    seen_with: Act = Act.VIEW
    query: str = ""
    # What waits behind it, and the sentence of that number on the home page.
    count: Callable[[], int] | None = None
    said: Callable[[int], str] | None = None


def landlord_links() -> list[tuple[Any, list[Link]]]:
    return [
        (
            "",
            [
                Link(_("Home"), "home", "index"),
                Link(_("Meters"), "electric_meter", "meters_meter_changelist"),
            ],
        ),
        (
            _("Money"),
            [
                Link(_("Recharges"), "bolt", "income_recharge_changelist", Act.SEE_INCOME),
                Link(_("Payments"), "payments", "income_payment_changelist", Act.SEE_INCOME),
                Link(_("Reconciliation"), "fact_check", "income_billday_changelist", Act.SEE_BILLS),
                Link(_("Transfers"), "send_money", "income_settlement_changelist", Act.SEE_BILLS),
                Link(
                    _("Collection accounts"),
                    "account_balance_wallet",
                    "income_collectionaccount_changelist",
                    Act.GOVERN,
                ),
            ],
        ),
        (
            _("Records"),
            [
                Link(_("Readings"), "query_stats", "readings_reading_changelist"),
                Link(_("Commands"), "settings_remote", "meters_command_changelist"),
                Link(_("Prices"), "sell", "tariffs_price_changelist"),
                Link(_("Audit"), "history", "accounts_auditline_changelist", Act.ARRANGE),
            ],
        ),
        (
            _("House"),
            [
                Link(_("Leases"), "key", "meters_lease_changelist"),
                Link(_("Rooms"), "meeting_room", "meters_room_changelist"),
                Link(_("Sites"), "apartment", "meters_site_changelist"),
                Link(_("Members"), "group", "members", Act.GOVERN),
                Link(_("Settings"), "tune", "house", Act.GOVERN),
            ],
        ),
    ]


def operator_links() -> list[tuple[Any, list[Link]]]:
    return [
        (
            "",
            [
                Link(_("What is stuck"), "emergency", "index"),
                Link(_("Queues"), "stacks", "queues"),
                Link(_("Daily proof"), "balance", "proofs"),
            ],
        ),
        (
            _("Delivery"),
            [
                Link(_("Open commands"), "pending", "meters_command_changelist"),
                Link(_("Letters out"), "outgoing_mail", "meters_letter_changelist"),
                Link(_("Meters"), "electric_meter", "meters_meter_changelist"),
                Link(_("Payments"), "payments", "income_payment_changelist"),
                Link(_("Reconciliation"), "fact_check", "income_billday_changelist"),
                Link(
                    _("Collection accounts"), "account_balance_wallet", "income_collectionaccount_changelist"
                ),
            ],
        ),
        (
            _("Machines"),
            [
                Link(_("Stock"), "inventory_2", "meters_stockedmeter_changelist"),
                Link(_("Gateways"), "router", "meters_gateway_changelist"),
                Link(_("Sessions"), "cell_tower", "meters_presence_changelist"),
            ],
        ),
        (
            _("Schedules"),
            [
                Link(_("Periodic tasks"), "schedule", "django_celery_beat_periodictask_changelist"),
                Link(_("Intervals"), "timer", "django_celery_beat_intervalschedule_changelist"),
                Link(_("Crontabs"), "event_repeat", "django_celery_beat_crontabschedule_changelist"),
            ],
        ),
        (
            _("People"),
            [
                Link(_("Landlords"), "real_estate_agent", "accounts_landlord_changelist"),
                Link(_("Users"), "person", "accounts_user_changelist"),
                Link(_("Members"), "group", "accounts_member_changelist"),
                Link(_("Audit"), "history", "accounts_auditline_changelist"),
            ],
        ),
    ]
