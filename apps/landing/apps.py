from django.apps import AppConfig


class LandingConfig(AppConfig):
    name = "apps.landing"
    label = "landing"
