"""Statistics over time: what happened in each queue in spans of 10 s, a minute and a quarter of an hour.

Processes append their counts (`record`), maintenance folds past spans and deletes old ones, and the dashboard reads.
All times are the database's. Besides the rows of each queue there are rows for all queues together, so that the most
frequent query need not add up the histograms of every queue.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.figures import ALL_QUEUES, SPANS, Figures, Window, failure_share
from lapinq_core.domain.histogram import percentiles
from lapinq_core.domain.queue_filter import Readable, as_list

sql = sql_of(__name__)

FOLD_LIMIT = 5_000
PRUNE_LIMIT = 500
SPARK_POINTS, SPARK_SECONDS = 30, 120
"""A sparkline of a queue covers the last hour."""

_SHARES = (0.5, 0.95, 0.99)

PerMinute = list[float]
Times = list[float | None]


class Totals(msgspec.Struct, frozen=True):
    """What happened in a window: rates per minute, and percentiles in seconds, None where nothing ran or started."""

    completed: float
    failed: float
    retried: float
    run_p95: float | None
    wait_p95: float | None

    @property
    def done(self) -> float:
        """Tasks that completed or failed for good, per minute."""
        return self.completed + self.failed

    @property
    def failure_share(self) -> float | None:
        """As `lapinq_core.domain.figures.failure_share` tells."""
        return failure_share(self.completed, self.failed, self.retried)


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """What charts show, by column: values at `times`, in seconds since 1970, `width` seconds apart.

    `completed`, `failed` and `retried` are rates per minute. The last point covers only the time that has passed.
    `run_…` and `wait_…` are percentiles in seconds, None where nothing ran or started. `total` is of the whole window,
    `before` of the window before it.
    """

    window: Window
    width: int
    times: list[int]
    completed: PerMinute
    failed: PerMinute
    retried: PerMinute
    run_p50: Times
    run_p95: Times
    wait_p50: Times
    wait_p95: Times
    total: Totals
    before: Totals


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

    What is under `ALL_QUEUES` happened in further ones. Returns how many seconds of the current 10 s have passed; None
    if there was nothing to append.
    """
    if not figures:
        return None
    rows = {**figures, ALL_QUEUES: Figures.total(figures.values())}
    params = {
        "figures": msgspec.json.encode([_row(queue, each) for queue, each in rows.items()]).decode(),
        "spans": list(SPANS),
    }
    return await first_value(conn, sql("record_rollups"), params, prepare=True)


async def fold(conn: psycopg.AsyncConnection, limit: int = FOLD_LIMIT) -> int:
    """Folds the rows of each queue and past span into one; returns how many rows it folded."""
    params = {"spans": list(SPANS), "limit": limit}
    return await first_value(conn, sql("fold_rollups"), params, prepare=True)


async def prune(conn: psycopg.AsyncConnection, limit: int = PRUNE_LIMIT) -> int:
    """Deletes rows past their retention, up to `limit` of each span; returns how many."""
    params = {"spans": list(SPANS), "kept": list(SPANS.values()), "limit": limit}
    return await first_value(conn, sql("prune_rollups"), params, prepare=True)


async def series(conn: psycopg.AsyncConnection, window: Window, readable: Readable = None) -> Series:
    """What happened in `window`, up to the last complete 10 s, and in the one before; in these queues or in all."""
    params = {
        "span": window.span,
        "width": window.width,
        "points": 2 * window.points,
        "queues": [ALL_QUEUES] if readable is None else sorted(readable),
    }
    rows = await all_rows(conn, sql("series"), params, prepare=True)
    return as_series(rows, window, window.width)


