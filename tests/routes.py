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


_MEMBER = "api/v1/members/<uuid:member_id>"
_METER = "api/v1/meters/<uuid:meter_id>"
_ACCOUNT = "api/v1/collection-accounts/<uuid:collection_account_id>"

REST = [
    # Logging in is for everybody, with an old token too.
    _route("POST", "api/v1/auth/login", "401", {"phone": "13800000001", "password": "wrong"}),
    _route("POST", "api/v1/auth/codes", "204", {"phone": "13812345678"}),
    _route(
        "POST",
        "api/v1/auth/register",
        "400",
        {"phone": "13812345678", "code": "123456", "password": "a-long-enough-one", "name": "New"},
    ),
    _route("POST", "api/v1/auth/wechat", "503", {"code": "c", "app": "h5"}),
    _route("POST", "api/v1/auth/alipay", "503", {"code": "c", "app": "h5"}),
    _route("POST", "api/v1/auth/logout", "401 204 204 204 204 204 204 401", {}),
    _route("GET", "api/v1/me", "401 200 200 200 200 200 200 401"),
    _route("PATCH", "api/v1/me", "401 200 200 200 200 200 200 401", {"name": "New"}),
    _route(
        "POST",
        "api/v1/me/password",
        "401 400 400 400 400 400 400 401",
        {"old_password": "wrong", "new_password": "another-long-one"},
    ),
    _route(
        "POST",
        "api/v1/me/phone",
        "401 400 400 400 400 400 422 401",
        {"phone": "13812345678", "old_code": "000000", "new_code": "000000"},
    ),
    _route("DELETE", "api/v1/me/phone", "401 204 204 204 204 204 204 401"),
    _route("GET", "api/v1/me/sessions", "401 200 200 200 200 200 200 401"),
    # A member's own things: what is another landlord's is missing, and a stranger is no member.
    _route("GET", "api/v1/landlord", "401 403 200 200 200 200 403 401"),
    _route("PATCH", "api/v1/landlord", "401 403 200 403 403 200 403 401", {"name": "New"}),
    # Who works for a landlord is the owner's business.
    _route("GET", "api/v1/members", "401 403 200 403 403 200 403 401"),
    _route(
        "POST",
        "api/v1/members",
        "401 403 201 403 403 201 403 401",
        {"phone": "13812345678", "role": "VIEWER"},
    ),
    _route("PATCH", _MEMBER, "401 403 200 403 403 404 403 401", {"role": "VIEWER"}),
    _route("DELETE", _MEMBER, "401 403 204 403 403 404 403 401"),
    _route("GET", "api/v1/meters", "401 403 200 200 200 200 403 401"),
    _route("GET", _METER, "401 403 200 200 200 404 403 401"),
    # The very same code claims for whoever brings it; nobody has this one.
    _route(
        "POST",
        "api/v1/meters",
        "401 403 404 404 403 404 403 401",
        {"qr_token": "nobodys", "claim_code": "x", "location": "101", "price_yuan_per_kwh": "0.6500"},
    ),
    _route("PATCH", _METER, "401 403 200 200 403 404 403 401", {"note": "by the door"}),
    # Somebody rents it.
    _route("DELETE", _METER, "401 403 409 409 403 404 403 401"),
    _route("GET", f"{_METER}/daily-readings", "401 403 200 200 200 404 403 401"),
    _route("GET", f"{_METER}/events", "401 403 200 200 200 404 403 401"),
    _route("GET", f"{_METER}/shares", "401 403 200 200 403 404 403 401"),
    _route("POST", f"{_METER}/shares", "401 403 201 201 403 404 403 401", {}),
    _route("DELETE", "api/v1/shares/<uuid:share_id>", "401 403 204 204 403 404 403 401"),
    _route("GET", "api/v1/meter-models", "401 403 200 200 200 200 403 401"),
    _route("GET", "api/v1/alerts", "401 403 200 200 200 200 403 401"),
    _route("POST", "api/v1/alerts/<uuid:alert_id>/acknowledge", "401 403 200 200 403 404 403 401", {}),
    _route("POST", f"{_METER}/read", "401 403 202 202 403 404 403 401", {}),
    _route("POST", f"{_METER}/power", "401 403 202 202 403 404 403 401", {"state": "off", "reason": "works"}),
    _route(
        "POST", f"{_METER}/keep-power", "401 403 202 202 403 404 403 401", {"state": "on", "reason": "works"}
    ),
    _route("POST", f"{_METER}/alarm-lamp", "401 403 202 202 403 404 403 401", {"state": "on"}),
    _route("POST", f"{_METER}/clock", "401 403 202 202 403 404 403 401", {}),
    _route("POST", f"{_METER}/account", "401 403 202 202 403 404 403 401", {}),
    # What nobody can bring back is the owner's, and wants the serial typed.
    _route(
        "POST",
        f"{_METER}/energy-reset",
        "401 403 422 403 403 404 403 401",
        {"confirm": "wrong", "reason": "works"},
    ),
    _route(
        "POST",
        f"{_METER}/purse-initialisation",
        "401 403 422 403 403 404 403 401",
        {"confirm": "wrong", "reason": "works"},
    ),
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
    _route("GET", "api/v1/meters/labels.pdf", "401 403 200 200 200 200 403 401"),
    _route("GET", f"{_METER}/qr.svg", "401 403 200 200 200 404 403 401"),
    _route("GET", f"{_METER}/qr.png", "401 403 200 200 200 404 403 401"),
    _route("POST", f"{_METER}/phone-sessions", "401 403 201 201 403 404 403 401", {"purpose": "recharge"}),
    # Opened by the owner, and nobody else's.
    _route(
        "POST",
        "api/v1/phone-sessions/<uuid:session_id>/frames",
        "404 404 200 404 404 404 404 401",
        {"seq": 1, "error": "out of reach"},
    ),
    _route("GET", "api/v1/commands/<uuid:command_id>", "401 403 200 200 200 404 403 401"),
    _route("GET", "api/v1/income/reconciliation", "401 403 200 200 403 200 403 401"),
    _route("GET", "api/v1/income/settlements", "401 403 200 200 403 200 403 401"),
    _route("GET", "api/v1/collection-accounts", "401 403 200 403 403 200 403 401"),
    _route(
        "POST",
        "api/v1/collection-accounts",
        "401 403 400 403 403 400 403 401",
        {"channel": "wechat", "credentials": {}, "password": "wrong"},
    ),
    _route("GET", _ACCOUNT, "401 403 200 403 403 404 403 401"),
    _route("PATCH", _ACCOUNT, "401 403 400 403 403 404 403 401", {"is_active": False, "password": "wrong"}),
    _route("POST", f"{_ACCOUNT}/verify", "401 403 202 403 403 404 403 401", {}),
    _route("GET", "api/v1/sites", "401 403 200 200 200 200 403 401"),
    _route("POST", "api/v1/sites", "401 403 201 201 403 201 403 401", {"name": "New Court"}),
    _route("PATCH", "api/v1/sites/<uuid:site_id>", "401 403 200 200 403 404 403 401", {"name": "New Court"}),
    _route("GET", "api/v1/rooms", "401 403 200 200 200 200 403 401"),
    # The site in the body is nobody's.
    _route(
        "POST",
        "api/v1/rooms",
        "401 403 400 400 403 400 403 401",
        {"site": "00000000-0000-7000-8000-000000000000", "name": "101"},
    ),
    _route("PATCH", "api/v1/rooms/<uuid:room_id>", "401 403 200 200 403 404 403 401", {"floor": "4"}),
    _route("GET", "api/v1/leases", "401 403 200 200 200 200 403 401"),
    _route(
        "POST",
        "api/v1/leases",
        "401 403 400 400 403 400 403 401",
        {"meter": "00000000-0000-7000-8000-000000000000", "renter_name": "Sun"},
    ),
    _route("POST", "api/v1/leases/<uuid:lease_id>/end", "401 403 200 200 403 404 403 401", {}),
    # The payment in the town was never paid.
    _route("GET", "api/v1/payments/<uuid:payment_id>/refunds", "401 403 200 200 403 404 403 401"),
    _route(
        "POST",
        "api/v1/payments/<uuid:payment_id>/refunds",
        "401 403 409 409 403 404 403 401",
        {"reason": "the wrong meter"},
    ),
    # Nor is any set aside.
    _route(
        "POST",
        "api/v1/payments/<uuid:payment_id>/credit",
        "401 403 409 409 403 404 403 401",
        {"reason": "paid in full"},
    ),
    # No refund in the town waits for a person.
    _route("POST", "api/v1/refunds/<uuid:refund_id>/withdraw", "401 403 409 409 403 404 403 401", {}),
    _route("POST", "api/v1/refunds/<uuid:refund_id>/retry", "401 403 409 409 403 404 403 401", {}),
    _route(
        "POST",
        "api/v1/refunds/<uuid:refund_id>/by-hand",
        "401 403 409 409 403 404 403 401",
        {"note": "cash at the door"},
    ),
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
    _route(
        "POST", "api/v1/q/<str:token>/phone-sessions", "201 201 201 201 201 201 201 401", {"purpose": "read"}
    ),
    _route("POST", "api/v1/q/<str:token>/read", "202 202 202 202 202 202 202 401", {}),
    _route("GET", "api/v1/orders/<str:no>", "200 200 200 200 200 200 200 401"),
    _route("POST", "api/v1/orders/<str:no>/cancel", "200 200 200 200 200 200 200 401", {}),
    # The order in the town was never paid, so its receipt is as missing as any.
    _route("GET", "api/v1/orders/<str:no>/receipt", "404 404 404 404 404 404 404 401"),
    _route("GET", "api/v1/orders/<str:no>/receipt.pdf", "404 404 404 404 404 404 404 401"),
    _route(
        "POST",
        "api/v1/orders/<str:no>/fapiao",
        "409 409 409 409 409 409 409 401",
        {"buyer_title": "Sun and Daughters"},
    ),
    _route("GET", "api/v1/payments/<uuid:payment_id>/receipt", "401 403 404 404 403 404 403 401"),
    _route("GET", "api/v1/payments/<uuid:payment_id>/receipt.pdf", "401 403 404 404 403 404 403 401"),
    _route(
        "POST",
        "api/v1/payments/<uuid:payment_id>/fapiao",
        "401 403 422 422 403 404 403 401",
        {"number": "24312000000012345678"},
    ),
    # One's own leases, whoever one is: a stranger's are none.
    _route("GET", "api/v1/my/meters", "401 200 200 200 200 200 200 401"),
    _route("GET", "api/v1/my/recharges", "401 200 200 200 200 200 200 401"),
    _route("GET", "api/v1/my/daily-readings", "401 200 200 200 200 200 200 401"),
    _route("GET", "api/v1/my/alerts", "401 200 200 200 200 200 200 401"),
    _route(
        "POST",
        "api/v1/my/subscriptions",
        "401 404 404 404 404 404 404 401",
        {"lease": "00000000-0000-7000-8000-000000000000", "on": True},
    ),
    # Chen rents already by the lease that was shared; for everybody else it is taken.
    _route("POST", "api/v1/shares/<str:share_token>/accept", "401 200 409 409 409 409 409 401", {}),
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
    # Who lives there, and nobody else, may look; the page knows browsers by their session, not by a token.
    _route("GET", "q/<str:token>/use", "403 200 403 403 403 403 403 403"),
    _route("GET", "q/<str:token>/warning", "403 200 403 403 403 403 403 403"),
    _route("GET", "q/<str:token>/mine", "200"),
    _route("GET", "q/<str:token>/enter", "200"),
    _route("POST", "q/<str:token>/enter", "400", {}),
    _route("POST", "q/<str:token>/leave", "302", {}),
    _route("POST", "q/<str:token>/orders", "422", {}),
    _route("GET", "q/<str:token>/orders/<str:no>", "200"),
    _route("GET", "q/<str:token>/orders/<str:no>/help", "200"),
    # Neither is a payment: there is no page to pay at, and coming back only asks.
    _route("GET", "q/<str:token>/orders/<str:no>/pay", "302"),
    _route("GET", "q/<str:token>/orders/<str:no>/back", "302"),
    _route("POST", "q/<str:token>/orders/<str:no>/cancel", "302", {}),
    _route("GET", "q/<str:token>/orders/<str:no>/receipt", "404"),
    _route("GET", "q/<str:token>/orders/<str:no>/receipt.pdf", "404"),
    _route("POST", "q/<str:token>/orders/<str:no>/fapiao", "404", {}),
    # No login was begun in this browser.
    _route("GET", "pay/return/<str:channel>", "400"),
    *(_route(method, "i18n/setlang/", "302") for method in ("GET", "POST", "PUT", "PATCH", "DELETE")),
]

