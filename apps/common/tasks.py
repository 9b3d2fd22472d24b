"""A sign of life for whoever watches."""

from typing import Any

from celery import shared_task


@shared_task(name="common.beat_is_alive")
def beat_is_alive(**_: Any) -> None:
    """Do nothing: that beat could send it, and when, stands in beat's own table."""
