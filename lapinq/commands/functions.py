"""`lapinq functions`: which task function is slow, fails or takes the most time."""

from collections.abc import Mapping
from typing import Any

import click

from lapinq.commands.console.api import api_flags, reached
from lapinq.commands.output.json_output import json_flag, print_json
from lapinq.commands.output.tables import headings_flag, limit_flag, print_table
from lapinq.commands.top import quantities
from lapinq_core.command_line.commands import Command
from lapinq_core.domain.figures import Window

_HEADINGS = (
    "FUNCTION",
    "QUEUE",
    "DONE/MIN",
    "FAILURES",
    "RETRIED",
    "RUN P50",
    "RUN P95",
    "TOTAL",
    "WORKER",
    "RELEASE",
)


@click.command(cls=Command)
@click.option(
    "--window",
    "-w",
    type=click.Choice([one.value for one in Window]),
    default=Window.HOUR.value,
    show_default=True,
    help="The time range up to now.",
)
@click.option(
    "--sort",
    metavar="COLUMN",
    help="name, rate, failures, retried, p50, p95, total or deployed; with a minus the largest first (default -total).",
)
@click.option("--search", "-s", metavar="TEXT", help="Only functions whose names contain TEXT.")
@limit_flag
@headings_flag
@json_flag
@api_flags
def functions(
    window: str, sort: str | None, search: str | None, limit: int, as_json: bool, **given: object
) -> None:
    """List the task functions with their rates, failures and run times, the costliest first."""
    with reached(given) as api:
        found = api.get("/api/v1/functions", window=window, sort=sort, search=search, limit=limit)
    if as_json:
        print_json(found)
        return
    nothing = "No task ran in this time, and no live worker has found a function."
    print_table(_HEADINGS, [_row(one) for one in found.value["functions"]], nothing)
    if found.value["more"]:
        click.echo("there are more; raise --limit to see them")


def _row(one: Mapping[str, Any]) -> list[object]:
    more = f" +{one['more_queues']}" if one["more_queues"] else ""
    return [
        one["task_name"],
        None if one["queue_name"] is None else one["queue_name"] + more,
        quantities.rate(one["rate"] * 60),
        quantities.share(one["failure_share"]),
        one["retried"],
        quantities.duration(one["run_p50"]),
        quantities.duration(one["run_p95"]),
        quantities.duration(one["run_seconds"]),
        one["worker_name"],
        one["release"],
    ]