# A landlord's first day: who works for a landlord already goes on to the meter, strangers go to the login. The
# operator and the renter work for none; the viewer may only look.
JOIN = [
    _route("GET", "join/", "200 200 302 302 302 302 200 200"),
    _route("POST", "join/", "400 400 302 302 302 302 400 400", {}),
    # No code was sent to this browser's phone.
    _route("GET", "join/account", "302"),
    _route("POST", "join/account", "302", {}),
    _route("GET", "join/login", "200 200 302 302 302 302 200 200"),
    _route("POST", "join/login", "401 401 302 302 302 302 401 401", {}),
    _route("GET", "join/claim", "302 302 200 200 403 200 302 302"),
    _route("POST", "join/claim", "302 302 422 422 403 422 302 302", {}),
    _route("GET", "join/claimed/<str:token>", "302 404 200 200 200 404 404 302"),
    _route("GET", "join/claimed/<str:token>/qr.svg", "302 404 200 200 200 404 404 302"),
    _route("GET", "join/claimed/<str:token>/qr.png", "302 404 200 200 200 404 404 302"),
]

# The desks send strangers to their login, and answer a foreign thing like a missing one: back to the start.
_AWAY = "302"
_EVERY_MEMBER = "302 302 200 200 200 200 302 302"
_EVERY_ARRANGER = "302 302 200 200 403 200 302 302"
_NO_MEMBER = "302 302 403 403 403 403 302 302"
_MEMBERS_OF_LI = "302 302 200 200 200 302 302 302"
_ARRANGERS_OF_LI = "302 302 200 200 403 302 302 302"
_OWNERS = "302 302 200 403 403 200 302 302"
_OWNER_OF_LI = "302 302 200 403 403 302 302 302"
_OPERATOR = "302 302 302 302 302 302 200 302"
_NO_OPERATOR = "302 302 302 302 302 302 403 302"


