"""What waits at the broker: asked over its own wire, with short deadlines, because it may be away."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis
from django.conf import settings

from apps.common.queue import QUEUES, broker_app

TIMEOUT_S = 1
# How long workers are given to answer a roll call.
_ROLL_CALL_S = 0.6
_UNACKED, _UNACKED_INDEX = "unacked", "unacked_index"


class BrokerAway(Exception):
    """The broker does not answer; the message names how."""


@dataclass(frozen=True)
class Waiting:
    """One queue: how many messages wait, and since when the oldest, where the message says so."""

    name: str
    length: int
    oldest_at: datetime | None


@dataclass(frozen=True)
class AtTheBroker:
    """`in_hand` were taken by a worker and are not finished; `workers` maps a worker to the queues it serves."""

    waiting: tuple[Waiting, ...]
    in_hand: int
    in_hand_since: datetime | None
    workers: dict[str, tuple[str, ...]]


def connect() -> "redis.Redis":
    """Return a connection to the broker that gives up within a second; it is made when first used."""
    return redis.Redis.from_url(
        settings.BROKER_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=None
    )


def look_at_broker() -> AtTheBroker:
    """Return what waits, what is in hand and who works. Takes up to about a second: workers are asked by roll call.

    :raises BrokerAway: if the broker does not answer.
    """
    try:
        with connect() as broker:
            pipe = broker.pipeline(transaction=False)
            for name in QUEUES:
                pipe.llen(name)
                # Producers push on the left, workers pop on the right.
                pipe.lindex(name, -1)
            pipe.hlen(_UNACKED)
            pipe.zrange(_UNACKED_INDEX, 0, 0, withscores=True)
            *of_queues, in_hand, taken = pipe.execute()
        app = broker_app()
        with app.connection(settings.BROKER_URL) as connection:
            roll_call = app.control.inspect(timeout=_ROLL_CALL_S, connection=connection)
            workers = roll_call.active_queues() or {}
    except Exception as error:
        # Client, transport and socket each have their own family of errors for the same thing.
        if isinstance(error, redis.RedisError | OSError) or type(error).__module__.startswith("kombu."):
            raise BrokerAway(type(error).__name__) from None
        raise
    pairs = zip(QUEUES, of_queues[::2], of_queues[1::2], strict=True)
    return AtTheBroker(
        waiting=tuple(Waiting(name, int(length), _sent_at(oldest)) for name, length, oldest in pairs),
        in_hand=int(in_hand),
        in_hand_since=datetime.fromtimestamp(taken[0][1], UTC) if taken else None,
        workers={
            name: tuple(sorted(queue["name"] for queue in queues)) for name, queues in sorted(workers.items())
        },
    )


def _sent_at(message: Any) -> datetime | None:
    """When a message was sent, if whoever sent it wrote it down."""
    try:
        return datetime.fromisoformat(json.loads(message)["headers"]["sent_at"])
    except (TypeError, KeyError, ValueError):
        return None
