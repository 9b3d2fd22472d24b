"""Every route of the product, and what each kind of person gets there when she asks for a thing of Li's.

tests/test_permissions.py asks them all, and fails for a route that is not here. Those of the desks stand in
tests/routes_of_desks.py.
"""

from tests.route import route as _route
from tests.routes_of_desks import LANDLORDS_DESK, OPERATORS_DESK

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
    _route("GET", f"{_METER}/graces", "401 403 200 200 403 404 403 401"),
    _route(
        "POST",
        "api/v1/graces/<uuid:grace_id>/end",
        "401 403 200 200 403 404 403 401",
        {"how": "forgiven", "reason": "moved out"},
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
    # Chen rents here; the landlord named nobody else's phone.
    _route("POST", "api/v1/q/<str:token>/accept", "401 200 409 409 409 409 409 401", {}),
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
    # Chen has the lease already; nobody else is named in it.
    _route("POST", "q/<str:token>/live-here", "403 302 403 403 403 403 403 403", {}),
    _route("GET", "my/", "302 200 200 200 200 200 200 302"),
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

DESKS = [*LANDLORDS_DESK, *OPERATORS_DESK]

ROUTES = [*REST, *PLATFORMS, *OPERATIONS, *PAGE, *JOIN, *DESKS]
