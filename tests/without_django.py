"""Lets tests that need no database run without settings; where there are settings it does nothing.

Some modules under test import `apps.common.scoping`, whose models want Django's registry to be ready.
"""

import os

import django
from django.conf import settings

if not settings.configured and not os.environ.get("DJANGO_SETTINGS_MODULE"):
    settings.configure()
    django.setup()
