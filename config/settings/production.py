"""A server. It refuses to start with anything that belongs to the demo."""

import os

if os.environ.get("SANDBOX_URL"):
    from config.env import EnvError

    raise EnvError("SANDBOX_URL must be empty in production: the sandbox platforms pay with play money.")

from config.env import env_str
from config.settings.base import *  # noqa: F403

SECRET_KEY = env_str("SECRET_KEY")
FIELD_KEYS = env_str("FIELD_KEYS")
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_PROXY else None  # noqa: F405
