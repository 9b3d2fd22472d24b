"""One turn for one meter: lock, load, decide, write conditionally, commit, and only then post the letter."""

from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import IntegrityError

from apps.meters import deciding as d
from apps.meters.models import Letter
from apps.meters.post import Post
from apps.meters.states import Outcome, Purpose
from apps.meters.store import PostgresStore, Raced, Store, write


def take_turn(*, store: Store, post: Post, meter_id: UUID, event: d.Event) -> d.MeterState:
    """Let `event` happen to the meter and do what follows from it; safe to run twice and in parallel.

    Locks the meter's row. A decision that raced with another is thrown away and made once more.
    """
    for attempt in (1, 2):
        try:
            with store.transaction():
                before = store.load(meter_id)
                after, effects = d.decide(before, event)
                write(store, meter_id, effects, event.now)
            break
        except (Raced, IntegrityError):
            if attempt == 2:
                raise
    for letter in [effect for effect in effects if isinstance(effect, d.SendLetter)]:
        store.after_commit(partial(post.ask, before.serial, letter))
    return after


def take_answer(
    *,
    post: Post,
    meter_id: UUID,
    command_id: UUID,
    attempt: int,
    epoch: int,
    outcome: Outcome,
    replies: list[str | None],
    now: datetime,
) -> None:
    """Take in what a gateway says of one letter; an unknown or closed letter changes nothing it should not."""
    letter = Letter.objects.filter(command_id=command_id, attempt=attempt, meter_id=meter_id).first()
    if letter is None:
        return
    event = d.Answered(
        now=now,
        command_id=command_id,
        attempt=attempt,
        epoch=epoch,
        purpose=Purpose(letter.purpose),
        frames=tuple(letter.frames),
        outcome=outcome,
        replies=tuple(replies),
    )
    take_turn(store=PostgresStore(), post=post, meter_id=meter_id, event=event)
