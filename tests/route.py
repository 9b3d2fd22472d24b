"""One line of the table of routes, and the people it speaks of."""

from dataclasses import dataclass, field
from typing import Any

# Chen rents from Li. Zhou manages and Wu views for Li. Wang is another landlord. `expired` was Li's token.
KINDS = ("anonymous", "renter", "owner", "manager", "viewer", "foreign_owner", "operator", "expired")


@dataclass(frozen=True)
class Route:
    """One method of one address, what is sent to it, and the status for each of KINDS."""

    method: str
    path: str
    expected: tuple[int, ...]
    body: dict[str, Any] | None = field(default=None, hash=False)


def route(method: str, path: str, expected: str, body: dict[str, Any] | None = None) -> Route:
    statuses = tuple(int(status) for status in expected.split())
    return Route(method, path, statuses * len(KINDS) if len(statuses) == 1 else statuses, body)
