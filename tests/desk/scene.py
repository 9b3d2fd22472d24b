"""A house with a past: readings, connections, payments and commands, put there as the gateways would."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from apps.common.scoping import landlord_scope
from apps.income.models import CollectionAccount, Order, Payment
from apps.income.services.recharges import recharge_by_member
from apps.income.states import RechargeKind
from apps.meters.models import Command, CommandEvent, Gateway, Letter, Meter, Presence, Room, Site
from apps.meters.services import registry
from apps.readings.models import Reading
from apps.tariffs.services import set_price
from tests.people import House

# Texts of Wang's that must never stand on a page of Li's, one of each kind of thing.
CANARIES = (
    "WANGSITE",
    "WANGROOM",
    "WANGNOTE",
    "WANGREASON",
    "WANGTRADE",
    "WANGPLATFORM",
    "WANGREVIEW",
    "000000000201",
    "Wang",
    "Zhao",
)


def read_daily(meter: Meter, *, days: int, now: datetime, remaining: str = "12.40") -> None:
    """Half-hourly readings of the last `days` days, with a quiet night and a busy evening."""
    start = (now - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
    total, rows, at = Decimal("1000.00"), [], start
    while at <= now - timedelta(minutes=5):
        hour = (at.hour + 8) % 24
        total += Decimal("0.42") if 18 <= hour < 23 else Decimal("0.06") if hour < 7 else Decimal("0.17")
        rows.append(_reading(meter, at, total, Decimal(remaining)))
        at += timedelta(minutes=30)
    Reading.objects.bulk_create(rows)


def read(meter: Meter, *, at: datetime, total: str, remaining: str) -> None:
    _reading(meter, at, Decimal(total), Decimal(remaining)).save()


def _reading(meter: Meter, at: datetime, total_kwh: Decimal, remaining_kwh: Decimal) -> Reading:
    return Reading(
        meter=meter,
        taken_at=at,
        received_at=at + timedelta(seconds=2),
        source=Reading.Source.NETWORK,
        device_epoch=meter.device_epoch,
        total_kwh=total_kwh,
        remaining_kwh=remaining_kwh,
    )


def go_online(serial: str, *, now: datetime) -> None:
    gateway, _made = Gateway.objects.get_or_create(
        name="gw1-aa", defaults={"node": "gw1", "stream": "rm:letters:gw1-aa", "hello_at": now}
    )
    Presence.objects.update_or_create(
        serial=serial,
        defaults={
            "gateway": gateway,
            "session": uuid4(),
            "epoch": 1,
            "is_online": True,
            "since": now,
            "seen_at": now,
        },
    )


def hang(house: House, serial: str, *, building: str, floor: str, room: str, now: datetime) -> Meter:
    """One more meter of this landlord, in a room of its own, with a price."""
    site = Site.objects.get(pk=house.room.site_id)
    stocked = registry.stock_meter(serial=serial, profile="dtsy-4g-ble", now=now)
    meter = registry.hang_meter(
        stocked=stocked,
        room=Room.objects.create(site=site, building=building, floor=floor, name=room),
        by_id=house.owner.pk,
        now=now,
    )
    set_price(
        meter=meter,
        price_yuan_per_kwh=Decimal("0.6500"),
        active_from=now - timedelta(days=30),
        by_id=house.owner.pk,
        now=now,
    )
    return meter


def cash(house: House, meter: Meter, amount_yuan: str, *, reason: str, now: datetime) -> Any:
    return recharge_by_member(
        meter=meter,
        kind=RechargeKind.CASH,
        amount_yuan=Decimal(amount_yuan),
        energy_kwh=None,
        reason=reason,
        by_id=house.owner.pk,
        now=now,
    )


def account(channel: str) -> CollectionAccount:
    found = CollectionAccount.objects.filter(channel=channel).first()
    return found or CollectionAccount.objects.create(
        channel=channel, merchant_id="1900000001", sealed_credentials="-"
    )


def payment(
    meter: Meter, *, no: str, state: str, now: datetime, amount_yuan: str = "50.00", review_reason: str = ""
) -> Payment:
    """An order with one payment in this state; PAID comes with the platform's number."""
    order = Order.objects.create(
        no=no,
        meter=meter,
        channel="wechat",
        amount_yuan=Decimal(amount_yuan),
        price_yuan_per_kwh=Decimal("0.6500"),
        quoted_energy_kwh=Decimal("76.92"),
        created_at=now,
        expires_at=now + timedelta(minutes=30),
    )
    return Payment.objects.create(
        order=order,
        account=account("wechat"),
        channel="wechat",
        out_trade_no=f"T{no}",
        transaction_id=f"P{no}" if state == "PAID" else "",
        paid_at=now if state == "PAID" else None,
        amount_yuan=Decimal(amount_yuan),
        state=state,
        review_reason=review_reason,
        created_at=now,
    )


def command(
    meter: Meter, *, kind: str, steps: list[tuple[str, int, str]], now: datetime, reason: str = ""
) -> Command:
    """A command with a life: (state, seconds after asking, note), the last one its present state."""
    state = steps[-1][0] if steps else "QUEUED"
    row = Command.objects.create(
        meter=meter,
        kind=kind,
        state=state,
        reason=reason,
        created_at=now,
        next_at=now,
        device_epoch=1,
        final_at=now + timedelta(seconds=steps[-1][1])
        if state in ("DONE", "REJECTED", "EXPIRED", "CANCELLED")
        else None,
    )
    CommandEvent.objects.create(command=row, at=now, state="QUEUED", note="asked")
    for to, seconds, note in steps:
        CommandEvent.objects.create(command=row, at=now + timedelta(seconds=seconds), state=to, note=note)
    return row


def letter_out(of: Command, *, now: datetime) -> Letter:
    return Letter.objects.create(
        command=of,
        meter=of.meter,
        attempt=1,
        purpose="READ",
        gateway="gw1-aa",
        epoch=1,
        frames=["68010000000000681104333333334A16"],
        created_at=now,
        expires_at=now + timedelta(seconds=10),
        deadline_at=now + timedelta(seconds=20),
    )


def furnish(house: House, name: str, *, now: datetime) -> None:
    """Give a landlord one of everything, each with `name` in it; opens her scope."""
    with landlord_scope(house.landlord.pk):
        Site.objects.filter(pk=house.room.site_id).update(name=f"{name}SITE")
        Room.objects.filter(pk=house.room.pk).update(name=f"{name}ROOM")
        Meter.objects.filter(pk=house.meter.pk).update(note=f"{name}NOTE")
        read(house.meter, at=now - timedelta(minutes=20), total="1520.25", remaining="12.40")
        cash(house, house.meter, "50.00", reason=f"{name}REASON", now=now)
        payment(house.meter, no=f"{name}TRADE", state="REVIEW", now=now, review_reason=f"{name}REVIEW")
        payment(house.meter, no=f"{name}PLATFORM", state="PAID", now=now)
        command(house.meter, kind="POWER_OFF", steps=[], now=now, reason=f"{name}REASON")
