"""`manage.py lapinq_worker`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from lapinq.contrib.django.management.daemon_command import DaemonCommand, check_settings_module
from lapinq.contrib.django.worker import NAME
from lapinq_core.runtime.settings import load_settings

if TYPE_CHECKING:
    import click


class Command(DaemonCommand):
    """Runs tasks with the project loaded."""

    help = "Run tasks. It takes the flags of `lapinq worker`."

    def daemon(self) -> click.Command:
        from lapinq_worker.cli import worker

        return worker

    def prepare(self, flags: dict[str, Any]) -> None:
        check_settings_module()
        given = flags["worker_middleware"]
        if given is None:
            given = load_settings(os.environ).worker_middleware
        flags["worker_middleware"] = given if NAME in given else (NAME, *given)
