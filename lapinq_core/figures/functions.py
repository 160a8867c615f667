"""All task functions side by side: how often each ran and failed in a window, how long it took, and who brings it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.figures import Window, failure_share
from lapinq_core.domain.histogram import percentiles, total_seconds
from lapinq_core.domain.queue_filter import Readable, as_list
from lapinq_core.domain.requests.values import doc
from lapinq_core.figures import rollups

sql = sql_of(__name__)

MAX_FUNCTIONS = 1_000
"""The names with the most attempts are listed."""


class FunctionTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to the tasks of a name in a window."""

    task_name: str
    queue_name: Annotated[str | None, doc("Where most of them ran; without any, the queue of its decorator.")]
    more_queues: Annotated[int, doc("In how many other queues they ran.")]
    completed: int
    failed: Annotated[int, doc("Tasks that failed for good.")]
    retried: Annotated[int, doc("Attempts that failed and are retried.")]
    rate: Annotated[float, doc("Tasks that completed or failed for good, per second.")]
    failure_share: Annotated[
        float | None,
        doc("Share of the ended tasks that failed, 0 to 1. While none completes, failed attempts count."),
    ]
    run_p50: Annotated[float | None, doc("Median run time in seconds; null if nothing ran.")]
    run_p95: float | None
    run_seconds: Annotated[float, doc("How long all attempts ran together: an estimate, within 15 %.")]
    module_path: Annotated[
        str | None, doc("Null if no living worker has found it in a module, like what follows.")
    ]
    worker_name: Annotated[str | None, doc("The newest living worker with the function.")]
    release: Annotated[str | None, doc("The release of that worker's code.")]
    deployed_at: Annotated[datetime | None, doc("When that worker started.")]


ORDERS: dict[str, Callable[[FunctionTotals], Any]] = {
    "name": lambda one: one.task_name,
    "rate": lambda one: one.rate,
    "failures": lambda one: (one.failure_share or 0.0, one.failed + one.retried),
    "retried": lambda one: one.retried,
    "p50": lambda one: one.run_p50 or 0.0,
    "p95": lambda one: one.run_p95 or 0.0,
    "total": lambda one: one.run_seconds,
    "deployed": lambda one: one.deployed_at.timestamp() if one.deployed_at else 0.0,
}
"""What they can be sorted by; equals stand by name."""


async def functions(
    conn: psycopg.AsyncConnection, window: Window, readable: Readable = None
) -> list[FunctionTotals]:
    """Those that ran in `window` or that a living worker has found; in these queues or in all."""
    params = {
        "span": window.task_span,
        "seconds": window.seconds,
        "queues": as_list(readable),
        "most": MAX_FUNCTIONS,
    }
    return [_totals(*row) for row in await all_rows(conn, sql("functions"), params, prepare=True)]


def ranked(
    found: Sequence[FunctionTotals], part: str, by: str, *, is_descending: bool
) -> list[FunctionTotals]:
    """Those whose names contain `part`, ignoring case, in an order of `ORDERS`."""
    wanted = part.casefold()
    by_name = sorted((one for one in found if wanted in one.task_name.casefold()), key=ORDERS["name"])
    return sorted(by_name, key=ORDERS[by], reverse=is_descending)


def _totals(
    task_name: str,
    queue_name: str | None,
    more_queues: int | None,
    completed: int,
    failed: int,
    retried: int,
    covered: float,
    places: list[int] | None,
    runs: list[int] | None,
    module_path: str | None,
    worker_name: str | None,
    release: str | None,
    deployed_at: datetime | None,
) -> FunctionTotals:
    counts = rollups.dense(places, runs)
    p50, p95 = percentiles(counts, (0.5, 0.95))
    return FunctionTotals(
        task_name=task_name,
        queue_name=queue_name,
        more_queues=more_queues or 0,
        completed=completed,
        failed=failed,
        retried=retried,
        rate=(completed + failed) / covered,
        failure_share=failure_share(completed, failed, retried),
        run_p50=p50,
        run_p95=p95,
        run_seconds=total_seconds(counts),
        module_path=module_path,
        worker_name=worker_name,
        release=release,
        deployed_at=deployed_at,
    )
