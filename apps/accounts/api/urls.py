"""Accounts, below `/api/v1/`."""

from django.urls import path

from apps.accounts.api import entry, views

urlpatterns = [
    path("auth/codes", entry.CodesView.as_view(), name="api_codes"),
    path("auth/register", entry.RegisterView.as_view(), name="api_register"),
    path("auth/login", views.LoginView.as_view(), name="api_login"),
    path("auth/wechat", views.WeChatLoginView.as_view(), name="api_login_wechat"),
    path("auth/alipay", views.AlipayLoginView.as_view(), name="api_login_alipay"),
    path("auth/logout", views.LogoutView.as_view(), name="api_logout"),
    path("me", views.MeView.as_view(), name="api_me"),
    path("me/password", entry.PasswordView.as_view(), name="api_password"),
    path("me/phone", entry.PhoneView.as_view(), name="api_phone"),
    path("me/sessions", views.SessionsView.as_view(), name="api_sessions"),
    path("landlord", views.LandlordView.as_view(), name="api_landlord"),
]
