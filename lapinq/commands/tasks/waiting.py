"""`lapinq task wait`, and waiting for a task that was just enqueued."""

import math
import sys
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import click

from lapinq._client.calling.answer import TEMPORARY
from lapinq.commands.arguments.named import TASK, given_ids, task_ids, whole_id
from lapinq.commands.console.api import TIMEOUT_SECONDS, Api, api_flags, path, reached
from lapinq.commands.console.failure import ApiRefused, NoAnswer
from lapinq.commands.output.json_output import json_flag, json_of
from lapinq.commands.output.terminal import json_text, plain
from lapinq.commands.output.times import DURATION, Duration
from lapinq.commands.tasks.showing import why_of
from lapinq_core.command_line.commands import Command
from lapinq_core.domain.tasks.state import Status
from lapinq_core.runtime import exits

LONG_POLL_SECONDS = 20.0
OUTAGE_SECONDS = 60.0
"""How long a server may be away while a task is awaited: the task goes on without it."""
_PAUSE_SECONDS = 0.5


@click.command(cls=Command, epilog="ID may be the beginning of an id, or - for ids from standard input.")
@task_ids
@click.option(
    "--timeout", type=DURATION, metavar="DURATION", help="Give up after this time, with exit code 124."
)
@json_flag
@api_flags
def wait(task_ids: tuple[str, ...], timeout: float | None, as_json: bool, **given: object) -> None:
    """Wait until tasks have ended, and print their results. Fails if one did not complete."""
    with reached(given) as api:
        ids = [whole_id(api, text) for text in given_ids(task_ids)]
        objects, code = await_tasks(api, ids, timeout, prints=not as_json)
    if as_json:
        click.echo(json_of(objects))
    sys.exit(code)


class _Wait(Duration):
    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        return math.inf if value == _FOREVER else super().convert(value, param, ctx)


_FOREVER = "forever"
wait_flag = click.option(
    "--wait",
    "-w",
    type=_Wait(),
    is_flag=False,
    flag_value=_FOREVER,
    metavar="[DURATION]",
    help="Wait until the task has ended, at most this long, and print its result.",
)


def await_tasks(
    api: Api, ids: Sequence[str], timeout: float | None, *, prints: bool
) -> tuple[list[dict[str, Any]], int]:
    """Waits for all tasks; says what went wrong with each and, if it `prints`, its result.

    Returns the API's objects, those of results or of why a task has not ended, and the exit code.
    """
    deadline = time.monotonic() + (math.inf if timeout is None else timeout)
    objects: list[dict[str, Any]] = []
    code = 0
    for which in ids:
        try:
            end = _end_of(api, which, deadline)
        except ApiRefused as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            _complain(f"no task {which}")
            code = code or exits.FAILED
            continue
        if end is None:
            told = why_of(api, which) or {"id": which}
            said = " ".join(text for text in (told.get("why"), told.get("remedy")) if text)
            _complain(f"task {which} has not ended after {timeout:g} s. {said}".rstrip())
            objects.append(told)
            code = exits.TIMED_OUT
            continue
        objects.append(end)
        if end["status"] != Status.COMPLETED:
            _complain(f"task {which} {_ENDED[end['status']]}" + (f": {end['error']}" if end["error"] else ""))
            code = code or exits.FAILED
        elif prints:
            click.echo(json_text(end["result"] or "null"))
    return objects, code


_ENDED = {Status.FAILED: "failed", Status.CANCELLED: "was cancelled", Status.EXPIRED: "expired"}


def _complain(message: str) -> None:
    click.echo(f"Error: {plain(message)}", err=True)


def _end_of(api: Api, which: str, deadline: float) -> dict[str, Any] | None:
    """The result object of the task when it has ended; None after the deadline. Asks again after an outage."""
    answered_at: float | None = None
    while True:
        asked_at = time.monotonic()
        seconds = min(LONG_POLL_SECONDS, max(deadline - asked_at, 0.0))
        try:
            found = api.call(
                "GET",
                f"{path(TASK, which)}/result",
                {"wait": f"{seconds:.3f}"},
                timeout=seconds + TIMEOUT_SECONDS,
            ).value
        except (NoAnswer, ApiRefused) as error:
            if isinstance(error, ApiRefused) and error.status not in TEMPORARY:
                raise
            if answered_at is None or asked_at - answered_at > OUTAGE_SECONDS or asked_at >= deadline:
                raise
        else:
            if "id" in found:
                return found
            answered_at = time.monotonic()
            if answered_at >= deadline:
                return None
        now = time.monotonic()
        if now - asked_at < 0.9 * seconds:  # it did not wait as long as it was asked to
            time.sleep(min(_PAUSE_SECONDS, max(deadline - now, 0.0)))
