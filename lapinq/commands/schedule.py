"""`lapinq schedule`: shows and changes schedules."""

import copy
import re
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import click
import msgspec

from lapinq.commands.apply import apply
from lapinq.commands.console.api import Api, api_flags, path, reached
from lapinq.commands.console.confirmation import confirm, yes_flag
from lapinq.commands.console.failure import ApiRefused, Failed
from lapinq.commands.output import schedule_text as text
from lapinq.commands.output.json_output import json_flag, json_of, print_done
from lapinq.commands.output.tables import headings_flag, limit_flag, print_more, print_table
from lapinq.commands.output.terminal import plain
from lapinq.commands.output.times import utc_text
from lapinq.commands.tasks.new_task import JSON
from lapinq_core.command_line.commands import Group
from lapinq_core.db.startup import explained
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.nearest import did_you_mean
from lapinq_core.domain.schedules.schedule import Definition, ScheduleState, check_definition

_SCHEDULES = "/api/v1/schedules"
_SCHEDULE = f"{_SCHEDULES}/{{}}"
_HEADINGS = ("NAME", "STATE", "FIRES", "NEXT", "LAST")
_SHOWN_TICKS = 10
_HASH = re.compile(r"\bh\b", re.IGNORECASE)


_name = click.argument("name")


@click.group(
    cls=Group,
    meant={
        "create": "apply",
        "add": "apply",
        "get": "schedule show",
        "pause": "schedule disable",
        "resume": "schedule enable",
    },
)
def schedule() -> None:
    """List, show, pause and run schedules."""


_older_name = copy.copy(apply)
_older_name.hidden = True
schedule.add_command(_older_name)


@schedule.command("list")
@click.option("--queue", "-q", help="Only schedules whose tasks go into this queue.")
@click.option("--name", "-n", "part", help="Only schedules with this in their name or their task's name.")
@click.option(
    "--state",
    "-s",
    type=click.Choice([state.value for state in ScheduleState]),
    help="Only schedules in this state.",
)
@limit_flag
@headings_flag
@json_flag
@api_flags
def list_schedules(
    queue: str | None, part: str | None, state: str | None, limit: int, as_json: bool, **given: object
) -> None:
    """List schedules by name, with the next time and the outcome of the last tick."""
    with reached(given) as api:
        found = api.get(_SCHEDULES, queue=queue, name=part, state=state, limit=limit)
    if as_json:
        click.echo(json_of([_with_words(one, [one["last"]] if one["last"] else []) for one in found.value]))
        return
    now = datetime.now(UTC)
    print_table(
        _HEADINGS, [text.schedule_row(one, now) for one in found.value], "There are no such schedules."
    )
    print_more(found)


@schedule.command()
@_name
@json_flag
@api_flags
def show(name: str, as_json: bool, **given: object) -> None:
    """Show a schedule and its last ticks."""
    with _reached(given, name) as api:
        found = api.get(path(_SCHEDULE, name)).value
        ticks = api.get(path(_SCHEDULE, name) + "/ticks", limit=_SHOWN_TICKS).value
    shown = _with_words(found, ticks)
    if as_json:
        click.echo(json_of(shown))
        return
    click.echo(text.schedule_text(shown, datetime.now(UTC)))
    if ticks:
        click.echo("\nticks")
        for tick in ticks:
            click.echo(f"  {text.tick_line(tick)}")


