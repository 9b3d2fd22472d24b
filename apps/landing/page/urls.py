"""The page's addresses. `/q/<token>` is printed on meters and never changes."""

from django.urls import path

from apps.landing.page import mine, orders, payer, receipts, views

app_name = "page"

urlpatterns = [
    path("<str:token>", views.meter, name="meter"),
    path("<str:token>/login/<str:channel>", payer.log_in, name="log_in"),
    path("<str:token>/use", mine.use, name="use"),
    path("<str:token>/warning", mine.warning, name="warning"),
    path("<str:token>/mine", mine.mine, name="mine"),
    path("<str:token>/enter", mine.enter, name="enter"),
    path("<str:token>/live-here", mine.live_here, name="live_here"),
    path("<str:token>/leave", mine.leave, name="leave"),
    path("<str:token>/recent", orders.recent, name="recent"),
    path("<str:token>/orders", views.order, name="new_order"),
    path("<str:token>/orders/<str:no>", orders.order, name="order"),
    path("<str:token>/orders/<str:no>/pay", orders.pay, name="pay"),
    path("<str:token>/orders/<str:no>/back", orders.came_back, name="came_back"),
    path("<str:token>/orders/<str:no>/cancel", orders.cancel, name="cancel"),
    path("<str:token>/orders/<str:no>/help", orders.still_dark, name="still_dark"),
    path("<str:token>/orders/<str:no>/receipt", receipts.receipt, name="receipt"),
    path("<str:token>/orders/<str:no>/receipt.pdf", receipts.receipt_file, name="receipt_file"),
    path("<str:token>/orders/<str:no>/fapiao", receipts.fapiao, name="fapiao"),
]
