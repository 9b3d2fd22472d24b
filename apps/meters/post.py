"""Letters to the gateways: JSON on one Valkey stream per gateway start. A lost letter is nobody's tragedy."""

import json
import logging
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

import redis
from django.conf import settings

from apps.meters.deciding import SendLetter

log = logging.getLogger(__name__)

SERIALS = "rm:serials"
SERIALS_VERSION = "rm:serials:version"
_STREAM_LENGTH = 10_000


class Post(Protocol):
    """Whoever carries letters to gateways; carrying may fail silently, the deadline covers it."""

    def ask(self, serial: str, letter: SendLetter) -> None: ...

    def grant(self, gateway: str, serial: str, session: UUID, epoch: int) -> None: ...

    def refuse(self, gateway: str, serial: str, session: UUID, reason: str) -> None: ...


class ValkeyPost:
    """The real post. A short time-out, no retry, no exception: the sweeper asks again."""

    def ask(self, serial: str, letter: SendLetter) -> None:
        self._put(
            letter.gateway,
            {
                "kind": "ask",
                "command": str(letter.command_id),
                "attempt": letter.attempt,
                "serial": serial,
                "epoch": letter.epoch,
                "expires_at": _instant(letter.expires_at),
                "frames": list(letter.frames),
                "timeout_s": letter.timeout_s,
            },
        )

    def grant(self, gateway: str, serial: str, session: UUID, epoch: int) -> None:
        self._put(gateway, {"kind": "grant", "serial": serial, "session": str(session), "epoch": epoch})

    def refuse(self, gateway: str, serial: str, session: UUID, reason: str) -> None:
        self._put(gateway, {"kind": "refuse", "serial": serial, "session": str(session), "reason": reason})

    def publish_serials(self, serials: dict[str, dict[str, Any]], *, version: str) -> None:
        """Replace the serial map; gateways read it whole."""
        try:
            with valkey().pipeline() as pipe:
                pipe.delete(SERIALS)
                if serials:
                    pipe.hset(SERIALS, mapping={k: json.dumps(v) for k, v in serials.items()})
                pipe.set(SERIALS_VERSION, version)
                pipe.execute()
        except redis.RedisError as error:
            log.warning("the serial map was not published: %s", error)

    def has_serials(self) -> bool:
        """Say whether a map is there; an unreachable Valkey counts as yes, there is nothing to do about it."""
        try:
            return bool(valkey().exists(SERIALS_VERSION))
        except redis.RedisError:
            return True

    def _put(self, gateway: str, letter: dict[str, Any]) -> None:
        try:
            valkey().xadd(
                f"rm:letters:{gateway}",
                {"letter": json.dumps(letter)},
                maxlen=_STREAM_LENGTH,
                approximate=True,
            )
        except redis.RedisError as error:
            log.warning("a letter was not posted: %s", error)


@lru_cache(maxsize=1)
def valkey() -> "redis.Redis":
    """Return this process's connection pool to Valkey."""
    return redis.Redis.from_url(settings.BROKER_URL, socket_timeout=2, socket_connect_timeout=2)


def _instant(moment: datetime) -> str:
    return moment.isoformat()
