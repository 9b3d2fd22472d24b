"""The demo and a developer's machine: loopback only, sandbox platforms allowed."""

import os

os.environ.setdefault("SECRET_KEY", "for-loopback-only-never-for-a-server")
os.environ.setdefault("DATABASE_URL", "postgresql://rm_app@127.0.0.1:6453/rentmeter")
os.environ.setdefault("FIELD_KEYS", "1:bG9vcGJhY2stb25seS1sb29wYmFjay1vbmx5LTMyYiE=")

from config.settings.base import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "config.demo"]  # noqa: F405
ALLOWED_HOSTS = ["*"]