def as_series(rows: Sequence[tuple[Any, ...]], window: Window, width: int) -> Series:
    """The rows of `series.sql` and `task_series.sql`: of a window and the one before."""
    points = [
        _Point(at, seconds, completed, failed, retried, dense(places, runs), dense(places, waits))
        for at, seconds, completed, failed, retried, places, runs, waits in rows
    ]
    shown, before = points[len(points) // 2 :], points[: len(points) // 2]
    a_minute = [60 / point.seconds for point in shown]
    return Series(
        window=window,
        width=width,
        times=[point.at for point in shown],
        completed=_line([point.completed for point in shown], a_minute),
        failed=_line([point.failed for point in shown], a_minute),
        retried=_line([point.retried for point in shown], a_minute),
        **_percentiles("run", [point.runs for point in shown]),
        **_percentiles("wait", [point.waits for point in shown]),
        total=_total(shown),
        before=_total(before),
    )


async def sparklines(conn: psycopg.AsyncConnection, queues: Collection[str]) -> dict[str, list[int]]:
    """What ended in each queue in the last hour, in pieces of two minutes. Queues where nothing did are left out."""
    params = {"queues": list(queues), "points": SPARK_POINTS, "width": SPARK_SECONDS}
    rows = await all_rows(conn, sql("sparklines"), params, prepare=True)
    lines: dict[str, list[int]] = {}
    for queue, place, count in rows:
        lines.setdefault(queue, [0] * SPARK_POINTS)[place] = count
    return lines


async def recent(conn: psycopg.AsyncConnection, minutes: int, readable: Readable = None) -> Recent:
    """What happened in the last `minutes`, up to the last complete 10 s; in these queues or in all."""
    params = {"minutes": minutes, "queues": as_list(readable)}
    rows = await all_rows(conn, sql("recent"), params, prepare=True)
    queues = {row[0]: Happened(*row[1:5]) for row in rows if row[1] is not None}
    total = queues.pop(ALL_QUEUES, None)
    if readable is not None and queues:
        total = Happened(*map(sum, zip(*queues.values(), strict=True)))
    runs, waits = next((row[5:] for row in rows if row[0] == ALL_QUEUES), (None, None))
    return Recent(
        queues=queues,
        total=total,
        run=_brief_percentiles(runs),
        wait=_brief_percentiles(waits),
    )


class _Point(NamedTuple):
    """A point in time: its start in seconds since 1970, how many seconds of it are over, and what happened."""

    at: int
    seconds: int
    completed: int
    failed: int
    retried: int
    runs: list[int]
    waits: list[int]


def _total(points: Sequence[_Point]) -> Totals:
    a_minute = 60 / sum(point.seconds for point in points)
    return Totals(
        completed=_brief(a_minute * sum(point.completed for point in points)),
        failed=_brief(a_minute * sum(point.failed for point in points)),
        retried=_brief(a_minute * sum(point.retried for point in points)),
        run_p95=_p95([point.runs for point in points]),
        wait_p95=_p95([point.waits for point in points]),
    )


def _p95(histograms: Sequence[Sequence[int]]) -> float | None:
    counts = [sum(column) for column in zip_longest(*histograms, fillvalue=0)]
    return _brief_percentiles(counts)[1]


def _row(queue: str, figures: Figures) -> dict[str, object]:
    return {
        "queue_name": queue,
        "started": figures.started,
        "completed": figures.completed,
        "failed": figures.failed,
        "retried": figures.retried,
        "runs": short(figures.runs),
        "waits": short(figures.waits),
    }


def dense(places: Sequence[int] | None, counts: Sequence[int] | None) -> list[int]:
    """The histogram with `counts` in the buckets at `places`, from 1 on; empty without any."""
    if not places or not counts:
        return []
    histogram = [0] * max(places)
    for place, count in zip(places, counts, strict=True):
        histogram[place - 1] = count
    return histogram


def short(counts: Sequence[int]) -> Sequence[int]:
    """A histogram without trailing zeros, which are most of it."""
    end = len(counts)
    while end and not counts[end - 1]:
        end -= 1
    return counts[:end]


def _line(counts: Sequence[int], a_minute: Sequence[float]) -> PerMinute:
    return [_brief(count * factor) for count, factor in zip(counts, a_minute, strict=True)]


def _percentiles(what: str, histograms: Sequence[Sequence[int]]) -> dict[str, Times]:
    points = [_brief_percentiles(counts) for counts in histograms]
    return {f"{what}_p50": [p50 for p50, _, _ in points], f"{what}_p95": [p95 for _, p95, _ in points]}


def _brief_percentiles(counts: Sequence[int] | None) -> Times:
    return [None if value is None else _brief(value) for value in percentiles(counts or (), _SHARES)]


def _brief(value: float) -> float:
    return float(f"{value:.5g}")
