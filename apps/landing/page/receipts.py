"""The receipt of an order, its PDF, and the form that asks for a fapiao."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.doors import Found
from apps.common.errors import NotFound, Refused
from apps.income.services.orders import find_order
from apps.landing.order_progress import order_progress
from apps.landing.page.edge import page
from apps.landing.paper.receipt import receipt_pdf
from apps.landing.receipts import ask_for_fapiao, receipt_context, receipt_of_order
from apps.meters.services.sharing import shared_qr_token


@require_safe
@page
def receipt(request: HttpRequest, token: str, no: str) -> HttpResponse:
    """Show the receipt of a paid order of the meter in the address."""
    return _show(request, token, no)


@require_safe
@page
def receipt_file(request: HttpRequest, token: str, no: str) -> HttpResponse:
    made = receipt_of_order(_found(token, no))
    headers = {"Content-Disposition": f'inline; filename="{made.number}.pdf"'}
    return HttpResponse(receipt_pdf(made), content_type="application/pdf", headers=headers)


@require_POST
@page
def fapiao(request: HttpRequest, token: str, no: str) -> HttpResponse:
    """Ask for a fapiao; what was wrong comes back on the form, with what was typed."""
    try:
        ask_for_fapiao(
            _found(token, no),
            buyer_title=request.POST.get("buyer_title", "")[:200],
            buyer_tax_no=request.POST.get("buyer_tax_no", "")[:40],
            now=timezone.now(),
        )
    except NotFound:
        raise
    except Refused as refusal:
        return _show(request, token, no, refusal)
    return redirect("page:receipt", token=token, no=no)


def _show(request: HttpRequest, token: str, no: str, refusal: Refused | None = None) -> HttpResponse:
    made = receipt_of_order(_found(token, no))
    asked = made.fapiao
    typed = request.POST if refusal else {}
    context = receipt_context(made) | {
        "token": token,
        "no": no,
        "refusal": refusal,
        "errors": refusal.fields if refusal else {},
        "buyer_title": typed.get("buyer_title", asked.buyer_title if asked else ""),
        "buyer_tax_no": typed.get("buyer_tax_no", asked.buyer_tax_no if asked else ""),
    }
    return render(request, "landing/receipt.html", context, status=refusal.status if refusal else 200)


def _found(token: str, no: str) -> Found:
    """Return the order, if it is one of the meter in the address; foreign, unpaid and missing are alike."""
    found = find_order(no)
    if order_progress(found, timezone.now()).qr_token not in (token, shared_qr_token(token)):
        raise NotFound(_("There is no such order."))
    return found
