"""Codes sent to phones, a new landlord's account, a new password, another phone.

No scope is open in any of these: a message leaves the house, and wrong tries must outlast their refusal.
"""

from datetime import timedelta
from typing import Any

from django.contrib.auth import update_session_auth_hash
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import codes, messaging, passwords, phones, services, tries
from apps.accounts.api import serializers as s
from apps.accounts.api.views import caller, logged_in, parsed
from apps.accounts.models import AccessToken
from apps.common.addresses import address_of
from apps.common.errors import Refused
from apps.common.openapi import documented
from apps.common.scoping import own_scopes

# One address may be a whole campus behind one router; it may not be a machine that calls up a city.
CODES_PER_ADDRESS, COUNTED_FOR = 60, timedelta(hours=1)


class MessageNotSent(Refused):
    code = "message_not_sent"
    status = 503
    detail = _("The message could not be sent just now; please try again in a moment.")


@own_scopes
class CodesView(APIView):
    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    @documented(
        "Send a code to a phone; the answer is the same for every phone",
        name="send_code",
        takes=s.CodeIn,
        status=204,
        refuses=(400, 429, 503),
        of_landlord=False,
    )
    def post(self, request: Request) -> Response:
        given, now = parsed(s.CodeIn, request), timezone.now()
        who = address_of(request)
        tries.take_or_refuse("codes", who, most=CODES_PER_ADDRESS, within=COUNTED_FOR, now=now)
        try:
            codes.send_code(phone=given["phone"], now=now)
        except messaging.MessageNotSent:
            raise MessageNotSent() from None
        return Response(status=204)


@own_scopes
class RegisterView(APIView):
    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    @documented(
        "Open a landlord's account with the code sent to her phone",
        name="register",
        takes=s.RegisterIn,
        gives=s.LoggedInOut,
        status=201,
        refuses=(400, 422),
        of_landlord=False,
    )
    def post(self, request: Request) -> Response:
        given = parsed(s.RegisterIn, request)
        user, _landlord = services.register_landlord(**given, now=timezone.now())
        return logged_in(user, status=201)


@own_scopes
class PasswordView(APIView):
    permission_classes = [IsAuthenticated]

    @documented(
        "Change my password; everywhere else I am logged out",
        name="change_password",
        takes=s.PasswordIn,
        status=204,
        refuses=(400, 401, 409, 422, 429),
        of_landlord=False,
    )
    def post(self, request: Request) -> Response:
        given, token = parsed(s.PasswordIn, request), request.auth
        kept = token.pk if isinstance(token, AccessToken) else None
        old, code, new = given["old_password"], given["code"], given["new_password"]
        user, now = caller(request), timezone.now()
        user = passwords.change_password(user=user, old=old, code=code, new=new, keep_token_id=kept, now=now)
        if kept is None:
            update_session_auth_hash(request._request, user)
        return Response(status=204)


@own_scopes
class PhoneView(APIView):
    permission_classes = [IsAuthenticated]

    @documented(
        "Change my phone with a code to the old one and one to the new one; in force 24 hours later",
        name="change_phone",
        takes=s.PhoneChangeIn,
        gives=s.PhoneChangeOut,
        status=202,
        refuses=(400, 401, 422, 429),
        of_landlord=False,
    )
    def post(self, request: Request) -> Response:
        given = parsed(s.PhoneChangeIn, request)
        change = phones.ask_change(user=caller(request), **given, now=timezone.now())
        return Response(s.PhoneChangeOut(change).data, status=202)

    @documented(
        "Call off the change of my phone that waits; may run twice",
        name="call_off_phone",
        status=204,
        refuses=(401,),
        of_landlord=False,
    )
    def delete(self, request: Request) -> Response:
        phones.call_off(user=caller(request), now=timezone.now())
        return Response(status=204)
