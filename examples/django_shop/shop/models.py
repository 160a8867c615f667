"""Orders."""

from django.db import models


class Order(models.Model):
    """`confirmation` is the id of the task that confirms it."""

    email = models.EmailField()
    amount = models.PositiveIntegerField()
    confirmation = models.CharField(max_length=36, blank=True)
    confirmed_at = models.DateTimeField(null=True)
