"""`lapinq workflow`: lists, shows, watches, cancels and retries workflows."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any

import click

from lapinq._client.calling.answer import TEMPORARY
from lapinq.commands.console.api import BULK_TIMEOUT_SECONDS, Answer, Api, api_flags, path, reached
from lapinq.commands.console.failure import ApiRefused, NoAnswer, saying
from lapinq.commands.console.json_output import json_flag, print_done, print_json
from lapinq.commands.console.tables import headings_flag, limit_flag, print_more, print_table
from lapinq.commands.console.terminal import field_text, plain
from lapinq.commands.console.times import utc_text
from lapinq.commands.tasks.waiting import OUTAGE_SECONDS
from lapinq_core.command_line.commands import Group
from lapinq_core.domain.counted import counted
from lapinq_core.runtime import exits

_WORKFLOWS = "/api/v1/workflows"
_WORKFLOW = f"{_WORKFLOWS}/{{}}"
_HEADINGS = ("ID", "STATUS", "DONE", "FAILED", "NAME", "ENQUEUED")
_STATUSES = ("running", "completed", "failed", "cancelled")
_PAUSE_SECONDS = 1.0
_SAID_BY_DONE = ("pending", "completed")
_UNREMARKABLE = ("blocked", "pending", "completed")
"""Statuses of tasks that `show` doesn't list."""

_id = click.argument("workflow_id", metavar="ID")


@click.group(cls=Group, meant={"get": "workflow show", "wait": "workflow watch", "requeue": "workflow retry"})
def workflow() -> None:
    """List, show, watch, cancel and retry workflows."""


@workflow.command("list")
@click.option("--name", "-n", help="Only workflows with this name.")
@click.option("--status", "-s", type=click.Choice(_STATUSES), help="Only workflows with this status.")
@limit_flag
@headings_flag
@json_flag
@api_flags
def list_workflows(name: str | None, status: str | None, limit: int, as_json: bool, **given: object) -> None:
    """List workflows, newest first."""
    with reached(given) as api:
        found = api.get(_WORKFLOWS, name=name, status=status, limit=limit)
    if as_json:
        print_json(found)
        return
    print_table(_HEADINGS, [_row(one) for one in found.value], "There are no such workflows.")
    print_more(found)


@workflow.command()
@_id
@json_flag
@api_flags
def show(workflow_id: str, as_json: bool, **given: object) -> None:
    """Show a workflow, and its tasks that run or didn't complete."""
    with reached(given) as api, _known(workflow_id):
        found = api.get(path(_WORKFLOW, workflow_id))
    if as_json:
        print_json(found)
        return
    fields: dict[str, Any] = found.value
    tasks = [task for task in fields.pop("tasks") if task["status"] not in _UNREMARKABLE]
    del fields["edges"]
    for field, value in fields.items():
        click.echo(field_text(field, _counts(value) if field == "counts" else value))
    if tasks:
        click.echo()
        rows = [[task[name] for name in ("id", "status", "ref", "task_name", "cause")] for task in tasks]
        print_table(("ID", "STATUS", "REF", "TASK", "BECAUSE OF"), rows, "")


@workflow.command()
@_id
@json_flag
@api_flags
def watch(workflow_id: str, as_json: bool, **given: object) -> None:
    """Show the progress of a workflow until it has ended. Fails unless it completed."""
    is_terminal = sys.stdout.isatty() and not as_json
    shown = ""
    with reached(given) as api, _known(workflow_id):
        looks = _looks(api, workflow_id)
        while True:
            found = next(looks)
            line = _progress(found.value)
            if not as_json and line != shown:
                click.echo(f"\r\x1b[K{line}" if is_terminal else line, nl=not is_terminal)
                shown = line
            if found.value["ended_at"] is not None:
                break
            time.sleep(_PAUSE_SECONDS)
    if as_json:
        print_json(found)
    elif is_terminal:
        click.echo()
    sys.exit(0 if found.value["status"] == "completed" else exits.FAILED)


@workflow.command()
@_id
@json_flag
@api_flags
def cancel(workflow_id: str, as_json: bool, **given: object) -> None:
    """Cancel what has not ended of a workflow, and ask running tasks to stop."""
    with reached(given) as api, _known(workflow_id):
        found = api.call("DELETE", path(_WORKFLOW, workflow_id), timeout=BULK_TIMEOUT_SECONDS)
    print_done(found, f"cancelled {counted(found.value['cancelled'], 'task')}", as_json=as_json)


@workflow.command()
@_id
@json_flag
@api_flags
def retry(workflow_id: str, as_json: bool, **given: object) -> None:
    """Run what failed or expired in a workflow again, and what depends on it."""
    with reached(given) as api, _known(workflow_id):
        found = api.call("POST", f"{path(_WORKFLOW, workflow_id)}/retry", timeout=BULK_TIMEOUT_SECONDS)
    print_done(found, f"{counted(found.value['retried'], 'task')} pending again", as_json=as_json)


def _looks(api: Api, workflow_id: str) -> Iterator[Answer]:
    """The workflow as it is, again and again. An outage is waited out, except the first time."""
    answered_at: float | None = None
    while True:
        try:
            found = api.get(path(_WORKFLOW, workflow_id), tasks=False)
        except (NoAnswer, ApiRefused) as error:
            if isinstance(error, ApiRefused) and error.status not in TEMPORARY:
                raise
            if answered_at is None or time.monotonic() - answered_at > OUTAGE_SECONDS:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            answered_at = time.monotonic()
            yield found


def _known(workflow_id: str) -> AbstractContextManager[None]:
    return saying(HTTPStatus.NOT_FOUND, f"no workflow {plain(workflow_id)}")


def _done(counts: Mapping[str, int]) -> tuple[int, int]:
    """How many tasks have ended, and how many there are."""
    count = sum(counts.values())
    return count - counts["pending"] - counts["running"], count


def _progress(one: Mapping[str, Any]) -> str:
    counts: dict[str, int] = one["counts"]
    done, count = _done(counts)
    others = [f"{counts[name]} {name}" for name in counts if counts[name] and name not in _SAID_BY_DONE]
    return ", ".join([f"{plain(one['name'])}: {one['status']}", f"{done} of {count} done", *others])


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in counts.items() if count)


def _row(one: Mapping[str, Any]) -> list[object]:
    counts = one["counts"]
    done, count = _done(counts)
    failed = counts["failed"] + counts["expired"]
    return [one["id"], one["status"], f"{done}/{count}", failed, one["name"], utc_text(one["created_at"])]
