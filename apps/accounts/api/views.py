"""Log in and out; "My"; the landlord's own settings."""

from contextlib import AbstractContextManager
from typing import Any

from django.contrib.auth import logout
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.exceptions import NotAuthenticated
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from apps.accounts import changes, logins, phones, selectors, services
from apps.accounts.api import serializers as s
from apps.accounts.api.idempotency import idempotent
from apps.accounts.models import AccessToken, Landlord, Renter, User
from apps.accounts.roles import Act
from apps.common.addresses import address_of
from apps.common.api import NewestFirst
from apps.common.openapi import documented, documented_get
from apps.common.scoping import own_scopes


def parsed(serializer_class: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return the body as the serializer understood it, or answer 400 naming the fields."""
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def caller(request: Request) -> User:
    """Return who asks; for views that let nobody in without a login."""
    user = request.user
    if not isinstance(user, User):
        raise NotAuthenticated
    return user


def scope_of_caller(request: Request) -> AbstractContextManager[None]:
    """Return the scope a member works in; for views that open it themselves."""
    http: Any = request._request
    return selectors.scope_of(http.membership)


def who(user: User) -> dict[str, Any]:
    """Return who this login is, for `MeOut`."""
    renter = Renter.objects.filter(user=user).first()
    return {
        "user": user,
        "memberships": selectors.memberships_of(user),
        "renter": renter,
        "phone_change": phones.open_change(user),
    }


def logged_in(user: User, status: int = 200) -> Response:
    """Return the answer to every login: a new token, and who one is."""
    token, row = services.issue_token(user=user, now=timezone.now())
    shown = {**who(user), "token": token, "expires_at": row.expires_at}
    return Response(s.LoggedInOut(shown).data, status=status)


@own_scopes
class LoginView(APIView):
    """An old token in the header does not stand in the way of a new one.

    No scope is open, because one that ends in a refusal would forget that there was a wrong try.
    """

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    @documented(
        "Log in with a phone and its password, or the code sent to it",
        name="login",
        takes=s.LoginIn,
        gives=s.LoggedInOut,
        refuses=(400, 401, 429),
        of_landlord=False,
    )
    def post(self, request: Request) -> Response:
        given, now = parsed(s.LoginIn, request), timezone.now()
        if "code" in given:
            return logged_in(logins.with_code(**given, now=now))
        return logged_in(logins.with_password(**given, address=address_of(request), now=now))


@own_scopes
class WeChatLoginView(LoginView):
    @documented(
        "Log in with a code from WeChat",
        name="login_with_wechat",
        takes=s.WeChatLoginIn,
        gives=s.LoggedInOut,
        refuses=(400, 401, 503),
        of_landlord=False,
    )
    def post(self, request: Request) -> Response:
        given = parsed(s.WeChatLoginIn, request)
        is_mini = given["app"] == "mini"
        return logged_in(logins.with_wechat(code=given["code"], mini_program=is_mini, now=timezone.now()))


@own_scopes
class AlipayLoginView(LoginView):
    @documented(
        "Log in with a code from Alipay",
        name="login_with_alipay",
        takes=s.AlipayLoginIn,
        gives=s.LoggedInOut,
        refuses=(400, 401, 503),
        of_landlord=False,
    )
    def post(self, request: Request) -> Response:
        given = parsed(s.AlipayLoginIn, request)
        return logged_in(logins.with_alipay(code=given["code"], now=timezone.now()))


class LogoutView(APIView):
    permission_classes = [IsAuthenticated]

    @documented("End this token", name="logout", status=204, refuses=(401,), of_landlord=False)
    def post(self, request: Request) -> Response:
        if isinstance(request.auth, AccessToken):
            services.revoke_token(token_id=request.auth.pk, now=timezone.now())
        else:
            logout(request._request)
        return Response(status=204)


class MeView(APIView):
    permission_classes = [IsAuthenticated]

    @documented("Who am I", name="me", gives=s.MeOut, refuses=(401,), of_landlord=False)
    def get(self, request: Request) -> Response:
        return Response(s.MeOut(who(caller(request))).data)

    @documented(
        "Change my name, or the language of messages to my phone",
        name="change_me",
        takes=s.MeIn,
        gives=s.MeOut,
        refuses=(400, 401),
        of_landlord=False,
    )
    def patch(self, request: Request) -> Response:
        user = changes.change_user(user=caller(request), **parsed(s.MeIn, request))
        return Response(s.MeOut(who(user)).data)


@documented_get(
    "Where I am logged in",
    name="my_sessions",
    gives=s.SessionOut(many=True),
    refuses=(401,),
    of_landlord=False,
)
class SessionsView(ListAPIView):
    """The living tokens of mine, newest first."""

    permission_classes = [IsAuthenticated]
    serializer_class = s.SessionOut
    pagination_class = NewestFirst
    queryset = AccessToken.objects.all()

    def get_queryset(self) -> QuerySet[AccessToken]:
        mine = super().get_queryset().filter(user=self.request.user)
        return mine.filter(revoked_at=None, expires_at__gt=timezone.now())


class LandlordView(APIView):
    acts = {"PATCH": Act.GOVERN}

    @documented("The landlord I work for", name="landlord", gives=s.LandlordOut, refuses=(401, 403))
    def get(self, request: Request) -> Response:
        return Response(s.LandlordOut(self._landlord(request)).data)

    @documented(
        "Change name, contact, minimum recharge, time zone, threshold or protected hours; the owner only",
        name="change_landlord",
        takes=s.LandlordIn,
        gives=s.LandlordOut,
        refuses=(400, 401, 403, 422),
        has_key=True,
    )
    @idempotent
    def patch(self, request: Request) -> Response:
        landlord = changes.change_landlord(
            landlord=self._landlord(request),
            by_id=caller(request).pk,
            now=timezone.now(),
            **parsed(s.LandlordIn, request),
        )
        return Response(s.LandlordOut(landlord).data)

    def _landlord(self, request: Request) -> Landlord:
        http: Any = request._request
        landlord: Landlord = http.membership.landlord
        return landlord
