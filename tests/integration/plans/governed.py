"""What claims of queues with a policy send, and what shows and keeps their lanes, each with what it may look at.

The bounds are far below the lanes of a queue and the tasks of its blocked keys (`laned.py`).
"""

import json
import uuid

from lapinq_core.limits.blocked_keys import MOST_COUNTED
from lapinq_core.limits.named_limits import MAX_WAITING
from lapinq_core.tasks.claiming import HIGHEST_RANK, LOWEST_MARK
from tests.integration.plans.hot_path import Params, Session, Statement
from tests.integration.plans.laned import (
    BLOCKED,
    LANES,
    LIMITED,
    ORDERS,
    WAITING_EACH,
    WATCHED,
    WORKER,
    Laned,
)

FEW = 5
ALL_LANES = LANES + BLOCKED
_UNIQUE: tuple[Params, ...] = ({}, {"key": "m000001"}, {"key": "new"})


def _claim(queue: str) -> Params:
    return {
        "queue": queue,
        "rest": 0.0,
        "limit": FEW,
        "free": FEW,
        "isolated": 1,
        "worker": WORKER,
        "token": str(uuid.UUID(int=1)),
        "lease": 310.0,
        "margin": 10.0,
        "mark_rank": LOWEST_MARK[0],
        "mark_seq": LOWEST_MARK[1],
        "max_rank": HIGHEST_RANK,
    }


def _claiming(
    verb: str, queue: str, rows: int, pages: int, later: int, session: Session = Session.GOVERNED
) -> Statement:
    return Statement(
        verb=verb,
        use=f"of {queue}",
        params=lambda _: _claim(queue),
        session=session,
        rows=rows,
        pages=pages,
        later=later,
    )


def _place(laned: Laned, queue: str) -> Params:
    task, rank, seq = laned.blocked[queue]
    key = f"k{BLOCKED:06}"
    about = {"id": task, "queue": queue, "lane": key, "key": key, "rank": rank, "seq": seq}
    return {**about, "most": 101, "ahead": 100, "is_strict": queue == "strict_per_key", "named": 3}


def _tasks(_: Laned) -> Params:
    fields = {"queue_name": "fair", "task_name": "add", "module_path": "app"}
    made = [{**fields, "id": str(uuid.UUID(int=n)), "unique": rule or None} for n, rule in enumerate(_UNIQUE)]
    return {"tasks": json.dumps(made)}


def _ended(laned: Laned) -> Params:
    ids = laned.running
    return {
        "ids": ids,
        "tokens": ids,
        "names": ["gpu"] * len(ids),
        "units": [2.0] * len(ids),
        "seqs": list(range(len(ids))),
        "seconds": [10.0] * len(ids),
        "errors": ["no"] * len(ids),
        "run_seconds": [0.1] * len(ids),
        "logs": [None] * len(ids),
    }


def _keys(queue: str, *, only_blocked: bool) -> Params:
    params = {"queue": queue, "after": "", "limit": 20, "only_blocked": only_blocked, "also_running": False}
    return {**params, "most": 2000, "most_counted": MOST_COUNTED}


CLAIMING = [
    *(_claiming("refresh_lanes", queue, rows=50, pages=200, later=190) for queue in ORDERS),
    *(_claiming("claim_governed", queue, rows=100, pages=200, later=170) for queue in ORDERS),
    *(_claiming("claim", queue, rows=10, pages=30, later=15, session=Session.PINNED) for queue in ORDERS),
    *(
        Statement(
            verb="may_start",
            use=f"of {queue}",
            params=lambda _, queue=queue: {
                "queues": [queue],
                "mark_ranks": [LOWEST_MARK[0]],
                "mark_seqs": [LOWEST_MARK[1]],
            },
            session=Session.PINNED,
            rows=10,
            pages=30,
            later=15,
        )
        for queue in (*ORDERS, LIMITED, WATCHED)
    ),
    _claiming("lock_queue", "fair", rows=5, pages=10, later=10),
    _claiming("lock_limits", LIMITED, rows=80, pages=120, later=110),
    _claiming("claim_governed", LIMITED, rows=250, pages=260, later=240),
    _claiming("judge_breaker", WATCHED, rows=100, pages=210, later=200),
    _claiming("claim_watched", WATCHED, rows=50, pages=130, later=100),
]

ENQUEUEING = [
    Statement(verb="try_unique_keys", params=_tasks, rows=0, pages=1500, later=60, stale=(0, 250)),
    Statement(verb="meet_unique_keys", params=_tasks, rows=0, pages=1500, later=60, stale=(0, 250)),
    Statement(
        verb="claim_keys",
        params=lambda _: {
            "keys": json.dumps(
                [{"key": key, "digest": "", "task_ids": [], "met": None} for key in ("1", "new")]
            )
        },
        rows=10,
        pages=30,
        later=25,
    ),
]

