"""What a task was given and what it gave back, as a page shows it to one audience or the other."""

from functools import cached_property
from zlib import crc32

import msgspec
from markupsafe import Markup

from lapinq_api.dashboard import json_tree
from lapinq_api.dashboard.audience import Audience
from lapinq_api.dashboard.curl import enqueue_again
from lapinq_core.queue.closeup import CloseUp, Value


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One value. `key` differs where the text does. `tree` is None where a script draws it, or nobody can."""

    name: str
    key: str
    text: str
    size: int
    is_whole: bool
    tree: Markup | None


class Payload:
    """The values of a task. Made once a look, and asked for by each audience."""

    def __init__(self, task: CloseUp, *, takes_key: bool) -> None:
        """`takes_key` says whether the API asks for one."""
        self._task = task
        self._takes_key = takes_key

    def shown_to(self, audience: Audience) -> list[Shown]:
        """The values as they may see them."""
        del audience
        return self._values

    def curl(self, audience: Audience, server: str) -> str | None:
        """The command that enqueues the task again at `server`; None where it would be too long."""
        del audience
        return enqueue_again(self._task, server, takes_key=self._takes_key)

    @cached_property
    def _values(self) -> list[Shown]:
        """Those that there are; arguments always."""
        task = self._task
        named = {"args": task.args, "kwargs": task.kwargs, "result": task.result, "metadata": task.metadata}
        return [_shown(name, value) for name, value in named.items() if value is not None]


def _shown(name: str, value: Value) -> Shown:
    tree = json_tree.draw(value.text) if value.is_whole else None
    return Shown(
        name=name,
        key=f"{name}-{crc32(value.text.encode()):08x}",
        text=value.text,
        size=value.size,
        is_whole=value.is_whole,
        tree=tree,
    )
