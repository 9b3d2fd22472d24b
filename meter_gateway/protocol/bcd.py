"""Numbers as DL/T 645-2007 writes them: packed decimal or plain binary, low byte first.

Source of every layout here: DL/T 645-2007, section 5 (transmission order) and annex A (formats).
"""

from __future__ import annotations

from decimal import Decimal

WILDCARD_BYTE = 0xAA
"""In an address this byte stands for any two digits (DL/T 645-2007, read address and short addressing)."""

SIGN_BIT = 0x80
"""Top bit of the highest byte: reverse direction of current and power."""


_MOST_DIGITS = 40


class InvalidBcd(ValueError):
    """A byte that should hold two decimal digits holds something else; the frame around it may be sound."""


class ValueDoesNotFit(ValueError):
    """The value is too large, negative, or finer than the step of the register it is meant for."""


def decode_digits(data: bytes) -> str:
    """The decimal digits of a packed-decimal field, as people read them.

    ::

        wire   98 99 21 00 00 00
        text   0 0 0 0 0 0 2 1 9 9 9 8

    :raises InvalidBcd: a nibble is above 9.
    """
    text = data[::-1].hex()
    if text and not text.isdecimal():
        raise InvalidBcd(f"{text.upper()} is not packed decimal")
    return text


def encode_digits(text: str, length: int) -> bytes:
    """Pack decimal digits into ``length`` bytes, low byte first; short texts are padded with zeros in front.

    ::

        text   2 1 9 9 9 8   length 6
        wire   98 99 21 00 00 00

    :raises ValueDoesNotFit: other characters than 0-9, or too many of them.
    """
    if not (text.isascii() and text.isdecimal()) or len(text) > 2 * length:
        raise ValueDoesNotFit(f"{text!r} is not a number of at most {2 * length} digits")
    return bytes.fromhex(text.rjust(2 * length, "0"))[::-1]


def decode_address(data: bytes) -> str:
    """The six address bytes as printed on the meter; the wildcard byte AAH is kept as the letters AA.

    ::

        wire   12 90 78 56 34 12        AA AA AA AA AA AA
        text   123456789012             AAAAAAAAAAAA

    :raises InvalidBcd: a byte is neither two decimal digits nor the wildcard, or there are not six bytes.
    """
    if len(data) != 6:
        raise InvalidBcd(f"an address has 6 bytes, not {len(data)}")
    text = data[::-1].hex().upper()
    if not text.isdecimal() and not all(
        byte == WILDCARD_BYTE or (byte >> 4 < 10 and byte & 0x0F < 10) for byte in data
    ):
        raise InvalidBcd(f"{text} is not an address")
    return text


def encode_address(text: str) -> bytes:
    """The six address bytes of a printed address, low byte first; the inverse of :func:`decode_address`.

    :raises ValueDoesNotFit: not twelve digits (or wildcard pairs AA).
    """
    try:
        data = bytes.fromhex(text)[::-1]
        if len(text) == 12 and decode_address(data) == text:
            return data
    except ValueError:
        pass
    raise ValueDoesNotFit(f"{text!r} is not a twelve-digit address")


def decode_bcd(data: bytes) -> int:
    """A packed-decimal whole number, low byte first: ``07 00`` is 7.

    :raises InvalidBcd: a nibble is above 9.
    """
    return int(decode_digits(data) or "0")


def encode_bcd(value: int, length: int) -> bytes:
    """Pack a whole number into ``length`` bytes, low byte first: 7 in two bytes is ``07 00``.

    :raises ValueDoesNotFit: negative or too many digits.
    """
    if value < 0:
        raise ValueDoesNotFit(f"{value} is negative")
    return encode_digits(str(value), length)


def decode_decimal(data: bytes, places: int, *, signed: bool = False) -> Decimal:
    """A packed-decimal number with ``places`` digits after the point.

    ::

        wire   56 34 12 00   places 2   ->  1234.56
        wire   00 50 81      places 4, signed  ->  -1.5000   (top bit of the last byte is the sign)

    :raises InvalidBcd: a nibble is above 9 (after the sign bit has been taken off).
    """
    negative = signed and bool(data) and bool(data[-1] & SIGN_BIT)
    if negative:
        data = data[:-1] + bytes((data[-1] & ~SIGN_BIT,))
    value = Decimal(decode_bcd(data)).scaleb(-places)
    return -value if negative else value


def encode_decimal(value: Decimal, length: int, places: int, *, signed: bool = False) -> bytes:
    """Pack ``value`` into ``length`` bytes, exactly: nothing is rounded here.

    :raises ValueDoesNotFit: the value has more than ``places`` digits after the point, is negative although
        the field has no sign, or has too many digits before the point.
    """
    whole = scaled(value.copy_abs(), places)
    data = encode_bcd(whole, length)
    if signed:
        if data[-1] & SIGN_BIT:
            raise ValueDoesNotFit(f"{value} leaves no room for the sign")
        if value < 0:
            data = data[:-1] + bytes((data[-1] | SIGN_BIT,))
    elif value < 0:
        raise ValueDoesNotFit(f"{value} is negative")
    return data


def decode_binary(data: bytes) -> int:
    """An unsigned binary number, low byte first: ``10 27 00 00`` is 10000."""
    return int.from_bytes(data, "little")


def encode_binary(value: int, length: int) -> bytes:
    """An unsigned binary number in ``length`` bytes, low byte first: 10000 in four is ``10 27 00 00``.

    :raises ValueDoesNotFit: negative or too large.
    """
    try:
        return value.to_bytes(length, "little")
    except OverflowError as error:
        raise ValueDoesNotFit(f"{value} does not fit in {length} unsigned bytes") from error


def scaled(value: Decimal, places: int) -> int:
    """``value`` x 10^``places`` as a whole number, exactly.

    :raises ValueDoesNotFit: the value is finer than that step, or not a number.
    """
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueDoesNotFit(f"{value} is not a number")
    whole, shift = int("".join(map(str, digits))), exponent + places
    if abs(shift) > _MOST_DIGITS or len(digits) > _MOST_DIGITS:
        raise ValueDoesNotFit(f"{value} has more digits than any field")
    up, down = int(10 ** max(shift, 0)), int(10 ** max(-shift, 0))
    whole, rest = divmod(whole * up, down)
    if rest:
        raise ValueDoesNotFit(f"{value} is finer than {places} decimal places")
    return -whole if sign else whole