ENDING = [
    Statement(
        verb="spend",
        params=_ended,
        rows=20 * BLOCKED,
        pages=100,
        whole=frozenset({"lapinq_limits", "lapinq_running"}),
    ),
    Statement(
        verb="close",
        params=_ended,
        rows=5 * BLOCKED,  # all that runs
        pages=50,
        whole=frozenset({"lapinq_limits", "lapinq_running"}),
    ),
]

SHOWING = [
    *(
        Statement(
            verb="list_waiting_keys",
            use=f"of {queue}" + " that are blocked" * only_blocked,
            params=lambda _, queue=queue, only_blocked=only_blocked: _keys(queue, only_blocked=only_blocked),
            # It counts the tasks of each key. What runs has a few pages here, and may be read twice for each.
            rows=30 * WAITING_EACH,
            pages=7000,
            stale=(30 * WAITING_EACH + 200 * BLOCKED, 7000),
            whole=frozenset({"lapinq_running"}),
        )
        for queue in ORDERS
        for only_blocked in (False, True)
    ),
    *(
        Statement(
            verb="read_policy",
            use=f"of {queue}",
            params=lambda _, queue=queue: {"queue": queue},
            rows=5 * BLOCKED,  # all that runs
            pages=40,
            stale=(2 * ALL_LANES, 400),
            whole=frozenset({"lapinq_running"}),
        )
        for queue in ORDERS
    ),
    Statement(
        # It counts the waiting tasks up to `most` of each set of limits, and what runs.
        verb="list_limits",
        params=lambda _: {"name": None, "most": MAX_WAITING, "most_sets": 1000},
        rows=MAX_WAITING + 1000,
        pages=400,
        whole=frozenset({"lapinq_limits", "lapinq_limit_news", "lapinq_running"}),
    ),
    Statement(
        verb="count_limits",
        params=lambda _: {"name": "api"},
        rows=10,
        pages=10,
        whole=frozenset({"lapinq_limits"}),
    ),
    *(
        Statement(
            verb=verb,
            use=f"of {queue}",
            params=lambda laned, queue=queue: _place(laned, queue),
            session=Session.LOOKUP,
            rows=rows,
            pages=pages,
            whole=frozenset({"lapinq_attempts_default", "lapinq_lane_news"}),  # nearly empty here
        )
        for queue in ORDERS
        for verb, rows, pages in (
            ("find_reason", 30, 100),
            ("allowances", 30, 100),
            ("count_ahead", 110, 200),
            ("count_ahead_of_key", 250, 400),
        )
    ),
    Statement(
        verb="count_turns_ahead",
        params=lambda laned: _place(laned, "fair"),
        session=Session.LOOKUP,
        rows=500,
        pages=1500,
        stale=(2 * ALL_LANES, 1500),
    ),
    Statement(
        verb="first_short",
        params=lambda laned: {
            "queue": LIMITED,
            "id": laned.limited,
            "lane": "k000001\x1fgpu",
            "rank": 2**41,
            "seq": 2**40,
            "names": ["gpu", "api"],
        },
        session=Session.LOOKUP,
        stale=(6 * ALL_LANES, 1200),
        rows=300,
        pages=700,
    ),
]

KEEPING = [
    Statement(
        verb="recheck_lanes",
        params=lambda _: {"queue": "", "lane": ""},
        rows=2000,
        pages=40,
        whole=frozenset({"lapinq_lane_news"}),  # nearly empty here
    ),
    *(
        Statement(
            verb="find_idle",
            use=f"of {queue}",
            params=lambda _, queue=queue: {"queue": queue, "limit": 1000},
            # Each lane and key of the queue, which is why maintenance does it.
            rows=6 * ALL_LANES,
            pages=10 * ALL_LANES,
            whole=frozenset(
                {"lapinq_lanes", "lapinq_keys", "lapinq_ready", "lapinq_running", "lapinq_delayed"}
            ),
        )
        for queue in ORDERS
    ),
    Statement(
        verb="prune_lanes",
        params=lambda _: {"queue": ORDERS[0], "lanes": ["k000001", "new"], "keys": ["k000001", "new"]},
        rows=20,
        pages=60,
    ),
    Statement(verb="restore_lanes", params=lambda _: {}, rows=5, pages=10),
]

GOVERNED = [*CLAIMING, *ENQUEUEING, *ENDING, *SHOWING, *KEEPING]
