"""Bytes as a hostile or broken link would send them."""

from __future__ import annotations

import random
from collections.abc import Iterator

from meter_gateway.protocol.frames import END, START, Frame
from tests.meter_gateway.protocol.known import VECTORS

LONGEST = 512
SEEDS = [vector.raw for vector in VECTORS]

_HOSTILE = bytes((START, START, START, END, 0x00, 0x99, 0xAA, 0xFE, 0xFF, 0x11, 0x91, 0x33))
_HEAD = bytes.fromhex("68 00 00 00 00 00 00 68 91")

SLOW = (
    bytes((START,)),
    bytes.fromhex("68 68 68 68 68 68 68 68 68 68 16"),
    bytes((START,)) * 9 + bytes.fromhex("00 00 16"),
    bytes.fromhex("68 00"),
    _HEAD + b"\xff",
    Frame("111111111111", 0x9C).encode(0),
    b"h1234567",
)
"""What costs the parser most, to be repeated over a whole block: starts that turn out to be none."""


def inputs(seed: int) -> Iterator[bytes]:
    """Endless inputs of at most :data:`LONGEST` bytes; the same ones for the same ``seed``.

    Noise; bytes that look like frames; vectors with flipped, lost, doubled and inserted bytes; vectors glued
    in any order; heads whose length byte lies; sound frames of random content among noise.
    """
    dice = random.Random(seed)
    kinds = (_noise, _hostile, _mutated, _mutated, _glued, _lying, _framed)
    while True:
        yield dice.choice(kinds)(dice)[:LONGEST]


def portions(raw: bytes, dice: random.Random) -> list[bytes]:
    """``raw`` as a link may cut it: whole, in packets, or byte by byte."""
    size = dice.choice((len(raw) or 1, len(raw) or 1, 128, 20, 7, 1))
    return [raw[at : at + size] for at in range(0, len(raw), size)]


def _noise(dice: random.Random) -> bytes:
    return dice.randbytes(dice.choice((1, 12, 40, 128)))


def _hostile(dice: random.Random) -> bytes:
    return bytes(dice.choices(_HOSTILE, k=dice.choice((12, 40, 128))))


def _mutated(dice: random.Random) -> bytes:
    raw = bytearray(dice.choice(SEEDS))
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(raw) + 1)
        match dice.randrange(4):
            case 0:
                raw[at : at + 1] = bytes((dice.randrange(256),))
            case 1:
                del raw[at : at + dice.randint(1, 8)]
            case 2:
                raw[at:at] = raw[: dice.randint(0, 20)]
            case _:
                raw[at:at] = dice.randbytes(dice.randint(1, 8))
    return bytes(raw)


def _glued(dice: random.Random) -> bytes:
    return b"".join(dice.choices(SEEDS, k=dice.randint(2, 6)))


def _lying(dice: random.Random) -> bytes:
    return (_HEAD + dice.randbytes(dice.randint(1, 3))) * dice.randint(1, 40)


def _framed(dice: random.Random) -> bytes:
    frame = Frame(f"{dice.randrange(10**12):012d}", dice.randrange(256), dice.randbytes(dice.randint(0, 60)))
    return dice.randbytes(dice.randint(0, 9)) + frame.encode(dice.randint(0, 6))
