"""Fast and sealed: the same code, cheap password hashes, no manifest of static files."""

from config.settings.dev import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Static files are looked up when asked for; otherwise each client scans a folder that need not even exist.
WHITENOISE_AUTOREFRESH = True
