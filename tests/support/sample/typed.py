"""A task with parameters of many kinds, for the form that asks for them."""

from datetime import date
from typing import Any, Literal

from lapinq import TaskQueue

queue = TaskQueue(queue_name="reports")


@queue.task(max_retries=1)
def report(
    quarter: str,
    copies: int = 1,
    *,
    size: Literal["small", "large"] = "small",
    until: date | None = None,
    is_draft: bool = False,
    filters: dict[str, Any] | None = None,
) -> str:
    """Says what it was called with."""
    return f"{quarter} {copies} {size} {until} {is_draft} {filters}"


HOSTILE_DEFAULT = '</textarea><script>alert("1")</script>'


@queue.task
def take(value: Any = HOSTILE_DEFAULT, *rest: int, **others: str) -> None:
    """Has a default that is not to be trusted."""