def _records(
    model: str, *, everything: str, add: str, one: str, delete: str, change: str = "", history: str = ""
) -> list[Route]:
    """The routes of one kind of record at a desk: the list, a new one, and Li's own."""
    one_of_li = f"{model}/<path:object_id>"
    return [
        _route("GET", f"{model}/", everything),
        _route("GET", f"{model}/add/", add),
        _route("GET", f"{one_of_li}/history/", history or one),
        _route("GET", f"{one_of_li}/delete/", delete),
        _route("GET", f"{one_of_li}/change/", change or one),
        # The address without an action leads on to the change page.
        _route("GET", f"{one_of_li}/", _AWAY),
    ]


_LI_METER = "admin/meters/meter/<path:object_id>"

LANDLORDS_DESK = [
    _route("GET", "admin/", _EVERY_MEMBER),
    _route("GET", "admin/landlord/", _EVERY_MEMBER),
    _route("GET", "admin/phone/", _EVERY_MEMBER),
    _route("POST", "admin/language/", _AWAY),
    _route("GET", "admin/search/", _EVERY_MEMBER),
    # Who is in already goes home.
    _route("GET", "admin/login/", "200 200 302 302 302 302 200 200"),
    _route("GET", "admin/logout/", "302 302 405 405 405 405 302 302"),
    _route("GET", "admin/password_change/", _EVERY_MEMBER),
    _route("GET", "admin/password_change/done/", _EVERY_MEMBER),
    _route("GET", "admin/autocomplete/", _NO_MEMBER),
    _route("GET", "admin/jsi18n/", _EVERY_MEMBER),
    _route("GET", "admin/r/<path:content_type_id>/<path:object_id>/", "302 302 404 404 404 404 302 302"),
    _route("GET", "admin/^(?P<app_label>meters|income|readings|tariffs|accounts|alerts)/$", _AWAY),
    # Leads to the inbox, whose button marks.
    _route("GET", "admin/alerts/alert/<path:object_id>/handled/", "302 302 302 302 403 302 302 302"),
    _route("GET", f"{_LI_METER}/live/", _MEMBERS_OF_LI),
    # Leads back to the payment's page, whose form says it.
    _route("GET", "admin/income/payment/<path:object_id>/fapiao/", "302 302 302 302 403 302 302 302"),
    # Leads back to the bill's page, whose form says what was done.
    _route(
        "GET",
        "admin/income/billday/<path:object_id>/settle/<uuid:difference_id>/",
        "302 302 302 302 403 302 302 302",
    ),
    # Nothing of a payment that was never paid can go back: its page says so.
    *(
        _route("GET", f"admin/income/payment/<path:object_id>/{act}/", "302 302 302 302 403 302 302 302")
        for act in ("refund", "refund-again", "refund-by-hand", "refund-withdraw", "credit")
    ),
    # Leads back to the meter's page, whose button asks.
    _route("GET", f"{_LI_METER}/read/", "302 302 302 302 403 302 302 302"),
    *(
        _route("GET", f"{_LI_METER}/{act}/", _ARRANGERS_OF_LI)
        for act in ("recharge", "power-on", "power-off", "price", "lease", "settings")
    ),
    *(
        _route("GET", f"{_LI_METER}/{act}/", _ARRANGERS_OF_LI)
        for act in ("keep-power", "release-keep", "lamp-on", "lamp-off", "clock", "account")
    ),
    # The owner's alone.
    *(
        _route("GET", f"{_LI_METER}/{act}/", "302 302 200 403 403 302 302 302")
        for act in ("energy-reset", "purse")
    ),
    *(
        _route("GET", f"admin/meters/lease/<path:object_id>/{act}/", _ARRANGERS_OF_LI)
        for act in ("end", "hand-back")
    ),
    *(
        route
        for name in (
            "meters/meter",
            "readings/reading",
            "meters/command",
            "tariffs/price",
            "meters/lease",
            "alerts/alert",
        )
        for route in _records(
            f"admin/{name}", everything=_EVERY_MEMBER, add=_NO_MEMBER, one=_MEMBERS_OF_LI, delete=_NO_MEMBER
        )
    ),
    *(
        route
        for name in (
            "income/recharge",
            "income/payment",
            "income/settlement",
            "income/billday",
            "accounts/auditline",
        )
        for route in _records(
            f"admin/{name}",
            everything=_EVERY_ARRANGER,
            add=_NO_MEMBER,
            one=_ARRANGERS_OF_LI,
            delete=_NO_MEMBER,
        )
    ),
    *_records(
        "admin/income/collectionaccount",
        everything=_OWNERS,
        add=_NO_MEMBER,
        one=_OWNER_OF_LI,
        delete=_NO_MEMBER,
    ),
    _route("GET", "admin/income/collectionaccount/set-up/", _OWNERS),
    _route("GET", "admin/income/collectionaccount/set-up/<slug:strategy>/<slug:channel>/", _OWNERS),
    # Leads back to the account's page, whose button asks.
    _route(
        "GET",
        "admin/income/collectionaccount/<path:object_id>/check/",
        "302 302 302 403 403 302 302 302",
    ),
    *(
        _route("GET", f"admin/income/collectionaccount/<path:object_id>/{act}/", _OWNER_OF_LI)
        for act in ("name", "close")
    ),
    *(
        route
        for name in ("meters/site", "meters/room")
        for route in _records(
            f"admin/{name}",
            everything=_EVERY_MEMBER,
            add=_EVERY_ARRANGER,
            one=_MEMBERS_OF_LI,
            delete=_NO_MEMBER,
        )
    ),
]

