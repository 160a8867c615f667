"""Payloads as pages show them: arguments and results of a task, or values of a schedule or workflow."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from zlib import crc32

import msgspec
from markupsafe import Markup

from lapinq_api.credentials.payloads import PayloadView
from lapinq_api.dashboard.parts import json_tree
from lapinq_api.dashboard.parts.task_page.curl import enqueue_again
from lapinq_api.dashboard.parts.task_page.python_code import Call, call_of, enqueue_in_python
from lapinq_core.domain.ids import is_of_workflow
from lapinq_core.domain.redact import HIDDEN_TEXT, RESULT
from lapinq_core.domain.tasks.references import references_in
from lapinq_core.lookup.task_detail import PART_CHARACTERS, WHOLE_BYTES, TaskDetail, Value

_EMPTY = {"kwargs": "{}", "metadata": "{}"}


class ShownValue(msgspec.Struct, frozen=True, kw_only=True):
    """One value. `key` changes with the text. `tree` is None if a script draws it, or nothing can. `names` are those of
    positional arguments."""

    name: str
    key: str
    text: str
    size: int
    is_whole: bool
    tree: Markup | None
    names: Sequence[str]


class Payload:
    """The values of a task, schedule or workflow, loaded once and rendered for each audience."""

    def __init__(
        self, queue_name: str | None, values: Mapping[str, Value | None], names: Sequence[str] = ()
    ) -> None:
        """`values` by field name; None if there is none. A workflow has no queue. `names` are those of the positional
        arguments, as far as they are known."""
        self._queue_name = queue_name
        self._names = names
        self._values = {
            name: value
            for name, value in values.items()
            if value is not None and value.text != _EMPTY.get(name)
        }

    def shown_to(self, payloads: PayloadView) -> list[ShownValue]:
        """The values as the audience may see them: arguments, and other values that aren't empty."""
        if not payloads.hides(self._queue_name):
            return self._shown
        return [self._show(name, self._masked(name, value, payloads)) for name, value in self._values.items()]

    def is_hidden(self, payloads: PayloadView) -> bool:
        """Whether something is hidden from the audience."""
        return self.shown_to(payloads) != self._shown

    @cached_property
    def _shown(self) -> list[ShownValue]:
        return [self._show(name, value) for name, value in self._values.items()]

    def _show(self, name: str, value: Value) -> ShownValue:
        names = self._names if name == "args" else ()
        return ShownValue(
            name=name,
            key=f"{name}-{crc32(value.text.encode()):08x}",
            text=value.text,
            size=value.size,
            is_whole=value.is_whole,
            tree=json_tree.draw(value.text, names) if value.is_whole else None,
            names=names,
        )

    def _masked(self, name: str, value: Value, payloads: PayloadView) -> Value:
        """A truncated value is masked completely, because its hidden parts can't be found."""
        if not value.is_whole:
            return _HIDDEN
        # A result is stored as text and masked as text.
        try:
            found = value.text if name == RESULT else msgspec.json.decode(value.text)
        except msgspec.DecodeError:
            return _HIDDEN
        masked = payloads.mask_object({name: found}, self._queue_name)[name]
        if masked is found:
            return value
        text: str = masked if name == RESULT else msgspec.json.encode(masked).decode()
        return Value(text, len(text.encode()))


class TaskPayload(Payload):
    """The payload of a task."""

    def __init__(self, task: TaskDetail, names: Sequence[str] = (), *, needs_key: bool) -> None:
        """`needs_key` says whether the API needs a key."""
        super().__init__(
            task.queue_name,
            {"args": task.args, "kwargs": task.kwargs, RESULT: task.result, "metadata": task.metadata},
            names,
        )
        self._task = task
        self._needs_key = needs_key

    def is_hidden(self, payloads: PayloadView) -> bool:
        url = self._task.webhook_url
        return super().is_hidden(payloads) or payloads.mask_address(url, self._task.queue_name) != url

    def given_to(self, payloads: PayloadView) -> list[ShownValue]:
        """The arguments and metadata that aren't empty, as the audience may see them."""
        shown = self.shown_to(payloads)
        return [one for one in shown if one.name != RESULT and (one.name, one.text) != ("args", "[]")]

    def result_shown_to(self, payloads: PayloadView) -> ShownValue | None:
        """The result, as the audience may see it."""
        return next((one for one in self.shown_to(payloads) if one.name == RESULT), None)

    def call_shown_to(self, payloads: PayloadView) -> Call:
        """The call in one line, as the audience may see it."""
        known = {one.name: one.text if one.is_whole else None for one in self.shown_to(payloads)}
        return call_of(known["args"], known.get("kwargs", _EMPTY["kwargs"]))

    @cached_property
    def names_results(self) -> bool:
        """Whether its arguments name results of other tasks of its workflow, which an enqueue would take as data."""
        values = (self._task.args, self._task.kwargs)
        texts = [value.text.encode() for value in values if value.is_whole]
        return is_of_workflow(self._task.id) and bool(references_in(*texts))

    def curl(self, server: str) -> str | None:
        """The command that enqueues the task again at `server`; None if it would be too long."""
        return enqueue_again(self._task, server, needs_key=self._needs_key)

    def python(self, server: str) -> str | None:
        """The same as Python code."""
        return enqueue_in_python(self._task, server, needs_key=self._needs_key)


def value_of(content: Any) -> Value | None:
    """A decoded value for display, or None."""
    if content is None:
        return None
    text = msgspec.json.encode(content).decode()
    size = len(text.encode())
    return Value(text if size <= WHOLE_BYTES else text[:PART_CHARACTERS], size)


_HIDDEN = Value(HIDDEN_TEXT, len(HIDDEN_TEXT))
