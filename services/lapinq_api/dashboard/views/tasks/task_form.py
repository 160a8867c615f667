"""The forms for a new task, and for another run of an earlier one. The API validates them."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lapinq_api.credentials.payloads import PayloadView
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts.argument_fields import ArgumentField, call_of, fields_for
from lapinq_api.operations.task_path import read_id, unknown_task
from lapinq_api.state import State
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.annotations.task_parameter import Given, Shape
from lapinq_core.domain.interval import MAX_SECONDS
from lapinq_core.domain.queue_filter import Readable, includes
from lapinq_core.domain.tasks.functions.registered import Registered
from lapinq_core.domain.tasks.key import MAX_KEY
from lapinq_core.domain.tasks.retry import MAX_RETRIES
from lapinq_core.domain.tasks.task import MAX_MODULE_PATH, MAX_NAME, MAX_URL, NewTask
from lapinq_core.fleet import operators
from lapinq_core.lookup import task_detail
from lapinq_core.lookup.task_detail import Value
from lapinq_core.tasks import inspect

MAX_SHOWN = 200
"""Known tasks on the page that offers them."""

_OPTIONS = (
    "priority",
    "max_retries",
    "retry_delay",
    "retry_backoff",
    "timeout_seconds",
    "ttl_seconds",
    "webhook_url",
    "key",
)


class FormValues:
    """The values of an earlier task as form text, for each audience."""

    def __init__(self, queue_name: str, values: Mapping[str, Value | None]) -> None:
        self._queue_name = queue_name
        self._values = values

    def text(self, name: str, payloads: PayloadView) -> str | None:
        """One value's text; "" if there is none, None if a part is hidden from the audience, or it is too large."""
        value = self._values.get(name)
        if value is None or value.text in {"[]", "{}"}:
            return ""
        if not value.is_whole or self._is_hidden(name, value, payloads):
            return None
        return msgspec.json.format(value.text, indent=2)

    def is_cut(self, name: str) -> bool:
        """Whether the value is too large for the form."""
        value = self._values.get(name)
        return value is not None and not value.is_whole

    def _is_hidden(self, name: str, value: Value, payloads: PayloadView) -> bool:
        if not payloads.hides(self._queue_name):
            return False
        try:
            found = msgspec.json.decode(value.text)
        except msgspec.DecodeError:
            return True
        return payloads.mask_object({name: found}, self._queue_name)[name] is not found


class FunctionForm:
    """What workers report of a function, for each audience: defaults may be hidden. `known` is None for an unknown one.

    `values` are the `args` and `kwargs` that the fields hold, those of an earlier task or of a schedule.
    """

    def __init__(self, known: Registered | None, values: tuple[Value, Value] | None = None) -> None:
        self._known = known
        self._values = values

    def signature(self, payloads: PayloadView) -> str | None:
        """None if the parameters of the function are unknown."""
        known = self._known
        if known is None or known.parameters is None:
            return None
        return call_of(known.task_name, payloads.mask_parameters(known.parameters, known.queue_name))

    def fields(self, payloads: PayloadView) -> list[ArgumentField] | None:
        """A field for each parameter; None if they are unknown, or fields can't show the values."""
        known = self._known
        if known is None or known.parameters is None:
            return None
        parameters = payloads.mask_parameters(known.parameters, known.queue_name)
        if self._values is None:
            return fields_for(parameters)
        args, kwargs = self._values
        return fields_for(parameters, args.text, kwargs.text) if args.is_whole and kwargs.is_whole else None


async def load_new(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    known = await state.database.scan(operators.list_registered, readable)
    name, module = address.query.get("task"), address.query.get("module", "")
    chosen = find_known(known, name, module) if name else None
    part = address.query.get("q", "").lower()
    offered = _distinct(known)
    matching = [task for task in offered if part in f"{task.module_path}.{task.task_name}".lower()]
    usual = NewTask(id="", task_name=name or "", module_path=module)
    options = {**chosen.options, "queue_name": chosen.queue_name or usual.queue_name} if chosen else {}
    if "timeout" in options:
        options["timeout_seconds"] = options.pop("timeout")
    return {
        "task": None,
        "is_chosen": "task" in address.query or "any" in address.query,
        "name": usual.task_name,
        "module": usual.module_path,
        "part": address.query.get("q", ""),
        "known": [(task, FunctionForm(task)) for task in matching[:MAX_SHOWN]],
        "left_out": max(len(matching) - MAX_SHOWN, 0),
        "usual_queue": usual.queue_name,
        "knows_any": bool(known),
        "has_allow_list": bool(state.settings.allowed_modules),
        "options": {
            option: options.get(option, getattr(usual, option)) for option in (*_OPTIONS, "queue_name")
        },
        "typed": FormValues("", {}),
        "function": FunctionForm(chosen),
        **await _shared(state, readable),
    }


async def load_again(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    task_id = read_id("id", address.params["id"], "a task id")
    task = await state.database.scan(task_detail.get, task_id)
    if task is None or not includes(readable, task.queue_name):
        raise unknown_task()
    known = await state.database.scan(operators.find_registered, task.task_name, readable)
    return {
        "task": task,
        "is_chosen": True,
        "name": task.task_name,
        "module": task.module_path,
        "options": {option: getattr(task, option) for option in (*_OPTIONS, "queue_name")},
        "typed": FormValues(
            task.queue_name,
            {
                "args": task.args,
                "kwargs": task.kwargs,
                "metadata": task.metadata,
                "limits": _as_value(task.limits),
            },
        ),
        "function": FunctionForm(
            find_known(known, task.task_name, task.module_path), (task.args, task.kwargs)
        ),
        **await _shared(state, readable),
    }


async def _shared(state: State, readable: Readable) -> dict[str, Any]:
    queues = await state.database.scan(inspect.count_queues, readable)
    return {
        "queues": [queue.queue_name for queue in queues],
        "limits": _LIMITS,
        "may": Permission,
        "given": Given,
        "shapes": Shape,
    }


def _as_value(limits: Mapping[str, int] | None) -> Value | None:
    if limits is None:
        return None
    text = msgspec.json.encode(limits).decode()
    return Value(text, len(text))


def find_known(known: Sequence[Registered], name: str, module: str) -> Registered | None:
    """As the newest worker knows it."""
    return next((task for task in known if task.task_name == name and task.module_path == module), None)


def _distinct(known: Sequence[Registered]) -> list[Registered]:
    """Each task once: while workers know different versions, as the newest one knows it."""
    found: dict[tuple[str, str], Registered] = {}
    for task in known:
        found.setdefault((task.module_path, task.task_name), task)
    return list(found.values())


_LIMITS = {
    "name": MAX_NAME,
    "module": MAX_MODULE_PATH,
    "url": MAX_URL,
    "key": MAX_KEY,
    "retries": MAX_RETRIES,
    "seconds": MAX_SECONDS,
}

_TEMPLATE = "task-form.html"
NEW = View(
    path="/tasks/new",
    template=_TEMPLATE,
    here="tasks",
    load=load_new,
    is_narrowed=True,
    parameters=frozenset({"task", "module", "any", "q"}),
)
AGAIN = View(path="/tasks/{id}/again", template=_TEMPLATE, here="tasks", load=load_again, is_narrowed=True)
