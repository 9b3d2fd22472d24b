"""Addresses below `/join/`."""

from django.urls import path

from apps.landing.join import meters, people

app_name = "join"

urlpatterns = [
    path("", people.register, name="register"),
    path("account", people.account, name="account"),
    path("login", people.log_in, name="log_in"),
    path("claim", meters.claim, name="claim"),
    path("claimed/<str:token>", meters.claimed, name="claimed"),
    path("claimed/<str:token>/qr.svg", meters.qr_svg, name="qr_svg"),
    path("claimed/<str:token>/qr.png", meters.qr_png, name="qr_png"),
]
