"""The statements of the hot path as they are sent, each with what it may look at.

To add one: its parameters, its kind of connection, how many rows its scans may give or throw away, and how many pages
it may look at. The bounds are far below the rows of `burdened.SMALL`, live or dead, so that a statement which walks
over those is found out, and they hold for `burdened.LARGE` too.
"""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from lapinq_core.tasks.bulk import FIRST
from lapinq_core.tasks.claiming import HIGHEST_RANK, LOWEST_MARK
from lapinq_core.upkeep.rescuing import BOTTOM
from tests.integration.plans.burdened import FEW, PARKED, QUEUE, SHUT, WORKER, Rows

Params = dict[str, Any]
SMALL_TABLES = frozenset({"lapinq_workers", "lapinq_queues", "lapinq_schedules", "lapinq_circuit_breakers"})
"""May be read whole: a row for each worker, queue, schedule or watched task name."""


class Session(StrEnum):
    """The settings under which a statement runs."""

    PINNED = "PLAN_SETTINGS, for claims and results"
    POOLED = "none: the planner chooses"
    STEP = "STEP_SETTINGS, for a step over many tasks"
    SEARCH = "SEARCH_SETTINGS, for lost tasks"
    LOOKUP = "those of backward_scan.py, for what explains a task"


class Statement(msgspec.Struct, frozen=True):
    """A statement, and the bounds on the rows and pages that it may look at. `params` gets the filled rows.

    The first execution in a session also reads the catalogue of the tables that it writes and of their indexes, which
    the session keeps: of most that is the larger part of `pages`. So the pages of `later` executions have a bound of
    their own. None: the same.

    `stale` are rows and pages with outdated statistics, for those that then look at more. `before_17` are pages more on
    an older PostgreSQL, which finds each id of a list by a descent of its own in each partition. `use` tells two uses
    of a verb apart. `whole` are tables that it may read from end to end, besides `SMALL_TABLES`. `dead` is for a
    statement that begins where the dead rows lie: at how many pages it may look for each of them.
    """

    verb: str
    params: Callable[[Any], Params]
    rows: int
    pages: int
    later: int | None = None
    stale: tuple[int, int] | None = None
    before_17: int = 0
    session: Session = Session.POOLED
    use: str = ""
    whole: frozenset[str] = frozenset()
    dead: float = 0

    def __str__(self) -> str:
        return f"{self.verb} {self.use}".strip()


def _claim(rows: Rows) -> Params:
    return {
        "queue": QUEUE,
        "limit": FEW,
        "isolated": 1,
        "worker": WORKER,
        "token": str(uuid.UUID(int=1)),
        "lease": 310.0,
        "margin": 10.0,
        "mark_rank": rows.rank,
        "mark_seq": rows.seq,
        "max_rank": HIGHEST_RANK,
    }


def _running(rows: Rows, first: int = 0) -> Params:
    """Of a few running tasks, as their worker reports about them."""
    ids = rows.running[first : first + FEW]
    return {
        "ids": ids,
        "tokens": ids,
        "seqs": list(range(FEW)),
        "seconds": [0.1] * FEW,
        "results": json.dumps(["null"] * FEW),
        "percents": [50] * FEW,
        "messages": [None] * FEW,
    }


_NEW_IDS = [f"01a00000-0000-7000-8000-{n:012}" for n in range(FEW)]


def _completed(rows: Rows) -> Params:
    return {**_running(rows), "logs": "[]"}


def _failed(rows: Rows) -> Params:
    yes = [True] * FEW
    ends: Params = {
        "finals": yes,
        "counts": yes,
        "cancelled": [False] * FEW,
        "delays": [0.0] * FEW,
        "isolations": [],
    }
    return {**_running(rows), **ends, "errors": ["no"] * FEW, "tracebacks": [], "logs": [], "rescued": False}


def _new(_rows: Rows) -> Params:
    values: Params = {
        "queue_name": QUEUE,
        "task_name": "add",
        "module_path": "app",
        "args": [1],
        "kwargs": {},
    }
    values |= {"max_retries": 3, "priority": 0, "retry_delay": 10, "retry_backoff": True}
    return {"tasks": json.dumps([{**values, "id": task_id} for task_id in _NEW_IDS])}


def _alike(rows: Rows) -> Params:
    [values, *_] = json.loads(_new(rows)["tasks"])
    del values["id"]
    return {"tasks": json.dumps({**values, "ids": _NEW_IDS, "args": [[1]] * FEW, "kwargs": None})}


def _keyed(rows: Rows) -> Params:
    """As `_alike`, each with a key of its own."""
    values = json.loads(_alike(rows)["tasks"])
    return {"tasks": json.dumps({**values, "key": [f"key {number}" for number in range(FEW)]})}


def _of(task: str) -> Params:
    """Of one task, for whatever shows or changes it."""
    shown = {"whole": 1000, "part": 100, "limit": 200}
    return {"id": task, "progress": 5, "message": "five", "claim_seq": None, **shown}


