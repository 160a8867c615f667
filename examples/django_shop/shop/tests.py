"""Tests of the shop."""

from django.core import mail
from django.test import TestCase

from lapinq.testing import inline

from .models import Order
from .tasks import confirm


class Orders(TestCase):
    def test_an_order_is_confirmed(self) -> None:
        with inline(), self.captureOnCommitCallbacks(execute=True):
            self.client.post("/orders/", {"email": "customer@example.com", "amount": 3})
        self.assertEqual(mail.outbox[0].to, ["customer@example.com"])

    def test_the_confirmation_waits_for_a_worker(self) -> None:
        placed = self.client.post("/orders/", {"email": "customer@example.com", "amount": 3})
        order = Order.objects.get(pk=placed.json()["id"])
        result = confirm.get_result(order.confirmation)
        self.assertEqual((result.status, result.args), ("READY", [order.pk]))

    def test_an_order_that_fails_leaves_no_task(self) -> None:
        with self.assertRaises(ValueError):
            self.client.post("/orders/", {"email": "customer@example.com", "amount": 0})
        self.assertFalse(Order.objects.exists())
