"""What the command lines of the tests' own tools take."""

from argparse import ArgumentTypeError
from collections.abc import Callable


def at_least(least: int) -> Callable[[str], int]:
    """Return what reads a whole number and refuses a smaller one; argparse names the argument."""

    def whole_number(text: str) -> int:
        number = int(text)
        if number < least:
            raise ArgumentTypeError(f"{number} is less than {least}")
        return number

    # argparse calls what is no number an invalid value of this name.
    whole_number.__name__ = "whole number"
    return whole_number
