"""Something of one meter."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework.generics import GenericAPIView

from apps.meters.models import Meter


class OfOneMeter(GenericAPIView[Any]):
    """Something of one meter, named in the path; a foreign one is as missing as none."""

    @property
    def meter(self) -> Meter:
        meter: Meter = get_object_or_404(Meter.objects.all(), pk=self.kwargs["meter_id"])
        return meter

    def get_queryset(self) -> QuerySet[Any]:
        return super().get_queryset().filter(meter=self.meter)
