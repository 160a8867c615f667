"""The history of schedules: the outcome of each tick. `firing` writes it."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.schedules.ticks import TickOutcome
from lapinq_core.domain.tasks.state import Status

sql = sql_of(__name__)

PRUNE_LIMIT = 500
KEPT_SECONDS = 30 * 86_400
KEPT_COUNT = 100
"""The latest ticks of each schedule, kept at any age."""


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A handled tick: planned for `fire_at`, handled `late_by` seconds later.

    `missed_from` is the first of the planned times before it that were missed; null if there is none. `fired_by` is who
    ran it by hand. `status` is that of the task now, null if there is no task. `started_at` is when its running or last
    attempt started, `run_seconds` how long that ran, null until the task has ended.
    """

    fire_at: datetime
    fired_at: datetime
    late_by: float
    outcome: TickOutcome
    task_id: str | None
    missed_from: datetime | None
    fired_by: str | None
    status: Status | None
    started_at: datetime | None
    run_seconds: float | None


async def list_ticks(
    conn: psycopg.AsyncConnection,
    schedule_ids: Sequence[int],
    limit: int,
    before: datetime | None = None,
) -> dict[int, list[Tick]]:
    """The latest ticks of each of these schedules, latest first, at most `limit`, planned before `before`."""
    params = {"ids": list(schedule_ids), "limit": limit, "before": before}
    rows = await all_rows(conn, sql("list_ticks"), params, prepare=False)
    found: dict[int, list[Tick]] = {schedule_id: [] for schedule_id in schedule_ids}
    for schedule_id, fire_at, fired_at, outcome, task_id, missed_from, fired_by, status, started, ran in rows:
        found[schedule_id].append(
            Tick(
                fire_at=fire_at,
                fired_at=fired_at,
                late_by=(fired_at - fire_at).total_seconds(),
                outcome=TickOutcome(outcome),
                task_id=None if task_id is None else str(task_id),
                missed_from=missed_from,
                fired_by=fired_by,
                status=None if status is None else Status(status),
                started_at=started,
                run_seconds=ran,
            )
        )
    return found


async def prune(conn: psycopg.AsyncConnection, limit: int = PRUNE_LIMIT) -> int:
    """Deletes ticks older than thirty days, except the last hundred of each schedule; returns how many."""
    params = {"limit": limit, "kept_seconds": KEPT_SECONDS, "kept_count": KEPT_COUNT}
    return await first_value(conn, sql("prune_ticks"), params)
