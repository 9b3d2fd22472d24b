"""Alerts, below `/api/v1/`."""

from django.urls import path

from apps.alerts.api import mine, views

urlpatterns = [
    path("alerts", views.AlertsView.as_view(), name="api_alerts"),
    path("alerts/<uuid:alert_id>/acknowledge", views.AcknowledgeView.as_view(), name="api_acknowledge"),
    path("meters/<uuid:meter_id>/events", views.EventsView.as_view(), name="api_meter_events"),
    path("my/alerts", mine.MyAlertsView.as_view(), name="api_my_alerts"),
    path("my/subscriptions", mine.MySubscriptionsView.as_view(), name="api_my_subscriptions"),
]
