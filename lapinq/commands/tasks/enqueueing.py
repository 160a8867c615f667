"""`lapinq task enqueue` and `lapinq task rerun`."""

import sys
from typing import Any

import click

from lapinq.commands.arguments.named import TASK, given_ids, task_ids
from lapinq.commands.arguments.one_by_one import change_each
from lapinq.commands.console.api import Answer, Api, api_flags, path, reached
from lapinq.commands.output.json_output import json_flag, json_of, print_json
from lapinq.commands.tasks.new_task import FUNCTION, add_arguments, taken_fields, taken_key, task_flags
from lapinq.commands.tasks.waiting import await_tasks, wait_flag
from lapinq_core.command_line.commands import Command
from lapinq_core.command_line.sections import section

_ARGUMENTS = (
    "ARGUMENTS are VALUE or NAME=VALUE. A VALUE is JSON, or else text."
    " Put -- before one that begins with a dash."
)


class _Enqueue(Command):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if not error.option_name[1:2].isdigit():
                raise
            raise click.UsageError(
                f"put -- before {error.option_name}: it looks like an option", ctx
            ) from error


@click.command(cls=_Enqueue, epilog=_ARGUMENTS)
@click.argument("function", type=FUNCTION, metavar="MODULE:FUNCTION")
@click.argument("arguments", nargs=-1, metavar="[ARGUMENTS]...")
@wait_flag
@task_flags
@json_flag
@api_flags
def enqueue(
    function: tuple[str, str], arguments: tuple[str, ...], wait: float | None, as_json: bool, **given: Any
) -> None:
    """Enqueue a task and print its id, or with --wait its result."""
    fields = taken_fields(given)
    add_arguments(fields, arguments)
    key = taken_key(given)
    module_path, task_name = function
    if wait is not None and fields.get("ttl_seconds") == 0:
        raise click.UsageError("--wait needs a task with a result: --ttl 0 leaves none")
    with reached(given) as api:
        answer = api.post_once(
            "/api/v1/enqueue", {"task_name": task_name, "module_path": module_path, **fields}, key
        )
        task_id: str | None = answer.value["task_id"]
        if wait is not None and task_id is not None:
            click.echo(f"enqueued {task_id}", err=True)
            objects, code = await_tasks(api, [task_id], wait, prints=not as_json)
            if as_json and objects:  # none if it was deleted meanwhile
                click.echo(json_of(objects[0]))
            sys.exit(code)
    if as_json:
        print_json(answer)
    elif task_id is None:
        click.echo("enqueued; a fire-and-forget task has no id", err=True)
    else:
        click.echo(task_id)


@click.command(cls=Command, epilog="ID may be the beginning of an id, or - for ids from standard input.")
@task_ids
@section(
    "Durable tasks",
    click.option(
        "--from-step",
        metavar="NAME",
        help="Take over the steps and waits that ended and began before this one.",
    ),
    click.option(
        "--from-occurrence",
        type=click.IntRange(0),
        metavar="NUMBER",
        help="Which step of this name, from 0. Default: the first.",
    ),
)
@task_flags
@json_flag
@api_flags
def rerun(
    task_ids: tuple[str, ...],
    from_step: str | None,
    from_occurrence: int | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Enqueue tasks again as new tasks, changed by flags if given, and print their ids."""
    fields = taken_fields(given)
    for name, value in (("from_step", from_step), ("from_occurrence", from_occurrence)):
        if value is not None:
            fields[name] = value
    key = taken_key(given)
    ids = given_ids(task_ids)

    def one(api: Api, which: str) -> tuple[Answer, str]:
        # A key is for one request: each task gets its own.
        answer = api.post_once(
            f"{path(TASK, which)}/rerun", fields, key if len(ids) == 1 else f"{key} {which}"
        )
        return answer, answer.value["task_id"] or "enqueued; a fire-and-forget task has no id"

    with reached(given) as api:
        change_each(api, ids, one, as_json=as_json)
