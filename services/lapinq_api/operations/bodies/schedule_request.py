"""What is asked of schedules: a new one, or other values for one that is there.

Which values are right is for `lapinq_core.domain.schedules.schedule` to say; here they get their types.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lapinq_api.wire.codec import decode
from lapinq_api.wire.values import (
    JSON_LIMITS,
    ModulePath,
    MoreSeconds,
    Name,
    Priority,
    Retries,
    ScheduleName,
    Seconds,
    Time,
    WebhookUrl,
    says,
)
from lapinq_core.domain.cron.fields import MAX_EXPRESSION
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.schedules.schedule import MAX_JITTER, MAX_MISFIRE_LIMIT, Definition
from lapinq_core.domain.schedules.ticks import Misfire, Overlap
from lapinq_core.domain.tasks.allow_list import check_allowed

MAX_VERSION = 2**31 - 1
MOST_BYTES = 64 * 1024
"""Of each thing that a schedule carries, as JSON: it is kept, shown in lists, and copied with each tick."""

CRON_SCHEMA: dict[str, Any] = {"minLength": 1, "maxLength": MAX_EXPRESSION}
EVERY_SCHEMA: dict[str, Any] = {
    "pattern": r"^(?=.)" + "".join(rf"(?:[0-9]{{1,9}}{unit})?" for unit in "wdhms") + "$"
}
ZONE_SCHEMA: dict[str, Any] = {
    "maxLength": 64,
    "pattern": r"^[A-Za-z][A-Za-z0-9_+\-]*(?:/[A-Za-z0-9_+\-]+)*$",
}

Expression = Annotated[str, Meta(extra_json_schema=CRON_SCHEMA)]
Every = Annotated[str, Meta(extra_json_schema=EVERY_SCHEMA)]
Zone = Annotated[str, Meta(extra_json_schema=ZONE_SCHEMA)]
Jitter = Annotated[float, Meta(extra_json_schema={"minimum": 0, "maximum": MAX_JITTER})]
MisfireName = Annotated[str, Meta(extra_json_schema={"enum": list(Misfire)})]
MisfireLimit = Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": MAX_MISFIRE_LIMIT})]
OverlapName = Annotated[str, Meta(extra_json_schema={"enum": list(Overlap)})]
Version = Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": MAX_VERSION})]


class ScheduleRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A schedule to create: a task, and when it is enqueued. Exactly one of `cron` and `every` says when.

    A field that is null counts as left out.
    """

    name: Annotated[
        ScheduleName,
        says("What it is called; it can't be renamed. No slash in it.", example="nightly-report"),
    ]
    task_name: Annotated[Name, says("Name of the task's function.", example="send_report")]
    module_path: Annotated[
        ModulePath,
        says(
            "The module to import it from; one that `LAPINQ_ALLOWED_MODULES` allows.", example="app.reports"
        ),
    ]
    queue_name: Annotated[Name | None, says("The queue of its tasks.", default="default")] = None
    args: Annotated[
        list[Any] | None,
        says(f"Positional arguments, up to {MOST_BYTES // 1024} KiB. {JSON_LIMITS}", default=[]),
    ] = None
    kwargs: Annotated[
        dict[str, Any] | None, says("Keyword arguments. The limits are those of `args`.", default={})
    ] = None
    cron: Annotated[
        Expression | None,
        says("A cron expression: when, on the clocks of `timezone`.", example="0 9 * * 1-5"),
    ] = None
    every: Annotated[
        Every | None,
        says("Or an interval, in w, d, h, m and s: `15m`, `1h30m`. Counts from `starts_at`, or from now."),
    ] = None
    timezone: Annotated[Zone | None, says("An IANA name.", default="UTC", example="Europe/Madrid")] = None
    starts_at: Annotated[Time | None, says("No tick before this time; UTC without an offset.")] = None
    ends_at: Annotated[Time | None, says("No tick after this time; UTC without an offset.")] = None
    jitter: Annotated[
        Jitter | None,
        says("A task becomes due up to so many seconds after its tick, always as many.", default=0),
    ] = None
    misfire: Annotated[
        MisfireName | None,
        says(
            "What becomes of ticks that nobody dealt with in time: the last of them runs, none, or all.",
            default="latest",
        ),
    ] = None
    misfire_limit: Annotated[
        MisfireLimit | None, says("Most ticks that `all` makes up for.", default=100)
    ] = None
    overlap: Annotated[
        OverlapName | None,
        says("What becomes of a tick while the run before has not ended.", default="allow"),
    ] = None
    max_retries: Annotated[Retries | None, says("Retries after the first execution.", default=3)] = None
    priority: Annotated[Priority | None, says("Higher runs first.", default=0)] = None
    ttl_seconds: Annotated[
        MoreSeconds | None,
        says("Seconds after its enqueueing after which a task is deleted, or expires if it has not started."),
    ] = None
    metadata: Annotated[
        dict[str, Any] | None,
        says("Kept with each task, beside `schedule` and `planned_at`. The limits are those of `args`."),
    ] = None
    retry_delay: Annotated[Seconds | None, says("Seconds before a retry.", default=10)] = None
    retry_backoff: Annotated[
        bool | None, says("Double the delay with each retry, up to ten minutes.", default=True)
    ] = None
    webhook_url: Annotated[
        WebhookUrl | None, says("Called when a task has completed or failed; http or https, with a host.")
    ] = None
    timeout_seconds: Annotated[
        MoreSeconds | None, says("Seconds that one attempt may take. Left out: the worker's own limit.")
    ] = None


class ScheduleChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Other values for a schedule. What is left out stays as it is; null stands for what a new schedule would have."""

    version: Annotated[Version, says("The version that the change is made to.", example=1)]
    task_name: Name | UnsetType = UNSET
    module_path: ModulePath | UnsetType = UNSET
    queue_name: Name | UnsetType | None = UNSET
    args: list[Any] | UnsetType | None = UNSET
    kwargs: dict[str, Any] | UnsetType | None = UNSET
    cron: Annotated[
        Expression | UnsetType | None, says("Takes the place of `every`.", example="30 9 * * 1-5")
    ] = UNSET
    every: Annotated[Every | UnsetType | None, says("Takes the place of `cron`.")] = UNSET
    timezone: Zone | UnsetType | None = UNSET
    starts_at: Time | UnsetType | None = UNSET
    ends_at: Time | UnsetType | None = UNSET
    jitter: Jitter | UnsetType | None = UNSET
    misfire: MisfireName | UnsetType | None = UNSET
    misfire_limit: MisfireLimit | UnsetType | None = UNSET
    overlap: OverlapName | UnsetType | None = UNSET
    max_retries: Retries | UnsetType | None = UNSET
    priority: Priority | UnsetType | None = UNSET
    ttl_seconds: MoreSeconds | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET
    retry_delay: Seconds | UnsetType | None = UNSET
    retry_backoff: bool | UnsetType | None = UNSET
    webhook_url: WebhookUrl | UnsetType | None = UNSET
    timeout_seconds: MoreSeconds | UnsetType | None = UNSET


def read_definition(body: bytes, allowed: Sequence[str]) -> Definition:
    """The schedule that is asked for; its values are not checked yet. Raises `InvalidValue`."""
    given = msgspec.structs.asdict(decode(_request, body))
    return Definition(**_typed({name: value for name, value in given.items() if value is not None}, allowed))


def read_change(body: bytes, allowed: Sequence[str]) -> tuple[int, dict[str, Any]]:
    """The version that a change is made to, and the new values by field, not checked yet. Raises `InvalidValue`."""
    given = msgspec.structs.asdict(decode(_change, body))
    version: int = given.pop("version")
    if not 1 <= version <= MAX_VERSION:
        raise InvalidValue("version", f"must be between 1 and {MAX_VERSION}")
    changes = {
        name: _default(name) if value is None else value
        for name, value in given.items()
        if value is not UNSET
    }
    return version, _typed(changes, allowed)


def _default(name: str) -> Any:
    field = next(one for one in msgspec.structs.fields(Definition) if one.name == name)
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _typed(values: dict[str, Any], allowed: Sequence[str]) -> dict[str, Any]:
    found = dict(values)
    for name in ("starts_at", "ends_at"):
        if isinstance(text := found.get(name), str):
            found[name] = _moment(name, text)
    for name, choices in (("misfire", Misfire), ("overlap", Overlap)):
        if name in found:
            found[name] = _choice(name, found[name], choices)
    check_allowed(allowed, module_path=found.get("module_path"), task_name=found.get("task_name"))
    for name in ("args", "kwargs", "metadata"):
        if name in found and len(msgspec.json.encode(found[name])) > MOST_BYTES:
            raise InvalidValue(name, f"must have at most {MOST_BYTES // 1024} KiB as JSON")
    return found


def _moment(name: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidValue(name, "must be an ISO 8601 time such as 2030-01-31T12:00:00Z") from error


def _choice(name: str, text: str, choices: type[StrEnum]) -> StrEnum:
    if text not in set(choices):
        raise InvalidValue(name, f"must be one of {', '.join(choices)}")
    return choices(text)


_request = msgspec.json.Decoder(ScheduleRequest)
_change = msgspec.json.Decoder(ScheduleChange)
