"""The web's entrance for granian."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
application = get_wsgi_application()

from apps.common.startup import refuse_wrong_login  # noqa: E402 - needs Django to be set up

refuse_wrong_login()
