"""The one door through which a call leaves the house.

A platform may take ten seconds to answer. A landlord's scope is an open transaction with row locks in it,
so a call made inside one would hold those locks for as long as a stranger likes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from apps.common import scoping


class OutsideCallInScope(RuntimeError):
    """A platform was about to be called while a landlord's scope, and so a transaction, was open."""


@contextmanager
def outside_call(what: str) -> Iterator[None]:
    """Mark a call to `what` (a platform's name) that leaves the house.

    :raises OutsideCallInScope: if any scope is open, also inside a test's own transaction.
    """
    if scoping.current() is not None:
        raise OutsideCallInScope(f"{what} was called inside a scope; leave the scope first")
    yield
