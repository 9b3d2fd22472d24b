"""Which adapter speaks for a merchant account."""

import json
from functools import lru_cache
from typing import Any

from apps.income.platforms.base import Platform


def platform_for(channel: str, credentials: dict[str, Any], *, base_url: str | None = None) -> Platform:
    """Return the adapter of one merchant account; equal credentials give the same object.

    Reading and checking keys takes about a tenth of a second, so adapters are kept.

    :param channel: `wechat` or `alipay`.
    :param credentials: decrypted; `platforms/wechat.py` and `platforms/alipay.py` name the fields.
    :param base_url: None is the platform itself; a sandbox's address otherwise.
    :raises CredentialsInvalid: naming the field that cannot be used.
    :raises ValueError: for a channel nobody adapted.
    """
    return _kept(channel, json.dumps(credentials, sort_keys=True), base_url)


@lru_cache(maxsize=256)
def _kept(channel: str, credentials: str, base_url: str | None) -> Platform:
    # Each SDK takes a third of a second to import; a process pays only for the channels it uses.
    if channel == "wechat":
        from apps.income.platforms.wechat import WeChatPlatform

        return WeChatPlatform(json.loads(credentials), base_url=base_url)
    if channel == "alipay":
        from apps.income.platforms.alipay import AlipayPlatform

        return AlipayPlatform(json.loads(credentials), base_url=base_url)
    raise ValueError(f"no adapter for channel {channel!r}")
