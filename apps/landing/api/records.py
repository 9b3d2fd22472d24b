"""A landlord's income."""

from django.db.models import QuerySet
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.periods import PERIOD, period
from apps.accounts.roles import Act
from apps.common.openapi import documented, documented_get
from apps.income.models import Payment, Recharge
from apps.income.selectors import income_of
from apps.landing.api import filters, selectors
from apps.landing.api import serializers as s
from apps.landing.api.streaming import CsvToo


@documented_get(
    "Payments through the platforms; a period means the moment of payment",
    name="payments",
    gives=s.PaymentOut(many=True),
    refuses=(400, 401, 403),
    has_csv=True,
)
class PaymentsView(CsvToo, ListAPIView):
    csv_name = "payments"
    acts = {"GET": Act.SEE_INCOME}
    queryset = Payment.objects.all()
    serializer_class = s.PaymentOut
    filterset_class = filters.PaymentFilter

    def get_queryset(self) -> QuerySet[Payment]:
        return selectors.payments_in_full()


@documented_get(
    "Energy on its way and in the meters, of all meters",
    name="recharges",
    gives=s.RechargeOut(many=True),
    refuses=(400, 401, 403),
    has_csv=True,
)
class RechargesView(CsvToo, ListAPIView):
    csv_name = "recharges"
    acts = {"GET": Act.SEE_INCOME}
    queryset = Recharge.objects.all()
    serializer_class = s.RechargeOut
    filterset_class = filters.RechargeFilter

    def get_queryset(self) -> QuerySet[Recharge]:
        return selectors.recharges_in_full()


class IncomeView(APIView):
    acts = {"GET": Act.SEE_INCOME}

    @documented(
        "Gross income of a period by channel, to the fen",
        name="income_summary",
        gives=s.IncomeOut,
        refuses=(400, 401, 403),
        parameters=PERIOD,
    )
    def get(self, request: Request) -> Response:
        since, until = period(request)
        return Response(s.IncomeOut(income_of(since, until)).data)
