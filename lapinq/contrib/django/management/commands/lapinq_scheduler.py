"""`manage.py lapinq_scheduler`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapinq.contrib.django.management.daemon_command import DaemonCommand

if TYPE_CHECKING:
    import click


class Command(DaemonCommand):
    """Fires schedules and does maintenance."""

    help = "Fire schedules, deliver webhooks and run maintenance. It takes the flags of `lapinq scheduler`."

    def daemon(self) -> click.Command:
        from lapinq_scheduler.cli import scheduler

        return scheduler
