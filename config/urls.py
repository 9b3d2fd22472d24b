"""Every route of the product; tests/routes.py lists each with who may use it."""

from django.urls import include, path

urlpatterns = [
    path("", include("apps.landing.health")),
    path("pay/notify/", include("apps.income.api.urls")),
    path("api/v1/", include("apps.accounts.api.urls")),
    path("api/v1/", include("apps.landing.api.urls")),
]
