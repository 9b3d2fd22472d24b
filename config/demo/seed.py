"""The demo's people and meters: three landlords, two dozen meters and three in stock, all through services.

Runs at every start. What is there stays; tokens are new each time, because only their hashes are kept.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.accounts import services as accounts
from apps.accounts.models import Landlord, Renter, User
from apps.accounts.roles import Role
from apps.common.errors import Refused
from apps.common.scoping import landlord_scope
from apps.income.models import CollectionAccount
from apps.income.services.account_checks import ask_check
from apps.income.services.channels import open_account
from apps.income.states import Channel, CheckState
from apps.meters.models import Lease, Meter, Room, Site, StockedMeter
from apps.meters.services import claiming, registry
from apps.tariffs.selectors import price_at
from apps.tariffs.services import set_price
from config.demo.secret_file import write_private
from config.env import env_int

TOKEN_LIFE = timedelta(days=365)
METERS_EACH = env_int("DEMO_METERS_EACH", 8)
# So long the meters have been the landlords' already. Nobody read them in those days; they keep their own midnights.
HUNG_DAYS = env_int("DEMO_HUNG_DAYS", 14)
# Differing balances, one just above zero, one at zero.
REMAINING_KWH = ("48.20", "0.35", "0.00", "126.75", "9.10", "31.44", "77.00", "15.62")
# Still in their boxes, for whoever registers: the first two as most meters are, the third single-phase.
STOCK = (
    ("202611230901", "dtsy-4g-ble", "0.00"),
    ("202611230902", "dtsy-4g-ble", "20.00"),
    ("202611230903", "ddsy-4g", "6.40"),
)


@dataclass(frozen=True)
class House:
    """One landlord of the demo."""

    owner: str
    name: str
    phone: str
    site: str
    kind: str
    price_yuan_per_kwh: str
    serials_from: int
    renters: tuple[str, ...]


HOUSES = (
    House(
        "li",
        "李家公寓",
        "13800000001",
        "梧桐里",
        Site.Kind.APARTMENT,
        "0.6500",
        202611230101,
        ("陈先生", "孙女士"),
    ),
    House(
        "wang",
        "王氏出租房",
        "13800000002",
        "望江路 18 号",
        Site.Kind.RENTAL,
        "0.7200",
        202611230201,
        ("赵先生",),
    ),
    House("zhao", "赵记园区", "13800000003", "东园", Site.Kind.PARK, "0.8800", 202611230301, ("周女士",)),
)

# The simulator's real households, in the order of its load file.
_LOAD_FILE = Path(__file__).resolve().parents[2] / "meter_gateway/simulator/data/load_halfhour_dev.csv"


def seed(var: Path, *, now: datetime, hung_days: int = 0) -> None:
    """Make what is missing; write `seed.json` (logins, tokens, meters) and `fleet.json` (the simulator's).

    :param hung_days: meters, prices and leases begin so long before `now`; no readings are made up for those days.
    """
    hung_at = now - timedelta(days=hung_days)
    before = _read(var / "seed.json")
    merchants = json.loads((var / "sandbox" / "merchants.json").read_text("utf-8"))
    passwords = {entry["phone"]: entry["password"] for entry in before.get("landlords", [])}
    landlords, renters, meters = [], [], []
    fleet: list[dict[str, Any]] = []
    households = _households()
    for house in HOUSES:
        password = passwords.get(house.phone) or secrets.token_urlsafe(9)
        user, landlord = _landlord(house, password, now)
        token, _row = accounts.issue_token(user=user, now=now, life=TOKEN_LIFE)
        landlords.append(
            {
                "id": str(landlord.pk),
                "name": house.name,
                "phone": house.phone,
                "password": password,
                "token": token,
            }
        )
        people = [_renter(house, index, name, now) for index, name in enumerate(house.renters)]
        renters += [
            {"name": renter.name, "token": accounts.issue_token(user=login, now=now, life=TOKEN_LIFE)[0]}
            for renter, login in people
        ]
        with landlord_scope(landlord.pk):
            _accounts(house, merchants, user, now)
            for index, meter in enumerate(
                _meters(house, user, [renter for renter, _login in people], hung_at, now)
            ):
                meters.append(_described(meter, landlord))
                fleet.append(
                    _simulated(meter, len(fleet), REMAINING_KWH[index % len(REMAINING_KWH)], households)
                )
    stock = []
    for serial, profile, remaining in STOCK:
        stocked = registry.stock_meter(serial=serial, profile=profile, now=hung_at)
        stock.append(_boxed(stocked, before, now))
        fleet.append(_simulated(stocked, len(fleet), remaining, households))
    operator = _operator(before, now)
    body = {
        "landlords": landlords,
        "operator": operator,
        "renters": renters,
        "meters": meters,
        "stock": stock,
    }
    write_private(var / "seed.json", json.dumps(body, ensure_ascii=False, indent=1) + "\n")
    write_private(var / "fleet.json", json.dumps(fleet, indent=1) + "\n")


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found


def _user(username: str, name: str, password: str, now: datetime, *, operator: bool = False) -> User:
    user = User.objects.filter(username=username).first()
    if user is None:
        return accounts.create_user(
            username=username, password=password, name=name, now=now, operator=operator
        )
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    return user


def _landlord(house: House, password: str, now: datetime) -> tuple[User, Landlord]:
    user = _user(house.phone, house.name[0] + "房东", password, now)
    member = user.memberships.filter(role=Role.OWNER).select_related("landlord").first()
    landlord = member.landlord if member else None
    if landlord is None:
        landlord = accounts.open_landlord(name=house.name, owner=user, phone=house.phone, now=now)
    return user, landlord


def _renter(house: House, index: int, name: str, now: datetime) -> tuple[Renter, User]:
    phone = f"139{house.phone[3:-1]}{int(house.phone[-1]) * 2 + index}"
    login = User.objects.filter(username=phone).first() or accounts.create_user(
        username=phone, password=None, name=name, now=now
    )
    return accounts.register_renter(name=name, phone=phone, user=login), login


def _operator(before: dict[str, Any], now: datetime) -> dict[str, str]:
    password = before.get("operator", {}).get("password") or secrets.token_urlsafe(9)
    _user("operator", "Operator", password, now, operator=True)
    return {"username": "operator", "password": password}


def _accounts(house: House, merchants: dict[str, Any], user: User, now: datetime) -> None:
    for channel, id_field in ((Channel.WECHAT, "mchid"), (Channel.ALIPAY, "seller_id")):
        credentials = next(entry for entry in merchants[channel] if entry["owner"] == house.owner)
        account = CollectionAccount.objects.filter(channel=channel, is_active=True).first()
        if account is None or (account.strategy == "S1" and account.credentials() != credentials):
            account = open_account(
                channel=channel,
                merchant_id=credentials[id_field],
                credentials=credentials,
                by_id=user.pk,
                now=now,
            )
        if account.check_state == CheckState.UNVERIFIED:
            # Asked as soon as the sandbox platforms answer; the story waits for it.
            ask_check(account_id=account.pk, by_id=user.pk, now=now)


def _meters(house: House, user: User, renters: list[Renter], hung_at: datetime, now: datetime) -> list[Meter]:
    site, _made = Site.objects.get_or_create(name=house.site, defaults={"kind": house.kind})
    meters = []
    for index in range(METERS_EACH):
        building, floor = str(index // 4 + 1), str(index // 2 % 2 + 3)
        room, _made = Room.objects.get_or_create(
            site=site, building=f"{building}号楼", name=f"{floor}0{index % 2 + 1}", defaults={"floor": floor}
        )
        # Every fourth is a single-phase 4G meter, the rest the three-phase 4G + Bluetooth one.
        profile = "ddsy-4g" if index % 4 == 3 else "dtsy-4g-ble"
        stocked: StockedMeter = registry.stock_meter(
            serial=f"{house.serials_from + index:012d}", profile=profile, now=hung_at
        )
        meter = Meter.objects.filter(serial=stocked.serial).first()
        if meter is None:
            meter = registry.hang_meter(stocked=stocked, room=room, by_id=user.pk, now=hung_at)
        if price_at(meter, now) is None:
            set_price(
                meter=meter,
                price_yuan_per_kwh=Decimal(house.price_yuan_per_kwh),
                active_from=hung_at,
                by_id=user.pk,
                now=hung_at,
            )
        if index < 2 * len(renters) and not Lease.objects.filter(meter=meter).exists():
            renter = renters[index % len(renters)]
            registry.begin_lease(meter=meter, renter=renter, starts_at=hung_at, by_id=user.pk, now=hung_at)
        meters.append(meter)
    return meters


def _described(meter: Meter, landlord: Landlord) -> dict[str, str]:
    return {
        "id": str(meter.pk),
        "serial": meter.serial,
        "qr_token": meter.qr_token,
        "qr_url": f"{settings.PUBLIC_BASE_URL}/q/{meter.qr_token}",
        "landlord": str(landlord.pk),
        "profile": meter.profile,
    }


def _boxed(stocked: StockedMeter, before: dict[str, Any], now: datetime) -> dict[str, str]:
    """A device in its box with the card beside it; only its code's hash is kept, so a lost code is replaced."""
    codes = {entry["serial"]: entry["claim_code"] for entry in before.get("stock", [])}
    code = codes.get(stocked.serial, "")
    try:
        claiming.find_claimable(qr_token="", serial=stocked.serial, claim_code=code, now=now)
    except Refused:
        code = claiming.set_claim_code(stocked=stocked, now=now)
    return {
        "serial": stocked.serial,
        "qr_token": stocked.qr_token,
        "qr_url": f"{settings.PUBLIC_BASE_URL}/q/{stocked.qr_token}",
        "claim_code": code,
        "profile": stocked.profile,
    }


def _households() -> list[str]:
    lines = _LOAD_FILE.read_text("utf-8").splitlines()[1:]
    return sorted({line.split(",", 1)[0] for line in lines})


def _simulated(
    device: Meter | StockedMeter, number: int, remaining: str, households: list[str]
) -> dict[str, Any]:
    """What the device showed on the day the simulator first ran it."""
    return {
        "serial": device.serial,
        "profile": device.profile,
        "household": households[number % len(households)],
        "start_total_kwh": f"{900 + 137 * number}.25",
        "start_remaining_kwh": remaining,
        "start_purchase_count": 3 + number % 4,
        "start_purchased_kwh": f"{1000 + 140 * number}.00",
        "customer_no": f"{number + 1:012d}",
        "relay": "open" if remaining == "0.00" else "closed",
        "load_factor": "1",
    }
