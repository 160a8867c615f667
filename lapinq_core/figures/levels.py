"""How many tasks were ready and running over time, sampled once a minute by the process on duty.

Rollups say what happened; levels say what there was. Forecasts follow from the last samples.
"""

from collections.abc import Mapping, Sequence

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.figures import ALL_QUEUES, LEVEL_SPANS, Window
from lapinq_core.domain.forecast import Look, forecast
from lapinq_core.domain.queue_filter import Readable

sql = sql_of(__name__)

SAMPLE_SECONDS = 60
MAX_QUEUES = 100
"""The fullest queues are sampled; all together are, too."""
MAX_DELAYED = 100_000
PRUNE_LIMIT = 500
LOOK_SECONDS = 300
"""How far back a forecast looks."""

Counts = list[int | None]


class Levels(msgspec.Struct, frozen=True):
    """Ready and running tasks at `times`, in seconds since 1970. None where nobody sampled or could tell."""

    times: list[int]
    ready: Counts
    running: Counts


class GrowingQueue(msgspec.Struct, frozen=True):
    """A queue with `ready` tasks that had `before` of them `seconds` earlier."""

    queue_name: str
    ready: int
    before: int
    seconds: float


async def sample(conn: psycopg.AsyncConnection) -> float:
    """Stores how many tasks of each queue are ready and running; at most once in each span.

    Returns how many seconds of the current minute have passed.
    """
    params = {"spans": list(LEVEL_SPANS), "most": MAX_QUEUES, "most_delayed": MAX_DELAYED}
    return await first_value(conn, sql("record_levels"), params, prepare=True)


async def prune(conn: psycopg.AsyncConnection, limit: int = PRUNE_LIMIT) -> int:
    """Deletes samples past their retention, up to `limit` of each span; returns how many."""
    params = {"spans": list(LEVEL_SPANS), "kept": list(LEVEL_SPANS.values()), "limit": limit}
    return await first_value(conn, sql("prune_levels"), params, prepare=True)


async def series(conn: psycopg.AsyncConnection, window: Window, readable: Readable = None) -> Levels:
    """The samples of `window`, added up; of these queues or of all together."""
    params = {
        "span": window.level_span,
        "points": window.seconds // window.level_span,
        "queues": [ALL_QUEUES] if readable is None else sorted(readable),
    }
    rows = await all_rows(conn, sql("levels"), params, prepare=True)
    times, ready, running = map(list, zip(*rows, strict=True))
    return Levels(times, ready, running)


class Looks:
    """The samples of the last minutes, by queue."""

    def __init__(self, rows: Sequence[tuple[str, float, int]]) -> None:
        self._ages = [age for queue, age, _ in rows if queue == ALL_QUEUES]
        self._ready: dict[str, dict[float, int]] = {}
        for queue, age, ready in rows:
            self._ready.setdefault(queue, {})[age] = ready

    def of(self, queue: str) -> list[Look]:
        """Newest first. A queue without a row had nothing."""
        ready: Mapping[float, int] = self._ready.get(queue, {})
        return [Look(age, ready.get(age, 0)) for age in self._ages]

    def growing(self) -> list[GrowingQueue]:
        """The queues that grew from sample to sample, the one that grew most first."""
        found: list[GrowingQueue] = []
        if not self._ages:
            return found
        for queue in self._ready.keys() - {ALL_QUEUES}:
            newest, *before = self.of(queue)
            before = [Look(look.age - newest.age, look.ready) for look in before]
            if forecast(newest.ready, before).is_growing:
                found.append(GrowingQueue(queue, newest.ready, before[1].ready, before[1].age))
        return sorted(found, key=lambda each: (each.before - each.ready, each.queue_name))


async def looks(conn: psycopg.AsyncConnection, queues: Readable = None) -> Looks:
    """The samples of `queues`, or of all, that forecasts follow from."""
    params = {
        "span": SAMPLE_SECONDS,
        "seconds": LOOK_SECONDS,
        "queues": None if queues is None else [ALL_QUEUES, *queues],
    }
    return Looks(await all_rows(conn, sql("recent_levels"), params, prepare=True))
