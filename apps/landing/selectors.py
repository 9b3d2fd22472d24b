"""What the QR code opens and shows: read once here, shown by REST and by the page alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.utils.translation import gettext as _

from apps.accounts import doors
from apps.accounts.doors import Found
from apps.accounts.models import Landlord
from apps.common.errors import Gone, NotFound
from apps.common.scoping import landlord_scope
from apps.income import postings
from apps.income.models import CollectionAccount
from apps.income.services.ledger import balance
from apps.income.services.orders import LARGEST_ORDER_YUAN
from apps.income.states import Channel
from apps.landing.estimates import days_left
from apps.landing.lending import Lent, least_of, lent_to
from apps.meters.models import Command, Lease, Meter, StockedMeter
from apps.meters.selectors import current_lease, is_online
from apps.meters.services.sharing import find_shared_meter
from apps.meters.states import CommandKind, PowerReason
from apps.readings import selectors as readings
from apps.readings.models import DailyReading, Reading
from apps.tariffs.selectors import next_price, price_at
from meter_gateway.protocol.profiles import load_profile

USUAL_AMOUNTS_YUAN = tuple(Decimal(f"{n}.00") for n in (20, 50, 100, 200, 500, 1000, 2000, 5000))
PRESETS = 4
PACE_OVER = timedelta(days=7)


class MeterGone(Gone):
    """The QR code of a meter its landlord has removed; names whom to ask."""

    code = "meter_archived"

    def __init__(self, landlord_name: str, contact_phone: str) -> None:
        super().__init__(_("This meter has been removed."))
        self.landlord_name, self.contact_phone = landlord_name, contact_phone


class MeterUnclaimed(NotFound):
    """A device in stock that no landlord has added yet; to REST it is as missing as any."""

    def __init__(self, token: str) -> None:
        super().__init__(_("No landlord has added this meter yet."))
        self.token = token


class MeterBarred(NotFound):
    """A device in stock that the operator has barred; to REST it is as missing as any."""

    def __init__(self) -> None:
        super().__init__(_("This meter is out of service. Nobody can add it or pay for it."))


@dataclass(frozen=True)
class Power:
    """`state` is on, off or unknown; `note` is what the landlord wrote when switching it off."""

    state: str
    reason: str
    since: datetime | None
    note: str = ""


@dataclass(frozen=True)
class MeterPage:
    """What anybody who holds the QR code may know about a meter, and no more: no name, no serial, no history.

    `remaining_kwh`, `total_kwh` and `read_at` are of one reading, all None before the first. `carried_yuan`
    (six places) is what earlier recharges left over; `credit_step_kwh` is the meter's own step. `lent` is what the
    landlord lent to whoever rents now; the minimum repays it and leaves some energy.
    """

    meter_name: str
    site_name: str
    landlord_name: str
    contact_phone: str
    price_yuan_per_kwh: Decimal | None
    price_since: datetime | None
    next_price_yuan_per_kwh: Decimal | None
    next_price_from: datetime | None
    remaining_kwh: Decimal | None
    total_kwh: Decimal | None
    read_at: datetime | None
    days_left: int | None
    is_low: bool
    is_stale: bool
    is_online: bool
    power: Power
    channels: tuple[str, ...]
    presets_yuan: tuple[Decimal, ...]
    minimum_recharge_yuan: Decimal
    carried_yuan: Decimal
    credit_step_kwh: Decimal
    time_zone: str
    lent: Lent | None


def masked_name(name: str) -> str:
    """Return a landlord's name as a stranger may see it: its first character and two stars."""
    return f"{name.strip()[:1]}**"


def presets(minimum_yuan: Decimal) -> tuple[Decimal, ...]:
    """Return the amounts offered: the minimum, then the next usual ones."""
    above = [amount for amount in USUAL_AMOUNTS_YUAN if minimum_yuan < amount <= LARGEST_ORDER_YUAN]
    return (minimum_yuan, *above[: PRESETS - 1])


def find_meter(token: str, now: datetime) -> Found:
    """Return what a QR token or the token of a share link opens on.

    :raises MeterUnclaimed: in stock, but no landlord's. :raises MeterBarred: in stock, and barred.
    :raises NotFound: nobody printed it.
    :raises ShareGone: a link that is no longer good.
    """
    found = doors.open_one(doors.Kind.QR, token) or find_shared_meter(token, now=now)
    if found is not None:
        return found
    # PostgreSQL takes no NUL, not even to find nothing.
    stocked = None if "\0" in token else StockedMeter.objects.filter(qr_token=token).first()
    if stocked is not None:
        raise MeterUnclaimed(token) if stocked.barred_at is None else MeterBarred()
    raise NotFound(_("There is no such meter."))


