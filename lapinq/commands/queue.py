"""`lapinq queue`: shows, limits, pauses and empties queues, and lets blocked keys continue."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from lapinq.commands.arguments.creating import create_flag, known_unless
from lapinq.commands.arguments.queue_policy import policy_flags, told
from lapinq.commands.console.api import BULK_TIMEOUT_SECONDS, Answer, Api, api_flags, path, reached
from lapinq.commands.console.confirmation import confirm, yes_flag
from lapinq.commands.output.json_output import json_flag, print_done, print_json
from lapinq.commands.output.tables import Id, headings_flag, print_more, print_table
from lapinq.commands.output.terminal import field_text, plain
from lapinq.commands.output.times import span, utc_text
from lapinq_core.command_line.commands import Group
from lapinq_core.domain.counted import counted
from lapinq_core.domain.tasks.state import FINAL, Status

_QUEUE = "/api/v1/queues/{}"
_KEYS = f"{_QUEUE}/keys"
_name = click.argument("name")
_UNBLOCKING = {
    "skip": "start the next tasks of",
    "retry": "retry the tasks that hold",
    "cancel": "cancel the tasks that hold",
}
_COUNTS = [status.value for status in Status]


@click.group(
    cls=Group,
    meant={"create": "queue set", "get": "queue show", "delete": "queue purge", "clear": "queue purge"},
)
def queue() -> None:
    """List, show, limit, pause, resume and empty queues."""


@queue.command("list")
@headings_flag
@json_flag
@api_flags
def list_queues(as_json: bool, **given: object) -> None:
    """List the queues that have tasks or a policy or are paused, with their tasks by status."""
    with reached(given) as api:
        found = api.get("/api/v1/queues", details=True)
    if as_json:
        print_json(found)
        return
    now = datetime.now(UTC)
    rows = [_row(one, now) for one in found.value]
    headings = ["QUEUE", *(status.upper() for status in _COUNTS), "WAITING", "TROUBLE"]
    print_table(headings, rows, "There are no queues yet.")


@queue.command()
@_name
@json_flag
@api_flags
def show(name: str, as_json: bool, **given: object) -> None:
    """Show a queue: its tasks by status, its policy and workers, and whether it is paused, by whom and why."""
    with reached(given) as api:
        found = api.get(path(_QUEUE, name))
    if as_json:
        print_json(found)
        return
    fields: dict[str, Any] = found.value
    for field, value in fields.items():
        click.echo(field_text(field, told(value) if field == "policy" else value))


@queue.command("set")
@_name
@policy_flags
@create_flag
@json_flag
@api_flags
def set_(name: str, changes: dict[str, object], create: bool, as_json: bool, **given: object) -> None:
    """Set the policy of a queue: limits, rates, order and weights. Running tasks are not affected."""
    if not changes:
        raise click.UsageError("give what to change, such as --max-running or --rate")
    with reached(given) as api, known_unless(create) as must_exist:
        found = api.patch(path(_QUEUE, name), changes, must_exist=must_exist)
    policy = found.value.get("policy")  # a key without the scope read is not told
    done = f"set the policy of {plain(name)}" if policy is None else f"{plain(name)}: {told(policy)}"
    print_done(found, done, as_json=as_json, source=None if policy is None else policy.get("source"))


@queue.command()
@_name
@click.option(
    "--state",
    "-s",
    type=click.Choice(["blocked", "waiting", "all"]),
    default="blocked",
    show_default=True,
    help="Keys that are blocked, that have waiting tasks, or that have waiting or running tasks.",
)
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="Maximum number to print.",
)
@click.option(
    "--sort",
    type=click.Choice(["key", "age"]),
    help="Order: ascending keys, the default, or blocked keys by the age of the task in front.",
)
@click.option("--prefix", help="Only keys that begin with this.")
@headings_flag
@json_flag
@api_flags
def keys(
    name: str,
    state: str,
    limit: int,
    sort: str | None,
    prefix: str | None,
    as_json: bool,
    **given: object,
) -> None:
    """List the keys of a queue that have waiting tasks, with what blocks each, its error and its next task."""
    with reached(given) as api:
        found = api.get(path(_KEYS, name), state=state, limit=limit, sort=sort, prefix=prefix or None)
    if as_json:
        print_json(found)
        return
    headings = ["KEY", "WAITING", "RUNNING", "BLOCKED BY", "UNTIL", "HELD BY", "NEXT", "ERROR"]
    print_table(headings, [_key_row(one) for one in found.value], "There are no such keys.")
    print_more(found)


@queue.command()
@_name
@click.argument("key")
@json_flag
@api_flags
def skip(name: str, key: str, as_json: bool, **given: object) -> None:
    """In strict order, start the next task of a key without waiting for the retry of the one before it."""
    with reached(given) as api:
        found = api.post(path(_QUEUE, name) + "/skip", {"key": key})
    print_done(found, f"{plain(key)} no longer waits for {found.value['task_id']}", as_json=as_json)


@queue.command()
@_name
@click.argument("keys", nargs=-1)
@click.option(
    "--by",
    "action",
    type=click.Choice(list(_UNBLOCKING)),
    required=True,
    help="What happens to the task that holds a key.",
)
@click.option("--prefix", help="Only keys that begin with this.")
@click.option("--all", "-a", "every", is_flag=True, help="Free all keys that a waiting task holds.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Tell what would happen, and change nothing.")
@yes_flag
@json_flag
@api_flags
def unblock(
    name: str,
    keys: tuple[str, ...],
    action: str,
    prefix: str | None,
    every: bool,
    is_dry: bool,
    is_sure: bool,
    as_json: bool,
    **given: object,
) -> None:
    """In strict order, free many keys whose task waits for a retry: skip, retry or cancel that task."""
    if bool(keys) + bool(prefix) + every != 1:
        raise click.UsageError("give KEYS, --prefix or --all")
    body: dict[str, object] = {"action": action}
    if keys:
        body["keys"] = keys
    if prefix:
        body["prefix"] = prefix
    verb = _UNBLOCKING[action]
    with reached(given) as api:
        if is_dry or not is_sure:
            found = api.call("POST", path(_KEYS, name), {"dry_run": True}, body, timeout=BULK_TIMEOUT_SECONDS)
            what = f"{verb} {counted(found.value['matching'], 'key')} of {plain(name)}"
            if not as_json:
                for one in found.value.get("first", []):
                    click.echo(_preview(one), err=not is_dry)
            if is_dry:
                print_done(found, f"would {what}{_left(found)}", as_json=as_json)
                return
            if found.value["matching"]:
                confirm(f"{what[0].upper()}{what[1:]}?", is_sure=is_sure)
        done = api.call("POST", path(_KEYS, name), None, body, timeout=BULK_TIMEOUT_SECONDS)
    print_done(
        done, f"freed {counted(done.value['freed'], 'key')} of {plain(name)}{_left(done)}", as_json=as_json
    )


@queue.command()
@_name
@click.option("--reason", "-r", help="Reason, shown to other users.")
@create_flag
@json_flag
@api_flags
def pause(name: str, reason: str | None, create: bool, as_json: bool, **given: object) -> None:
    """Stop workers from starting tasks of a queue. Running tasks continue."""
    body = None if reason is None else {"reason": reason}
    with reached(given) as api, known_unless(create) as must_exist:
        found = api.post(path(_QUEUE, name) + "/pause", body, must_exist=must_exist)
    print_done(found, f"paused {name}", as_json=as_json)


@queue.command()
@_name
@json_flag
@api_flags
def resume(name: str, as_json: bool, **given: object) -> None:
    """Let workers start tasks of a queue again."""
    with reached(given) as api:
        found = api.post(path(_QUEUE, name) + "/resume")
    print_done(found, f"resumed {name}", as_json=as_json)


@queue.command("close-breaker")
@_name
@json_flag
@api_flags
def close_breaker(name: str, as_json: bool, **given: object) -> None:
    """Close the circuit breaker of a queue: its tasks start again immediately."""
    with reached(given) as api:
        found = api.post(path(_QUEUE, name) + "/close-breaker")
    print_done(found, f"closed the circuit breaker of {name}", as_json=as_json)


@queue.command()
@_name
@click.option(
    "--status",
    "-s",
    type=click.Choice([Status.PENDING.value, *(status.value for status in Status if status in FINAL)]),
    help="Delete the tasks with this status, instead of pending ones.",
)
@click.option("--all", "-a", "every", is_flag=True, help="Delete all tasks except running ones.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Count the tasks, and delete nothing.")
@yes_flag
@json_flag
@api_flags
def purge(
    name: str, status: str | None, every: bool, is_dry: bool, is_sure: bool, as_json: bool, **given: object
) -> None:
    """Delete the pending tasks of a queue, delayed ones too, or those with another status."""
    if every and status is not None:
        raise click.UsageError("give --status or --all, not both")
    wanted = None if every else status or Status.PENDING
    chosen = {"queue": name, "status": wanted}
    what = f"{wanted} tasks of {plain(name)}" if wanted else f"tasks of {plain(name)}"
    with reached(given) as api:
        if is_dry or not is_sure:
            counted = _delete(api, chosen, is_dry=True)
            count = counted.value["matching"]
            if is_dry:
                print_done(counted, f"would delete {count} {what}", as_json=as_json)
                return
            if count:
                confirm(f"Delete {count} {what}?", is_sure=is_sure)
        deleted = _delete(api, chosen, is_dry=False)
    print_done(deleted, f"deleted {deleted.value['deleted']} {what}", as_json=as_json)


def _key_row(one: Mapping[str, Any]) -> list[object]:
    holder: dict[str, Any] = one["holder"] or {}
    head: dict[str, Any] = one["head"] or {}
    return [
        one["key"],
        f"{one['waiting']}+" if one["waiting_is_capped"] else one["waiting"],
        one["running"],
        one["blocked_by"],
        utc_text(one["until"]),
        _id(holder),
        _id(head),
        holder.get("error"),
    ]


def _preview(one: Mapping[str, Any]) -> str:
    error = f" ({plain(one['error'])})" if one["error"] else ""
    return f"{plain(one['key'])}: {plain(one['task_name'])} {one['task_id']}{error}, then {one['next_task']['task_id']}"


def _left(found: Answer) -> str:
    skipped: int = found.value["skipped"]
    return (
        f"; {counted(skipped, 'key')} left alone, whose task runs or whose rate is used up" if skipped else ""
    )


def _id(task: Mapping[str, Any]) -> Id | None:
    return Id(task["task_id"]) if task else None


def _row(one: Mapping[str, Any], now: datetime) -> list[object]:
    since = one["waiting_since"]
    return [
        one["queue_name"],
        *(one[status] for status in _COUNTS),
        None if since is None else span((now - datetime.fromisoformat(since)).total_seconds()),
        ", ".join(_troubles(one)) or None,
    ]


def _troubles(one: Mapping[str, Any]) -> list[str]:
    """What keeps all its tasks from starting."""
    state = one.get("breaker_state", "closed")  # a server of the previous release does not tell
    return [
        *(["no worker"] if one.get("is_unserved") else []),
        *([f"breaker {state.replace('_', ' ')}"] if state not in {None, "closed"} else []),
        *(["paused"] if one["paused_at"] is not None else []),
    ]


def _delete(api: Api, chosen: dict[str, str | None], *, is_dry: bool) -> Answer:
    query = {**chosen, "must_exist": True, "dry_run": is_dry or None}
    return api.call("DELETE", "/api/v1/tasks", query, timeout=BULK_TIMEOUT_SECONDS)
