"""What the record has, where nobody was told: wishes whose asker's process died, payments without a notify."""

from collections.abc import Iterable, Iterator

from apps.income.models import Payment
from apps.income.states import PaymentState
from apps.meters.models import Command, Meter
from apps.meters.states import CommandKind
from tests.simulation.people import Wish
from tests.simulation.platforms import SimulatedPlatform

_ON = {CommandKind.POWER_ON: True, CommandKind.POWER_OFF: False}


def wishes_on_record(meters: Iterable[tuple[str, Meter]], heard: Iterable[Wish]) -> Iterator[Wish]:
    """Yield the wishes of these meters but those that were heard; keeping power wishes nothing of the relay."""
    known = {(wish.serial, wish.version) for wish in heard}
    for serial, meter in meters:
        for row in Command.objects.filter(meter=meter, wish_version__isnull=False):
            if row.wish_version is not None and (serial, row.wish_version) not in known:
                yield Wish(row.pk, serial, row.wish_version, _ON.get(CommandKind(row.kind)))


def paid_unheard(platforms: Iterable[SimulatedPlatform]) -> bool:
    """Say whether orders were paid of which nobody has told us yet."""
    charged = [item for platform in platforms for item in platform.orders.items()]
    paid = {number for number, one in charged if one.transaction_id}
    known = Payment.objects.filter(out_trade_no__in=sorted(paid), state=PaymentState.PAID)
    return bool(paid - set(known.values_list("out_trade_no", flat=True)))
