"""The options that say where a task stands in a workflow: `after`, `after_failure` and `ref`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lapinq._client.entries.placeholder import Placeholder
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

PLACE = ("after", "after_failure", "ref")
_AFTER_FAILURE = ("cancel", "run", "fail")


def check_place(options: Mapping[str, Any]) -> None:
    """Raises TypeError and `lapinq.errors.InvalidValue` for a wrong place, as far as it shows without a workflow."""
    after: object = options.get("after")
    if after is not None and not isinstance(after, (list, tuple)):
        raise TypeError(f"after must be a list of tasks of the workflow, after=[a, b], not {after!r}")
    for one in cast("list[object]", after or ()):
        if not isinstance(one, (Placeholder, str)):
            raise TypeError(
                f"after must hold what add(...) of the workflow returned, or the refs of its tasks, not {one!r}"
            )
    given: object = options.get("after_failure")
    if given is not None and given not in _AFTER_FAILURE:
        raise InvalidValue(
            "after_failure",
            f'must be "cancel", "run" or "fail", not {given!r}{did_you_mean(str(given), _AFTER_FAILURE)}',
        )
    ref: object = options.get("ref")
    if ref is not None and not isinstance(ref, str):
        raise TypeError(f"ref must be a str, not {ref!r}")


def refuse_place(task_name: str, options: Mapping[str, Any]) -> None:
    """Raises TypeError: only `add` of a workflow takes them."""
    given = " and ".join(name for name in PLACE if name in options)
    raise TypeError(
        f"{task_name}(): {given} orders tasks of a workflow: write `with queue.workflow(...) as flow:` and in it"
        f" flow.add({task_name}.options(...), ...)"
    )