def meter_page(found: Found, now: datetime) -> MeterPage:
    """Return what the QR code shows; opens its own scope.

    :raises MeterGone: if the landlord has removed the meter.
    """
    landlord = Landlord.objects.get(pk=found.landlord_id)
    with landlord_scope(found.landlord_id):
        meter = Meter.objects.select_related("room__site").get(pk=found.object_id)
        if meter.archived_at is not None:
            raise MeterGone(masked_name(landlord.name), landlord.phone)
        reading = readings.latest(meter)
        price, coming = price_at(meter, now), next_price(meter, now)
        lease = current_lease(meter, now)
        holder = postings.holder_of(lease_id=lease.pk if lease else None, meter_id=meter.pk)
        carried_yuan = balance(postings.Asset.CNY, postings.remainder(holder))
        least_yuan = least_of(
            holder,
            minimum_yuan=landlord.minimum_recharge_yuan,
            price_yuan_per_kwh=price.price_yuan_per_kwh if price else None,
            carried_yuan=carried_yuan,
        )
        has_account = set(CollectionAccount.objects.filter(is_active=True).values_list("channel", flat=True))
        return MeterPage(
            meter_name=str(meter),
            site_name=meter.room.site.name,
            landlord_name=masked_name(landlord.name),
            contact_phone=landlord.phone,
            price_yuan_per_kwh=price.price_yuan_per_kwh if price else None,
            price_since=price.active_from if price else None,
            next_price_yuan_per_kwh=coming.price_yuan_per_kwh if coming else None,
            next_price_from=coming.active_from if coming else None,
            remaining_kwh=reading.remaining_kwh if reading else None,
            total_kwh=reading.total_kwh if reading else None,
            read_at=reading.taken_at if reading else None,
            days_left=_days_left(meter, reading, lease) if reading else None,
            is_low=reading is not None and reading.remaining_kwh < meter.low_below_kwh,
            is_stale=readings.is_stale(meter.profile, reading.taken_at if reading else None, now),
            is_online=is_online(meter),
            power=power_of(meter, lease),
            channels=tuple(channel.value for channel in Channel if channel in has_account),
            presets_yuan=presets(least_yuan),
            minimum_recharge_yuan=least_yuan,
            carried_yuan=carried_yuan,
            credit_step_kwh=load_profile(meter.profile).credit_step_kwh,
            time_zone=meter.room.site.time_zone,
            lent=lent_to(holder),
        )


def meters_to_label(ids: Sequence[UUID] | None) -> list[Meter]:
    """Return meters in use with their rooms, in the order of the house; `ids` None means all of them."""
    meters = Meter.objects.filter(archived_at=None).select_related("room__site")
    if ids is not None:
        meters = meters.filter(pk__in=ids)
    return list(meters.order_by("room__site__name", "room__building", "room__floor", "room__name", "id"))


def power_of(meter: Meter, lease: Lease | None) -> Power:
    """Return what the renter of `lease` is told of the switch, None for whoever stands there.

    What was written to a renter when her light was switched off is neither for the next one nor for the last.
    """
    if meter.power_on is None:
        return Power("unknown", "", None)
    if meter.power_on:
        return Power("on", "", meter.power_at)
    note = ""
    if meter.power_reason == PowerReason.FORCED_OFF:
        switched = Command.objects.filter(meter=meter, kind=CommandKind.POWER_OFF).order_by("-id").first()
        note = switched.reason if switched and _within(lease, switched.created_at) else ""
    return Power("off", meter.power_reason, meter.power_at, note)


def _within(lease: Lease | None, moment: datetime) -> bool:
    if lease is None:
        return True
    return lease.starts_at <= moment and (lease.ends_at is None or moment < lease.ends_at)


def _days_left(meter: Meter, newest: Reading, lease: Lease | None) -> int | None:
    """At the pace of this lease only: how fast the one before used its energy is nobody else's business."""
    since = newest.taken_at - PACE_OVER
    since = max(since, lease.starts_at) if lease else since
    told = [
        model.objects.filter(meter=meter, device_epoch=meter.device_epoch, taken_at__gte=since)
        .order_by("taken_at")
        .first()
        for model in (Reading, DailyReading)
    ]
    earlier = min(filter(None, told), key=lambda each: each.taken_at, default=None)
    if earlier is None:
        return None
    return days_left(
        remaining_kwh=newest.remaining_kwh,
        total_kwh=newest.total_kwh,
        read_at=newest.taken_at,
        earlier_total_kwh=earlier.total_kwh,
        earlier_read_at=earlier.taken_at,
    )
