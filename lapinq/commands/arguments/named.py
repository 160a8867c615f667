"""Which tasks or workflows a command means: by id, by the beginning of one, or by ids from standard input."""

import re
import sys
import uuid
from collections.abc import Sequence
from typing import NamedTuple

import click

from lapinq.commands.console.api import Api
from lapinq.commands.console.failure import Failed
from lapinq.commands.output.terminal import plain
from lapinq_core.domain.ids import BEGIN_OF_ID
from lapinq_core.domain.requests.refusals import UNKNOWN_TASK, UNKNOWN_WORKFLOW

TASKS = "/api/v1/tasks"
TASK = f"{TASKS}/{{}}"
WORKFLOWS = "/api/v1/workflows"
WORKFLOW = f"{WORKFLOWS}/{{}}"
MIN_CHARACTERS = 6
"""Of an id. Fewer stand for all tasks of many hours: an id begins with the time."""
_MAX_SHOWN = 10
_WHOLE = 36
_STDIN = "-"
_BEGIN = re.compile(BEGIN_OF_ID)


class Kind(NamedTuple):
    """What an id is of, the path of its list, what the API says of an unknown one, and by which fields several are told
    apart."""

    noun: str
    path: str
    unknown: str
    fields: Sequence[str]


OF_TASKS = Kind("task", TASKS, UNKNOWN_TASK, ("queue_name", "task_name"))
OF_WORKFLOWS = Kind("workflow", WORKFLOWS, UNKNOWN_WORKFLOW, ("name",))


class _Id(click.ParamType[str]):
    name = "id"

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).strip().lower()
        if text == _STDIN and param is not None and param.nargs != 1:
            return text
        try:
            return str(uuid.UUID(text))
        except ValueError:
            pass
        if not _BEGIN.fullmatch(text):
            self.fail(f"{value!r} is not the id of a {self._kind.noun}, nor its beginning", param, ctx)
        if len(text) < MIN_CHARACTERS:
            self.fail(
                f"{value!r} is too short: give at least {MIN_CHARACTERS} characters of the id", param, ctx
            )
        return text


task_id = click.argument("task_id", type=_Id(OF_TASKS), metavar="ID")
task_ids = click.argument("task_ids", type=_Id(OF_TASKS), metavar="ID...", nargs=-1, required=True)
any_task_ids = click.argument("task_ids", type=_Id(OF_TASKS), metavar="[ID...]", nargs=-1)
workflow_id = click.argument("workflow_id", type=_Id(OF_WORKFLOWS), metavar="ID")
workflow_ids = click.argument(
    "workflow_ids", type=_Id(OF_WORKFLOWS), metavar="ID...", nargs=-1, required=True
)


def whole_id(api: Api, text: str, kind: Kind = OF_TASKS) -> str:
    """The id that begins with `text`, as the arguments above read it."""
    if len(text) == _WHOLE:
        return text
    found = api.get(kind.path, id=text, limit=_MAX_SHOWN + 1).value
    if len(found) == 1:
        return found[0]["id"]
    if not found:
        raise Failed(f"no {kind.noun} {text}")
    count = len(found) if len(found) <= _MAX_SHOWN else f"more than {_MAX_SHOWN}"
    lines = [
        "  ".join(["", one["id"], f"{one['status']:<9}", *(plain(one[field]) for field in kind.fields)])
        for one in found[:_MAX_SHOWN]
    ]
    raise Failed(
        "\n".join([f"{count} {kind.noun}s have an id that begins with {text}; give more of it:", *lines])
    )


def given_ids(texts: Sequence[str], kind: Kind = OF_TASKS) -> list[str]:
    """`texts`, with what standard input has, an id per line, in the place of `-`. Each once."""
    found: list[str] = []
    for text in texts:
        if text != _STDIN:
            found.append(text)
            continue
        ctx = click.get_current_context()
        found.extend(_Id(kind).convert(line, None, ctx) for line in sys.stdin if line.strip())
    return list(dict.fromkeys(found))
