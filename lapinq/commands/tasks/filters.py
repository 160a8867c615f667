"""The flags that choose tasks, and the query that they make of the API."""

from collections.abc import Callable
from typing import Any

import click

from lapinq.commands.console.api import Api
from lapinq.commands.console.times import PAST_MOMENT
from lapinq.commands.console.worker_choice import chosen
from lapinq_core.command_line.sections import section
from lapinq_core.domain.tasks.state import Status

Filters = dict[str, str]


def filter_flags(*statuses: Status) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """All filters; with `statuses`, tasks of one of these alone can be chosen. `taken` takes them."""
    return section(
        "Filters",
        click.option("--queue", "-q", help="Only tasks of this queue."),
        click.option(
            "--status",
            "-s",
            type=click.Choice([status.value for status in statuses or Status]),
            help="Only tasks with this status.",
        ),
        click.option("--name", "-n", help="Only tasks with exactly this name."),
        click.option("--task-name", help="Only tasks with this in their name, ignoring case."),
        click.option(
            "--since",
            type=PAST_MOMENT,
            metavar="TIME",
            help="Only tasks enqueued since then: how long ago, such as 2h, or a time.",
        ),
        click.option(
            "--until",
            type=PAST_MOMENT,
            metavar="TIME",
            help="Only tasks enqueued before then: how long ago, such as 2h, or a time.",
        ),
        click.option("--error", help="Only tasks with this in their error, ignoring case."),
        click.option(
            "--error-kind", help="Only tasks whose error has this first line, with * for numbers and ids."
        ),
        click.option("--args", help="Only tasks with this in their positional arguments, as JSON."),
        click.option("--result", help="Only tasks with this in their result, as JSON."),
        click.option(
            "--worker", help="Only tasks whose latest attempt this worker runs or ran: its name or id."
        ),
        click.option("--task-key", "key", metavar="KEY", help="Only tasks with exactly this key."),
        click.option("--id", help="Only tasks whose id begins with this."),
        click.option(
            "--state",
            metavar="STATES",
            help="Only tasks in these states, such as ready,scheduled,retrying,paused.",
        ),
        click.option("--kwargs", help="Only tasks with this in their keyword arguments, as JSON."),
        click.option(
            "--arguments", help="Only tasks with this in their positional or keyword arguments, as JSON."
        ),
        click.option("--metadata", help="Only tasks with this in their metadata, as JSON."),
        click.option("--queues", metavar="NAMES", help="Only tasks of these queues, separated by commas."),
        click.option(
            "--names", metavar="NAMES", help="Only tasks with one of these names, separated by commas."
        ),
        click.option("--not-queues", metavar="NAMES", help="No tasks of these queues, separated by commas."),
        click.option(
            "--not-names", metavar="NAMES", help="No tasks with one of these names, separated by commas."
        ),
        click.option("--not-task-names", metavar="TEXTS", help="No tasks with one of these in their name."),
        click.option("--not-errors", metavar="TEXTS", help="No tasks with one of these in their error."),
    )


_NAMES = (
    "queue", "status", "name", "task_name", "since", "until", "error", "error_kind", "args", "result", "worker", "key",
    "id", "state", "kwargs", "arguments", "metadata", "queues", "names", "not_queues", "not_names", "not_task_names",
    "not_errors",
)  # fmt: skip


def taken(given: dict[str, Any]) -> Filters:
    """Takes the filters out of the values of flags."""
    values = {name: given.pop(name) for name in _NAMES}
    return {name: value for name, value in values.items() if value is not None}


def query_of(api: Api, filters: Filters) -> Filters:
    """The query for the API, which knows workers by id alone."""
    if "worker" not in filters:
        return filters
    found = chosen(api, [filters["worker"]])
    if len(found) > 1:
        raise click.UsageError(f"--worker {filters['worker']} means {len(found)} workers: name one")
    return {**filters, "worker": found[0][0]}
