"""`lapinq registered`: lists the tasks that workers know."""

from collections.abc import Mapping
from typing import Any

import click
import msgspec

from lapinq.commands.console.api import api_flags, reached
from lapinq.commands.output.json_output import json_flag, print_json
from lapinq.commands.output.tables import headings_flag, print_table
from lapinq_core.command_line.commands import Command

_HEADINGS = ("TASK", "QUEUE", "OPTIONS", "WORKERS")
_SHOWN_WORKERS = 3


@click.command(cls=Command)
@headings_flag
@json_flag
@api_flags
def registered(as_json: bool, **given: object) -> None:
    """List the tasks that live workers have found in their modules.

    A worker reads the modules of --import when it starts, and any other module with the first task from it.
    """
    with reached(given) as api:
        found = api.get("/api/v1/registered")
    if as_json:
        print_json(found)
        return
    nothing = "No live worker has reported a task: workers read the modules of --import, others with the first task."
    print_table(_HEADINGS, [_row(task) for task in found.value], nothing)


def _row(task: Mapping[str, Any]) -> list[object]:
    workers: list[str] = task["workers"]
    names = ", ".join(workers[:_SHOWN_WORKERS])
    more = f" and {len(workers) - _SHOWN_WORKERS} more" if len(workers) > _SHOWN_WORKERS else ""
    stated: dict[str, Any] = task["options"]
    if (version := task.get("version")) is not None:
        stated = {**stated, "version": version}
    options = " ".join(f"{name}={msgspec.json.encode(value).decode()}" for name, value in stated.items())
    return [f"{task['module_path']}.{task['task_name']}", task["queue_name"], options, names + more]
