"""The commands of `lapinq worker`: show workers, and ask them to pause or stop."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import click

from lapinq.commands.arguments.worker_choice import chosen
from lapinq.commands.console.api import Answer, Api, api_flags, path, reached
from lapinq.commands.console.failure import ApiRefused, Failed
from lapinq.commands.output.json_output import json_array, json_flag, print_json
from lapinq.commands.output.tables import Id, headings_flag, print_table
from lapinq.commands.output.terminal import field_text
from lapinq.commands.output.times import DURATION
from lapinq_core.command_line.commands import Command
from lapinq_core.runtime import exits

Decorated = TypeVar("Decorated", bound=Callable[..., object])

_WORKER = "/api/v1/workers/{}"
_HEADINGS = ("ID", "STATE", "NAME", "TASKS", "MEMORY", "QUEUES", "REQUESTED")
_TASK_HEADINGS = ("ID", "TASK", "QUEUE", "SECONDS", "PROGRESS")
_WAIT_SECONDS = 60
_POLL_SECONDS = 0.2


@click.command("list", cls=Command)
@headings_flag
@json_flag
@api_flags
def list_workers(as_json: bool, **given: object) -> None:
    """List the workers, live ones first."""
    with reached(given) as api:
        found = api.get("/api/v1/workers")
    if as_json:
        print_json(found)
        return
    print_table(_HEADINGS, [_row(worker) for worker in found.value["workers"]], "There are no workers.")
    if more := found.value["more"]:
        click.echo(f"and {more} more")


@click.command(cls=Command)
@click.argument("name")
@headings_flag
@json_flag
@api_flags
def show(name: str, as_json: bool, **given: object) -> None:
    """Show a worker and the tasks that it runs."""
    with reached(given) as api:
        (worker_id, _), *_ = chosen(api, [name])
        found = api.get(path(_WORKER, worker_id))
    if as_json:
        print_json(found)
        return
    fields: dict[str, Any] = found.value
    tasks = fields.pop("tasks")
    for field, value in fields.items():
        click.echo(field_text(field, f"{value:.3g}" if isinstance(value, float) else value))
    if tasks:
        click.echo()
        print_table(_TASK_HEADINGS, [_task_row(task) for task in tasks], "")


def _choice(command: Decorated) -> Decorated:
    for flag in (
        api_flags,
        json_flag,
        click.option(
            "--all-named", is_flag=True, help="Act on all workers with that name, if there are several."
        ),
        click.argument("names", nargs=-1, required=True, metavar="NAME..."),
    ):
        command = flag(command)
    return command


@click.command(cls=Command)
@_choice
def quiet(names: tuple[str, ...], all_named: bool, as_json: bool, **given: object) -> None:
    """Make workers stop claiming tasks. Running tasks continue.

    NAME is the name of a worker, a pattern such as 'mail-*', or an id or its beginning.
    """
    with reached(given) as api:
        _ask(api, chosen(api, names, all_named=all_named), "quiet", "stop claiming tasks", as_json=as_json)


@click.command(cls=Command)
@_choice
def resume(names: tuple[str, ...], all_named: bool, as_json: bool, **given: object) -> None:
    """Let quiet workers claim tasks again.

    NAME is the name of a worker, a pattern such as 'mail-*', or an id or its beginning.
    """
    with reached(given) as api:
        _ask(api, chosen(api, names, all_named=all_named), "resume", "claim tasks again", as_json=as_json)


@click.command(cls=Command)
@_choice
@click.option("--wait", is_flag=True, help="Wait until they have stopped.")
@click.option(
    "--timeout",
    type=DURATION,
    default=_WAIT_SECONDS,
    show_default=True,
    metavar="TIME",
    help="With --wait: fail after this time, such as 90, 30s or 5m.",
)
def stop(
    names: tuple[str, ...], all_named: bool, wait: bool, timeout: float, as_json: bool, **given: object
) -> None:
    """Stop workers as SIGTERM does: running tasks get the grace period.

    NAME is the name of a worker, a pattern such as 'mail-*', or an id or its beginning.
    """
    with reached(given) as api:
        workers = chosen(api, names, all_named=all_named)
        _ask(api, workers, "stop", "stop", as_json=as_json)
        if wait:
            _wait(api, workers, time.monotonic() + timeout)


def _ask(api: Api, workers: Sequence[tuple[str, str]], order: str, said: str, *, as_json: bool) -> None:
    """Asks each of them, also after one refused. Then that ends the command."""
    asked: list[Answer] = []
    refused = False
    for worker_id, label in workers:
        try:
            asked.append(api.post(f"{path(_WORKER, worker_id)}/{order}"))
        except ApiRefused as error:
            if len(workers) == 1:
                raise
            click.echo(f"Error: {label}: {error.message}", err=True)
            refused = True
            continue
        if not as_json:
            click.echo(f"asked {label} to {said}")
    if as_json:
        click.echo(json_array(asked))
    if refused:
        sys.exit(exits.FAILED)


def _wait(api: Api, workers: Sequence[tuple[str, str]], deadline: float) -> None:
    left = dict(workers)
    while True:
        for worker_id, label in list(left.items()):
            try:
                state = api.get(path(_WORKER, worker_id)).value["state"]
            except ApiRefused as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
                del left[worker_id]  # it signed off
                continue
            if state == "dead":
                raise Failed(f"{label} did not stop in order: it was declared dead")
        if not left:
            return
        if time.monotonic() > deadline:
            raise Failed(f"still stopping: {', '.join(left.values())}")
        time.sleep(_POLL_SECONDS)


def _row(worker: Mapping[str, Any]) -> list[object]:
    running, memory = worker["running"], worker["memory_bytes"]
    return [
        Id(worker["id"]),
        f"{worker['state']}, blocked" if worker.get("blocked_seconds") else worker["state"],
        worker["name"],
        f"{'?' if running is None else running} of {worker['concurrency']} running",
        None if memory is None else f"{memory / 2**20:.0f} MiB",
        "all" if worker["queues"] is None else ", ".join(worker["queues"]),
        f"{worker['asked_to']} requested by {worker['asked_by']}" if worker["asked_to"] else None,
    ]


def _task_row(task: Mapping[str, Any]) -> list[object]:
    progress = task["progress"]
    return [
        Id(task["id"]),
        task["task_name"],
        task["queue_name"],
        f"{task['seconds']:.1f}",
        None if progress is None else f"{progress} %",
    ]
