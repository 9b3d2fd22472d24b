"""The Celery operator's page: what waits at the broker, who works it off, and what to type when nobody does."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from apps.common.broker import AtTheBroker, BrokerAway, look_at_broker
from apps.common.queue import QUEUES
from apps.landing.desk import words

# From here on a queue is behind; the sweeper does money's and delivery's work meanwhile.
_BEHIND = {
    "money": timedelta(seconds=10),
    "delivery": timedelta(seconds=10),
    "readings": timedelta(minutes=2),
    "alerts": timedelta(minutes=5),
}
_MANY = 1_000
_CELERY = "celery --app config.celery"


@dataclass(frozen=True)
class Queue:
    """One queue: its state, who serves it, and the two commands that empty it."""

    name: str
    carries: str
    said: words.Said
    length: str
    oldest: str
    workers: tuple[str, ...]
    work_off: str
    throw_away: str
    lost: str


@dataclass(frozen=True)
class Queues:
    """`away` says how the broker fails, and then the figures are missing, not zero."""

    away: str
    queues: tuple[Queue, ...]
    workers: tuple[str, ...]
    in_hand: words.Said | None


def queues_now(now: datetime) -> Queues:
    """Return the queues, most urgent first. Asks the broker, so it belongs outside every scope."""
    try:
        seen = look_at_broker()
    except BrokerAway as error:
        away = words.Said(_("Not known"), "idle")
        return Queues(str(error), tuple(_queue(name, away, "", "", ()) for name in QUEUES), (), None)
    rows = []
    for waiting in seen.waiting:
        workers = tuple(name for name, served in seen.workers.items() if waiting.name in served)
        oldest = words.how_long(waiting.oldest_at, now) if waiting.oldest_at else ""
        late = waiting.oldest_at is not None and now - waiting.oldest_at > _BEHIND[waiting.name]
        said = _state(waiting.length, is_late=late, has_worker=bool(workers))
        rows.append(_queue(waiting.name, said, str(waiting.length), oldest, workers))
    return Queues("", tuple(rows), tuple(seen.workers), _in_hand(seen, now))


def _state(length: int, *, is_late: bool, has_worker: bool) -> words.Said:
    if not has_worker:
        return words.Said(_("No worker serves it"), "bad", _("Start one with the first command below."))
    if is_late or length > _MANY:
        return words.Said(
            _("Behind"), "warn", _("Add a worker with the first command below until it is empty.")
        )
    return words.Said(_("Empty") if length == 0 else _("Moving"), "good")


def _queue(name: str, said: words.Said, length: str, oldest: str, workers: tuple[str, ...]) -> Queue:
    return Queue(
        name=name,
        carries=_carries(name),
        said=said,
        length=length,
        oldest=oldest,
        workers=workers,
        work_off=f"{_CELERY} worker --pool threads --concurrency 8 --queues {name}",
        throw_away=f"{_CELERY} purge --force --queues {name}",
        lost=_lost(name),
    )


def _carries(name: str) -> str:
    return {
        "money": _("payments to look at, credits to book"),
        "delivery": _("logins and answers of meters, commands to send"),
        "readings": _("what meters reported by themselves, and reading by the clock"),
        "alerts": _("messages to landlords and renters, signs of life"),
    }[name]


def _lost(name: str) -> str:
    """What throwing a queue away costs; every task carries an id, so the sweeper finds its work again."""
    return {
        "money": _("Nothing is lost: the sweeper finds every payment and every credit in the database."),
        "delivery": _(
            "Answers that are thrown away are asked for again, and a credit is proved by reading. "
            "Meters whose login is lost come back when they call again."
        ),
        "readings": _(
            "What meters reported by themselves is gone; the next reading carries the same counters."
        ),
        "alerts": _("Nothing is lost: the sweeper raises again what still holds."),
    }[name]


def _in_hand(seen: AtTheBroker, now: datetime) -> words.Said:
    if not seen.in_hand:
        return words.Said(_("Nothing"), "good")
    old = seen.in_hand_since is not None and now - seen.in_hand_since > timedelta(minutes=2)
    more = _("the oldest for %(long)s") % {"long": words.how_long(seen.in_hand_since, now)}
    advice = _("A worker hangs or died; its messages go back into the queue after three minutes.")
    return words.Said(str(seen.in_hand), "warn" if old else "good", f"{more}. {advice}" if old else more)
