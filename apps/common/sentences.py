"""Sentences one after the other, as each language sets them: Chinese needs no space between them."""

from collections.abc import Iterable
from unicodedata import east_asian_width

from apps.common.errors import Words


def in_a_row(said: Iterable[Words]) -> str:
    """Return the sentences as one text; empty ones are left out.

    Full-width punctuation brings its own gap, so a space stands only where a sentence ends in another character.
    """
    text = ""
    for sentence in filter(None, map(str, said)):
        is_apart = text and east_asian_width(text[-1]) not in "WF"
        text += f" {sentence}" if is_apart else sentence
    return text
