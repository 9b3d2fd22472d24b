"""What every documented operation shares: its errors with their codes, and its headers."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers

V = TypeVar("V")

# Every `code` an error may carry, with its status. A client may rely on them; a test finds one that is missing.
ERROR_CODES: dict[str, int] = {
    "invalid": 400,
    "parse_error": 400,
    "amount_invalid": 400,
    "card_invalid": 400,
    "amount_or_energy": 422,
    "below_minimum": 400,
    "code_refused": 400,
    "confirm_mismatch": 422,
    "credentials_invalid": 400,
    "energy_missing": 422,
    "energy_step": 422,
    "fapiao_invalid": 422,
    "fields_missing": 422,
    "kind_invalid": 422,
    "model_cannot": 422,
    "lease_end_invalid": 422,
    "name_missing": 422,
    "password_reused": 422,
    "password_weak": 422,
    "password_wrong": 400,
    "landlord_required": 400,
    "payee_name_missing": 400,
    "phone_invalid": 400,
    "phone_missing": 422,
    "phone_same": 422,
    "phone_taken": 422,
    "price_invalid": 400,
    "price_starts_in_the_past": 422,
    "grace_invalid": 400,
    "reason_missing": 400,
    "refused": 422,
    "room_missing": 422,
    "serial_invalid": 422,
    "setting_invalid": 422,
    "authentication_failed": 401,
    "login_refused": 401,
    "not_authenticated": 401,
    "platform_code_refused": 401,
    "token_ended": 401,
    "forbidden": 403,
    "not_a_member": 403,
    "permission_denied": 403,
    "role_may_not": 403,
    "sites_limited": 403,
    "not_found": 404,
    "claim_refused": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "already_paid": 409,
    "already_settled": 409,
    "day_not_over": 409,
    "device_claimed": 409,
    "channel_missing": 409,
    "account_broken": 409,
    "account_not_open": 409,
    "account_open": 409,
    "conflict": 409,
    "credits_frozen": 409,
    "energy_delivered": 409,
    "energy_on_its_way": 409,
    "in_review": 409,
    "last_owner": 409,
    "lease_missing": 409,
    "lease_overlaps": 409,
    "lease_runs": 409,
    "member_exists": 409,
    "meter_in_use": 409,
    "fapiao_issued": 409,
    "meter_taken": 409,
    "no_bluetooth": 409,
    "not_acknowledgeable": 409,
    "not_halted": 409,
    "not_in_review": 409,
    "not_paid": 409,
    "not_set_aside": 409,
    "not_proved": 409,
    "refund_under_way": 409,
    "some_went_back": 409,
    "too_many_refunds": 409,
    "nothing_left": 409,
    "nothing_to_carry": 409,
    "order_in_flight": 409,
    "owner_sees_all_sites": 422,
    "platform_refused": 409,
    "phone_used": 409,
    "power_kept": 409,
    "protected_hours": 409,
    "queue_frozen": 409,
    "frames_outstanding": 409,
    "grace_left": 409,
    "grace_not_owed": 409,
    "grace_open": 409,
    "reset_under_way": 409,
    "price_exists": 409,
    "price_missing": 409,
    "room_exists": 409,
    "share_taken": 409,
    "site_exists": 409,
    "strategy_missing": 409,
    "way_closed": 409,
    "zero_balance": 409,
    "gone": 410,
    "meter_archived": 410,
    "share_gone": 410,
    "not_waiting": 409,
    "too_large": 413,
    "unsupported_media_type": 415,
    "idempotency_mismatch": 422,
    "claim_blocked": 429,
    "throttled": 429,
    "too_many_codes": 429,
    "too_many_tries": 429,
    "internal": 500,
    "away": 503,
    "code_not_sent": 503,
    "login_unavailable": 503,
    "message_not_sent": 503,
    "platform_busy": 503,
}


class ErrorOut(serializers.Serializer):
    """The one shape of a refusal. `fields` maps a field of the request to what is wrong with it."""

    type = serializers.CharField(help_text="Where this code is described.")
    code = serializers.ChoiceField(choices=[(code, str(status)) for code, status in ERROR_CODES.items()])
    detail = serializers.CharField(help_text="A sentence in the caller's language.")
    fields = serializers.DictField(child=serializers.CharField(), required=False)  # type: ignore[assignment]


_LANDLORD = OpenApiParameter(
    "X-Landlord",
    str,
    OpenApiParameter.HEADER,
    description="Which landlord, for a member of several.",
)
_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Same key and body: done once, same answer. Same key, other body: 422.",
)
_FORMAT = OpenApiParameter(
    "format",
    str,
    enum=["json", "csv"],
    description="csv: every line the filters leave, as a UTF-8 file; formulas are marked as text.",
)
_MEANING = {
    400: "The request cannot be understood; `fields` says where.",
    401: "Not logged in, or the token has ended.",
    403: "Logged in, but this is not for you.",
    404: "There is no such thing, or it is not yours.",
    409: "The thing is in no state for this.",
    410: "It was there once.",
    413: "More than anybody could have to say.",
    415: "The body is not `application/json`.",
    422: "Understood, but refused.",
    429: "Too soon; `Retry-After` says when.",
    503: "The database, or another service, is away; `Retry-After` says when to try again.",
}


def documented(
    summary: str,
    *,
    name: str,
    takes: Any = None,
    gives: Any = None,
    status: int = 200,
    media_type: str = "application/json",
    refuses: Iterable[int] = (401, 403, 404),
    parameters: Iterable[OpenApiParameter] = (),
    of_landlord: bool = True,
    has_key: bool = False,
    has_csv: bool = False,
) -> Callable[[Any], Any]:
    """Describe one operation for the schema.

    :param name: the operation's id, what a generated client calls it.
    :param of_landlord: a member's operation, which takes X-Landlord.
    :param has_key: whether it takes an Idempotency-Key.
    :param has_csv: whether `?format=csv` streams the same lines as a file.
    """
    shared = ((_LANDLORD, of_landlord), (_KEY, has_key), (_FORMAT, has_csv))
    headers = [parameter for parameter, wanted in shared if wanted]
    answer = gives or OpenApiResponse(description="Done.")
    file = {(status, "text/csv"): OpenApiTypes.STR} if has_csv else {}
    return extend_schema(
        operation_id=name,
        summary=summary,
        request=takes,
        parameters=[*headers, *parameters],
        responses={
            (status, media_type): answer,
            **file,
            **{
                code: OpenApiResponse(ErrorOut, description=_MEANING[code])
                for code in sorted({*refuses, 503, *((415,) if takes else ())})
            },
        },
    )


def documented_get(summary: str, **said: Any) -> Callable[[type[V]], type[V]]:
    """Describe in the same way the GET that a view inherits."""
    return extend_schema_view(get=documented(summary, **said))
