"""`lapinq workflow`: lists, shows, watches, cancels and retries workflows."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any

import click

from lapinq._client.calling.answer import TEMPORARY
from lapinq.commands.arguments.named import (
    OF_WORKFLOWS,
    WORKFLOW,
    WORKFLOWS,
    given_ids,
    whole_id,
    workflow_id,
    workflow_ids,
)
from lapinq.commands.arguments.one_by_one import Change, change_each
from lapinq.commands.console.api import BULK_TIMEOUT_SECONDS, Answer, Api, api_flags, path, reached
from lapinq.commands.console.failure import ApiRefused, NoAnswer, saying
from lapinq.commands.output.json_output import json_flag, json_of, print_json
from lapinq.commands.output.tables import Id, headings_flag, limit_flag, print_more, print_table
from lapinq.commands.output.terminal import field_text, plain
from lapinq.commands.output.times import utc_text
from lapinq.commands.tasks.waiting import OUTAGE_SECONDS
from lapinq_core.command_line.commands import Command, Group
from lapinq_core.domain.counted import counted
from lapinq_core.runtime import exits

_HEADINGS = ("ID", "STATUS", "DONE", "FAILED", "NAME", "ENQUEUED")
_STATUSES = ("running", "completed", "failed", "cancelled")
_PAUSE_SECONDS = 1.0
_SAID_BY_DONE = ("pending", "completed")
_TASK_FIELDS = ("status", "ref", "task_name", "cause")
_UNREMARKABLE = ("blocked", "pending", "completed")
"""Statuses of tasks that `show` doesn't list."""
_IDS = "ID may be the beginning of an id, or - for ids from standard input."


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
        found = api.get(WORKFLOWS, name=name, status=status, limit=limit)
    if as_json:
        print_json(found)
        return
    print_table(_HEADINGS, [_row(one) for one in found.value], "There are no such workflows.")
    print_more(found)


@workflow.command()
@workflow_id
@json_flag
@api_flags
def show(workflow_id: str, as_json: bool, **given: object) -> None:
    """Show a workflow, and its tasks that run or didn't complete. ID may be the beginning of its id."""
    fields: dict[str, Any] = {}
    tasks: list[dict[str, Any]] = []
    edges: list[dict[str, Any]] = []
    with reached(given) as api:
        for page in _pages(api, whole_id(api, workflow_id, OF_WORKFLOWS)):
            of_page, into_page = page.pop("tasks"), page.pop("edges")
            fields = fields or page
            tasks += of_page if as_json else (one for one in of_page if one["status"] not in _UNREMARKABLE)
            edges += into_page if as_json else ()
    if as_json:
        click.echo(json_of({**fields, "tasks": tasks, "edges": edges}))
        return
    for field, value in fields.items():
        click.echo(field_text(field, _counts(value) if field == "counts" else value))
    if tasks:
        click.echo()
        rows = [[Id(task["id"]), *(task[name] for name in _TASK_FIELDS)] for task in tasks]
        print_table(("ID", "STATUS", "REF", "TASK", "BECAUSE OF"), rows, "")


@workflow.command()
@workflow_id
@json_flag
@api_flags
def watch(workflow_id: str, as_json: bool, **given: object) -> None:
    """Show the progress of a workflow until it has ended. Fails unless it completed. ID may be the beginning of an
    id."""
    is_terminal = sys.stdout.isatty() and not as_json
    shown = ""
    with reached(given) as api:
        looks = _looks(api, whole_id(api, workflow_id, OF_WORKFLOWS))
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


@workflow.command(cls=Command, epilog=_IDS)
@workflow_ids
@json_flag
@api_flags
def cancel(workflow_ids: tuple[str, ...], as_json: bool, **given: object) -> None:
    """Cancel what has not ended of workflows, and ask running tasks to stop."""

    def one(api: Api, which: str) -> tuple[Answer, str]:
        done = api.call("DELETE", path(WORKFLOW, which), timeout=BULK_TIMEOUT_SECONDS)
        return done, f"cancelled {counted(done.value['cancelled'], 'task')} of {which}"

    _change(workflow_ids, given, one, as_json=as_json)


@workflow.command(cls=Command, epilog=_IDS)
@workflow_ids
@json_flag
@api_flags
def retry(workflow_ids: tuple[str, ...], as_json: bool, **given: object) -> None:
    """Run what failed or expired in workflows again, and what depends on it."""

    def one(api: Api, which: str) -> tuple[Answer, str]:
        done = api.call("POST", f"{path(WORKFLOW, which)}/retry", timeout=BULK_TIMEOUT_SECONDS)
        return done, f"{counted(done.value['retried'], 'task')} of {which} pending again"

    _change(workflow_ids, given, one, as_json=as_json)


def _change(texts: Sequence[str], given: Mapping[str, object], one: Change, *, as_json: bool) -> None:
    with reached(given) as api:
        change_each(api, given_ids(texts, OF_WORKFLOWS), one, OF_WORKFLOWS, as_json=as_json)


def _pages(api: Api, which: str) -> Iterator[dict[str, Any]]:
    """The workflow with one page of its tasks after the other."""
    cursor: str | None = None
    while True:
        with _known(which):
            page = api.get(path(WORKFLOW, which), cursor=cursor)
        yield page.value
        cursor = page.next_cursor
        if cursor is None:
            return


def _looks(api: Api, workflow_id: str) -> Iterator[Answer]:
    """The workflow as it is, again and again. An outage is waited out, except the first time."""
    answered_at: float | None = None
    while True:
        try:
            with _known(workflow_id):
                found = api.get(path(WORKFLOW, workflow_id), tasks=False)
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
    return [Id(one["id"]), one["status"], f"{done}/{count}", failed, one["name"], utc_text(one["created_at"])]
