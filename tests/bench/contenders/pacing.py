"""How tasks are handed in, the same for every contender: each says only how it puts one or many.

Runs inside the producers of every contender, so it needs nothing but the standard library.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence

GAP_SECONDS = (0.020, 0.030)
QUIET_GAP_SECONDS = (0.05, 0.15)
AHEAD_SECONDS = (0.02, 2.0)
MIX_SECONDS = 0.002
MIX_QUEUES = 3
MIX_FAILS_EACH = 100
_WORDS = [f"{random.getrandbits(36):09x}" for _ in range(200)]
PAYLOAD = " ".join(random.choices(_WORDS, k=1_000))
"""10 kB that compress like text: to about a third."""

Put = Callable[[int], Awaitable[object]]
"""Hands in so many tasks, or one with the time that it is sent or due at."""
Made = dict[str, float]
"""How many `tasks` were handed in, in how many `seconds`."""


async def in_batches(tasks: int, size: int, put: Put) -> Made:
    """`tasks` tasks by `put(count)`, `size` at a time, one call after the other."""
    started = time.perf_counter()
    for done in range(0, tasks, size):
        await put(min(size, tasks - done))
    return _made(tasks, started)


def numbered(put: Callable[[range], Awaitable[object]]) -> Put:
    """Hands in so many tasks by `put`, which gets their numbers, from 0."""
    done = 0

    async def put_next(count: int) -> None:
        nonlocal done
        done += count
        await put(range(done - count, done))

    return put_next


async def in_flight(seconds: float, puts: Sequence[Callable[[], Awaitable[object]]]) -> Made:
    """One task after the other for `seconds`, by all of `puts` at once, each of which has its own connection."""
    for put in puts:
        await put()  # statements get prepared, caches filled
    started = time.perf_counter()

    async def go_on(put: Callable[[], Awaitable[object]]) -> int:
        count = 0
        while time.perf_counter() - started < seconds:
            await put()
            count += 1
        return count

    counts = await asyncio.gather(*(go_on(put) for put in puts))
    return _made(sum(counts), started)


async def now_and_then(count: int, put: Put) -> Made:
    """`count` single tasks by `put(sent_ns)`, with the time just before the call, so far apart that a worker idles."""
    started = time.perf_counter()
    for _ in range(count):
        await asyncio.sleep(random.uniform(*GAP_SECONDS))
        await put(time.time_ns())
    return _made(count, started)


async def regularly(seconds: float, gap: float, put: Put) -> Made:
    """A single task each `gap` seconds, for `seconds`, by `put(sent_ns)` with the time just before the call."""
    started = time.perf_counter()
    count = round(seconds / gap)
    for number in range(count):
        await asyncio.sleep(max(0.0, started + number * gap - time.perf_counter()))
        await put(time.time_ns())
    return _made(count, started)


async def for_later(count: int, put: Put) -> Made:
    """`count` single tasks by `put(due_ns)`, with the time each is for: half of them in less than 0.2 s."""
    started = time.perf_counter()
    soonest, latest = AHEAD_SECONDS
    for _ in range(count):
        await asyncio.sleep(random.uniform(*QUIET_GAP_SECONDS))
        await put(time.time_ns() + int(soonest * (latest / soonest) ** random.random() * 1e9))
    return _made(count, started)


def _made(tasks: int, started: float) -> Made:
    return {"tasks": tasks, "seconds": time.perf_counter() - started}
