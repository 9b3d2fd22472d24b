"""Every route of the product, and what each kind of person gets there when she asks for a thing of Li's.

tests/test_permissions.py asks them all, and fails for a route that is not here.
"""

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


def _route(method: str, path: str, expected: str, body: dict[str, Any] | None = None) -> Route:
    statuses = tuple(int(status) for status in expected.split())
    return Route(method, path, statuses * len(KINDS) if len(statuses) == 1 else statuses, body)


_METER = "api/v1/meters/<uuid:meter_id>"

REST = [
    # Logging in is for everybody, with an old token too.
    _route("POST", "api/v1/auth/login", "401", {"phone": "13800000001", "password": "wrong"}),
    _route("POST", "api/v1/auth/wechat", "503", {"code": "c", "app": "h5"}),
    _route("POST", "api/v1/auth/alipay", "503", {"code": "c", "app": "h5"}),
    _route("POST", "api/v1/auth/logout", "401 204 204 204 204 204 204 401", {}),
    _route("GET", "api/v1/me", "401 200 200 200 200 200 200 401"),
    _route("PATCH", "api/v1/me", "401 200 200 200 200 200 200 401", {"name": "New"}),
    _route("GET", "api/v1/me/sessions", "401 200 200 200 200 200 200 401"),
    # A member's own things: what is another landlord's is missing, and a stranger is no member.
    _route("GET", "api/v1/landlord", "401 403 200 200 200 200 403 401"),
    _route("PATCH", "api/v1/landlord", "401 403 200 403 403 200 403 401", {"name": "New"}),
    _route("GET", "api/v1/meters", "401 403 200 200 200 200 403 401"),
    _route("GET", _METER, "401 403 200 200 200 404 403 401"),
    _route("POST", f"{_METER}/read", "401 403 202 202 403 404 403 401", {}),
    _route("POST", f"{_METER}/power", "401 403 202 202 403 404 403 401", {"state": "off", "reason": "works"}),
    _route("GET", f"{_METER}/recharges", "401 403 200 200 200 404 403 401"),
    _route(
        "POST",
        f"{_METER}/recharges",
        "401 403 202 202 403 404 403 401",
        {"kind": "cash", "amount_yuan": "50.00", "reason": "at the door"},
    ),
    _route("GET", f"{_METER}/readings", "401 403 200 200 200 404 403 401"),
    _route("GET", f"{_METER}/commands", "401 403 200 200 200 404 403 401"),
    _route("GET", f"{_METER}/prices", "401 403 200 200 200 404 403 401"),
    _route("POST", f"{_METER}/prices", "401 403 201 201 403 404 403 401", {"price_yuan_per_kwh": "0.7000"}),
    _route("GET", f"{_METER}/qr.svg", "401 403 200 200 200 404 403 401"),
    _route("GET", f"{_METER}/qr.png", "401 403 200 200 200 404 403 401"),
    _route("GET", "api/v1/commands/<uuid:command_id>", "401 403 200 200 200 404 403 401"),
    _route("GET", "api/v1/sites", "401 403 200 200 200 200 403 401"),
    _route("GET", "api/v1/rooms", "401 403 200 200 200 200 403 401"),
    _route("GET", "api/v1/leases", "401 403 200 200 200 200 403 401"),
    _route("GET", "api/v1/income/payments", "401 403 200 200 403 200 403 401"),
    _route("GET", "api/v1/income/recharges", "401 403 200 200 403 200 403 401"),
    _route("GET", "api/v1/income/summary", "401 403 200 200 403 200 403 401"),
    # Who holds the QR code or the order number may: that is what they are for.
    _route("GET", "api/v1/q/<str:token>", "200 200 200 200 200 200 200 401"),
    _route(
        "POST",
        "api/v1/q/<str:token>/orders",
        "409 409 409 409 409 409 409 401",
        {"amount_yuan": "50.00", "channel": "alipay"},
    ),
    _route("POST", "api/v1/q/<str:token>/read", "202 202 202 202 202 202 202 401", {}),
    _route("GET", "api/v1/orders/<str:no>", "200 200 200 200 200 200 200 401"),
    _route("POST", "api/v1/orders/<str:no>/cancel", "200 200 200 200 200 200 200 401", {}),
    # One's own leases, whoever one is: a stranger's are none.
    _route("GET", "api/v1/my/meters", "401 200 200 200 200 200 200 401"),
    _route("GET", "api/v1/my/recharges", "401 200 200 200 200 200 200 401"),
    _route("GET", "api/v1/schema/", "200 200 200 200 200 200 200 401"),
    _route("GET", "api/v1/docs/", "200 200 200 200 200 200 200 401"),
    *(
        _route(method, "api/v1/<path:anything>", "404 404 404 404 404 404 404 401")
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    ),
]

# The signature is the authentication, and an account nobody has is found by nobody.
PLATFORMS = [
    _route("POST", "pay/notify/wechat/<uuid:account_id>/", "404", {}),
    _route("POST", "pay/notify/alipay/<uuid:account_id>/", "404", {}),
]

OPERATIONS = [
    _route("GET", "healthz", "200"),
    # Nothing but the test's own servers is running.
    _route("GET", "readyz", "503"),
    _route("GET", "metrics", "200"),
]

# The page asks nobody who she is; a token that has ended is no concern of a browser's.
PAGE = [
    _route("GET", "q/<str:token>", "200"),
    # There is no app through which payers could log in.
    _route("GET", "q/<str:token>/login/<str:channel>", "404"),
    _route("GET", "q/<str:token>/recent", "200"),
    _route("POST", "q/<str:token>/orders", "422", {}),
    _route("GET", "q/<str:token>/orders/<str:no>", "200"),
    _route("GET", "q/<str:token>/orders/<str:no>/help", "200"),
    # No login was begun in this browser.
    _route("GET", "pay/return/<str:channel>", "400"),
    _route("POST", "i18n/setlang/", "302", {}),
]

ROUTES = [*REST, *PLATFORMS, *OPERATIONS, *PAGE]
