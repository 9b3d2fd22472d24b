"""Log in with the phone in one's hand: a platform names the payer, and she gets a login of her own."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from apps.accounts import codes, identity, services, tries
from apps.accounts.models import User
from apps.common.errors import Refused
from apps.common.platforms import CredentialsInvalid, PlatformRefused, PlatformUnreachable

WRONG_PASSWORDS, COUNTED_FOR = 5, timedelta(minutes=15)


class LoginUnavailable(Refused):
    code = "login_unavailable"
    status = 503
    detail = _("This way of logging in is not set up here.")


class PlatformCodeRefused(Refused):
    code = "platform_code_refused"
    status = 401
    detail = _("The platform does not accept this code; ask the phone for a new one.")


class PlatformSilent(Refused):
    code = "platform_busy"
    status = 503
    detail = _("The platform does not answer just now; please try again in a moment.")


def with_password(*, phone: str, password: str, address: str, now: datetime) -> User:
    """Return the login of this phone and password. Never inside a scope, whose end would forget a wrong one.

    Five wrong ones of a phone from an address stop both for a quarter of an hour, also with the right one.

    :raises services.LoginRefused, tries.TooManyTries: and which of phone and password was wrong is never said.
    """
    who = f"{phone} from {address}"
    tries.take_or_refuse("login", who, most=WRONG_PASSWORDS, within=COUNTED_FOR, now=now)
    user = services.check_login(username=phone, password=password)
    tries.forgive("login", who)
    return user


def with_code(*, phone: str, code: str, now: datetime) -> User:
    """Return the login of a phone that a code has proved, made at its first visit. Never inside a scope.

    :raises codes.CodeRefused, codes.PhoneInvalid: as they say. :raises services.LoginRefused: if it was closed.
    """
    phone = codes.checked_phone(phone)
    codes.use_code(phone=phone, code=code, now=now)
    user = User.objects.filter(username=phone).first()
    if user is None:
        return services.create_user(username=phone, password=None, name="", now=now)
    if not user.is_active:
        raise services.LoginRefused()
    return user


def with_wechat(*, code: str, mini_program: bool, now: datetime) -> User:
    """Return the login behind a WeChat code, made at her first visit. Calls WeChat: never inside a scope.

    :raises PlatformCodeRefused, PlatformSilent, LoginUnavailable: and nothing was written.
    """
    app = wechat_app(mini_program=mini_program)
    open_id = _asked(
        lambda: identity.wechat_openid(code, app, mini_program=mini_program, base_url=_base_url())
    )
    return _user_behind("wechat", app["appid"], open_id, now)


def with_alipay(*, code: str, now: datetime) -> User:
    """Return the login behind an Alipay auth_code; as `with_wechat`."""
    app: dict[str, Any] = getattr(settings, "ALIPAY_APP", None) or {}
    if not app.get("app_id"):
        raise LoginUnavailable()
    open_id = _asked(lambda: identity.alipay_open_id(code, app, base_url=_base_url()))
    return _user_behind("alipay", app["app_id"], open_id, now)


def wechat_app(*, mini_program: bool) -> dict[str, str]:
    """Return the app that logs payers in; a mini-program has an id of its own, and openids differ by app.

    :raises LoginUnavailable: if it is not configured.
    """
    mini_program_id: str = getattr(settings, "WECHAT_MINI_APP_ID", "")
    if mini_program and mini_program_id:
        app = {"appid": mini_program_id, "app_secret": str(getattr(settings, "WECHAT_MINI_APP_SECRET", ""))}
    else:
        app = {"appid": settings.WECHAT_APP_ID, "app_secret": settings.WECHAT_APP_SECRET}
    if not all(app.values()):
        raise LoginUnavailable()
    return app


def _asked(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except PlatformRefused:
        raise PlatformCodeRefused() from None
    except PlatformUnreachable:
        raise PlatformSilent() from None
    except CredentialsInvalid:
        raise LoginUnavailable() from None


def _user_behind(channel: str, app_id: str, open_id: str, now: datetime) -> User:
    payer = services.know_payer(channel=channel, app_id=app_id, open_id=open_id)
    return services.user_of_payer(payer, now=now)


def _base_url() -> str | None:
    return settings.SANDBOX_URL or None
