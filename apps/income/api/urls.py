"""Webhooks of the payment platforms, mounted at `pay/notify/`."""

from django.urls import path

from apps.income.api.notify import NotifyView

urlpatterns = [
    path("wechat/<uuid:account_id>/", NotifyView.as_view(channel="wechat"), name="notify_wechat"),
    path("alipay/<uuid:account_id>/", NotifyView.as_view(channel="alipay"), name="notify_alipay"),
]
