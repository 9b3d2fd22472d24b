"""What differs between meter models, as data: one TOML file per model beside this module.

A new model whose differences fit these fields is a new file, not a new branch in the code.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, Literal

from meter_gateway.protocol.openings import Opening
from meter_gateway.protocol.relay import Auth, RelayAction

CREDIT_LAYOUTS = ("count_30",)
"""Recharge layouts the codec can write; see :mod:`meter_gateway.protocol.prepaid`."""


class UnknownProfile(LookupError):
    """There is no profile of that name."""


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

    Currents in amperes, voltage in volts between phase and neutral, times in seconds. ``credit_step_kwh`` is
    the smallest energy a recharge can carry. ``relay_bit`` is the bit of ``status_di`` that is 1 while the
    relay is open, ``on_action`` the command that brings the light back. The ``*_di`` fields say what to read
    to prove an act. ``push_di`` is empty for models that never report unasked.
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
    dedupe: str
    credit_step_kwh: Decimal
    needs_customer_no: bool

    total_di: str
    remaining_di: str
    count_di: str
    last_purchase_di: str
    purchased_di: str
    status_di: str
    customer_di: str
    freeze_di: str

    relay_bit: int
    on_action: RelayAction
    auth: Auth

    opening: Opening
    heartbeat_s: int
    answer_timeout_s: int
    reading_interval_s: int
    push_di: str
    answers_read_address: bool

    ble: tuple[BleService, ...] = ()

    @property
    def max_power_kw(self) -> Decimal:
        """Imax on every phase at 1.15 Un: no reading may climb faster than this."""
        return self.imax_a * self.un_v * Decimal("1.15") * self.phases / 1000


@cache
def load_profile(name: str) -> Profile:
    """The profile called ``name``, e.g. "dtsy-4g-ble"; read once per process.

    :raises UnknownProfile: no such file.
    """
    if name not in names():
        raise UnknownProfile(f"no meter profile {name!r}; there are {', '.join(names())}")
    text = resources.files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return _profile(name, tomllib.loads(text))


def names() -> list[str]:
    """The names of all profiles, sorted."""
    files = (entry.name for entry in resources.files(__name__).iterdir())
    return sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml"))


def _profile(name: str, table: dict[str, Any]) -> Profile:
    credit, readback, link = table["credit"], table["readback"], table["link"]
    if credit["layout"] not in CREDIT_LAYOUTS:
        raise ValueError(f"profile {name}: unknown credit layout {credit['layout']!r}")
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
        dedupe=credit["dedupe"],
        credit_step_kwh=Decimal(credit["step_kwh"]),
        needs_customer_no=credit["needs_customer_no"],
        **readback,
        relay_bit=table["relay"]["bit"],
        on_action=RelayAction[table["relay"]["on_action"]],
        auth=Auth(**table["auth"]),
        opening=Opening(link["opening"]),
        heartbeat_s=link["heartbeat_s"],
        answer_timeout_s=link["answer_timeout_s"],
        reading_interval_s=link["reading_interval_s"],
        push_di=link["push_di"],
        answers_read_address=link["answers_read_address"],
        ble=tuple(BleService(**service) for service in table.get("ble", ())),
    )
