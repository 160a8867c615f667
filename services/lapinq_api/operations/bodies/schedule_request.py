"""Request bodies for schedules: a new one, or changes to an existing one.

`lapinq_core.domain.schedules.schedule` decides which values are valid; here they only get their types.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from lapinq_core.domain.cron.fields import MAX_EXPRESSION
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.schedule_name import ScheduleName
from lapinq_core.domain.requests.values import (
    JSON_LIMITS,
    Key,
    Limits,
    ModulePath,
    MoreSeconds,
    Name,
    Priority,
    Retries,
    Seconds,
    Time,
    WebhookUrl,
    doc,
)
from lapinq_core.domain.schedules.schedule import MAX_JITTER, MAX_MISFIRE_LIMIT, Definition
from lapinq_core.domain.schedules.ticks import Misfire, Overlap
from lapinq_core.domain.tasks.functions.allow_list import check_allowed

MAX_VERSION = 2**31 - 1
MAX_BYTES = 64 * 1024
"""The most JSON for each value that a schedule carries: it is stored, listed, and copied with each tick."""

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
    """A schedule to create: a task, and when to enqueue it. Give exactly one of `cron` and `every`.

    A null field counts as omitted.
    """

    name: Annotated[
        ScheduleName,
        doc("The name, which cannot be changed later. No slash.", example="nightly-report"),
    ]
    task_name: Annotated[Name, doc("The function's task name.", example="send_report")]
    module_path: Annotated[
        ModulePath,
        doc("The module that defines it; `LAPINQ_ALLOWED_MODULES` must allow it.", example="app.reports"),
    ]
    queue_name: Annotated[Name | None, doc("The queue of its tasks.", default="default")] = None
    args: Annotated[
        list[Any] | None,
        doc(f"Positional arguments, up to {MAX_BYTES // 1024} KiB. {JSON_LIMITS}", default=[]),
    ] = None
    kwargs: Annotated[dict[str, Any] | None, doc("Keyword arguments. Same limits as `args`.", default={})] = (
        None
    )
    cron: Annotated[
        Expression | None,
        doc("A cron expression, in the time zone `timezone`.", example="0 9 * * 1-5"),
    ] = None
    every: Annotated[
        Every | None,
        doc("An interval in w, d, h, m and s: `15m`, `1h30m`. It counts from `starts_at`, or from now."),
    ] = None
    timezone: Annotated[Zone | None, doc("An IANA name.", default="UTC", example="Europe/Madrid")] = None
    starts_at: Annotated[Time | None, doc("No tick before this time; UTC without an offset.")] = None
    ends_at: Annotated[Time | None, doc("No tick after this time; UTC without an offset.")] = None
    jitter: Annotated[
        Jitter | None,
        doc(
            "The largest random delay of a tick's task, in seconds. It is the same for every tick.", default=0
        ),
    ] = None
    misfire: Annotated[
        MisfireName | None,
        doc(
            "What to do with missed ticks: run the latest, none, or all.",
            default="latest",
        ),
    ] = None
    misfire_limit: Annotated[
        MisfireLimit | None, doc("Maximum number of missed ticks that `all` runs.", default=100)
    ] = None
    overlap: Annotated[
        OverlapName | None,
        doc("What to do when the previous run has not ended.", default="allow"),
    ] = None
    max_retries: Annotated[Retries | None, doc("Maximum number of retries.", default=3)] = None
    priority: Annotated[Priority | None, doc("Higher runs first.", default=0)] = None
    ttl_seconds: Annotated[
        MoreSeconds | None,
        doc("Seconds after which the task is deleted, or expires if it has not started."),
    ] = None
    metadata: Annotated[
        dict[str, Any] | None,
        doc("Stored with each task, next to `schedule` and `planned_at`. Same limits as `args`."),
    ] = None
    retry_delay: Annotated[Seconds | None, doc("Seconds before a retry.", default=10)] = None
    retry_backoff: Annotated[
        bool | None, doc("Double the delay with each retry, up to 10 minutes.", default=True)
    ] = None
    webhook_url: Annotated[
        WebhookUrl | None, doc("URL to call when a task completes or fails; http or https, with a host.")
    ] = None
    timeout_seconds: Annotated[
        MoreSeconds | None, doc("Time limit of one attempt in seconds. Default: the worker's limit.")
    ] = None
    key: Annotated[Key | None, doc("The customer, account or device that its tasks are about.")] = None
    limits: Annotated[
        Limits | None, doc("Units that each task takes from named limits.", example={"openai": 1200})
    ] = None


class ScheduleChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Changes to a schedule. An omitted field stays as it is; null sets the default of a new schedule."""

    version: Annotated[Version, doc("The version that this change is based on.", example=1)]
    task_name: Name | UnsetType = UNSET
    module_path: ModulePath | UnsetType = UNSET
    queue_name: Name | UnsetType | None = UNSET
    args: list[Any] | UnsetType | None = UNSET
    kwargs: dict[str, Any] | UnsetType | None = UNSET
    cron: Annotated[Expression | UnsetType | None, doc("Replaces `every`.", example="30 9 * * 1-5")] = UNSET
    every: Annotated[Every | UnsetType | None, doc("Replaces `cron`.")] = UNSET
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
    key: Key | UnsetType | None = UNSET
    limits: Limits | UnsetType | None = UNSET


def read_definition(body: bytes, allowed: Sequence[str]) -> Definition:
    """The requested schedule, not validated yet. Raises `InvalidValue`."""
    given = msgspec.structs.asdict(decode(_request, body))
    return Definition(**_typed({name: value for name, value in given.items() if value is not None}, allowed))


def read_change(body: bytes, allowed: Sequence[str]) -> tuple[int, dict[str, Any]]:
    """The version a change is based on, and the new values by field, not validated yet. Raises `InvalidValue`."""
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
    if found.get("limits") == {}:
        found["limits"] = None
    check_allowed(allowed, module_path=found.get("module_path"), task_name=found.get("task_name"))
    for name in ("args", "kwargs", "metadata"):
        if name in found and len(msgspec.json.encode(found[name])) > MAX_BYTES:
            raise InvalidValue(name, f"must have at most {MAX_BYTES // 1024} KiB as JSON")
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
