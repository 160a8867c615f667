"""The backends in `TASKS`, and the databases that hold lapinq's tables."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from django.db import DEFAULT_DB_ALIAS, connections

if TYPE_CHECKING:
    from lapinq.contrib.django.backend import LapinqBackend


def has_tasks() -> bool:
    """Whether there is a Tasks framework."""
    return find_spec("django.tasks") is not None or find_spec("django_tasks") is not None


def lapinq_backends() -> list[LapinqBackend]:
    """Those of lapinq."""
    if not has_tasks():
        return []
    from lapinq.contrib.django.backend import LapinqBackend
    from lapinq.contrib.django.tasks_framework import task_backends

    return [backend for backend in task_backends.all() if isinstance(backend, LapinqBackend)]


def lapinq_aliases() -> list[str]:
    """The databases of the backends; without backends, the default one if it is a PostgreSQL."""
    aliases = sorted({backend.database for backend in lapinq_backends()})
    if aliases:
        return aliases
    return [DEFAULT_DB_ALIAS] if connections[DEFAULT_DB_ALIAS].vendor == "postgresql" else []
