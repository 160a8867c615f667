"""The flags that choose tasks, and the query that they make of the API."""

from collections.abc import Callable, Collection
from typing import Any

import click

from lapinq.commands.arguments.worker_choice import chosen
from lapinq.commands.console.api import Api
from lapinq.commands.output.times import PAST_MOMENT
from lapinq_core.command_line.old_names import old_flags
from lapinq_core.command_line.sections import section
from lapinq_core.domain.tasks.shown_state import STATUS_OF, ShownState, states_of
from lapinq_core.domain.tasks.state import Status

Filters = dict[str, str]


class _Statuses(click.Choice[str]):
    """One status, or several statuses and states separated by commas. Gives the query for the API."""

    name = "status"

    def __init__(self, statuses: Collection[Status]) -> None:
        words = [status.value for status in statuses]
        states = [state.value for state in ShownState if STATUS_OF[state] in statuses]
        super().__init__(list(dict.fromkeys(words + states)))

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "STATUSES" if len(self.choices) > 1 else super().get_metavar(param, ctx) or ""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        words = [super(_Statuses, self).convert(word.strip(), param, ctx) for word in str(value).split(",")]
        return ",".join(dict.fromkeys(words))


def filter_flags(*statuses: Status) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """All filters; with `statuses`, tasks of one of these alone can be chosen. `taken` takes them."""
    flags = section(
        "Filters",
        click.option("--queue", "-q", metavar="NAMES", help="Only tasks of this queue, or of several a,b."),
        click.option(
            "--status",
            "-s",
            type=_Statuses(statuses or tuple(Status)),
            help="Only tasks with one of these statuses, or in one of these states, such as ready,retrying.",
        ),
        click.option(
            "--name", "-n", metavar="NAMES", help="Only tasks with exactly this name, or several a,b."
        ),
        click.option(
            "--name-contains",
            "task_name",
            metavar="TEXT",
            help="Only tasks with this in their name, ignoring case.",
        ),
        click.option(
            "--since",
            type=PAST_MOMENT,
            metavar="TIME",
            help="Only tasks enqueued since then: how long ago, such as 2h, today, yesterday, or a time.",
        ),
        click.option(
            "--until",
            type=PAST_MOMENT,
            metavar="TIME",
            help="Only tasks enqueued before then: how long ago, such as 2h, today, yesterday, or a time.",
        ),
        click.option(
            "--ended-since",
            type=PAST_MOMENT,
            metavar="TIME",
            help="Only tasks that ended since then; with --status failed, those that failed.",
        ),
        click.option(
            "--ended-until", type=PAST_MOMENT, metavar="TIME", help="Only tasks that ended before then."
        ),
        click.option("--error", help="Only tasks with this in their error, ignoring case."),
        click.option(
            "--error-kind", help="Only tasks whose error has this first line, with * for numbers and ids."
        ),
        click.option(
            "--error-group",
            metavar="IDS",
            help="Only tasks whose error is in this group of the dashboard, or in one of several.",
        ),
        click.option("--args", help="Only tasks with this in their positional arguments, as JSON."),
        click.option("--kwargs", help="Only tasks with this in their keyword arguments, as JSON."),
        click.option("--arguments", help="Only tasks with this in either, as JSON."),
        click.option("--result", help="Only tasks with this in their result, as JSON."),
        click.option("--metadata", help="Only tasks with this in their metadata, as JSON."),
        click.option(
            "--worker", help="Only tasks whose latest attempt this worker runs or ran: its name or id."
        ),
        click.option("--task-key", "key", metavar="KEY", help="Only tasks with exactly this key."),
        click.option(
            "--task-keys",
            "keys",
            metavar="KEYS",
            help="Only tasks with one of these keys; 'acme*' is every key that begins with acme.",
        ),
        click.option(
            "--argument",
            "named_arguments",
            metavar="NAME=VALUE",
            help="Only tasks with this argument, by keyword or by position, such as order=17 or email=acme*.",
        ),
        click.option("--id", help="Only tasks whose id begins with this."),
        click.option(
            "--not-queue", "not_queues", metavar="NAMES", help="No tasks of this queue, or of several."
        ),
        click.option("--not-name", "not_names", metavar="NAMES", help="No tasks with this name, or several."),
        click.option(
            "--not-name-contains",
            "not_task_names",
            metavar="TEXTS",
            help="No tasks with this in their name, or one of several.",
        ),
        click.option(
            "--not-task-key",
            "not_keys",
            metavar="KEYS",
            help="No tasks with this key, or one of several; 'acme*' is every key that begins with acme.",
        ),
        click.option(
            "--not-arguments",
            "not_arguments",
            metavar="TEXTS",
            help="No tasks with this in their arguments, as JSON, or one of several.",
        ),
        click.option(
            "--not-metadata",
            "not_metadata",
            metavar="TEXTS",
            help="No tasks with this in their metadata, as JSON, or one of several.",
        ),
        click.option(
            "--not-result",
            "not_results",
            metavar="TEXTS",
            help="No tasks with this in their result, as JSON, or one of several.",
        ),
        click.option(
            "--not-error",
            "not_errors",
            metavar="TEXTS",
            help="No tasks with this in their error, or one of several.",
        ),
        click.option(
            "--not-error-kind",
            "not_error_kinds",
            metavar="KINDS",
            help="No tasks whose error has this first line, with * for numbers and ids, or one of several.",
        ),
    )
    return lambda command: old_flags(_OLD)(flags(command))


_OLD = {
    "--task-name": "--name-contains",
    "--queues": "--queue",
    "--names": "--name",
    "--state": "--status",
    "--not-queues": "--not-queue",
    "--not-names": "--not-name",
    "--not-task-names": "--not-name-contains",
    "--not-errors": "--not-error",
}
_NAMES = (
    "queue", "status", "name", "task_name", "since", "until", "ended_since", "ended_until", "error", "error_kind",
    "error_group", "args", "result", "worker", "key", "keys", "named_arguments", "id", "kwargs", "arguments",
    "metadata", "not_queues", "not_names", "not_task_names", "not_keys", "not_arguments", "not_metadata", "not_results",
    "not_errors", "not_error_kinds",
)  # fmt: skip
_SEVERAL = {"queue": "queues", "name": "names"}
"""Parameters of the API for several values, by those for one."""


def taken(given: dict[str, Any]) -> Filters:
    """Takes the filters out of the values of flags."""
    values = {name: given.pop(name) for name in _NAMES}
    found = {name: value for name, value in values.items() if value is not None}
    for one, several in _SEVERAL.items():
        if one in found and ("," in found[one] or found[one].startswith('"')):
            found[several] = found.pop(one)
    if "status" in found and found["status"] not in frozenset(Status):
        found["state"] = _states(found.pop("status"))
    return found


def _states(words: str) -> str:
    """The states that statuses and states stand for."""
    states: set[ShownState] = set()
    for word in words.split(","):
        states |= states_of(Status(word)) if word in frozenset(Status) else {ShownState(word)}
    return ",".join(state for state in ShownState if state in states)


def query_of(api: Api, filters: Filters) -> Filters:
    """The query for the API, which knows workers by id alone."""
    if "worker" not in filters:
        return filters
    found = chosen(api, [filters["worker"]])
    if len(found) > 1:
        raise click.UsageError(f"--worker {filters['worker']} means {len(found)} workers: name one")
    return {**filters, "worker": found[0][0]}
