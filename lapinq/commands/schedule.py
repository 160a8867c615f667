"""`lapinq schedule`: shows and changes schedules, directly on the database."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
import msgspec
import psycopg

from lapinq.commands.console import schedule_text as text
from lapinq.commands.console.database import author, database_flags, run
from lapinq.commands.console.failure import Failed
from lapinq.commands.console.json_output import json_flag, json_of
from lapinq.commands.schedule_apply import apply
from lapinq_core.command_line.commands import Group
from lapinq_core.db.notifier import notify
from lapinq_core.db.startup import explained
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.schedules.schedule import Definition, ScheduleState, check_definition
from lapinq_core.schedules import firing, schedules, ticks
from lapinq_core.schedules.firing import RunTick
from lapinq_core.schedules.schedules import Schedule, ScheduleFilter, UnknownSchedule
from lapinq_core.schedules.ticks import Tick

T = TypeVar("T")

_MAX_LIMIT = 1000
_SHOWN_TICKS = 10
_HASH = re.compile(r"\bh\b", re.IGNORECASE)


_name = click.argument("name")


@click.group(cls=Group)
def schedule() -> None:
    """List, show, apply, pause and run schedules."""


schedule.add_command(apply)


@schedule.command("list")
@click.option("--queue", "-q", help="Only schedules whose tasks go into this queue.")
@click.option("--name", "-n", "part", help="Only schedules with this in their name or their task's name.")
@click.option(
    "--state",
    "-s",
    type=click.Choice([state.value for state in ScheduleState]),
    help="Only schedules in this state.",
)
@click.option(
    "--limit",
    "-l",
    type=click.IntRange(1, _MAX_LIMIT),
    default=50,
    show_default=True,
    help="Maximum number to show.",
)
@json_flag
@database_flags
def list_schedules(
    queue: str | None, part: str | None, state: str | None, limit: int, as_json: bool, **given: object
) -> None:
    """List schedules by name, with the next time and the outcome of the last tick."""
    chosen = ScheduleFilter(queue=queue, part=part, state=ScheduleState(state) if state else None)

    async def verb(conn: psycopg.AsyncConnection) -> tuple[list[Schedule], bool, dict[int, list[Tick]]]:
        found, more = await schedules.list_schedules(conn, chosen, limit)
        return found, more is not None, await ticks.list_ticks(conn, [one.id for one in found], 1)

    found, has_more, last = run(given, verb)
    if as_json:
        click.echo(json_of([_object(one, last[one.id]) for one in found]))
        return
    now = datetime.now(UTC)
    for one in found:
        click.echo(text.schedule_line(one, next(iter(last[one.id]), None), now))
    if has_more:
        click.echo("there are more; raise --limit to see them")


@schedule.command()
@_name
@json_flag
@database_flags
def show(name: str, as_json: bool, **given: object) -> None:
    """Show a schedule and its last ticks."""

    async def verb(conn: psycopg.AsyncConnection) -> tuple[Schedule, list[Tick]]:
        found = await _existing(conn, name)
        return found, (await ticks.list_ticks(conn, [found.id], _SHOWN_TICKS))[found.id]

    found, last = _run(given, name, verb)
    if as_json:
        click.echo(json_of(_object(found, last)))
        return
    click.echo(text.schedule_text(found, datetime.now(UTC)))
    if last:
        click.echo("\nticks")
        for tick in last:
            click.echo(f"  {text.tick_line(tick)}")


@schedule.command("next")
@click.argument("name", required=False)
@click.option("--count", "-n", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many.")
@click.option("--cron", help="This expression instead of a stored schedule. H needs NAME too.")
@click.option("--every", help="This interval, starting now, instead of a stored schedule.")
@click.option("--tz", default="UTC", show_default=True, help="Time zone of --cron.")
@database_flags
def next_(
    name: str | None, count: int, cron: str | None, every: str | None, tz: str, **given: object
) -> None:
    """Show when a schedule fires next, or when an expression would."""
    now = datetime.now(UTC)
    if cron is None and every is None:
        if name is None:
            raise click.UsageError("give the NAME of a schedule, or --cron or --every")
        found = _run(given, name, lambda conn: _existing(conn, name))
        definition, anchor = found.definition, found.anchor_at
        if found.state is ScheduleState.PAUSED:
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
    click.echo(text.sentence(definition))
    with explained():
        for moment in text.next_times(definition, anchor, now, count):
            click.echo(text.time_line(moment, definition.timezone, now))


_FLAGS = {"cron": "--cron", "every": "--every", "timezone": "--tz", "name": "NAME"}


@schedule.command()
@_name
@database_flags
def enable(name: str, **given: object) -> None:
    """Resume a paused schedule from now on."""
    found = _run(given, name, lambda conn: schedules.resume(conn, name, by=author()))
    comes = "" if found.next_fire_at is None else f", next {text.utc(found.next_fire_at)}"
    click.echo(f"enabled {name}{comes}")


@schedule.command()
@_name
@click.option("--reason", "-r", help="Why, for others to read.")
@database_flags
def disable(name: str, reason: str | None, **given: object) -> None:
    """Pause a schedule until it is enabled."""
    _run(given, name, lambda conn: schedules.pause(conn, name, reason, by=author()))
    click.echo(f"disabled {name}")


@schedule.command("run")
@_name
@database_flags
def run_(name: str, **given: object) -> None:
    """Run a schedule once, now, even if it is paused. Prints the id of the task."""

    async def verb(conn: psycopg.AsyncConnection) -> RunTick:
        tick, queues = await firing.run_now(conn, name, by=author())
        await notify(conn, sorted(queues))
        return tick

    tick = _run(given, name, verb)
    click.echo(tick.task_id or f"{name} will run when the previous run has ended")


@schedule.command()
@_name
@click.option("--yes", "-y", "is_sure", is_flag=True, help="Do not ask.")
@database_flags
def delete(name: str, is_sure: bool, **given: object) -> None:
    """Delete a schedule and its history. Tasks it enqueued stay."""
    if not is_sure:
        click.confirm(f"Delete schedule {name} and its history?", abort=True, err=True)
    _run(given, name, lambda conn: schedules.delete(conn, name, by=author()))
    click.echo(f"deleted {name}")


def _run(given: dict[str, object], name: str, verb: Callable[[psycopg.AsyncConnection], Awaitable[T]]) -> T:
    """As `run`, for a schedule that must exist."""

    async def call(conn: psycopg.AsyncConnection) -> T:
        try:
            return await verb(conn)
        except UnknownSchedule as error:
            raise Failed(f"no schedule {name}") from error

    return run(given, call)


async def _existing(conn: psycopg.AsyncConnection, name: str) -> Schedule:
    found = await schedules.get_schedule(conn, name)
    if found is None:
        raise UnknownSchedule
    return found


def _object(found: Schedule, last: list[Tick]) -> dict[str, Any]:
    fields = {name: value for name, value in msgspec.structs.asdict(found).items() if name != "id"}
    return {**fields, "state": found.state, "says": text.sentence(found), "ticks": last}
