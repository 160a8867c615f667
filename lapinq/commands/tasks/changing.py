"""`lapinq task cancel`, `requeue`, `run` and `delete`: of tasks named by id, or of all that match filters."""

from collections.abc import Callable
from typing import Any, NamedTuple

import click

from lapinq.commands.arguments.named import TASK, TASKS, any_task_ids, given_ids
from lapinq.commands.arguments.one_by_one import Change, change_each
from lapinq.commands.arguments.unknown_queue import note_unknown_queue
from lapinq.commands.console.api import BULK_TIMEOUT_SECONDS, Answer, Api, api_flags, path, reached
from lapinq.commands.console.confirmation import confirm, yes_flag
from lapinq.commands.console.failure import ApiRefused, Failed
from lapinq.commands.output.json_output import json_flag, print_done
from lapinq.commands.tasks.filters import Filters, filter_flags, query_of, taken
from lapinq_core.command_line.commands import Command
from lapinq_core.command_line.sections import section
from lapinq_core.domain.counted import counted
from lapinq_core.domain.requests.refusals import STILL_RUNNING
from lapinq_core.domain.tasks.state import Status

_IDS = "ID may be the beginning of an id, or - for ids from standard input. Without IDs, filters choose the tasks."


def _choice(*statuses: Status) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The flags that choose many tasks; `_change` takes them."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        many = section(
            "Many tasks",
            click.option(
                "--all", "-a", "every", is_flag=True, help="Act on all tasks that this command can change."
            ),
            click.option("--dry-run", "is_dry", is_flag=True, help="Count the tasks, and change nothing."),
            yes_flag,
        )
        return any_task_ids(filter_flags(*statuses)(many(json_flag(api_flags(command)))))

    return decorate


@click.command(cls=Command, epilog=_IDS)
@click.option("--running", is_flag=True, help="Also ask running tasks to stop. Needs IDs.")
@_choice(Status.PENDING)
def cancel(task_ids: tuple[str, ...], running: bool, **given: Any) -> None:
    """Cancel pending tasks; with --running, also stop running ones."""

    def one(api: Api, which: str) -> tuple[Answer, str]:
        try:
            answer = api.delete(path(TASK, which), running=running or None)
        except ApiRefused as error:
            if error.message != STILL_RUNNING:
                raise
            raise Failed(f"task {which} is running; --running asks it to stop") from error
        if answer.value["status"] == Status.RUNNING:
            return answer, f"asked {which} to stop; it ends as cancelled, unless it completes first"
        return answer, f"cancelled {which}"

    if running and not task_ids:
        raise click.UsageError("--running needs IDs: running tasks are stopped one by one")
    _change(task_ids, given, one, _Many("POST", f"{TASKS}/cancel", "cancel {}", "cancelled"))


@click.command(cls=Command, epilog=_IDS)
@_choice(Status.FAILED)
def requeue(task_ids: tuple[str, ...], **given: Any) -> None:
    """Make failed tasks pending again, with all their retries."""

    def one(api: Api, which: str) -> tuple[Answer, str]:
        return api.post(f"{path(TASK, which)}/requeue"), f"requeued {which}"

    _change(task_ids, given, one, _Many("POST", f"{TASKS}/requeue", "requeue {}", "requeued"))


@click.command(cls=Command, epilog=_IDS)
@_choice(Status.PENDING)
def run(task_ids: tuple[str, ...], **given: Any) -> None:
    """Start delayed tasks now: scheduled ones, and those that wait for a retry."""

    def one(api: Api, which: str) -> tuple[Answer, str]:
        return api.post(f"{path(TASK, which)}/run"), f"released {which}"

    _change(task_ids, given, one, _Many("POST", f"{TASKS}/run", "start {} now", "released"))


@click.command(cls=Command, epilog=_IDS)
@_choice()
def delete(task_ids: tuple[str, ...], **given: Any) -> None:
    """Delete tasks permanently, with their results and logs. Running tasks are not deleted."""

    def one(api: Api, which: str) -> tuple[Answer, str]:
        answer = api.delete(TASKS, id=which)
        if answer.value["skipped_running"]:
            raise Failed(f"task {which} is running: cancel it first")
        if not answer.value["deleted"]:
            raise Failed(f"no task {which}")
        return answer, f"deleted {which}"

    _change(task_ids, given, one, _Many("DELETE", TASKS, "delete {}", "deleted"))


class _Many(NamedTuple):
    """The call that changes many tasks, what it is about to do to them, and the field that says how many it did."""

    method: str
    path: str
    words: str
    done: str


def _change(task_ids: tuple[str, ...], given: dict[str, Any], one: Change, many: _Many) -> None:
    filters = taken(given)
    every, is_dry, is_sure, as_json = (given.pop(name) for name in ("every", "is_dry", "is_sure", "as_json"))
    if task_ids and (filters or every or is_dry):
        raise click.UsageError("give either IDs, or filters, --all and --dry-run")
    if not (task_ids or filters or every):
        raise click.UsageError("give IDs, or filters such as --queue, or --all for all tasks")
    with reached(given) as api:
        if task_ids:
            change_each(api, given_ids(task_ids), one, as_json=as_json)
        else:
            _change_matching(api, filters, many, is_dry=is_dry, is_sure=is_sure, as_json=as_json)


def _change_matching(
    api: Api, filters: Filters, many: _Many, *, is_dry: bool, is_sure: bool, as_json: bool
) -> None:
    query: dict[str, object] = {**query_of(api, filters)}
    if is_dry or not is_sure:
        found = api.call(many.method, many.path, {**query, "dry_run": True}, timeout=BULK_TIMEOUT_SECONDS)
        matching: int = found.value["matching"]
        what = many.words.format(counted(matching, "task"))
        if not matching:
            note_unknown_queue(api, filters.get("queue"))
        if is_dry:
            print_done(found, f"would {what}", as_json=as_json)
            return
        if matching:
            confirm(f"{what.capitalize()}?", is_sure=is_sure)
    answer = api.call(many.method, many.path, query, timeout=BULK_TIMEOUT_SECONDS)
    done = answer.value
    skipped = done.get("skipped_running", 0)
    still = f"; {counted(skipped, 'task')} running" if skipped else ""
    print_done(answer, f"{many.done} {counted(done[many.done], 'task')}{still}", as_json=as_json)
