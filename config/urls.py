"""Every route of the product; tests/routes.py lists each with who may use it."""

from django.urls import include, path

from apps.landing.desk.sites import operator_site
from apps.landing.page.mine import rented_meters
from apps.landing.page.payer import come_back
from config.desk import landlord_site

handler500 = "apps.landing.away.answer"

urlpatterns = [
    path("", include("apps.landing.health")),
    path("pay/notify/", include("apps.income.api.urls")),
    path("api/v1/", include("apps.accounts.api.urls")),
    path("api/v1/", include("apps.alerts.api.urls")),
    path("api/v1/", include("apps.landing.api.urls")),
    path("q/", include("apps.landing.page.urls")),
    path("pay/return/<str:channel>", come_back, name="page_return"),
    path("my/", rented_meters, name="rented_meters"),
    path("join/", include("apps.landing.join.urls")),
    path("admin/", landlord_site.urls),
    path("ops/", operator_site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
]
