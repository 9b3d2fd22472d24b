"""What the sweeper does for readings."""

from datetime import datetime, timedelta

from apps.common.scoping import everything, landlord_scope
from apps.meters.models import Letter
from apps.readings import services


def sweep(now: datetime) -> int:
    """Make the readings whose doorbells were lost, landlord by landlord; returns how many."""
    with everything("sweeper: which landlords' meters answered lately"):
        landlords = list(
            Letter.objects.filter(state=Letter.State.ANSWERED, answered_at__gt=now - timedelta(minutes=10))
            .values_list("landlord_id", flat=True)
            .distinct()
        )
    made = 0
    for landlord_id in landlords:
        with landlord_scope(landlord_id):
            made += services.pull_missed_letters(now=now)
    return made
