"""Times of lapinq, which are aware, and of the project, which are naive without `USE_TZ`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

if TYPE_CHECKING:
    from datetime import datetime


def of_the_project(time: datetime | None) -> datetime | None:
    """Without `USE_TZ` it is naive, in the time zone of the project."""
    return time if time is None or settings.USE_TZ else timezone.make_naive(time)


def of_lapinq(time: datetime) -> datetime:
    """The same the other way round."""
    return timezone.make_aware(time) if timezone.is_naive(time) else time
