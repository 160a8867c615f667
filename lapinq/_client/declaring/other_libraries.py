"""What other task queues call what lapinq has, and what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENQUEUE = "use .queue() to enqueue it, here {name}.queue(...)"
_TASK = {
    **dict.fromkeys(("delay", "defer", "enqueue", "push", "send", "submit"), _ENQUEUE),
    **dict.fromkeys(
        ("apply_async", "send_with_options"),
        "use .queue() to enqueue it, here {name}.options(...).queue(...)",
    ),
    **dict.fromkeys(
        ("aenqueue", "defer_async", "kiq"), "use .aqueue() to enqueue it, here {name}.aqueue(...)"
    ),
    **dict.fromkeys(
        ("message", "s", "si", "signature"),
        "flow.add({name}, ...) puts a call into a workflow; {name}.entry(...) describes one for"
        " queue.batch_enqueue([...])",
    ),
    **dict.fromkeys(
        ("batch", "chunks", "map", "starmap"),
        "many calls are queue.batch_enqueue([{name}.entry(...), {name}.entry(...)]), or in a workflow flow.map({name},"
        " ...)",
    ),
    **dict.fromkeys(
        ("call_later", "enqueue_at", "enqueue_in", "schedule"),
        "{name}.options(delay=60).queue(...) starts it later, in seconds; options(scheduled_at=...) at a time",
    ),
    **dict.fromkeys(("apply", "call", "run"), "{name}(...) calls the function here"),
    **dict.fromkeys(
        ("get", "result", "status", "wait"), "{name}.queue(...) returns a reference that has it: ref.result()"
    ),
    "name": "use .task_name",
    "retry": "inside the task, raise lapinq.RetryError(seconds)",
}
_MAKE_A_TASK = "make the function a task with @queue.task, then enqueue a call with f.queue(...)"
_QUEUE = {
    **dict.fromkeys(
        (
            *("add", "apply_async", "asend", "defer", "delay", "enqueue", "publish", "push", "send"),
            *("send_task", "shared_task", "submit"),
        ),
        _MAKE_A_TASK,
    ),
    **dict.fromkeys(
        ("chain", "chord", "group"), 'use `with queue.workflow("name") as flow:` and flow.add(task, ...)'
    ),
    **dict.fromkeys(
        ("batch", "bulk_enqueue", "enqueue_many"), "use .batch_enqueue([task.entry(...), task.entry(...)])"
    ),
    **dict.fromkeys(
        ("periodic_task", "schedule", "scheduled"), 'use @queue.cron("0 3 * * *") or @queue.every("15m")'
    ),
    **dict.fromkeys(("AsyncResult", "fetch", "get", "get_result"), "use .result(task_id)"),
    **dict.fromkeys(("run", "run_worker", "start", "work", "worker"), "`lapinq worker` runs its tasks"),
    **dict.fromkeys(("pause", "purge", "resume"), "`lapinq queue` has it, and the API"),
    "name": "use .queue_name",
}
_REF = {
    **dict.fromkeys(("get", "get_result", "join", "value"), "use .result()"),
    **dict.fromkeys(
        ("done", "failed", "finished", "is_finished", "ready", "state", "successful"), "use .status()"
    ),
    **dict.fromkeys(("abort", "revoke"), "use .cancel()"),
    **dict.fromkeys(("error", "exception", "traceback"), 'use .wait()["error"]; .result() raises TaskFailed'),
    **dict.fromkeys(("id", "job_id"), "use .task_id"),
    "info": "use .progress()",
}
_ENQUEUED = {
    "assert_not_enqueued": "write .assert_enqueued(task, times=0)",
    **dict.fromkeys(("drain", "failed", "run"), "captured() runs nothing; inline() does, and has .failed"),
    **dict.fromkeys(("enqueued", "tasks"), "iterate over it, or take one by its index"),
}
_OPTION = {
    "acks_late": "leave it out: a task whose worker dies runs again",
    "base": "TaskQueue(middleware=[...]) wraps code around every task",
    "bind": "lapinq.current_task() gives the function its task",
    "eta": "did you mean scheduled_at?",
    "expires": "did you mean ttl_seconds?",
    "ignore_result": "ttl_seconds=0 keeps no result",
    "link": "in a workflow, flow.add(next_task, node) runs it afterwards",
    "link_error": 'in a workflow, a task with after_failure="run" learns of failures',
    "rate_limit": 'queue.policy(rate="60/m") limits the starts',
    "retry_kwargs": "use max_retries= and retry=",
    "routing_key": "did you mean queue_name?",
    "serializer": "leave it out: arguments and results travel as JSON",
    "soft_time_limit": "did you mean timeout?",
    "task_id": "lapinq chooses it; idempotency_key makes a repeated call return the same task",
    "time_limit": "did you mean timeout?",
}


def missing_attribute(task: object, task_name: str, attribute: str) -> AttributeError:
    """The error for an attribute that a task doesn't have."""
    return _missing(task, "a lapinq task", attribute, _TASK, task_name)


def missing_ref_attribute(ref: object, attribute: str) -> AttributeError:
    """The error for an attribute that a reference to a task doesn't have."""
    return _missing(ref, "a TaskRef", attribute, _REF)


def missing_queue_attribute(queue: object, attribute: str) -> AttributeError:
    """The error for an attribute that a queue doesn't have."""
    return _missing(queue, f"a {type(queue).__name__}", attribute, _QUEUE)


def missing_enqueued_attribute(found: object, attribute: str) -> AttributeError:
    """The error for an attribute that enqueued tasks in a test don't have."""
    return _missing(found, f"{type(found).__name__}", attribute, _ENQUEUED)


def instead_of_option(name: str) -> str:
    """What follows an unknown option of a task in a message; empty if no other library has it."""
    return f" ({_OPTION[name]})" if name in _OPTION else ""


def _missing(
    owner: object, what: str, attribute: str, instead: Mapping[str, str], name: str = ""
) -> AttributeError:
    told = f"{what} has no attribute {attribute!r}"
    if attribute in instead:
        told += f": {instead[attribute].format(name=name)}"
    return AttributeError(told, name=attribute, obj=owner)