OPERATORS_DESK = [
    _route("GET", "ops/", _OPERATOR),
    _route("GET", "ops/income/collectionaccount/for/<uuid:landlord_id>/set-up/", _OPERATOR),
    _route(
        "GET",
        "ops/income/collectionaccount/for/<uuid:landlord_id>/set-up/<slug:strategy>/<slug:channel>/",
        _OPERATOR,
    ),
    _route("GET", "ops/income/collectionaccount/<path:object_id>/check/", _AWAY),
    *(
        _route("GET", f"ops/income/collectionaccount/<path:object_id>/{act}/", _OPERATOR)
        for act in ("name", "close", "acknowledge")
    ),
    _route("GET", "ops/queues/", _OPERATOR),
    _route("GET", "ops/proofs/", _OPERATOR),
    _route("GET", "ops/runbook/", _OPERATOR),
    _route("GET", "ops/meters/meter/<path:object_id>/ways/", _OPERATOR),
    *(
        _route("GET", f"ops/meters/meter/<path:object_id>/ways/{way}/", _OPERATOR)
        for way in ("adopt", "resend", "import", "epoch")
    ),
    # The landlord makes fapiaos, nobody for her.
    _route("GET", "ops/income/payment/<path:object_id>/fapiao/", _NO_OPERATOR),
    _route("GET", "ops/income/billday/<path:object_id>/settle/<uuid:difference_id>/", _NO_OPERATOR),
    *(
        _route("GET", f"ops/income/payment/<path:object_id>/{act}/", _NO_OPERATOR)
        for act in ("refund", "refund-again", "refund-by-hand", "refund-withdraw")
    ),
    _route("GET", "ops/income/payment/<path:object_id>/credit/", _AWAY),
    _route("GET", "ops/meters/stockedmeter/import/", _OPERATOR),
    _route("POST", "ops/language/", _AWAY),
    _route("GET", "ops/search/", _OPERATOR),
    _route("GET", "ops/login/", "200 200 200 200 200 200 302 200"),
    _route("GET", "ops/logout/", "302 302 302 302 302 302 405 302"),
    _route("GET", "ops/password_change/", _OPERATOR),
    _route("GET", "ops/password_change/done/", _OPERATOR),
    _route("GET", "ops/autocomplete/", _NO_OPERATOR),
    _route("GET", "ops/jsi18n/", _OPERATOR),
    _route("GET", "ops/r/<path:content_type_id>/<path:object_id>/", "302 302 302 302 302 302 404 302"),
    _route("GET", "ops/^(?P<app_label>meters|accounts|django_celery_beat|income)/$", _AWAY),
    *(
        route
        for name in (
            "meters/gateway",
            "meters/presence",
            "meters/command",
            "meters/letter",
            "meters/meter",
            "income/payment",
            "income/collectionaccount",
            "income/billday",
            "accounts/auditline",
            "accounts/landlord",
            "accounts/user",
            "accounts/member",
        )
        for route in _records(
            f"ops/{name}", everything=_OPERATOR, add=_NO_OPERATOR, one=_OPERATOR, delete=_NO_OPERATOR
        )
    ),
    *_records(
        "ops/meters/stockedmeter", everything=_OPERATOR, add=_OPERATOR, one=_OPERATOR, delete=_NO_OPERATOR
    ),
    *(
        route
        for name in ("periodictask", "intervalschedule", "crontabschedule")
        for route in _records(
            f"ops/django_celery_beat/{name}",
            everything=_OPERATOR,
            add=_OPERATOR,
            one=_OPERATOR,
            delete=_OPERATOR,
        )
    ),
]

DESKS = [*LANDLORDS_DESK, *OPERATORS_DESK]

ROUTES = [*REST, *PLATFORMS, *OPERATIONS, *PAGE, *JOIN, *DESKS]
