"""The group of commands `lapinq task`."""

import click

from lapinq.commands.tasks.changing import cancel, delete, requeue, run
from lapinq.commands.tasks.durable import signal, steps
from lapinq.commands.tasks.enqueueing import enqueue, rerun
from lapinq.commands.tasks.listing import list_tasks
from lapinq.commands.tasks.logs import logs
from lapinq.commands.tasks.showing import get, why
from lapinq.commands.tasks.waiting import wait
from lapinq_core.command_line.commands import Group


@click.group(
    cls=Group,
    meant={
        "create": "task enqueue",
        "add": "task enqueue",
        "show": "task get",
        "retry": "task requeue",
        "result": "task wait",
        "send": "task signal",
    },
)
def task() -> None:
    """List, show, enqueue, await and change tasks."""


for _command in (
    list_tasks,
    get,
    why,
    steps,
    logs,
    enqueue,
    wait,
    cancel,
    requeue,
    run,
    rerun,
    signal,
    delete,
):
    task.add_command(_command)
