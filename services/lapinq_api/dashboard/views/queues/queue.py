"""One queue: what happens in it, which of its tasks are slow or fail, and who works on it."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import psycopg

from lapinq_api.batching.long_windows import BRIEF_SECONDS, LongWindows
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts import rule_fields
from lapinq_api.dashboard.parts.tiles import tiles_of
from lapinq_api.dashboard.views.operating.overview import (
    MAX_NEWEST,
    MAX_RUNNING,
    NOW_MINUTES,
    usual_of,
    window_of,
)
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_core.db.snapshot import snapshot
from lapinq_core.domain.figures import Window
from lapinq_core.domain.forecast import Fleet, Forecast, Outlook, with_more_workers
from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.domain.queue_filter import Readable, includes
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.error_groups import trends
from lapinq_core.figures import levels, rollups, task_rollups
from lapinq_core.limits import blocked_keys, named_limits
from lapinq_core.limits.blocked_keys import KeyFilter, KeySort, WaitingKeys
from lapinq_core.limits.policies import QueuePolicy
from lapinq_core.lookup import overview, slowest
from lapinq_core.lookup.overview import QueueNow
from lapinq_core.tasks import queues
from lapinq_core.tasks.queues import MAX_REASON, QueueDetails

MORE_WORKERS = 2
MAX_BLOCKED_KEYS = 20
MAX_COUNTED_KEYS = 1000


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    window, name = window_of(address), address.query.get("name", "")
    check_name("name", name)
    if not includes(readable, name):
        raise Refused(HTTPStatus.FORBIDDEN, f"you may not read the queue {name}")
    return {
        "name": name,
        "window": window,
        "windows": list(Window),
        "max_reason": MAX_REASON,
        **await state.database.scan(_read, state.long_windows, name, window, readable),
    }


async def _read(
    conn: psycopg.AsyncConnection, long: LongWindows, name: str, window: Window, readable: Readable
) -> dict[str, Any]:
    async with snapshot(conn):
        queue = await queues.get_queue(conn, name)
        policy = queue.policy if queue else QueuePolicy()
        seen = await overview.read(conn, NOW_MINUTES, name, readable, max_newest=MAX_NEWEST)
        series = await long.read(rollups.series, conn, window, frozenset({name}))
        sampled = await levels.series(conn, window, {name})
        now_in = next(iter(seen.queues), None)
        outlook = Outlook() if queue is None or now_in is None else _outlook(queue, now_in)
        return {
            "queue": queue,
            "policy": policy,
            "policy_values": rule_fields.of_policy(policy),
            "breaker_defaults": rule_fields.BREAKER_DEFAULTS,
            "blocked": await _blocked_keys(conn, long, name, policy),
            "limits": await named_limits.list_limits(conn, name),
            "now_in": now_in,
            "empties_at": _moment_in(now_in.empties_in_seconds) if now_in else None,
            "outlook": outlook,
            "sooner_at": _moment_in(outlook.empties_in),
            "seen": seen,
            "oldest": now_in.waiting_since if now_in else None,
            "series": series,
            "levels": sampled,
            "tiles": tiles_of(series, sampled, seen.ready, seen.totals["running"]),
            "tasks": await long.read(task_rollups.of_queue, conn, window, name),
            "groups": await trends.top(conn, window.seconds, readable={name}),
            "slowest": await long.read(slowest.of_queue, conn, window, name),
            "running": seen.running[:MAX_RUNNING],
            "usual": await usual_of(conn, long, seen.running[:MAX_RUNNING]),
        }


async def _blocked_keys(
    conn: psycopg.AsyncConnection, long: LongWindows, queue: str, policy: QueuePolicy
) -> WaitingKeys | None:
    """The oldest keys that the policy blocks; None if it has no rule for keys."""
    if (
        policy.max_running_per_key is None
        and policy.rate_per_key is None
        and policy.order is not StartOrder.STRICT_PER_KEY
    ):
        return None
    chosen = KeyFilter(sort=KeySort.AGE)
    return await long.hold(
        BRIEF_SECONDS, blocked_keys.list_keys, conn, queue, chosen, MAX_BLOCKED_KEYS, MAX_COUNTED_KEYS
    )


def _outlook(queue: QueueDetails, now_in: QueueNow) -> Outlook:
    """What more workers would change."""
    policy = queue.policy
    return with_more_workers(
        MORE_WORKERS,
        now_in.ready or 0,
        Forecast(now_in.empties_in_seconds, now_in.is_growing),
        Fleet(len(queue.workers), now_in.slots, now_in.running, now_in.rates.started, now_in.rates.enqueued),
        max_running=policy.max_running,
        rate=policy.rate.limit / policy.rate.period_seconds if policy.rate else None,
    )


def _moment_in(seconds: float | None) -> datetime | None:
    """To the minute, so that the page stays as it is in between."""
    if seconds is None:
        return None
    return (datetime.now(UTC) + timedelta(seconds=seconds + 30)).replace(second=0, microsecond=0)


VIEW = View(
    path="/queue",
    template="queue.html",
    here="queues",
    load=load,
    is_narrowed=True,
    parts=(
        "queue-head",
        "queue-limits",
        "queue-tiles",
        "queue-policy",
        "queue-keys",
        "queue-charts",
        "queue-tasks",
        "overview-errors",
        "overview-running",
        "slowest",
        "queue-workers",
    ),
    parameters=frozenset({"name", "window"}),
)
