"""How a recharge ends: its energy posted once the meter has proved it, or taken back."""

from datetime import datetime
from uuid import UUID

from apps.income import postings
from apps.income.models import Recharge
from apps.income.services import graces
from apps.income.services.ledger import balance, book
from apps.income.states import RechargeKind, RechargeState
from apps.meters.models import Meter
from apps.meters.services import commands
from apps.meters.states import CommandState, PowerReason
from apps.tariffs.pricing import Quote


def settle(*, command_id: UUID, now: datetime) -> bool:
    """Post the energy of the recharge whose command has ended; say whether there was something to post.

    Safe to run twice and in parallel: the state changes conditionally, the entry's reference is unique.
    """
    recharge = (
        Recharge.objects.select_related("command", "meter")
        .filter(command_id=command_id, state=RechargeState.OPEN)
        .first()
    )
    if recharge is None:
        return False
    graces.lock_for_proof(recharge)
    spent = recharge.amount_yuan + recharge.carried_in_yuan - recharge.carried_out_yuan
    if recharge.command.state == CommandState.DONE:
        if not _advance(recharge, RechargeState.CREDITED, now):
            return False
        moves = postings.credited(
            holder=recharge.holder,
            spent_yuan=spent,
            energy_kwh=recharge.energy_kwh,
            meter_id=recharge.meter_id,
            device_epoch=recharge.command.device_epoch,
        )
        moves += graces.hear_of_proof(recharge, now)
        book(reference=f"recharge:{recharge.pk}:credited", kind="credited", moves=moves, now=now)
        _look_for_the_light(recharge.meter, now)
        return True
    if recharge.command.state == CommandState.CANCELLED and recharge.kind != RechargeKind.PAYMENT:
        return take_back(recharge=recharge, source=postings.CASH, now=now)
    return False


def _look_for_the_light(meter: Meter, now: datetime) -> None:
    """Ask again of a meter whose relay was still open in the credit's own read-back; it may close a moment later."""
    if meter.power_on is False and meter.power_reason != PowerReason.FORCED_OFF:
        commands.ask_read(meter=meter, by_id=None, now=now)


def take_back(*, recharge: Recharge, source: str, now: datetime) -> bool:
    """Undo a recharge whose energy no meter has or will get: the money goes to `source`, the remainder as before.

    Locks the meter, as a new recharge of the same holder does. Safe to run twice: the state changes conditionally.
    """
    Meter.objects.select_for_update(of=("self",)).get(pk=recharge.meter_id)
    if not _advance(recharge, RechargeState.CANCELLED, None):
        return False
    graces.hear_of_taking_back(recharge, now)
    bought = Quote(
        amount_yuan=recharge.amount_yuan,
        carried_in_yuan=recharge.carried_in_yuan,
        price_yuan_per_kwh=recharge.price_yuan_per_kwh,
        energy_kwh=recharge.bought_kwh,
        spent_yuan=recharge.amount_yuan + recharge.carried_in_yuan - recharge.carried_out_yuan,
        carried_out_yuan=recharge.carried_out_yuan,
    )
    moves = postings.cancelled(
        source=source,
        holder=recharge.holder,
        quote=bought,
        remainder_yuan=balance(postings.Asset.CNY, postings.remainder(recharge.holder)),
    )
    if recharge.amount_yuan > 0:
        book(reference=f"recharge:{recharge.pk}:cancelled", kind="cancelled", moves=moves, now=now)
    return True


def _advance(recharge: Recharge, to: RechargeState, credited_at: datetime | None) -> bool:
    rows = Recharge.objects.filter(pk=recharge.pk, state=RechargeState.OPEN)
    return rows.update(state=to, credited_at=credited_at) == 1
