"""Every route of the two desks, and what each kind of person gets there; the rest stand in tests/routes.py."""

from tests.route import Route
from tests.route import route as _route

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
    _route("GET", "admin/settings/", _OWNERS),
    _route("GET", "admin/members/", _OWNERS),
    _route("GET", "admin/members/add/", _OWNERS),
    _route("GET", "admin/members/<uuid:member_id>/", "302 302 200 403 403 302 302 302"),
    # Leads back to the member's page, whose button removes.
    _route("GET", "admin/members/<uuid:member_id>/remove/", "302 302 302 403 403 302 302 302"),
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
    # To a card that is typed: the owner's alone.
    _route("GET", "admin/income/payment/<path:object_id>/refund-finish/", "302 302 302 403 403 302 302 302"),
    # Leads back to the meter's page, whose button asks.
    _route("GET", f"{_LI_METER}/read/", "302 302 302 302 403 302 302 302"),
    _route("GET", f"{_LI_METER}/grace-withdraw/", "302 302 302 302 403 302 302 302"),
    # Leads back to the links, whose buttons end one each.
    _route("GET", f"{_LI_METER}/unshare/", "302 302 302 302 403 302 302 302"),
    *(
        _route("GET", f"{_LI_METER}/{act}/", _ARRANGERS_OF_LI)
        for act in (
            "recharge",
            "power-on",
            "power-off",
            "price",
            "lease",
            "settings",
            "share",
            "remove",
            "grace",
        )
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
        for act in ("end", "hand-back", "grace")
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
        for act in ("refund", "refund-again", "refund-by-hand", "refund-withdraw", "refund-finish")
    ),
    _route("GET", "ops/income/payment/<path:object_id>/credit/", _AWAY),
    _route("GET", "ops/meters/stockedmeter/import/", _OPERATOR),
    _route("GET", "ops/meters/stockedmeter/<path:object_id>/bar/", _OPERATOR),
    _route("GET", "ops/meters/stockedmeter/<path:object_id>/allow/", _AWAY),
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
