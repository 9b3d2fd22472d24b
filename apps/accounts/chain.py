"""The audit's chain: each landlord's lines in one order, every link the hash of the one before and of its line.

A line that is edited, taken out or put elsewhere afterwards breaks its link, and nobody without all later links can
mend it. Links are made by the sweeper, seconds after the line: an act never waits for another act's line. What is not
sealed yet is not proved yet.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.accounts.models import AuditLine, AuditSeal
from apps.common.scoping import everything, landlord_scope

BATCH = 500
# Ids begin with their time, so that the look costs what a day brings and not what years have.
LOOKS_BACK = timedelta(days=1)
FIRST = "0" * 64


def link(previous: str, line: AuditLine) -> str:
    """Return the hash (SHA-256, hex) of a line behind another link; pure."""
    facts = {
        "id": str(line.pk),
        "landlord": str(line.landlord_id),
        "at": line.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "by": str(line.by_id or ""),
        "act": line.act,
        "object_type": line.object_type,
        "object_id": str(line.object_id),
        "facts": line.facts,
    }
    canonical = json.dumps(facts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{canonical}".encode()).hexdigest()


def links(lines: Iterable[AuditLine], previous: str = FIRST) -> Iterator[str]:
    """Return the chain over these lines; pure."""
    for line in lines:
        previous = link(previous, line)
        yield previous


def seal(now: datetime) -> int:
    """Seal the lines of the last day that are not yet, of every landlord; returns how many. May run twice, in parallel.

    With them goes whatever older a standstill has left of the same landlords.
    """
    since = UUID(int=int((now - LOOKS_BACK).timestamp() * 1000) << 80)
    with everything("sweeper: audit lines without a seal"):
        sealed = AuditSeal.objects.filter(line_id__gte=since).values("line_id")
        unsealed = AuditLine.objects.filter(pk__gte=since).exclude(pk__in=sealed)
        landlords = list(unsealed.order_by().values_list("landlord_id", flat=True).distinct())
    return sum(seal_one(landlord_id=landlord_id, now=now) for landlord_id in landlords)


def seal_one(*, landlord_id: UUID, now: datetime) -> int:
    """Seal up to a batch of one landlord's lines, oldest first; returns how many.

    Of two that seal at once one fails on the next place of the chain and leaves it to the other.
    """
    try:
        with landlord_scope(landlord_id), transaction.atomic():
            last = AuditSeal.objects.order_by("-place").first()
            place, previous = (last.place, last.link) if last else (0, FIRST)
            sealed = AuditSeal.objects.values("line_id")
            lines = list(AuditLine.objects.exclude(pk__in=sealed).order_by("id")[:BATCH])
            AuditSeal.objects.bulk_create(
                AuditSeal(line_id=line.pk, place=place + number, link=made, at=now)
                for number, (line, made) in enumerate(
                    zip(lines, links(lines, previous), strict=True), start=1
                )
            )
            return len(lines)
    except IntegrityError:
        return 0


def first_break() -> str:
    """Say where the open landlord's chain is broken first, "" if it holds.

    Names the line by its act and id: edited, gone, or a seal that was taken out or put elsewhere.
    """
    previous, expected = FIRST, 1
    lines = {line.pk: line for line in AuditLine.objects.all()}
    for one in AuditSeal.objects.order_by("place").iterator():
        if one.place != expected:
            return (
                f"place {expected} of the chain is missing; the next one is {one.place}, line {one.line_id}"
            )
        line = lines.get(one.line_id)
        if line is None:
            return f"line {one.line_id} (place {one.place}) is gone"
        previous = link(previous, line)
        if previous != one.link:
            return f"line {line.pk} ({line.act}, place {one.place}) is not what was sealed, or not where"
        expected += 1
    return ""
