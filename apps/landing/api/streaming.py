"""Lists as CSV, page by page: however long one is, it is never in memory as a whole.

Each page is read in a scope of its own that is closed before a line leaves, so that a slow reader holds no
transaction open. Pages follow each other by key, so that a row added meanwhile neither repeats nor hides one.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from apps.common.scoping import Scope, current_landlords_scope, opened_again

PAGE = 500
# Spreadsheets take UTF-8 for it only if it says so.
_BYTE_ORDER_MARK = "\ufeff"
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Line = dict[str, Any]


class OneForm(BaseContentNegotiation):
    """The address says which form the answer has; an error is JSON even where the client asked for another."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class CsvToo:
    """For a list view: `?format=csv` streams every line the filters leave, newest first."""

    content_negotiation_class: type[BaseContentNegotiation] = OneForm
    csv_name = ""

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        if not wants_csv(request):
            return super().list(request, *args, **kwargs)  # type: ignore[misc]
        view: Any = self
        rows, serializer_class = view.filter_queryset(view.get_queryset()), view.get_serializer_class()
        pages = _pages(current_landlords_scope(), rows, serializer_class)
        return csv_response(self.csv_name, serializer_class, pages)


def wants_csv(request: Request) -> bool:
    form = request.query_params.get("format", "json")
    if form not in ("json", "csv"):
        raise ValidationError({"format": _("Either json or csv.")})
    return form == "csv"


def csv_response(
    name: str, serializer_class: type[BaseSerializer[Any]], pages: Iterable[list[Line]]
) -> StreamingHttpResponse:
    """Return pages of lines as a file to be saved; its columns are the fields of the JSON."""
    serializer: Any = serializer_class()
    columns = list(serializer.fields)
    response = StreamingHttpResponse(_texts(columns, pages), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _pages(scope: Scope, rows: Any, serializer_class: Any) -> Iterator[list[Line]]:
    older = rows.order_by("-pk")
    while True:
        with opened_again(scope):
            page, lines = _page(older, serializer_class)
        yield lines
        if len(page) < PAGE:
            return
        older = rows.filter(pk__lt=page[-1].pk).order_by("-pk")


def _page(rows: Any, serializer_class: Any) -> tuple[list[Any], list[Line]]:
    page = list(rows[:PAGE])
    return page, json.loads(JSONRenderer().render(serializer_class(page, many=True).data))


def _texts(columns: list[str], pages: Iterable[list[Line]]) -> Iterator[str]:
    yield _BYTE_ORDER_MARK + _text([columns])
    for lines in pages:
        if lines:
            yield _text([[_cell(line[column]) for column in columns] for line in lines])


def _text(rows: Iterable[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def _cell(value: Any) -> str:
    """A value as text; what a spreadsheet would take for a formula is marked as text by a quote."""
    if value is None:
        return ""
    text = json.dumps(value) if isinstance(value, bool) else str(value)
    if text.startswith(_BEGINS_A_FORMULA) and not _PLAIN_NUMBER.fullmatch(text):
        return f"'{text}"
    return text
