"""Placing an order, and looking at it."""

from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from .models import Order
from .tasks import confirm, report


@csrf_exempt
@require_POST
@transaction.atomic
def place_order(request: HttpRequest) -> JsonResponse:
    """Store the order and its confirmation in one transaction: after an error neither exists."""
    order = Order.objects.create(email=request.POST["email"], amount=int(request.POST["amount"]))
    order.confirmation = confirm.enqueue(order.pk).id
    order.save(update_fields=["confirmation"])
    if order.amount == 0:
        raise ValueError("an order of nothing")
    return JsonResponse({"id": order.pk}, status=201)


def show_order(request: HttpRequest, order_id: int) -> JsonResponse:
    """The order, and how far its confirmation is."""
    order = get_object_or_404(Order, pk=order_id)
    return JsonResponse(
        {"amount": order.amount, "confirmation": confirm.get_result(order.confirmation).status}
    )


@require_POST
def request_report(request: HttpRequest) -> JsonResponse:
    """Enqueue a task of lapinq itself in the same way."""
    return JsonResponse({"task": report.using(connection).queue().task_id})
