"""How often a meter is read: what its model says, unless READING_INTERVAL_S says it for the whole platform."""

from datetime import timedelta

from django.conf import settings

from meter_gateway.protocol.profiles import load_profile


def reading_interval(profile: str) -> timedelta:
    """Return the reporting interval of a model."""
    return timedelta(seconds=settings.READING_INTERVAL_S or load_profile(profile).reading_interval_s)
