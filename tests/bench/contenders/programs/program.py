"""What the Python programs of other queues share: their command line, and the pace of their producers.

Runs in their environments, so it needs nothing but the standard library and, where they have it, uvloop.
"""
# pyright: reportMissingImports=false

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from tests.bench.contenders import pacing


@dataclass(frozen=True)
class Puts:
    """How tasks are handed in: `many` empty ones in a call, an empty `one`, and one that `arrive`s, with the time.

    `mix` gets the numbers of the tasks of a call, for those that take part in it.
    """

    many: pacing.Put
    one: Callable[[], Awaitable[object]]
    arrive: pacing.Put
    mix: Callable[[range], Awaitable[object]] | None = None


Producers = Callable[[int], AbstractAsyncContextManager[Puts]]
"""Opens so many connections to the queue."""


def in_threads(one: Callable[[], object], arrive: Callable[[int], object]) -> Producers:
    """Of a queue without coroutines, and without a call for many tasks."""

    async def many(count: int) -> None:
        for _ in range(count):
            one()

    async def arrive_now(sent_ns: int) -> None:
        arrive(sent_ns)

    puts = Puts(many, lambda: asyncio.to_thread(one), arrive_now)
    return lambda _connections: nullcontext(puts)


def run(
    producers: Producers,
    verbs: dict[str, Callable[..., Coroutine[Any, Any, None]]],
    runner: Callable[[Coroutine[Any, Any, None]], None],
) -> None:
    """Does what the command line says: a verb of the program's own with numbers, or VERB FUNCTION NUMBER…"""
    verb, *rest = sys.argv[1:]
    if verb in verbs:
        runner(verbs[verb](*map(int, rest)))
    else:
        runner(_produce(producers, verb, rest[0], *map(float, rest[1:])))


async def _produce(producers: Producers, verb: str, function: str, amount: float, more: float = 1) -> None:
    async with producers(int(more) if verb == "single" else 1) as puts:
        match verb, function:
            case "bulk", "mix":
                assert puts.mix is not None
                made = await pacing.in_batches(int(amount), int(more), pacing.numbered(puts.mix))
            case "bulk", _:
                made = await pacing.in_batches(int(amount), int(more), puts.many)
            case "single", _:
                made = await pacing.in_flight(amount, [puts.one] * int(more))
            case _:
                made = await pacing.now_and_then(int(amount), puts.arrive)
    print(json.dumps(made))
