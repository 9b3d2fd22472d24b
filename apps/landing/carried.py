"""The bearer of a phone's errand: whose order it is for, whose readings are kept, what she is told."""

from datetime import datetime

from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.common.errors import NotFound
from apps.income.models import Order
from apps.income.states import PaymentState
from apps.meters.carrying import Reason, Told
from apps.meters.models import Command, Meter
from apps.meters.selectors import current_lease
from apps.meters.services.phone import Errands, NothingToCarry


def credit_of_order(meter: Meter, no: str) -> Command:
    """Return the credit of a paid order for this meter; the order's number is the payer's proof that it is hers.

    :raises NotFound: no such order of this meter. :raises NothingToCarry: nothing of it waits.
    """
    order = Order.objects.filter(no=no, meter=meter).first()
    if order is None:
        raise NotFound(_("There is no such order."))
    paid = order.payments.filter(state=PaymentState.PAID, recharge__isnull=False)
    payment = paid.select_related("recharge__command").first()
    if payment is None:
        raise NothingToCarry()
    command: Command = payment.recharge.command
    return command


def rents(meter: Meter, user: User | None, now: datetime) -> bool:
    """Say whether this login is the renter of the lease in force."""
    lease = current_lease(meter, now) if user is not None else None
    return lease is not None and user is not None and lease.renter.user_id == user.pk


def sentence(errands: Errands) -> str:
    """Return what happened, what is safe, what to do."""
    if errands.outcome is None:
        return _("Hold the phone near the meter and carry the next frames.")
    if errands.outcome is Told.CONFIRMED:
        if errands.session.command_id is None:
            return _("The meter has been read.")
        return _("The meter has confirmed the energy.")
    return {
        Reason.AWAITING_METER: _(
            "Brought to the meter. It counts once the meter itself confirms it, with its next signal; "
            "neither money nor energy is lost."
        ),
        Reason.ASKING_METER: _("The meter has a signal and is being asked; the energy goes there by itself."),
        Reason.FROZEN: _(
            "The meter's records have to be checked by a person first; neither money nor energy is lost. "
            "Call the landlord."
        ),
        Reason.REFUSED: _(
            "The meter refused the energy. Neither money nor energy is lost; call the landlord and name the order."
        ),
        Reason.NOT_TAKEN: _("The meter does not show the energy yet. Go near it and try again."),
        Reason.NO_ANSWER: _("The meter did not answer. Go nearer, within ten metres, and try again."),
        Reason.TAKEN_BACK: _("This recharge was taken back; there is nothing to carry."),
        Reason.METER_REPLACED: _("The meter was replaced meanwhile; open its page again."),
        Reason.EXPIRED: _("This took too long; open the page again for new frames."),
        Reason.NONE: "",
    }[errands.reason]
