"""Exactly-once credit under a deterministic simulation: real decisions, real gateway core, simulated world.

Nothing here needs a database or a socket; Django is set up only because the services import its models.
"""

import os

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
    django.setup()
