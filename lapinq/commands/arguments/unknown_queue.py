"""Says that the name of a queue may be misspelt: nobody uses it, and another queue has almost the same."""

import click

from lapinq.commands.console.api import Api
from lapinq.commands.console.failure import ApiRefused
from lapinq.commands.output.terminal import plain
from lapinq_core.domain.nearest import nearest


def note_unknown_queue(api: Api, name: str | None) -> None:
    """On standard error. The command goes on, as a queue may be paused or limited before it has tasks."""
    if name is None:
        return
    try:
        known = [one["queue_name"] for one in api.get("/api/v1/queues").value]
    except ApiRefused:  # a key may pause and purge without reading
        return
    meant = None if name in known else nearest(name, known)
    if meant is not None:
        click.echo(f"Note: there is no queue {plain(name)}; did you mean {plain(meant)}?", err=True)
