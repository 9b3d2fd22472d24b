"""A server. It refuses to start with anything that belongs to the demo."""

import os

if os.environ.get("SANDBOX_URL"):
    from config.env import EnvError

    raise EnvError("SANDBOX_URL must be empty in production: the sandbox platforms pay with play money.")

from config.env import env_required
from config.settings.base import *  # noqa: F403

SECRET_KEY = env_required("SECRET_KEY")
FIELD_KEYS = env_required("FIELD_KEYS")
PUBLIC_BASE_URL = env_required("PUBLIC_BASE_URL")
BROKER_URL = CELERY_BROKER_URL = env_required("BROKER_URL")
SECURE_SSL_REDIRECT = True
# A supervisor on the machine itself asks over plain http.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_PROXY else None  # noqa: F405
