"""What differs between meter models, as data: one TOML file per model beside this module.

A new model whose differences fit these fields is a new file, not a new branch in the code.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, Literal

from meter_gateway.protocol.openings import Opening
from meter_gateway.protocol.relay import Auth, RelayAction

CREDIT_LAYOUTS = ("count_30", "order_34", "write")
"""Recharge layouts the codec can write; see :mod:`meter_gateway.protocol.credits`."""

DEDUPES = ("count", "order_no", "none")
"""How a meter knows a credit it already has: by the purchase count, by the order number, or not at all."""

MACS = ("zero", "esam")
"""Who signs a credit: nobody (four zero bytes), or a security module, which the platform does not have."""

BEARERS = ("4G", "NB-IoT")

SLEEPING_BEARERS = ("NB-IoT",)
"""Whose modules hear nothing between two words of their own."""

ABILITIES = ("keep_power", "alarm_lamp", "set_clock", "open_account", "init_purse", "reset_energy")
"""What a model may be able to do beyond reading, switching and taking credits."""


class UnknownProfile(LookupError):
    """There is no profile of that name."""


class ProfileError(ValueError):
    """A profile file says something the code does not know."""


@dataclass(frozen=True, slots=True)
class BleService:
    """One Bluetooth service a phone may find on the meter, in the order to be tried.

    ``chunk`` is the largest write in bytes, ``gap_ms`` the pause between two writes.
    """

    service: str
    write: str
    notify: str
    write_type: Literal["write", "writeNoResponse"]
    chunk: int
    gap_ms: int


@dataclass(frozen=True, slots=True)
class Profile:
    """One model of meter.

    Currents in amperes, voltage in volts between phase and neutral, times in seconds.

    ``credit_step_kwh`` is the smallest energy a recharge can carry, ``credit_unit_kwh`` the energy of one
    unit on the wire (a power of ten), ``credit_di`` where it is written. ``void_di`` is empty for models that
    give no energy back, ``clear_di`` for those whose purse cannot be emptied. ``freeze_days`` is how many
    midnights the meter keeps. The other ``*_di`` fields say what to read to prove an act; ``push_di`` is empty for
    models that never report unasked. ``relay_bit`` is the bit of ``status_di`` that is 1 while the relay is
    open, ``on_action`` the command that brings the light back. ``abilities`` are those of :data:`ABILITIES`;
    a model with "open_account" takes no recharge before its account was opened. ``parameter_level`` is the
    password level of writes (14H). ``expiry_factor`` lengthens the life of a command on a bearer whose
    devices sleep.
    """

    name: str
    model: str
    description: str
    phases: int
    un_v: Decimal
    ib_a: Decimal
    imax_a: Decimal
    frequency_hz: Decimal
    accuracy_class: str
    pulses_per_kwh: int
    time_zone: str

    credit_layout: str
    credit_di: str
    credit_mac: str
    dedupe: str
    credit_unit_kwh: Decimal
    credit_step_kwh: Decimal
    needs_customer_no: bool
    void_di: str
    clear_di: str

    total_di: str
    remaining_di: str
    count_di: str
    last_purchase_di: str
    purchased_di: str
    status_di: str
    customer_di: str
    freeze_di: str
    freeze_days: int

    relay_bit: int
    on_action: RelayAction
    auth: Auth

    abilities: frozenset[str]
    parameter_level: int

    bearer: str
    expiry_factor: int
    opening: Opening
    heartbeat_s: int
    answer_timeout_s: int
    reading_interval_s: int
    push_di: str
    answers_read_address: bool

    ble: tuple[BleService, ...] = ()

    @property
    def parameter_auth(self) -> Auth:
        """What a write of a parameter carries: the same password, at its own level."""
        return replace(self.auth, level=self.parameter_level)

    @property
    def sleeps(self) -> bool:
        """Whether its module hears a question only shortly after it has spoken itself."""
        return self.bearer in SLEEPING_BEARERS

    @property
    def credit_places(self) -> int:
        """Digits after the point of energy on the wire: 2 where the unit is 0.01 kWh."""
        return -int(self.credit_unit_kwh.log10())

    @property
    def max_power_kw(self) -> Decimal:
        """Imax on every phase at 1.15 Un: no reading may climb faster than this."""
        return self.imax_a * self.un_v * Decimal("1.15") * self.phases / 1000


@cache
def load_profile(name: str) -> Profile:
    """The profile called ``name``, e.g. "dtsy-4g-ble"; read once per process.

    :raises UnknownProfile: no such file.
    :raises ProfileError: the file is wrong; a test reads every file.
    """
    if name not in names():
        raise UnknownProfile(f"no meter profile {name!r}; there are {', '.join(names())}")
    text = resources.files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return profile_of(name, tomllib.loads(text))


def names() -> list[str]:
    """The names of all profiles, sorted."""
    files = (entry.name for entry in resources.files(__name__).iterdir())
    return sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml"))


def profile_of(name: str, table: dict[str, Any]) -> Profile:
    """The profile that a file's table says.

    :raises ProfileError: a word or unit the code does not know.
    """
    credit, readback, link, commands = (table[name] for name in ("credit", "readback", "link", "commands"))
    for value, known in (
        (credit["layout"], CREDIT_LAYOUTS),
        (credit["dedupe"], DEDUPES),
        (credit["mac"], MACS),
        (link["bearer"], BEARERS),
        *((ability, ABILITIES) for ability in commands["can"]),
    ):
        if value not in known:
            raise ProfileError(f"profile {name}: {value!r} is none of {', '.join(known)}")
    unit_kwh = Decimal(credit["unit_kwh"])
    if unit_kwh.normalize().as_tuple().digits != (1,) or unit_kwh > 1:
        raise ProfileError(f"profile {name}: a unit of {unit_kwh} kWh is no decimal fraction of 1 kWh")
    return Profile(
        name=name,
        model=table["model"],
        description=table["description"],
        phases=table["phases"],
        un_v=Decimal(table["un_v"]),
        ib_a=Decimal(table["ib_a"]),
        imax_a=Decimal(table["imax_a"]),
        frequency_hz=Decimal(table["frequency_hz"]),
        accuracy_class=table["accuracy_class"],
        pulses_per_kwh=table["pulses_per_kwh"],
        time_zone=table["time_zone"],
        credit_layout=credit["layout"],
        credit_di=credit["di"],
        credit_mac=credit["mac"],
        dedupe=credit["dedupe"],
        credit_unit_kwh=unit_kwh,
        credit_step_kwh=Decimal(credit["step_kwh"]),
        needs_customer_no=credit["needs_customer_no"],
        void_di=credit["void_di"],
        clear_di=credit["clear_di"],
        **readback,
        relay_bit=table["relay"]["bit"],
        on_action=RelayAction[table["relay"]["on_action"]],
        auth=Auth(**table["auth"]),
        abilities=frozenset(commands["can"]),
        parameter_level=commands["parameter_level"],
        bearer=link["bearer"],
        expiry_factor=link["expiry_factor"],
        opening=Opening(link["opening"]),
        heartbeat_s=link["heartbeat_s"],
        answer_timeout_s=link["answer_timeout_s"],
        reading_interval_s=link["reading_interval_s"],
        push_di=link["push_di"],
        answers_read_address=link["answers_read_address"],
        ble=tuple(BleService(**service) for service in table.get("ble", ())),
    )
