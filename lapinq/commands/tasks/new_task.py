"""The flags that describe a new task, and its arguments on the command line, as fields of the API."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import msgspec

from lapinq._client.entries.idempotency_key import check_idempotency_key
from lapinq.commands.output.times import DURATION, MOMENT
from lapinq_core.command_line.old_names import old_flags
from lapinq_core.command_line.sections import section
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.chosen_id import key_of


class _Json(click.ParamType[msgspec.Raw]):
    name = "json"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> msgspec.Raw:
        try:
            return _json(str(value))
        except msgspec.DecodeError as error:
            self.fail(f"{value!r} is not JSON: {error}", param, ctx)


class _Function(click.ParamType[tuple[str, str]]):
    """The module and the name of a task's function."""

    name = "function"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        text = str(value)
        module, colon, name = text.partition(":")
        if "/" in module or module.endswith(".py"):
            dotted = module.removesuffix(".py").strip("./").replace("/", ".")
            self.fail(f"{text!r} names a file: name the module, {dotted}:{name or 'FUNCTION'}", param, ctx)
        if not (module and colon and name):
            before, _, last = text.strip(":").rpartition(".")
            meant = f": do you mean {before}:{last}?" if before and last else ", such as shop.tasks:send_mail"
            self.fail(f"{text!r} is not MODULE:FUNCTION{meant}", param, ctx)
        return module, name


class _Key(click.ParamType[str]):
    name = "key"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            check_idempotency_key(value)
        except ValueError as error:
            self.fail(str(error).removeprefix("idempotency_key "), param, ctx)
        return str(value)


class _Share(click.ParamType[tuple[str, int]]):
    """The name of a limit, and the units that a task takes from it."""

    name = "limit"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        name, equals, units = str(value).partition("=")
        if not (name and equals and units.isdecimal()):
            self.fail(f"{str(value)!r} is not NAME=UNITS, such as openai=1200", param, ctx)
        return name, int(units)


FUNCTION = _Function()
JSON = _Json()

_task_section = section(
    "Task",
    click.option("--queue", "-q", "queue_name", metavar="NAME", help="Queue of the task."),
    click.option("--args", type=JSON, metavar="JSON", help="All positional arguments, as a JSON array."),
    click.option("--kwargs", type=JSON, metavar="JSON", help="All keyword arguments, as a JSON object."),
    click.option("--priority", "-p", type=int, help="Priority; higher runs first."),
    click.option(
        "--at",
        type=MOMENT,
        metavar="TIME",
        help="Time before which it does not start; UTC without an offset.",
    ),
    click.option(
        "--in",
        "delay",
        type=DURATION,
        metavar="DURATION",
        help="Start no sooner than after this time, such as 15m.",
    ),
    click.option("--max-retries", type=int, help="Maximum number of retries."),
    click.option("--retry-delay", type=DURATION, metavar="DURATION", help="Time before a retry."),
    click.option(
        "--retry-backoff/--no-retry-backoff",
        default=None,
        help="Whether to double the delay with each retry.",
    ),
    click.option(
        "--ttl",
        "ttl_seconds",
        type=DURATION,
        metavar="DURATION",
        help="Time to live: after it, a pending task expires and an ended one is deleted.",
    ),
    click.option(
        "--timeout", "timeout_seconds", type=DURATION, metavar="DURATION", help="Time limit of an attempt."
    ),
    click.option("--metadata", type=JSON, metavar="JSON", help="Values to store with it, as a JSON object."),
    click.option(
        "--webhook", "webhook_url", metavar="URL", help="URL to call when the task completes or fails."
    ),
    click.option("--profile", is_flag=True, default=None, help="Profile each attempt."),
    click.option(
        "--task-key", metavar="KEY", help="Key: the customer, account or device that the task is about."
    ),
    click.option(
        "--limit",
        "limits",
        type=_Share(),
        multiple=True,
        metavar="NAME=UNITS",
        help="Units that the task takes from a named limit. Repeatable.",
    ),
    click.option(
        "--unique",
        metavar="KEY",
        help="Unique key: if a task with it is pending or running in the queue, print that task's id instead.",
    ),
    click.option(
        "--idempotency-key",
        type=_Key(),
        metavar="KEY",
        help="Idempotency key: repeating the command with it does not enqueue a second task.",
    ),
)


def task_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """The flags of a new task; `taken_fields` and `taken_key` take them."""
    return old_flags({"--key": "--idempotency-key"})(_task_section(command))


_FIELDS = (
    "queue_name", "args", "kwargs", "priority", "max_retries", "retry_delay", "retry_backoff", "ttl_seconds",
    "timeout_seconds", "metadata", "webhook_url", "profile",
)  # fmt: skip


def taken_fields(given: dict[str, Any]) -> dict[str, object]:
    """Takes the fields of the task out of the values of flags."""
    fields = {name: given.pop(name) for name in _FIELDS}
    at, delay = given.pop("at"), given.pop("delay")
    if at is not None and delay is not None:
        raise click.UsageError("give --at or --in, not both")
    if delay is not None:
        at = (datetime.now(UTC) + timedelta(seconds=delay)).isoformat()
    fields["scheduled_at"] = at
    fields["key"] = given.pop("task_key")
    fields["limits"] = dict(given.pop("limits")) or None
    unique = given.pop("unique")
    fields["unique"] = None if unique is None else {"key": unique}
    return {name: value for name, value in fields.items() if value is not None}


def taken_key(given: dict[str, Any]) -> str:
    """The key that is given, or one for this call alone."""
    return given.pop("idempotency_key") or key_of(new_id())


def add_arguments(fields: dict[str, object], words: Sequence[str]) -> None:
    """Adds the arguments of the function that `words` are: VALUE or NAME=VALUE, as JSON or as text."""
    positional: list[object] = []
    named: dict[str, object] = {}
    for word in words:
        if (found := _NAMED.fullmatch(word)) is None:
            positional.append(_value(word))
        elif found[1] in named:
            raise click.UsageError(f"{found[1]}= is given twice")
        else:
            named[found[1]] = _value(found[2])
    for name, values in (("args", positional), ("kwargs", named)):
        if values and name in fields:
            raise click.UsageError(f"give arguments after the function or as --{name}, not both")
        if values:
            fields[name] = values


def _value(text: str) -> object:
    try:
        return _json(text)
    except msgspec.DecodeError as error:
        if text[:1] not in _BEGINS_JSON:
            return text
        raise click.UsageError(f"{text!r} begins like JSON, but is not: {error}") from error


def _json(text: str) -> msgspec.Raw:
    """JSON as it was typed: numbers keep their digits."""
    msgspec.json.decode(text)
    return msgspec.Raw(text.encode())


_NAMED = re.compile(r"([^\W\d]\w*)=(.*)", re.DOTALL)
_BEGINS_JSON = ("[", "{", '"')
