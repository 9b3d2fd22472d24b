"""A landlord's collection accounts: set up, proved by the platform, never shown in clear again.

Writing takes the caller's password in the body once more. No Idempotency-Key: nothing of such a request is kept.
"""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.views import caller, parsed
from apps.accounts.passwords import ask_again
from apps.accounts.roles import Act
from apps.common.openapi import documented
from apps.common.scoping import landlord_scope, own_scopes
from apps.income.models import CollectionAccount
from apps.income.services import account_checks, accounts
from apps.income.states import Channel, CheckState
from apps.income.strategies import Strategy
from apps.landing.account_words import check_said, next_step
from apps.landing.api.serializers import CHANNELS

_ONLINE = [strategy.value for strategy in Strategy if strategy is not Strategy.S0]
_REFUSES = (400, 401, 403, 404, 409, 429)


class AccountIn(serializers.Serializer):
    """`credentials` by strategy and channel; `docs/collection_accounts.md` names the fields."""

    channel = serializers.ChoiceField(choices=CHANNELS)
    strategy = serializers.ChoiceField(
        choices=_ONLINE,
        default="S1",
        error_messages={
            "invalid_choice": _("Choose S1, S2 or S3. A payment is never shared, and cash needs no account.")
        },
    )
    credentials = serializers.DictField(child=serializers.CharField(max_length=20_000), write_only=True)
    payee_name = serializers.CharField(max_length=60, required=False, default="", write_only=True)
    contact_phone = serializers.CharField(max_length=20, required=False, default="")
    password = serializers.CharField(max_length=128, write_only=True)


class AccountPatchIn(serializers.Serializer):
    """The name of the same payee, or `is_active: false`. Other keys or another account are a new account."""

    payee_name = serializers.CharField(max_length=60, required=False, write_only=True)
    is_active = serializers.BooleanField(required=False)
    password = serializers.CharField(max_length=128, write_only=True)

    def validate_is_active(self, wanted: bool) -> bool:
        if wanted:
            raise serializers.ValidationError(
                _("An account comes into force by itself once it has been verified.")
            )
        return wanted


class AccountOut(serializers.ModelSerializer):
    """What may be shown of an account: no key, no name, no number in clear."""

    channel = serializers.ChoiceField(choices=CHANNELS)
    strategy = serializers.ChoiceField(choices=_ONLINE)
    merchant = serializers.CharField(source="masked_merchant", help_text="The last four characters.")
    payee_name = serializers.CharField(source="masked_payee_name", help_text="The family name only.")
    funds_direct = serializers.BooleanField(
        source="can.funds_direct", help_text="false: the operator collects and transfers."
    )
    check_state = serializers.ChoiceField(choices=[(state.value, state.name) for state in CheckState])
    check_said = serializers.SerializerMethodField()
    next_step = serializers.SerializerMethodField()

    class Meta:
        model = CollectionAccount
        fields = [
            "id",
            "channel",
            "strategy",
            "merchant",
            "payee_name",
            "funds_direct",
            "is_active",
            "check_state",
            "check_said",
            "checked_at",
            "next_step",
            "fee_rate",
            "certificate_ends_at",
            "opened_at",
        ]

    def get_check_said(self, account: CollectionAccount) -> str:
        return check_said(account)

    def get_next_step(self, account: CollectionAccount) -> str:
        return next_step(account)


def _landlord_id(request: Request) -> UUID:
    http: Any = request._request
    found: UUID = http.membership.landlord_id
    return found


@own_scopes
class CollectionAccountsView(ListAPIView):
    acts = {"GET": Act.GOVERN, "POST": Act.GOVERN}
    queryset = CollectionAccount.objects.all()
    serializer_class = AccountOut
    filter_backends: list[Any] = []

    def get_queryset(self) -> QuerySet[CollectionAccount]:
        return CollectionAccount.objects.order_by("-id")

    @documented(
        "Collection accounts, newest first; none in force means S0, cash by hand",
        name="collection_accounts",
        gives=AccountOut(many=True),
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with landlord_scope(_landlord_id(request)):
            return super().get(request, *args, **kwargs)

    @documented(
        "Set up an account; it takes payments once its platform has proved it",
        name="propose_collection_account",
        takes=AccountIn,
        gives=AccountOut,
        status=202,
        refuses=_REFUSES,
    )
    def post(self, request: Request) -> Response:
        given, now = parsed(AccountIn, request), timezone.now()
        ask_again(user=caller(request), password=given["password"], now=now)
        wish = accounts.Wish(
            channel=Channel(given["channel"]),
            strategy=Strategy(given["strategy"]),
            fields=given["credentials"],
            payee_name=given["payee_name"],
            contact_phone=given["contact_phone"],
        )
        with landlord_scope(_landlord_id(request)):
            account = accounts.propose_account(wish=wish, by_id=caller(request).pk, now=now)
            return Response(AccountOut(account).data, status=202)


@own_scopes
class CollectionAccountView(APIView):
    acts = {"GET": Act.GOVERN, "PATCH": Act.GOVERN}

    @documented("One account, with how its check stands", name="collection_account", gives=AccountOut)
    def get(self, request: Request, collection_account_id: UUID) -> Response:
        with landlord_scope(_landlord_id(request)):
            return Response(AccountOut(accounts.account_of(collection_account_id)).data)

    @documented(
        "Correct the payee's name, or take no more orders through this account",
        name="change_collection_account",
        takes=AccountPatchIn,
        gives=AccountOut,
        refuses=_REFUSES,
    )
    def patch(self, request: Request, collection_account_id: UUID) -> Response:
        given, now, user = parsed(AccountPatchIn, request), timezone.now(), caller(request)
        with landlord_scope(_landlord_id(request)):
            account = accounts.account_of(collection_account_id)
        ask_again(user=user, password=given["password"], now=now)
        with landlord_scope(_landlord_id(request)):
            if "payee_name" in given:
                account = accounts.correct_payee_name(
                    account_id=collection_account_id, name=given["payee_name"], by_id=user.pk, now=now
                )
            if given.get("is_active") is False:
                account = accounts.close_account(account_id=collection_account_id, by_id=user.pk, now=now)
            return Response(AccountOut(account).data)


@own_scopes
class VerifyAccountView(APIView):
    acts = {"POST": Act.GOVERN}

    @documented(
        "Have the platform asked again whether the keys are right",
        name="verify_collection_account",
        gives=AccountOut,
        status=202,
        refuses=(401, 403, 404),
    )
    def post(self, request: Request, collection_account_id: UUID) -> Response:
        with landlord_scope(_landlord_id(request)):
            account = account_checks.ask_check(
                account_id=collection_account_id, by_id=caller(request).pk, now=timezone.now()
            )
            return Response(AccountOut(account).data, status=202)
