"""Labels to print for a landlord's meters."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from apps.common.openapi import documented
from apps.landing.api.streaming import OneForm
from apps.landing.paper.labels import labels
from apps.landing.selectors import meters_to_label

# Ten full sheets; more at once is a mistake, or has the time to ask twice.
MOST = 210
_IDS = OpenApiParameter("ids", str, description="Ids of meters, commas between; without it all in use.")


class LabelsView(APIView):
    content_negotiation_class = OneForm

    @documented(
        "A sheet of labels with QR codes, A4",
        name="meter_labels",
        gives=OpenApiTypes.BINARY,
        media_type="application/pdf",
        refuses=(400, 401, 403, 404),
        parameters=[_IDS],
    )
    def get(self, request: Request) -> Any:
        ids = _ids(request)
        meters = meters_to_label(ids)[: MOST + 1]
        if ids is not None and len(meters) != len(ids):
            raise NotFound
        if len(meters) > MOST:
            raise ValidationError({"ids": _("At most 210 labels at once.")})
        return pdf(labels(meters), "labels.pdf")


def pdf(content: bytes, name: str) -> HttpResponse:
    """Return a PDF to look at in the browser; saved, it is called `name`."""
    headers = {"Content-Disposition": f'inline; filename="{name}"'}
    return HttpResponse(content, content_type="application/pdf", headers=headers)


def _ids(request: Request) -> list[UUID] | None:
    text = request.query_params.get("ids")
    if text is None:
        return None
    try:
        ids = list(dict.fromkeys(UUID(part.strip()) for part in text.split(",")))
    except ValueError:
        raise ValidationError({"ids": _("Give ids of meters, with commas between.")}) from None
    if len(ids) > MOST:
        raise ValidationError({"ids": _("At most 210 labels at once.")})
    return ids
