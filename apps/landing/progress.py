"""What a renter is told about an order, and when to ask again; pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils.translation import gettext as _

from apps.common.sentences import in_a_row
from apps.income.states import OrderState
from apps.meters.states import PowerReason

PROOF_EXPECTED = timedelta(seconds=15)
# A meter that keeps its relay open after a credit is asked again by nobody; somebody has to press its button.
LIGHT_EXPECTED = timedelta(minutes=10)

# A payment in review is not over: a person may credit it any minute.
_OVER = frozenset({OrderState.CLOSED, OrderState.REFUNDED})


@dataclass(frozen=True)
class Facts:
    """What the sentence depends on; `is_late`: paid, and the meter has proved nothing for 15 seconds.

    `is_carried`: a phone says that it brought the energy, and the meter itself has not been heard since.
    `is_wanted_back`: a refund waits for the meter. `given_back_yuan`: what has gone back; None without one.
    `is_asked`: the platform's page has sent the payer back, and the platform has not yet said whether she paid.
    """

    state: OrderState
    is_expired: bool
    is_late: bool
    is_frozen: bool
    power_reason: str
    power_note: str
    is_light_on: bool
    is_carried: bool = False
    is_wanted_back: bool = False
    given_back_yuan: Decimal | None = None
    is_asked: bool = False


def sentence(facts: Facts) -> str:
    """Return what happened, what is safe, what to do: short sentences in the caller's language."""
    part = ""
    if facts.given_back_yuan and facts.state != OrderState.REFUNDED:
        part = _("%(amount)s yuan of your payment have gone back to you.") % {
            "amount": f"{facts.given_back_yuan:.2f}"
        }
    return in_a_row([_sentence(facts), part])


def _sentence(facts: Facts) -> str:
    match facts.state:
        case OrderState.CREATED if facts.is_asked:
            return _(
                "We are asking Alipay whether your payment has arrived; this takes a moment. "
                "If you did not pay, nothing was taken."
            )
        case OrderState.CREATED if facts.is_expired:
            return _("The time to pay is over. Nothing was taken; you can start again.")
        case OrderState.CREATED:
            return _("Waiting for your payment.")
        case OrderState.CLOSED:
            return _("This order was closed without a payment. Nothing was taken; you can start again.")
        case OrderState.REVIEW:
            return _(
                "Your payment does not match this order, so a person looks at it. "
                "The money is not lost. Call the landlord and name the order number."
            )
        case OrderState.CREDITED:
            return _credited(facts)
        case OrderState.REFUNDING:
            return _(
                "Your money is on its way back to you, the way it came. The meter gets no energy for it."
            )
        case OrderState.REFUNDED:
            return _("Your money has gone back to you, the way it came.")
        case _ if facts.is_wanted_back:
            return _(
                "The landlord wants to give this money back. The energy has already left, so the meter decides: "
                "either it has the energy, or your money goes back by itself. Nothing is lost."
            )
        case _ if facts.is_frozen:
            return _(
                "Your money is here. The meter's records have to be checked by a person first; "
                "neither money nor energy is lost."
            )
        case _ if facts.is_carried:
            return _(
                "A phone has brought the energy to the meter. It counts once the meter itself confirms it, with its "
                "next signal; neither money nor energy is lost."
            )
        case _ if facts.is_late:
            return _("The meter has no signal just now; neither money nor energy is lost.")
        case OrderState.PAID:
            return _("Your money is here. The energy is about to leave.")
        case _:
            return _("The energy is on its way to the meter.")


def ask_again_in_s(facts: Facts, moved_at: datetime, now: datetime) -> int | None:
    """Return in how many seconds asking again may show something new; None once nothing more will happen.

    :param moved_at: when the order last took a step.
    """
    waited = now - moved_at
    if facts.state in _OVER or facts.is_light_on:
        return None
    if facts.state == OrderState.CREDITED and (
        facts.power_reason == PowerReason.FORCED_OFF or waited > LIGHT_EXPECTED
    ):
        return None
    if waited < timedelta(seconds=30):
        return 1
    return 5 if waited < timedelta(minutes=5) else 30


def _credited(facts: Facts) -> str:
    if facts.is_light_on:
        return _("The energy is in the meter and the power is on.")
    if facts.power_reason == PowerReason.FORCED_OFF:
        told = _("The energy is in the meter. The landlord has switched the power off; call them.")
        reason = _("Their reason: %(reason)s") % {"reason": facts.power_note}
        return f"{told} {reason}" if facts.power_note else told
    return _("The energy is in the meter. If it is still dark, press the button on the meter.")
