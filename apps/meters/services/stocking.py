"""The operator takes devices into stock, each with a code in its QR and a claim code on its card, or bars one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.common.errors import Conflict
from apps.common.ids import readable_code, secret_token
from apps.common.queue import ring_after_commit
from apps.meters.models import Meter, Presence, StockedMeter, StockEvent
from apps.meters.services.claiming import CODE_LENGTH, code_hash
from apps.meters.services.commands import ReasonMissing
from apps.meters.services.registry import note_stock
from apps.meters.stock_list import StockLine, Wrong


@dataclass(frozen=True)
class Card:
    """What goes into the box of one device. The code is nowhere else: only its keyed hash is kept."""

    stocked: StockedMeter
    claim_code: str

    @property
    def readable(self) -> str:
        """The code in two halves, as people read it aloud; claiming takes it with the hyphen and without."""
        half = len(self.claim_code) // 2
        return f"{self.claim_code[:half]}-{self.claim_code[half:]}"


class BatchRefused(Exception):
    """Nothing of the batch was taken in; `wrong` says why, line by line."""

    def __init__(self, wrong: Sequence[Wrong]) -> None:
        super().__init__("; ".join(str(mistake) for mistake in wrong))
        self.wrong = tuple(wrong)


class DeviceClaimed(Conflict):
    code = "device_claimed"

    def __init__(self, owner: str) -> None:
        said = _(
            "%(landlord)s has this meter in use. Ask them to remove it at their desk (the meter, then Remove the "
            "meter); after that it can be barred."
        )
        super().__init__(said % {"landlord": owner})


def stock_batch(*, lines: Sequence[StockLine], by_id: UUID, now: datetime) -> list[Card]:
    """Take all these devices into stock and return their cards, in their order; all of them or none. One line each
    says who did.

    The codes are told this once.

    :raises BatchRefused: if one of them is in stock already.
    """
    cards = [_card(line, now) for line in lines]
    try:
        with transaction.atomic():
            rows = StockedMeter.objects.bulk_create([card.stocked for card in cards])
            note_stock(rows, StockEvent.Act.TAKEN_IN, by_id=by_id, now=now)
            ring_after_commit("meters.publish_serials", queue_name="delivery")
    except IntegrityError:
        raise BatchRefused(_known_already(lines)) from None
    return cards


def renew_claim_codes(*, stocked: Sequence[StockedMeter], by_id: UUID, now: datetime) -> list[Card]:
    """Give these devices new claim codes and return their cards; the old codes open nothing any more. One line each
    says who did.

    For a card that was lost, or a list whose codes were never printed.
    """
    cards = []
    with transaction.atomic():
        for row in StockedMeter.objects.select_for_update().filter(pk__in=[one.pk for one in stocked]):
            code = readable_code(CODE_LENGTH)
            row.claim_code_hash, row.claim_tries, row.claim_blocked_until = (
                code_hash(row.serial, code),
                0,
                None,
            )
            cards.append(Card(row, code))
        StockedMeter.objects.bulk_update(
            [card.stocked for card in cards], ["claim_code_hash", "claim_tries", "claim_blocked_until"]
        )
        note_stock([card.stocked for card in cards], StockEvent.Act.CARD, by_id=by_id, now=now)
    return sorted(cards, key=lambda card: card.stocked.serial)


def bar_device(*, stocked: StockedMeter, reason: str, by_id: UUID, now: datetime) -> bool:
    """Bar a device that no landlord has: nobody can claim it, and it can no longer log in. One line says who and why.

    Its present session is put down as gone; the gateway drops it when the device speaks next. May run twice: only
    the first changes anything and returns True. Wants all landlords' rows open.

    :raises DeviceClaimed: a landlord has it. :raises ReasonMissing: no reason.
    """
    if not reason.strip():
        raise ReasonMissing(_("Say why; it stands in the device's history."))
    with transaction.atomic():
        # The update locks the device, so whoever is claiming it is seen below or finds it barred.
        if not StockedMeter.objects.filter(pk=stocked.pk, barred_at=None).update(barred_at=now):
            return False
        owner = owner_name(stocked)
        if owner:
            raise DeviceClaimed(owner)
        Presence.objects.filter(serial=stocked.serial, is_online=True).update(is_online=False, since=now)
        note_stock([stocked], StockEvent.Act.BARRED, by_id=by_id, now=now, reason=reason.strip())
        ring_after_commit("meters.publish_serials", queue_name="delivery")
    return True


def allow_device(*, stocked: StockedMeter, by_id: UUID, now: datetime) -> bool:
    """Let a barred device log in and be claimed again, with the card it has. One line says who did.

    May run twice: only the first changes anything and returns True.
    """
    with transaction.atomic():
        if not StockedMeter.objects.filter(pk=stocked.pk).exclude(barred_at=None).update(barred_at=None):
            return False
        note_stock([stocked], StockEvent.Act.ALLOWED, by_id=by_id, now=now)
        ring_after_commit("meters.publish_serials", queue_name="delivery")
    return True


def owner_name(stocked: StockedMeter) -> str:
    """Return the name of the landlord who has this device in use, or an empty one; wants all landlords' rows open."""
    rows = Meter.objects.filter(serial=stocked.serial, archived_at=None)
    return rows.values_list("landlord__name", flat=True).first() or ""


def _card(line: StockLine, now: datetime) -> Card:
    code = readable_code(CODE_LENGTH)
    stocked = StockedMeter(
        serial=line.serial,
        profile=line.profile,
        qr_token=secret_token(128),
        claim_code_hash=code_hash(line.serial, code),
        stocked_at=now,
    )
    return Card(stocked, code)


def _known_already(lines: Sequence[StockLine]) -> list[Wrong]:
    known = set(
        StockedMeter.objects.filter(serial__in=[line.serial for line in lines]).values_list(
            "serial", flat=True
        )
    )
    said = _("%(serial)s is in stock already.")
    return [
        Wrong(line.line, "serial", said % {"serial": line.serial}) for line in lines if line.serial in known
    ]