def _retention(rows: Rows) -> Params:
    return {"keep": 3600, "after": rows.looked, "limit": 100}


def _promotion(since: datetime | None) -> Params:
    return {"limit": 500, "since": since, "since_id": FIRST}


_HEALTH: Params = {
    "memory_bytes": 2**30,
    "running": 4,
    "rate": 1.5,
    "is_quiet": False,
    "blocked_seconds": None,
}
_NO_JUMP: Params = {"jumped_at": None, "jumped_seconds": None}
_FIGURES: Params = {
    "spans": [10, 60, 900],
    # An hour longer than the seed has, so that no row of it becomes late while the tests run.
    "kept": [14_400, 262_800, 2_595_600],
    "figures": json.dumps(
        [
            {
                "queue_name": QUEUE,
                "started": 1,
                "completed": 1,
                "failed": 0,
                "retried": 0,
                "runs": [],
                "waits": [],
            }
        ]
    ),
}
_DELIVERY: Params = {"answer": 500, "failure": "no", "wait": 10.0, "give_up": 86400.0, "is_final": False}
_TURN: Params = {"limit": 10, "lease": 30.0, "hosts": [], "places": [], "places_each": 4, "after": ""}

CLAIMING = [
    Statement("claim", _claim, rows=5 * FEW, pages=100, before_17=25, later=85, session=Session.PINNED),
    Statement(
        "claim",
        lambda rows: {
            **_claim(rows),
            "mark_rank": rows.last_rank,
            "mark_seq": rows.last_seq,
            "max_rank": rows.last_rank,
        },
        rows=FEW,
        pages=50,
        later=35,
        session=Session.PINNED,
        use="from the last task of its queue",
    ),
    Statement(
        "claim_many",
        lambda rows: {
            **_claim(rows),
            "queues": [QUEUE, "none", QUEUE],
            "mark_ranks": [rows.rank, LOWEST_MARK[0], rows.last_rank],
            "mark_seqs": [rows.seq, LOWEST_MARK[1], rows.last_seq],
            "limits": [FEW, FEW, 1],
            "limit": FEW + 1,
        },
        rows=6 * FEW,
        pages=120,
        before_17=25,
        later=100,
        session=Session.PINNED,
    ),
    *(
        Statement(
            verb,
            lambda rows: {
                "queues": [QUEUE, QUEUE],
                "ranks": [rows.rank, rows.last_rank],
                "seqs": [rows.seq, rows.last_seq],
            },
            rows=4,
            pages=20,
            session=Session.PINNED,
        )
        for verb in ("heads", "isolated_first")
    ),
    Statement("discover", lambda _: {}, rows=25, pages=100, session=Session.PINNED, dead=0.5),
    Statement(
        # After a claim whose connection broke.
        verb="reclaim",
        params=lambda rows: {"worker": WORKER, "token": rows.running[0]},
        session=Session.PINNED,
        rows=250,
        pages=100,
        dead=1.1,
    ),
]

SETTLING = [
    Statement("complete", _completed, rows=2 * FEW, pages=60, later=50, session=Session.PINNED),
    Statement("settle", _failed, rows=2 * FEW, pages=60, later=50, session=Session.PINNED),
    Statement(
        "settle",
        _failed,
        rows=250,
        pages=100,
        use="of rescued tasks",
        whole=frozenset({"lapinq_running"}),
        dead=1.1,
    ),
    Statement("release", lambda rows: {**_running(rows), "isolations": [2] * FEW}, rows=4 * FEW, pages=100),
    Statement(
        "admit",
        lambda rows: {**_running(rows), "task": SHUT, "again": True},
        rows=6 * FEW,
        pages=200,
        session=Session.PINNED,
    ),
    Statement("report_progress", _running, rows=4 * FEW, pages=150),
    Statement(
        "report_logs", lambda rows: {**_running(rows), "logs": ["a line"] * FEW}, rows=4 * FEW, pages=150
    ),
    # It reads all attempts of its tasks, of which the first has very many.
    Statement("find_own_attempts", lambda rows: _running(rows, 1), rows=2 * FEW, pages=60, later=40),
    Statement("heartbeat", lambda _: {"id": WORKER, **_HEALTH, **_NO_JUMP}, rows=21, pages=30),
]

