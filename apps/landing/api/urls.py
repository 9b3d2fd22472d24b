"""REST of landlords and renters, below `/api/v1/`. The paths are the contract: they stay."""

from django.urls import path

from apps.landing.api import (
    catalogue,
    days,
    labels,
    leases,
    meter_acts,
    meters,
    nowhere,
    phone,
    places,
    receipts,
    records,
    renter,
)
from apps.landing.api.collection_accounts import (
    CollectionAccountsView,
    CollectionAccountView,
    VerifyAccountView,
)
from apps.landing.api.crediting import PaymentCreditView
from apps.landing.api.graces import GraceEndView, MeterGracesView
from apps.landing.api.members import MembersView, MemberView
from apps.landing.api.reconciliation import ReconciliationView
from apps.landing.api.refunds import PaymentRefundsView, RefundByHandView, RetryRefundView, WithdrawRefundView
from apps.landing.api.schema import DocsView, SchemaView
from apps.landing.api.settlements import SettlementsView

urlpatterns = [
    path("meters", meters.MetersView.as_view(), name="api_meters"),
    path("meters/labels.pdf", labels.LabelsView.as_view(), name="api_meter_labels"),
    path("meters/<uuid:meter_id>", meters.MeterView.as_view(), name="api_meter"),
    path("meters/<uuid:meter_id>/read", meters.ReadView.as_view(), name="api_meter_read"),
    path("meters/<uuid:meter_id>/power", meters.PowerView.as_view(), name="api_meter_power"),
    path("meters/<uuid:meter_id>/keep-power", meter_acts.keep_power, name="api_meter_keep"),
    path("meters/<uuid:meter_id>/alarm-lamp", meter_acts.alarm_lamp, name="api_meter_lamp"),
    path("meters/<uuid:meter_id>/clock", meter_acts.clock, name="api_meter_clock"),
    path("meters/<uuid:meter_id>/account", meter_acts.account, name="api_meter_account"),
    path("meters/<uuid:meter_id>/energy-reset", meter_acts.energy_reset, name="api_meter_reset"),
    path(
        "meters/<uuid:meter_id>/purse-initialisation",
        meter_acts.purse_init,
        name="api_meter_purse",
    ),
    path("meters/<uuid:meter_id>/recharges", meters.MeterRechargesView.as_view(), name="api_meter_recharges"),
    path("meters/<uuid:meter_id>/readings", meters.MeterReadingsView.as_view(), name="api_meter_readings"),
    path("meters/<uuid:meter_id>/commands", meters.MeterCommandsView.as_view(), name="api_meter_commands"),
    path("meters/<uuid:meter_id>/prices", meters.MeterPricesView.as_view(), name="api_meter_prices"),
    path("meters/<uuid:meter_id>/graces", MeterGracesView.as_view(), name="api_meter_graces"),
    path("graces/<uuid:grace_id>/end", GraceEndView.as_view(), name="api_grace_end"),
    path("meters/<uuid:meter_id>/qr.svg", meters.QrSvgView.as_view(), name="api_meter_qr_svg"),
    path("meters/<uuid:meter_id>/qr.png", meters.QrPngView.as_view(), name="api_meter_qr_png"),
    path("commands/<uuid:command_id>", meters.CommandView.as_view(), name="api_command"),
    path("meters/<uuid:meter_id>/daily-readings", days.MeterDaysView.as_view(), name="api_meter_days"),
    path("meters/<uuid:meter_id>/shares", leases.SharesView.as_view(), name="api_meter_shares"),
    path(
        "meters/<uuid:meter_id>/phone-sessions",
        phone.MeterPhoneSessionsView.as_view(),
        name="api_meter_phone_sessions",
    ),
    path(
        "phone-sessions/<uuid:session_id>/frames", phone.PhoneAnswersView.as_view(), name="api_phone_answers"
    ),
    path("meter-models", catalogue.MeterModelsView.as_view(), name="api_meter_models"),
    path("sites", places.SitesView.as_view(), name="api_sites"),
    path("sites/<uuid:site_id>", places.SiteView.as_view(), name="api_site"),
    path("rooms", places.RoomsView.as_view(), name="api_rooms"),
    path("rooms/<uuid:room_id>", places.RoomView.as_view(), name="api_room"),
    path("leases", leases.LeasesView.as_view(), name="api_leases"),
    path("leases/<uuid:lease_id>/end", leases.LeaseEndView.as_view(), name="api_lease_end"),
    path("shares/<uuid:share_id>", leases.ShareView.as_view(), name="api_share"),
    path("shares/<str:share_token>/accept", leases.AcceptShareView.as_view(), name="api_accept_share"),
    path("members", MembersView.as_view(), name="api_members"),
    path("members/<uuid:member_id>", MemberView.as_view(), name="api_member"),
    path("collection-accounts", CollectionAccountsView.as_view(), name="api_collection_accounts"),
    path(
        "collection-accounts/<uuid:collection_account_id>",
        CollectionAccountView.as_view(),
        name="api_collection_account",
    ),
    path(
        "collection-accounts/<uuid:collection_account_id>/verify",
        VerifyAccountView.as_view(),
        name="api_verify_collection_account",
    ),
    path("income/payments", records.PaymentsView.as_view(), name="api_payments"),
    path("refunds/<uuid:refund_id>/retry", RetryRefundView.as_view(), name="api_retry_refund"),
    path("refunds/<uuid:refund_id>/withdraw", WithdrawRefundView.as_view(), name="api_withdraw_refund"),
    path("refunds/<uuid:refund_id>/by-hand", RefundByHandView.as_view(), name="api_refund_by_hand"),
    path("payments/<uuid:payment_id>/credit", PaymentCreditView.as_view(), name="api_credit_payment"),
    path("payments/<uuid:payment_id>/refunds", PaymentRefundsView.as_view(), name="api_payment_refunds"),
    path("income/recharges", records.RechargesView.as_view(), name="api_recharges"),
    path("income/reconciliation", ReconciliationView.as_view(), name="api_reconciliation"),
    path("income/settlements", SettlementsView.as_view(), name="api_settlements"),
    path("income/summary", records.IncomeView.as_view(), name="api_income"),
    path("q/<str:token>", renter.MeterPageView.as_view(), name="api_meter_page"),
    path("q/<str:token>/orders", renter.NewOrderView.as_view(), name="api_new_order"),
    path("q/<str:token>/accept", leases.AcceptLeaseView.as_view(), name="api_accept_lease"),
    path("q/<str:token>/read", renter.FreshReadingView.as_view(), name="api_fresh_reading"),
    path(
        "q/<str:token>/phone-sessions",
        phone.PayersPhoneSessionsView.as_view(),
        name="api_payers_phone_sessions",
    ),
    path("orders/<str:no>", renter.OrderView.as_view(), name="api_order"),
    path("orders/<str:no>/cancel", renter.CancelOrderView.as_view(), name="api_cancel_order"),
    path("orders/<str:no>/receipt", receipts.OrderReceiptView.as_view(), name="api_order_receipt"),
    path("orders/<str:no>/receipt.pdf", receipts.OrderReceiptPdfView.as_view(), name="api_order_receipt_pdf"),
    path("orders/<str:no>/fapiao", receipts.OrderFapiaoView.as_view(), name="api_order_fapiao"),
    path("payments/<uuid:payment_id>/receipt", receipts.PaymentReceiptView.as_view(), name="api_receipt"),
    path(
        "payments/<uuid:payment_id>/receipt.pdf",
        receipts.PaymentReceiptPdfView.as_view(),
        name="api_receipt_pdf",
    ),
    path("payments/<uuid:payment_id>/fapiao", receipts.PaymentFapiaoView.as_view(), name="api_fapiao"),
    path("my/meters", renter.MyMetersView.as_view(), name="api_my_meters"),
    path("my/daily-readings", days.MyDaysView.as_view(), name="api_my_days"),
    path("my/recharges", renter.MyRechargesView.as_view(), name="api_my_recharges"),
    path("schema/", SchemaView.as_view(), name="api_schema"),
    path("docs/", DocsView.as_view(), name="api_docs"),
    path("<path:anything>", nowhere.NowhereView.as_view(), name="api_nowhere"),
]
