"""The people of every test: landlord Li with manager Zhou and a viewer, landlord Wang, renters Chen and Sun."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from apps.accounts import services as accounts
from apps.accounts.models import Landlord, Renter, User
from apps.accounts.roles import Role
from apps.common.scoping import landlord_scope
from apps.meters.models import Lease, Meter, Room, Site
from apps.meters.services import registry
from apps.tariffs.services import set_price

# A Monday noon in Shanghai.
NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
PASSWORD = "a-long-enough-password"


@dataclass
class House:
    """One landlord with a leased meter, a vacant one, and the people around them."""

    landlord: Landlord
    owner: User
    room: Room
    meter: Meter
    vacant_meter: Meter
    renter: Renter
    lease: Lease


@dataclass
class Street:
    """Both landlords, the operator, and the renter who rents from nobody."""

    li: House
    wang: House
    zhou: User
    viewer: User
    operator: User
    sun: Renter


def build_street() -> Street:
    """Make everybody; the serials and phones are always the same."""
    li = _house("Li", "13800000001", "000000000101", "Chen")
    wang = _house("Wang", "13800000002", "000000000201", "Zhao")
    zhou = accounts.create_user(username="13800000003", password=PASSWORD, name="Zhou", now=NOON)
    accounts.take_on_member(landlord=li.landlord, user=zhou, role=Role.MANAGER)
    viewer = accounts.create_user(username="13800000004", password=PASSWORD, name="Wu", now=NOON)
    accounts.take_on_member(landlord=li.landlord, user=viewer, role=Role.VIEWER)
    operator = accounts.create_user(
        username="operator", password=PASSWORD, name="Operator", now=NOON, operator=True
    )
    sun_login = accounts.create_user(username="13900000009", password=PASSWORD, name="Sun", now=NOON)
    sun = accounts.register_renter(name="Sun", phone="13900000009", user=sun_login)
    return Street(li, wang, zhou, viewer, operator, sun)


def _house(name: str, phone: str, serial: str, renter_name: str) -> House:
    owner = accounts.create_user(username=phone, password=PASSWORD, name=name, now=NOON)
    landlord = accounts.open_landlord(name=f"{name} Rooms", owner=owner, phone=phone, now=NOON)
    renter_phone = "139" + phone[3:]
    renter_login = accounts.create_user(username=renter_phone, password=PASSWORD, name=renter_name, now=NOON)
    renter = accounts.register_renter(name=renter_name, phone=renter_phone, user=renter_login)
    return house_at(landlord, owner, renter, site_name=f"{name} Court", serial=serial)


def house_at(landlord: Landlord, owner: User, renter: Renter, *, site_name: str, serial: str) -> House:
    """One more site of a landlord, with a leased meter and a vacant one."""
    with landlord_scope(landlord.pk):
        site = Site.objects.create(name=site_name)
        room = Room.objects.create(site=site, building="3", name="302")
        vacant_room = Room.objects.create(site=site, building="3", name="303")
        meter = _meter(serial, room, owner)
        vacant_meter = _meter(str(int(serial) + 1).zfill(12), vacant_room, owner)
        lease = registry.begin_lease(meter=meter, renter=renter, starts_at=NOON, by_id=owner.pk, now=NOON)
    return House(landlord, owner, room, meter, vacant_meter, renter, lease)


def _meter(serial: str, room: Room, owner: User) -> Meter:
    stocked = registry.stock_meter(serial=serial, profile="dtsy-4g-ble", now=NOON)
    meter = registry.hang_meter(stocked=stocked, room=room, by_id=owner.pk, now=NOON)
    set_price(meter=meter, price_yuan_per_kwh=Decimal("0.6500"), active_from=NOON, by_id=owner.pk, now=NOON)
    return meter