TASKS = [
    # The first call in a session also compiles the function.
    Statement("enqueue", _new, rows=0, pages=1500, later=80, stale=(0, 250)),
    Statement("enqueue", _alike, rows=0, pages=1500, later=80, stale=(0, 250), use="of tasks alike"),
    Statement(
        "enqueue", _keyed, rows=0, pages=1500, later=90, stale=(0, 250), use="of tasks alike with keys"
    ),
    Statement("cancel", lambda rows: _of(rows.ready), rows=2, pages=20),
    Statement("cancel", lambda rows: _of(rows.delayed), rows=2, pages=20, use="of a delayed task"),
    Statement("request_cancel", lambda rows: _of(rows.running[0]), rows=2, pages=40, later=30),
    Statement("set_progress", lambda rows: _of(rows.running[0]), rows=2, pages=40, later=30),
    Statement("run_now", lambda rows: _of(rows.delayed), rows=2, pages=160, later=35),
    Statement("requeue", lambda rows: {**_of(rows.failed), "by": "lisa"}, rows=4, pages=190, later=50),
    Statement("get_result", lambda rows: _of(rows.completed), rows=4, pages=25),
    Statement("task_detail", lambda rows: _of(rows.completed), rows=20, pages=40),
    Statement(
        "task_detail_attempts", lambda rows: {**_of(rows.failed), "chosen": None}, rows=20, pages=40, later=30
    ),
    Statement("attempts", lambda rows: _of(rows.failed), rows=6, pages=40, later=30),
    Statement(
        "get_results",
        lambda rows: {"ids": [rows.completed, rows.failed, rows.ready, *rows.running[:2]]},
        rows=20,
        pages=100,
    ),
]

UPKEEP = [
    Statement(
        verb="promote",
        params=lambda _: _promotion(datetime.now(UTC) - timedelta(hours=2)),
        rows=20,
        pages=200,
        later=130,
        # The seed moves what would be due in the next hour, and leaves that dead too.
        dead=0.01,
    ),
    Statement("promote", lambda _: _promotion(None), rows=20, pages=200, use="from the bottom", dead=1.1),
    Statement("expire", lambda _: {"limit": 500}, rows=20, pages=200, dead=2.2),
    Statement(
        "busy_breakers",
        lambda _: {"kind": "task", "most": 1000, "recent": 0.0},
        rows=20,
        pages=60,
        session=Session.SEARCH,
    ),
    Statement(
        "release_parked",
        lambda _: {"task": PARKED, "limit": 500, "patience": 10.0},
        rows=6 * FEW,
        pages=250,
        session=Session.SEARCH,
    ),
    Statement("put_off_parked", lambda _: {"limit": 500}, rows=3 * FEW, pages=250, session=Session.SEARCH),
    Statement("first_running", lambda rows: {"since": rows.place}, rows=2, pages=10, session=Session.SEARCH),
    Statement(
        "first_running",
        lambda _: {"since": BOTTOM},
        rows=2,
        pages=10,
        session=Session.SEARCH,
        use="from the bottom",
        dead=0.1,
    ),
    Statement(
        "find_lost",
        lambda rows: {"limit": 500, "expected": 0.0, "since": rows.place},
        rows=1500,
        pages=1000,
        session=Session.SEARCH,
    ),
    Statement(
        "fold_counts",
        lambda rows: {"since": rows.last_dead_count, "limit": 50},
        rows=1000,
        pages=20,
        session=Session.SEARCH,
        use="of too few rows to be folded",
    ),
    Statement(
        "fold_counts",
        lambda _: {"since": BOTTOM, "limit": 50_000},
        rows=1000,
        pages=1300,
        session=Session.SEARCH,
        use="from the bottom",
        dead=0.1,
    ),
]

KEEPING = [
    *(
        Statement(
            "delete_ended",
            lambda rows, status=status: {**_retention(rows), "status": status},
            rows=1000,
            pages=6000,
            session=Session.STEP,
            use=f"of {status} tasks",
        )
        for status in ("completed", "failed")
    ),
    Statement("cleanup", lambda _: {"limit": 500}, rows=10 * FEW, pages=300, session=Session.STEP, dead=1.1),
    Statement("forget_keys", lambda _: {"limit": 500}, rows=4 * FEW, pages=100, dead=1.1),
    Statement("find_idempotency_keys", lambda _: {"keys": ["1", "2", "new"]}, rows=FEW, pages=30),
]

WEBHOOKS = [
    Statement("take_webhooks", lambda _: _TURN, rows=30, pages=300, dead=3.1),
    Statement(
        "webhook_delivered",
        lambda rows: {"seq": rows.webhook, "lease": rows.webhook_due, **_DELIVERY},
        rows=2 * FEW,
        pages=50,
        later=42,
    ),
    Statement(
        "webhook_failed",
        lambda rows: {"seq": rows.webhook, "lease": rows.webhook_due, **_DELIVERY},
        rows=2 * FEW,
        pages=50,
        later=42,
    ),
    Statement("prune_webhooks", lambda _: {"limit": 500}, rows=4 * FEW, pages=60),
]

FIGURES = [
    Statement("record_rollups", lambda _: _FIGURES, rows=0, pages=20),
    Statement("fold_rollups", lambda _: {**_FIGURES, "limit": 5000}, rows=1500, pages=1600),
    Statement("recent", lambda _: {"minutes": 5, "queues": None}, rows=500, pages=600),
    Statement("prune_rollups", lambda _: {**_FIGURES, "limit": 500}, rows=200, pages=400, dead=1.1),
]

STATEMENTS = [*CLAIMING, *SETTLING, *TASKS, *UPKEEP, *KEEPING, *WEBHOOKS, *FIGURES]
