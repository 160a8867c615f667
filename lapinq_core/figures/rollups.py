"""Statistics over time: what happened in each queue in spans of 10 s, a minute and a quarter of an hour.

Processes append their counts (`record`), maintenance folds past spans and deletes old ones, and the dashboard reads.
All times are the database's. Besides the rows of each queue there are rows for all queues together, so that the most
frequent query need not add up the histograms of every queue.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import psycopg

from lapinq_core.db.statements import sql
from lapinq_core.domain.figures import ALL_QUEUES, SPANS, Figures, Window
from lapinq_core.domain.histogram import percentiles

_PACKAGE = "lapinq_core.figures"

FOLD_LIMIT = 5_000
PRUNE_LIMIT = 500
MAX_QUEUES = 8
"""Queues that a series shows separately."""

_SHARES = (0.5, 0.95, 0.99)

Line = list[float]
Times = list[float | None]


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """What a chart shows, by column: values at `times`, in seconds since 1970, `width` seconds apart.

    `started`, `completed`, `failed`, `by_queue` and `others` are rates per minute. The last point covers only the time
    that has passed. `run_…` and `wait_…` are percentiles in seconds, None where nothing ran or started. `by_queue` is
    what the busiest queues completed, the busiest first; `others` is the sum of the rest.
    """

    window: Window
    queue: str | None
    width: int
    times: list[int]
    started: Line
    completed: Line
    failed: Line
    run_p50: Times
    run_p95: Times
    run_p99: Times
    wait_p50: Times
    wait_p95: Times
    wait_p99: Times
    by_queue: dict[str, Line]
    others: Line


class Rate(msgspec.Struct, frozen=True):
    """Attempts per minute in one queue."""

    started: float
    completed: float
    failed: float


class Happened(NamedTuple):
    """How many attempts started, completed, failed for good and are retried."""

    started: int
    completed: int
    failed: int
    retried: int


class Recent(msgspec.Struct, frozen=True):
    """What happened in the last minutes. `total` is None if nothing did.

    `run` and `wait` are the percentiles 50, 95 and 99 in seconds, None where nothing ran or started.
    """

    queues: dict[str, Happened]
    total: Happened | None
    run: Times
    wait: Times


async def record(conn: psycopg.AsyncConnection, figures: Mapping[str, Figures]) -> float | None:
    """Appends what happened in queues, as of now, in one statement: all of it counts or none.

    Returns how many seconds of the current 10 s have passed; None if there was nothing to append.
    """
    if not figures:
        return None
    rows = {ALL_QUEUES: Figures.total(figures.values()), **figures}
    params = {
        "figures": msgspec.json.encode([_row(queue, each) for queue, each in rows.items()]).decode(),
        "spans": list(SPANS),
    }
    row = await (await conn.execute(sql(_PACKAGE, "record_rollups"), params, prepare=True)).fetchone()
    return row[0] if row else None


async def fold(conn: psycopg.AsyncConnection, limit: int = FOLD_LIMIT) -> int:
    """Folds the rows of each queue and past span into one; returns how many rows it folded."""
    params = {"spans": list(SPANS), "limit": limit}
    row = await (await conn.execute(sql(_PACKAGE, "fold_rollups"), params, prepare=True)).fetchone()
    return row[0] if row else 0


async def prune(conn: psycopg.AsyncConnection, limit: int = PRUNE_LIMIT) -> int:
    """Deletes rows past their retention, up to `limit` of each span; returns how many."""
    params = {"spans": list(SPANS), "kept": list(SPANS.values()), "limit": limit}
    row = await (await conn.execute(sql(_PACKAGE, "prune_rollups"), params, prepare=True)).fetchone()
    return row[0] if row else 0


async def series(conn: psycopg.AsyncConnection, window: Window, queue: str | None = None) -> Series:
    """What happened in `window`, up to the last complete 10 s; in one queue or in all."""
    shape = {"span": window.span, "width": window.width}
    params = {**shape, "points": window.points, "queue": ALL_QUEUES if queue is None else queue}
    rows = await (await conn.execute(sql(_PACKAGE, "series"), params, prepare=True)).fetchall()
    times, seconds, started, completed, failed, runs, waits = map(list, zip(*rows, strict=True))
    a_minute = [60 / each for each in seconds]
    completed = _line(completed, a_minute)
    if queue is None:
        by_queue, others = await _by_queue(conn, shape, times, times[-1] + seconds[-1], a_minute)
    else:
        by_queue, others = {queue: completed}, [0.0] * len(times)
    return Series(
        window=window,
        queue=queue,
        width=window.width,
        times=times,
        started=_line(started, a_minute),
        completed=completed,
        failed=_line(failed, a_minute),
        **_percentiles("run", runs),
        **_percentiles("wait", waits),
        by_queue=by_queue,
        others=others,
    )


async def rates(conn: psycopg.AsyncConnection) -> dict[str, Rate]:
    """The rate of each queue in the last complete minute. Queues where nothing happened are left out."""
    rows = await (await conn.execute(sql(_PACKAGE, "rates"), prepare=True)).fetchall()
    return {queue: Rate(*(float(max(0, count)) for count in counts)) for queue, *counts in rows}


async def recent(conn: psycopg.AsyncConnection, minutes: int, queue: str | None = None) -> Recent:
    """What happened in the last `minutes`, up to the last complete 10 s; in one queue or in all."""
    params = {"minutes": minutes, "queue": queue}
    rows = await (await conn.execute(sql(_PACKAGE, "recent"), params, prepare=True)).fetchall()
    queues = {row[0]: Happened(*row[1:5]) for row in rows}
    whole = ALL_QUEUES if queue is None else queue
    runs, waits = next((row[5:] for row in rows if row[0] == whole), (None, None))
    return Recent(
        queues={name: happened for name, happened in queues.items() if name != ALL_QUEUES},
        total=queues.get(whole),
        run=_brief_percentiles(runs),
        wait=_brief_percentiles(waits),
    )


async def _by_queue(
    conn: psycopg.AsyncConnection,
    shape: Mapping[str, int],
    times: Sequence[int],
    until: int,
    a_minute: Sequence[float],
) -> tuple[dict[str, Line], Line]:
    params = {**shape, "first": times[0], "until": until, "most": MAX_QUEUES}
    rows = await (await conn.execute(sql(_PACKAGE, "series_by_queue"), params, prepare=True)).fetchall()
    places = {time: place for place, time in enumerate(times)}
    counts: dict[str | None, list[int]] = {}
    for queue, time, completed in rows:
        counts.setdefault(queue, [0] * len(times))[places[time]] = completed
    others = counts.pop(None, [0] * len(times))
    named = {queue: _line(line, a_minute) for queue, line in counts.items() if queue is not None}
    return named, _line(others, a_minute)


def _row(queue: str, figures: Figures) -> dict[str, object]:
    return {
        "queue_name": queue,
        "started": figures.started,
        "completed": figures.completed,
        "failed": figures.failed,
        "retried": figures.retried,
        "runs": _short(figures.runs),
        "waits": _short(figures.waits),
    }


def _short(counts: Sequence[int]) -> Sequence[int]:
    """Without trailing zeros, which are most of it."""
    end = len(counts)
    while end and not counts[end - 1]:
        end -= 1
    return counts[:end]


def _line(counts: Sequence[int], a_minute: Sequence[float]) -> Line:
    # A start that was given back may have been counted in an earlier point.
    return [_brief(max(0, count) * factor) for count, factor in zip(counts, a_minute, strict=True)]


def _percentiles(what: str, histograms: Sequence[Sequence[int] | None]) -> dict[str, Times]:
    points = [_brief_percentiles(counts) for counts in histograms]
    return {
        f"{what}_p{share * 100:g}": [point[place] for point in points] for place, share in enumerate(_SHARES)
    }


def _brief_percentiles(counts: Sequence[int] | None) -> Times:
    return [None if value is None else _brief(value) for value in percentiles(counts or (), _SHARES)]


def _brief(value: float) -> float:
    return float(f"{value:.5g}")
