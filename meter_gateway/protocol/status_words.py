"""Run status words 1, 2 and 4 to 7, bit by bit; word 3 is :class:`~meter_gateway.protocol.relay.StatusWord3`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meter_gateway.protocol import bcd

_PHASE_FAULTS = (
    "voltage_lost",
    "under_voltage",
    "over_voltage",
    "current_lost",
    "over_current",
    "overload",
    "reverse_flow",
    "phase_broken",
    "current_broken",
)

BIT_NAMES: Mapping[int, tuple[str, ...]] = {
    1: (
        "bit_0",
        "demand_by_interval",
        "clock_battery_low",
        "reading_battery_low",
        "active_power_reverse",
        "reactive_power_reverse",
    ),
    2: (
        "active_power_a_reverse",
        "active_power_b_reverse",
        "active_power_c_reverse",
        "bit_3",
        "reactive_power_a_reverse",
        "reactive_power_b_reverse",
        "reactive_power_c_reverse",
    ),
    4: tuple(f"{fault}_a" for fault in _PHASE_FAULTS),
    5: tuple(f"{fault}_b" for fault in _PHASE_FAULTS),
    6: tuple(f"{fault}_c" for fault in _PHASE_FAULTS),
    7: (
        "voltage_sequence_reversed",
        "current_sequence_reversed",
        "voltage_unbalanced",
        "current_unbalanced",
        "auxiliary_supply_lost",
        "power_down",
        "demand_over_limit",
        "power_factor_under_limit",
        "current_badly_unbalanced",
    ),
}
"""Names from bit 0 upwards; what the standard reserves keeps its number."""


@dataclass(frozen=True, slots=True)
class StatusWord:
    """Status word ``number`` (DI 040005nn), two bytes, low byte first.

    ::

        word 1   demand by interval, batteries, direction of the total powers
        word 2   direction of each phase's active (bits 0-2) and reactive power (bits 4-6)
        word 4   faults of phase A      word 5   of phase B      word 6   of phase C
        word 7   faults of the whole

    Source: DL/T 645-2007 annex C, read in public excerpts of the standard.
    """

    number: int
    raw: int

    @classmethod
    def decode(cls, number: int, data: bytes) -> StatusWord:
        return cls(number, bcd.decode_binary(data))

    def encode(self) -> bytes:
        """The two bytes.

        :raises ValueDoesNotFit: ``raw`` is negative or above FFFFH.
        """
        return bcd.encode_binary(self.raw, 2)

    @property
    def names(self) -> frozenset[str]:
        """What the bits that are set say."""
        return bit_names(self.raw, BIT_NAMES[self.number])


def bit_names(raw: int, names: tuple[str, ...]) -> frozenset[str]:
    """The names of the bits set in ``raw``; a bit without a name is "bit_9"."""
    bits = (bit for bit in range(raw.bit_length()) if raw >> bit & 1)
    return frozenset(names[bit] if bit < len(names) else f"bit_{bit}" for bit in bits)
