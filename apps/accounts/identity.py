"""Who holds the phone, as WeChat or Alipay knows them: a code from the phone becomes the payer's id.

An id belongs to one app: store it together with the app's id. Every code is good for one exchange. Secrets
and session keys stay here; nothing of them is returned, raised or logged.
"""

import re
from collections.abc import Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import requests
from wechatpy import WeChatClient, WeChatOAuth
from wechatpy.exceptions import WeChatException

from apps.common.alipay_gateway import AlipayGateway
from apps.common.outside import outside_call
from apps.common.platforms import (
    TIMEOUT_S,
    PlatformAnswerInvalid,
    PlatformRefused,
    PlatformUnreachable,
    credential,
)

WECHAT_API = "https://api.weixin.qq.com"
WECHAT_OPEN = "https://open.weixin.qq.com"
ALIPAY_AUTH = "https://openauth.alipay.com"

_STATE = re.compile(r"[0-9A-Za-z_-]{1,128}")
_PAYER_ID = re.compile(r"[0-9A-Za-z_-]{6,128}")
_WECHAT_IS_BUSY = -1


class _OAuth(WeChatOAuth):
    """The SDK's exchange with a timeout; it has none of its own and would wait for ever."""

    def _request(self, method: str, url_or_endpoint: str, **kwargs: Any) -> Any:
        return super()._request(method, url_or_endpoint, timeout=TIMEOUT_S, **kwargs)


class _MiniProgram(WeChatClient):
    """The SDK's client without its access token.

    `code_to_session` needs none, yet the client would fetch one first, from an address that cannot be
    changed. A parameter that is None is not sent.
    """

    access_token = None


def wechat_authorize_url(
    app: Mapping[str, str], redirect_uri: str, state: str, *, base_url: str | None = None
) -> str:
    """Return where WeChat's browser is sent for a code (`snsapi_base`: silent, the openid only).

    :param app: `appid` and `app_secret` of the service account.
    :param state: bound to the visitor's session by the caller, who must compare it on return.
    :raises ValueError: if `state` holds anything that would need escaping; WeChat takes it as it is.
    """
    oauth = _oauth(app, base_url)
    oauth.redirect_uri, oauth.state = redirect_uri, _checked_state(state)
    return str(oauth.authorize_url)


def wechat_openid(
    code: str, app: Mapping[str, str], *, mini_program: bool = False, base_url: str | None = None
) -> str:
    """Return the openid for a code from WeChat's browser or, with `mini_program`, from `wx.login`.

    :param app: `appid` and `app_secret` of exactly the app the code was made for.
    :raises PlatformRefused: WeChat does not accept the code (40029 invalid, 40163 used); ask the phone again.
    :raises PlatformUnreachable: nobody answered; the code may be used up.
    :raises OutsideCallInScope: inside a landlord's scope.
    """
    with outside_call("wechat"):
        try:
            answer = _session(code, app, base_url) if mini_program else _token(code, app, base_url)
        except WeChatException as refusal:
            # The exception carries the request, and the request carries the secret.
            raise _as_ours(refusal) from None
        except requests.RequestException as error:
            raise PlatformUnreachable(f"wechat: {type(error).__name__}") from None
        except (ValueError, KeyError, TypeError):
            raise PlatformAnswerInvalid("NOT_READABLE", "not the JSON that was asked for") from None
    return _payer_id(answer, "openid")


def alipay_authorize_url(app_id: str, redirect_uri: str, state: str, *, base_url: str | None = None) -> str:
    """Return where Alipay's browser is sent for an auth_code (`auth_base`: silent, the open_id only).

    :raises ValueError: as `wechat_authorize_url`.
    """
    query = {
        "app_id": app_id,
        "scope": "auth_base",
        "redirect_uri": redirect_uri,
        "state": _checked_state(state),
    }
    return f"{(base_url or ALIPAY_AUTH).rstrip('/')}/oauth2/publicAppAuthorize.htm?{urlencode(query)}"


def alipay_open_id(auth_code: str, credentials: dict[str, Any], *, base_url: str | None = None) -> str:
    """Return the open_id (for an older app the user_id) for an auth_code, from H5 or a mini-program alike.

    :param credentials: of the app the code was made for; see `AlipayGateway`.
    :raises PlatformRefused, PlatformUnreachable: as `wechat_openid`.
    """
    gateway = AlipayGateway(credentials, base_url=base_url)
    answer = gateway.ask("alipay.system.oauth.token", grant_type="authorization_code", code=auth_code)
    return _payer_id(answer, "open_id" if answer.get("open_id") else "user_id")


def _oauth(app: Mapping[str, str], base_url: str | None) -> _OAuth:
    oauth = _OAuth(credential(dict(app), "appid"), credential(dict(app), "app_secret"), "")
    oauth.API_BASE_URL = f"{(base_url or WECHAT_API).rstrip('/')}/"
    oauth.OAUTH_BASE_URL = f"{(base_url or WECHAT_OPEN).rstrip('/')}/connect/"
    return oauth


def _token(code: str, app: Mapping[str, str], base_url: str | None) -> Any:
    oauth = _oauth(app, base_url)
    with closing(oauth._http):
        return oauth.fetch_access_token(code)


def _session(code: str, app: Mapping[str, str], base_url: str | None) -> Any:
    client = _MiniProgram(
        credential(dict(app), "appid"),
        credential(dict(app), "app_secret"),
        timeout=TIMEOUT_S,
        auto_retry=False,
    )
    # Each client has a `wxa` of its own, so this address is nobody else's.
    client.wxa.API_BASE_URL = f"{(base_url or WECHAT_API).rstrip('/')}/"
    with closing(client._http):
        return client.wxa.code_to_session(code)


def _as_ours(refusal: WeChatException) -> Exception:
    if refusal.errcode is None or refusal.errcode == _WECHAT_IS_BUSY:
        return PlatformUnreachable("wechat failed or is busy")
    return PlatformRefused(str(refusal.errcode), str(refusal.errmsg))


def _checked_state(state: str) -> str:
    if not _STATE.fullmatch(state):
        raise ValueError("state is 1 to 128 of 0-9 A-Z a-z _ -")
    return state


def _payer_id(answer: Any, name: str) -> str:
    payer_id = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(payer_id, str) or not _PAYER_ID.fullmatch(payer_id):
        raise PlatformAnswerInvalid("NOT_READABLE", f"no {name} in the answer")
    return payer_id
