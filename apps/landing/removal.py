"""Remove a meter: what the money and the readings have to say about it."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.common.errors import Words
from apps.income.models import Payment, Recharge
from apps.income.states import UNDECIDED, PaymentState, RechargeState
from apps.meters.models import Meter
from apps.meters.services.registry import archive_meter
from apps.readings.selectors import latest


def remove_meter(*, meter: Meter, by_id: UUID, now: datetime) -> None:
    """Archive a meter with which nothing is left to be done. May run twice.

    :raises MeterInUse: naming a running lease, a credit or an order under way, or energy left.
    """
    archive_meter(meter=meter, in_use_above=_in_use, by_id=by_id, now=now)


def _in_use(meter: Meter) -> Mapping[str, Words]:
    reasons: dict[str, Words] = {}
    unsettled = [*UNDECIDED, PaymentState.REVIEW]
    if Payment.objects.filter(order__meter=meter, state__in=unsettled).exists():
        reasons["order"] = _("An order is open.")
    if Recharge.objects.filter(meter=meter, state=RechargeState.OPEN).exists():
        reasons["credit"] = _("Energy is on its way to it.")
    reading = latest(meter)
    if reading is not None and reading.remaining_kwh > 0:
        reasons["energy"] = _("There is energy left in it.")
    return reasons
