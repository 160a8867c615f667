"""`manage.py lapinq_migrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapinq.contrib.django.management.daemon_command import DaemonCommand

if TYPE_CHECKING:
    import click


class Command(DaemonCommand):
    """Migrates lapinq's schema, for projects in which `migrate` does not."""

    help = (
        "Migrate lapinq's schema. It takes the flags of `lapinq migrate`. `manage.py migrate` does the same."
    )

    def daemon(self) -> click.Command:
        from lapinq.commands.migrate import migrate

        return migrate
