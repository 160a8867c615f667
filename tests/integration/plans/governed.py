"""What claims of queues with a policy send, and what shows and keeps their lanes, each with what it may look at.

The bounds are far below the lanes of a queue and the tasks of its blocked keys (`laned.py`).
"""

import json
import uuid

from lapinq_core.limits import breakers
from lapinq_core.limits.blocked_keys import MOST_COUNTED, MOST_FOUND
from lapinq_core.limits.named_limits import MAX_WAITING
from lapinq_core.tasks.claim_facts import LaneMark
from lapinq_core.tasks.claiming import HIGHEST_RANK, LOWEST_MARK
from tests.integration.plans.hot_path import Params, Session, Statement
from tests.integration.plans.laned import (
    BLOCKED,
    HELD,
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
ALL_THAT_RUNS = 5 * BLOCKED
LIMITS_AND_RUNNING = frozenset({"lapinq_limits", "lapinq_running"})
QUEUES = LIMITS_AND_RUNNING | {"lapinq_counts", "lapinq_queues"}
NEARLY_EMPTY = frozenset({"lapinq_attempts_default", "lapinq_lane_news"})
_RANK, _SEQ = LOWEST_MARK
_UNIQUE: tuple[Params, ...] = ({}, {"key": "m000001"}, {"key": "new"})


_KEY = f"k{BLOCKED:06}"
_EVERY_QUEUE: Params = {"queues": None, "most_queues": 2000}


def _claim(queue: str) -> Params:
    return {
        **breakers.of("queue", queue),
        "rest": 0.0,
        "limit": FEW,
        "free": FEW,
        "isolated": 1,
        "worker": WORKER,
        "token": str(uuid.UUID(int=1)),
        "lease": 310.0,
        "margin": 10.0,
        "mark_rank": _RANK,
        "mark_seq": _SEQ,
        "max_rank": HIGHEST_RANK,
        "watched": queue == WATCHED,
        **{f"first_{field}": value for field, value in LaneMark()._asdict().items()},
    }


def _claiming(
    verb: str, queue: str, rows: int, pages: int, later: int, stale: tuple[int, int] | None = None
) -> Statement:
    return Statement(
        verb,
        lambda _: _claim(queue),
        rows=rows,
        pages=pages,
        later=later,
        stale=stale,
        session=Session.PINNED,
        use=f"of {queue}",
    )


def _place(laned: Laned, queue: str = "strict_per_key") -> Params:
    task, rank, seq = laned.blocked[queue]
    about = {"id": task, "queue": queue, "lane": _KEY, "key": _KEY, "rank": rank, "seq": seq}
    return {**about, "most": 101, "ahead": 100, "is_strict": queue == "strict_per_key"}


def _short(laned: Laned) -> Params:
    """Of a task that waits for a limit."""
    place = {"lane": "k000001\x1fgpu", "rank": 2**41, "seq": 2**40}
    return {"queue": LIMITED, "id": laned.limited, "names": ["gpu", "api"], **place}


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


def _keys(queue: str, *, only_blocked: bool, by_age: bool = False) -> Params:
    params = {"queue": queue, "after": "", "limit": 20, "only_blocked": only_blocked, "also_running": False}
    params |= {"by_age": by_age, "after_id": None, "beginning": "", "most_found": MOST_FOUND}
    return {**params, "most": 2000, "most_counted": MOST_COUNTED}


CLAIMING = [
    # What a function looks at shows in its pages alone. The first call in a session compiles it, too.
    *(
        _claiming("claim_governed", queue, rows=0, pages=5500, later=600, stale=(0, 1500))
        for queue in (*ORDERS, LIMITED, WATCHED)
    ),
    *(_claiming("claim", queue, rows=10, pages=30, later=15) for queue in ORDERS),
    *(
        Statement(
            "may_start",
            lambda _, queue=queue: {"queues": [queue], "mark_ranks": [_RANK], "mark_seqs": [_SEQ]},
            rows=10,
            pages=30,
            later=15,
            session=Session.PINNED,
            use=f"of {queue}",
        )
        for queue in (*ORDERS, LIMITED, WATCHED)
    ),
    _claiming("lock_queue", "fair", rows=5, pages=10, later=10),
    _claiming("judge_breaker", WATCHED, rows=100, pages=210, later=200),
]

ENQUEUEING = [
    Statement("try_unique_keys", _tasks, rows=0, pages=1500, later=60, stale=(0, 250)),
    Statement("meet_unique_keys", _tasks, rows=0, pages=1500, later=60, stale=(0, 250)),
    Statement(
        "claim_keys",
        lambda _: {
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
    Statement("spend", _ended, rows=20 * BLOCKED, pages=100, whole=LIMITS_AND_RUNNING),
    Statement("close", _ended, rows=ALL_THAT_RUNS, pages=50, whole=LIMITS_AND_RUNNING),
]

# Lanes differ little between the orders where nothing is claimed, so one stands for all.
SHOWING = [
    # It counts the tasks of each key. What runs has a few pages here, and may be read twice for each.
    *(
        Statement(
            "list_waiting_keys",
            lambda _, only_blocked=only_blocked: _keys("fair", only_blocked=only_blocked),
            rows=30 * WAITING_EACH,
            pages=7000,
            stale=(30 * WAITING_EACH + 200 * BLOCKED, 7000),
            use="that are blocked" * only_blocked,
            whole=LIMITS_AND_RUNNING,
        )
        for only_blocked in (False, True)
    ),
    # A few probes for each queue. With outdated statistics, what runs may be read whole.
    *(
        Statement(
            verb,
            lambda _, params=params: params,
            rows=rows,
            pages=1200,
            stale=(rows + 10 * ALL_THAT_RUNS, 1200),
            whole=QUEUES,
        )
        for verb, params, rows in (
            ("keys_beginning", {**_EVERY_QUEUE, "text": "k00", "limit": 5}, 300),
            (
                "places_of_key",
                {**_EVERY_QUEUE, "key": _KEY, "limit": 50, "most_counted": WAITING_EACH},
                10 * WAITING_EACH,
            ),
            ("tasks_of_key", {"queues": [*ORDERS, LIMITED], "key": _KEY, "limit": FEW}, 200),
        )
    ),
    # What a function looks at shows in its pages alone.
    Statement(
        "list_waiting_keys",
        lambda _: _keys("strict_per_key", only_blocked=True, by_age=True),
        rows=30 * WAITING_EACH + HELD,
        pages=10 * HELD,
        stale=(30 * WAITING_EACH + HELD + 200 * BLOCKED, 10 * HELD),
        use="by age",
        whole=LIMITS_AND_RUNNING,
    ),
    Statement(
        "find_held_keys",
        lambda _: {"queue": "strict_per_key", "beginning": "", "keys": None, "most": MOST_FOUND, "told": 10},
        rows=3 * HELD,
        pages=10 * HELD,
    ),
    Statement(
        "blocked_queues",
        lambda _: {"queues": None, "seconds": 300.0, "most_keys": 1000, "most": 20},
        rows=2 * HELD,
        pages=13 * HELD,
    ),
    Statement(
        "free_keys",
        lambda _: {
            "queue": "strict_per_key",
            "ids": [f"00fd0000-{n:04x}-7000-8000-000000000000" for n in range(1, 6)],
        },
        rows=30,
        pages=100,
    ),
    Statement(
        "read_policy",
        lambda _: {"queue": "fair"},
        rows=ALL_THAT_RUNS,
        pages=40,
        stale=(2 * ALL_LANES, 400),
        whole=LIMITS_AND_RUNNING,
    ),
    # It counts the waiting tasks up to `most` of each set of limits, and what runs.
    Statement(
        "list_limits",
        lambda _: {"name": None, "queue": None, "most": MAX_WAITING, "most_sets": 1000},
        rows=MAX_WAITING + 1000,
        pages=400,
        whole=LIMITS_AND_RUNNING | {"lapinq_limit_news"},
    ),
    Statement("count_limits", lambda _: {"name": "api"}, rows=10, pages=10, whole=LIMITS_AND_RUNNING),
    *(
        Statement(verb, _place, rows=rows, pages=pages, session=Session.LOOKUP, whole=NEARLY_EMPTY)
        for verb, rows, pages in (
            ("find_reason", 30, 100),
            ("count_ahead", 110, 200),
            ("count_ahead_of_key", 250, 400),
        )
    ),
    # What a function looks at shows in its pages alone.
    Statement("blocks", _place, rows=0, pages=3000, later=30, stale=(0, 1200), session=Session.LOOKUP),
    Statement(
        "count_turns_ahead",
        lambda laned: _place(laned, "fair"),
        rows=500,
        pages=1500,
        stale=(2 * ALL_LANES, 1500),
        session=Session.LOOKUP,
    ),
    Statement(
        "first_short", _short, rows=300, pages=700, stale=(6 * ALL_LANES, 2000), session=Session.LOOKUP
    ),
]

KEEPING = [
    Statement("recheck_lanes", lambda _: {"queue": "", "lane": ""}, rows=2000, pages=40, whole=NEARLY_EMPTY),
    Statement(
        "busy_breakers",
        lambda _: {"kind": "queue", "most": 1000, "recent": 0.0},
        rows=200,
        pages=60,
        stale=(20 * ALL_THAT_RUNS, 400),
        session=Session.SEARCH,
    ),
]

GOVERNED = [*CLAIMING, *ENQUEUEING, *ENDING, *SHOWING, *KEEPING]