@schedule.command("next")
@click.argument("name", required=False)
@click.option(
    "--count",
    "-n",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    help="Number of times to show.",
)
@click.option("--cron", help="Cron expression, instead of a stored schedule. With H, also give NAME.")
@click.option("--every", help="Interval that starts now, instead of a stored schedule.")
@click.option("--tz", default="UTC", show_default=True, help="Time zone of --cron.")
@json_flag
@api_flags
def next_(
    name: str | None, count: int, cron: str | None, every: str | None, tz: str, as_json: bool, **given: object
) -> None:
    """Show when a schedule fires next, or when an expression would."""
    now = datetime.now(UTC)
    if cron is None and every is None:
        if name is None:
            raise click.UsageError("give the NAME of a schedule, or --cron or --every")
        hint = "; an expression needs --cron" if " " in name or name.startswith("@") else ""
        with _reached(given, name + hint) as api:
            found = api.get(path(_SCHEDULE, name)).value
        anchor = datetime.fromisoformat(found["anchor_at"])
        fields = {
            field: found[field] for field in ("name", "cron", "every", "timezone", "starts_at", "ends_at")
        }
        definition = msgspec.convert({**fields, "task_name": "x", "module_path": "x"}, Definition)
        if found["state"] == ScheduleState.PAUSED and not as_json:
            click.echo("It is paused; without the pause:")
    else:
        if cron is not None and name is None and _HASH.search(cron):
            raise click.UsageError("H is derived from the name of the schedule: give NAME too")
        anchor = now.replace(microsecond=0)
        definition = Definition(
            name=name or "x", task_name="x", module_path="x", cron=cron, every=every, timezone=tz
        )
        try:
            check_definition(definition, now)
        except InvalidValue as error:
            raise click.BadParameter(error.msg, param_hint=_FLAGS.get(error.loc)) from error
    with explained():
        times = text.next_times(definition, anchor, now, count)
    if as_json:
        click.echo(json_of({"says": text.sentence(definition), "times": times}))
        return
    click.echo(text.sentence(definition))
    for moment in times:
        click.echo(text.time_line(moment, definition.timezone, now))


_FLAGS = {"cron": "--cron", "every": "--every", "timezone": "--tz", "name": "NAME"}


@schedule.command()
@_name
@json_flag
@api_flags
def enable(name: str, as_json: bool, **given: object) -> None:
    """Resume a paused schedule from now on."""
    with _reached(given, name) as api:
        found = api.post(path(_SCHEDULE, name) + "/resume")
    following = utc_text(found.value.get("next_fire_at"))  # a key without the scope read is not told
    print_done(found, f"enabled {name}" + (f", next {following}" if following else ""), as_json=as_json)


@schedule.command()
@_name
@click.option("--reason", "-r", help="Reason, shown to other users.")
@json_flag
@api_flags
def disable(name: str, reason: str | None, as_json: bool, **given: object) -> None:
    """Pause a schedule until it is enabled."""
    with _reached(given, name) as api:
        found = api.post(path(_SCHEDULE, name) + "/pause", None if reason is None else {"reason": reason})
    print_done(found, f"disabled {name}", as_json=as_json)


@schedule.command("run")
@_name
@click.option("--args", type=JSON, metavar="JSON", help="Other positional arguments, as a JSON array.")
@click.option("--kwargs", type=JSON, metavar="JSON", help="Other keyword arguments, as a JSON object.")
@json_flag
@api_flags
def run_(
    name: str, args: msgspec.Raw | None, kwargs: msgspec.Raw | None, as_json: bool, **given: object
) -> None:
    """Run a schedule once, now, even if it is paused. Prints the id of the task."""
    arguments = {field: value for field, value in (("args", args), ("kwargs", kwargs)) if value is not None}
    with _reached(given, name) as api:
        tick = api.post(path(_SCHEDULE, name) + "/run", arguments or None)
    waits = f"{name} will run when the previous run has ended"
    print_done(tick, tick.value["task_id"] or waits, as_json=as_json)


@schedule.command()
@_name
@yes_flag
@json_flag
@api_flags
def delete(name: str, is_sure: bool, as_json: bool, **given: object) -> None:
    """Delete a schedule and its history. Tasks it enqueued stay."""
    confirm(f"Delete schedule {name} and its history?", is_sure=is_sure)
    with _reached(given, name) as api:
        gone = api.delete(path(_SCHEDULE, name))
    print_done(gone, f"deleted {name}", as_json=as_json)


@contextmanager
def _reached(given: dict[str, object], name: str) -> Generator[Api]:
    """As `reached`, for a schedule that must exist."""
    with reached(given) as api:
        try:
            yield api
        except ApiRefused as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            raise Failed(f"no schedule {plain(name)}{_meant(api, name)}") from error


def _meant(api: Api, name: str) -> str:
    try:
        known = [one["name"] for one in api.get(_SCHEDULES, limit=1000).value]
    except ApiRefused:  # a key may change schedules without reading
        return ""
    return plain(did_you_mean(name, known))


def _with_words(found: dict[str, Any], ticks: list[Any]) -> dict[str, Any]:
    says = found["description"] + (f", {found['timezone']}" if found["cron"] is not None else "")
    return {**found, "says": says, "ticks": ticks}
