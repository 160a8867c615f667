"""The app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from lapinq.contrib.django.configured import has_tasks, lapinq_aliases, lapinq_backends
from lapinq_core.importing import recognize


class LapinqConfig(AppConfig):
    """Lets workers call the tasks of `django.tasks`, and installs lapinq's schema with `manage.py migrate`."""

    name = "lapinq.contrib.django"
    label = "lapinq"
    verbose_name = "lapinq"

    def ready(self) -> None:
        if has_tasks():
            # Not earlier: the project's `LOGGING` would disable the logger of django.tasks.
            from lapinq.contrib.django.running import function_of

            recognize(function_of)
        post_migrate.connect(_install_schema, sender=self)


def _install_schema(using: str, verbosity: int = 1, **_: Any) -> None:
    from lapinq.contrib.django.databases import database_url
    from lapinq_core.db.migrate import head_revision
    from lapinq_core.db.startup import prepare_schema

    if using not in lapinq_aliases():
        return
    if not all(backend.migrates for backend in lapinq_backends() if backend.database == using):
        return
    prepare_schema(database_url(using), migrates=True)
    if verbosity >= 2:
        print(f"lapinq's schema is at {head_revision()}")  # noqa: T201  # as Django's own receivers do
