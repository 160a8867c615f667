"""Tasks whose annotations act. They tell the types they got, by which a test sees what arrived."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, datetime  # noqa: TC003  # resolved when a worker calls
from decimal import Decimal  # noqa: TC003
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID  # noqa: TC003

from pydantic import BaseModel, PositiveInt

from lapinq import TaskQueue, current_task

if TYPE_CHECKING:
    Session = Any

queue = TaskQueue()


class Colour(Enum):
    RED = "red"


@dataclass
class Line:
    product: UUID
    colour: Colour


class Order(BaseModel):
    number: PositiveInt
    lines: list[Line]


def types_of(values: Any) -> Any:
    """The names of the types in lists and dicts."""
    if isinstance(values, list | tuple):
        return [types_of(value) for value in values]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(values, dict):
        return {name: types_of(value) for name, value in values.items()}  # pyright: ignore[reportUnknownVariableType]
    return type(values).__name__


def take(
    order: Order,
    line: Line,
    at: datetime,
    plain: int,
    session: Session = None,
    /,
    *rest: Decimal,
    data: bytes = b"",
    **others: date | None,
) -> Any:
    """A plain function."""
    return types_of([order, line, at, plain, session, rest, {"data": data}, others])


async def atake(order: Order, **others: date) -> Any:
    """A coroutine, which waits."""
    await asyncio.sleep(0)
    return types_of([order, order.lines, others])


@queue.task(typed=False)
def untyped(order: Order, at: datetime) -> Any:
    """Switched off."""
    return [type(order).__name__, type(at).__name__]


class Shop:
    """A class with a task."""

    @staticmethod
    @queue.task
    def close(at: datetime) -> Order:
        """Returns a model."""
        return Order(number=at.year, lines=[])


def same(order: Order) -> Order:
    """Returns its argument."""
    return order


def complete(order: Order) -> None:
    """Completes itself with a model."""
    with current_task().transaction(result=order):
        pass
