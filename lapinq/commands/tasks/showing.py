"""`lapinq task get` and `lapinq task why`."""

from http import HTTPStatus

import click

from lapinq.commands.arguments.named import TASK, task_id, whole_id
from lapinq.commands.console.api import Answer, Api, api_flags, path, reached
from lapinq.commands.console.failure import Failed, saying
from lapinq.commands.output.json_output import json_flag, print_json
from lapinq.commands.output.task_text import attempts_text, task_text
from lapinq.commands.output.terminal import plain
from lapinq_core.command_line.commands import Command
from lapinq_core.domain.tasks.state import FINAL


@click.command(cls=Command)
@task_id
@json_flag
@api_flags
def get(task_id: str, as_json: bool, **given: object) -> None:
    """Show a task, why it is not running, and its attempts. ID may be the beginning of its id."""
    with reached(given) as api:
        which = whole_id(api, task_id)
        with saying(HTTPStatus.NOT_FOUND, f"no task {which}"):
            found = api.get(path(TASK, which))
            if as_json:
                print_json(found)
                return
            fields = found.value
            if fields["status"] not in FINAL and (told := why_of(api, which)) is not None:
                fields |= {name: told[name] for name in ("why", "remedy") if told[name] is not None}
            attempts = api.get(f"{path(TASK, which)}/attempts").value
    click.echo(task_text(fields))
    if shown := attempts_text(attempts):
        click.echo(f"\n{shown}")


@click.command(cls=Command)
@task_id
@json_flag
@api_flags
def why(task_id: str, as_json: bool, **given: object) -> None:
    """Say why a task is not running, or how it ended, and what to do about it."""
    with reached(given) as api:
        which = whole_id(api, task_id)
        with saying(HTTPStatus.NOT_FOUND, f"no task {which}"):
            found = _ask_why(api, which)
    if as_json:
        print_json(found)
        return
    told: dict[str, str | None] = found.value
    for part in (told["why"], told["remedy"]):
        if part is not None:
            click.echo(plain(part))


def why_of(api: Api, which: str) -> dict[str, str | None] | None:
    """Why the task is not running; None if the server can't tell, being too old or too busy."""
    try:
        return _ask_why(api, which).value
    except Failed:
        return None


def _ask_why(api: Api, which: str) -> Answer:
    return api.get(f"{path(TASK, which)}/why")
