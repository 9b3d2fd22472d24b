"""The models of meters we know."""

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.common.openapi import documented
from apps.landing.api import arranging_serializers as s
from meter_gateway.protocol.profiles import load_profile, names


class MeterModelsView(APIView):
    @documented(
        "Models of meters with their figures", name="meter_models", gives=s.MeterModelsOut, refuses=(401, 403)
    )
    def get(self, request: Request) -> Response:
        models = [load_profile(name) for name in names()]
        return Response(s.MeterModelsOut({"next": None, "previous": None, "results": models}).data)
