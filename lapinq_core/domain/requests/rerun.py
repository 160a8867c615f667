"""The request to enqueue a task again, and the checked task that it makes."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.enqueue import EnqueueRequest, TaskReader
from lapinq_core.domain.requests.unique import DebounceRequest, UniqueRequest
from lapinq_core.domain.requests.values import (
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
from lapinq_core.domain.tasks.durable.calls import MAX_STEPS, check_name
from lapinq_core.domain.tasks.references import ParentOutcome, resolve_json
from lapinq_core.domain.tasks.task import NewTask, check_own


class RerunRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What the new task has different from the earlier one.

    An omitted field stays as it was, except `profile`, and `scheduled_at`: the new task starts now. A debounced task is
    rerun as a unique one, until it has started. A null field takes
    the default of a new task.
    """

    task_name: Annotated[Name | UnsetType, doc("The function's task name.")] = UNSET
    module_path: Annotated[
        ModulePath | UnsetType, doc("The module that defines it; `LAPINQ_ALLOWED_MODULES` must allow it.")
    ] = UNSET
    queue_name: Annotated[Name | UnsetType | None, doc("Queue of the task.")] = UNSET
    args: Annotated[list[Any] | UnsetType | None, doc("All positional arguments.")] = UNSET
    kwargs: Annotated[dict[str, Any] | UnsetType | None, doc("All keyword arguments.")] = UNSET
    scheduled_at: Annotated[
        Time | UnsetType | None,
        doc("Time before which it does not start; UTC without an offset. Default: now."),
    ] = UNSET
    max_retries: Annotated[Retries | UnsetType | None, doc("Maximum number of retries.")] = UNSET
    priority: Annotated[Priority | UnsetType | None, doc("Higher runs first.")] = UNSET
    ttl_seconds: Annotated[
        Seconds | UnsetType | None,
        doc("Time to live: after it, a pending task expires and an ended one is deleted."),
    ] = UNSET
    metadata: Annotated[dict[str, Any] | UnsetType | None, doc("All values to store with it.")] = UNSET
    retry_delay: Annotated[Seconds | UnsetType | None, doc("Seconds before a retry.")] = UNSET
    retry_backoff: Annotated[bool | UnsetType | None, doc("Double the delay with each retry.")] = UNSET
    webhook_url: Annotated[
        WebhookUrl | UnsetType | None, doc("URL to call when the task completes or fails.")
    ] = UNSET
    timeout_seconds: Annotated[
        MoreSeconds | UnsetType | None, doc("Time limit of one attempt in seconds.")
    ] = UNSET
    profile: Annotated[
        bool | UnsetType | None,
        doc("Profile each attempt: sample what it spends its time on. Default: false."),
    ] = UNSET
    key: Annotated[Key | UnsetType | None, doc("The customer, account or device that the task is about.")] = (
        UNSET
    )
    limits: Annotated[Limits | UnsetType | None, doc("All units that the task takes from named limits.")] = (
        UNSET
    )
    unique: Annotated[
        UniqueRequest | UnsetType | None,
        doc("Default: the key of the earlier task, with `reject`. null: it needs no key."),
    ] = UNSET
    debounce: Annotated[
        DebounceRequest | UnsetType | None,
        doc(
            "Start it when calls with the key have stopped for a while; with `unique` null, if the task has a key."
        ),
    ] = UNSET
    from_step: Annotated[
        str | UnsetType | None,
        doc(
            "A step or wait of the earlier task. The new one takes over those that ended and began before it.",
            example="charge",
        ),
    ] = UNSET
    from_occurrence: Annotated[
        int | UnsetType | None,
        doc("Which, if the task has several of this name, from 0. Default: the first."),
    ] = UNSET


_CALL = ("task_name", "module_path", "args", "kwargs")
"""The fields that say what is called with what."""


class FromStep(msgspec.Struct, frozen=True):
    """The step of the earlier task from which the new one runs. `with_signals` says whether it takes over what that was
    told, too: not if it is called with something else, as nobody has approved that."""

    name: str
    occurrence: int
    with_signals: bool


class Rerun(msgspec.Struct, frozen=True):
    """The new task, the fields that the request changes, the earlier task, and the step of that from which the new
    one runs, if it does not from its beginning."""

    task: NewTask
    changes: dict[str, Any]
    earlier: EnqueueRequest
    earlier_queue: str
    from_step: FromStep | None


def read_rerun(
    earlier: str, body: bytes, allowed: Sequence[str] = (), request_id: str | None = None
) -> Rerun:
    """The task that a `RerunRequest` in JSON makes of the earlier one, an `EnqueueRequest` in JSON.

    An empty body changes nothing. `allowed` and errors are those of `read_task`.
    """
    asked = decode(_changes, body) if body else RerunRequest()
    changes = {name: value for name, value in msgspec.structs.asdict(asked).items() if value is not UNSET}
    name, occurrence = changes.pop("from_step", None), changes.pop("from_occurrence", None)
    before = decode(_earlier, earlier.encode())
    task = TaskReader(allowed, request_id).task(msgspec.structs.replace(before, **changes), new_id())
    assert before.queue_name is not None
    is_same = not any(name in changes and changes[name] != getattr(before, name) for name in _CALL)
    return Rerun(
        task, changes, before, before.queue_name, _from_step(task, name, occurrence, with_signals=is_same)
    )


def _from_step(
    task: NewTask, name: str | None, occurrence: int | None, *, with_signals: bool
) -> FromStep | None:
    if name is None:
        if occurrence is not None:
            raise InvalidValue("from_occurrence", "is the occurrence of from_step, which is missing")
        return None
    if task.ttl_seconds == 0:
        raise InvalidValue(
            "from_step", "can't be of a fire-and-forget task (ttl_seconds 0), which keeps no steps"
        )
    if task.debounce is not None or (task.unique is not None and task.unique.on_conflict == "replace"):
        raise InvalidValue(
            "from_step", "can't be combined with a unique key that replaces another task, nor with debounce"
        )
    check_name("from_step", name)
    if not 0 <= (occurrence or 0) < MAX_STEPS:
        raise InvalidValue("from_occurrence", f"must be between 0 and {MAX_STEPS - 1}")
    return FromStep(name, occurrence or 0, with_signals)


def put_in_results(task: NewTask, outcomes: Mapping[str, ParentOutcome]) -> None:
    """Puts what its arguments name into them. Raises `InvalidValue` if it is nothing that arguments may hold."""
    text = resolve_json(msgspec.json.encode([task.args, task.kwargs]), outcomes)
    task.args, task.kwargs = msgspec.json.decode(text, type=tuple[list[Any], dict[str, Any]])
    check_own(task)


_changes = msgspec.json.Decoder(RerunRequest)
_earlier = msgspec.json.Decoder(EnqueueRequest)
