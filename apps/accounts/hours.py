"""The hours in which nobody is switched off by hand."""

from datetime import datetime, time
from zoneinfo import ZoneInfo


def are_protected(moment: datetime, *, zone: str, start: time | None, until: time | None) -> bool:
    """Say whether `moment` is at or after `start` and before `until`, in `zone`; hours may go past midnight."""
    if start is None or until is None:
        return False
    local = moment.astimezone(ZoneInfo(zone)).time()
    return start <= local < until if start < until else local >= start or local < until
