"""Limits on a queue, on each key and on rates, with workers that are killed and limits that change.

The tasks' own log of starts and ends is the judge.
"""

import random
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from lapinq_core.domain.limits.policy import Policy
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.tasks import queues
from tests.chaos.tasks.limit_journal import LAG_SECONDS, Span, by_key, check_rate, check_running, runs_of
from tests.support.database.invariants import check_invariants, statuses
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.programs.processes import QUICK_LEASE, WorkerProcess
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import SOMEBODY, Conn, new_task


class Storm(msgspec.Struct, frozen=True):
    """How much happens: after each `tasks` / `kills` of them a worker is killed, and another policy holds."""

    tasks: int
    workers: int
    kills: int
    keys: int
    policies: list[Policy]


def rate(limit: float, seconds: float, burst: float) -> Rate:
    return Rate(limit, seconds, burst)


SMALL = Storm(
    tasks=400,
    workers=2,
    kills=2,
    keys=8,
    policies=[
        Policy(max_running=10, max_running_per_key=2, rate=rate(200, 2, 20), rate_per_key=rate(40, 2, 5)),
        Policy(max_running=6, max_running_per_key=1, rate=rate(150, 2, 10), rate_per_key=rate(40, 2, 5)),
        Policy(max_running=8, max_running_per_key=3, rate=rate(300, 2, 20), rate_per_key=rate(60, 2, 8)),
    ],
)
LARGE = Storm(
    tasks=10_000,
    workers=8,
    kills=50,
    keys=50,
    policies=[
        Policy(max_running=16, max_running_per_key=3, rate=rate(600, 2, 60), rate_per_key=rate(60, 2, 5)),
        Policy(max_running=8, max_running_per_key=2, rate=rate(400, 2, 20), rate_per_key=rate(30, 2, 5)),
        Policy(max_running=12, max_running_per_key=4, rate=rate(500, 2, 40), rate_per_key=rate(60, 2, 8)),
    ],
)


@pytest.mark.parametrize(
    "storm", [pytest.param(SMALL, id="small"), pytest.param(LARGE, id="large", marks=pytest.mark.slow)]
)
def test_no_limit_is_ever_exceeded(database: str, tmp_path: Path, storm: Storm) -> None:
    chance = random.Random(37)
    journal = tmp_path / "journal"
    changes = [change(database, storm.policies[0])]
    tasks = [
        new_task(
            task_name="atimed",
            args=[str(journal), f"{number}.{number % storm.keys}", chance.uniform(0.005, 0.05)],
            key=str(number % storm.keys),
            max_retries=20,
            retry_delay=0.1,
            retry_backoff=False,
        )
        for number in range(storm.tasks)
    ]
    with ExitStack() as stack:

        def start_worker() -> WorkerProcess:
            return stack.enter_context(WorkerProcess(database, "--concurrency", "12", env=QUICK_LEASE))

        workers = [start_worker() for _ in range(storm.workers)]
        ids = enqueue_all(database, tasks)
        for kill in range(1, storm.kills + 1):
            share = 2 * storm.tasks * kill // (storm.kills + 1)
            eventually(lambda share=share: lines(journal) >= share, 120)
            workers.pop(0).kill()
            changes.append(change(database, storm.policies[kill % len(storm.policies)]))
            workers.append(start_worker())
        eventually(lambda: statuses(database) == {"completed": storm.tasks}, 120)
    ended = time.monotonic()
    check_invariants(database, ids)
    nexts = [*(there for _, _, there in changes[1:]), ended]
    spans = [Span(policy, sent, until) for (policy, sent, _), until in zip(changes, nexts, strict=True)]
    judge(journal, spans, claims_by_key(database))


def judge(journal: Path, spans: list[Span], claims: dict[str, list[float]]) -> None:
    runs = runs_of(journal)
    most = check_running(runs, spans, lambda policy: policy.max_running, "the queue")
    assert most >= min(span.policy.max_running or 0 for span in spans), "it ran far below its limits"
    check_rate([run.start for run in runs], spans, lambda policy: policy.rate, "the queue", LAG_SECONDS)
    for key, those in by_key(runs).items():
        check_running(those, spans, lambda policy: policy.max_running_per_key, f"key {key}")
        check_rate(
            [run.start for run in those], spans, lambda policy: policy.rate_per_key, f"key {key}", LAG_SECONDS
        )
    # By the database's clock there is no lag.
    everything = sorted(at for times in claims.values() for at in times)
    largest = [Span(policy=span.policy, since=0, until=float("inf")) for span in spans]
    check_rate(everything, largest, lambda policy: policy.rate, "claims of the queue", 0)
    for key, times in claims.items():
        check_rate(times, largest, lambda policy: policy.rate_per_key, f"claims of key {key}", 0)


def change(database: str, policy: Policy) -> tuple[Policy, float, float]:
    """The policy, when it was sent, and when it held."""

    async def send(conn: Conn) -> None:
        fields: dict[str, Any] = {name: getattr(policy, name) for name in policy.__struct_fields__}
        await queues.set_policy(conn, "default", fields, by=SOMEBODY)

    sent = time.monotonic()
    on_connections(database, send)
    return policy, sent, time.monotonic()


def lines(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def claims_by_key(database: str) -> dict[str, list[float]]:
    """When attempts of each key were claimed, ascending, in seconds of the database."""
    found = defaultdict[str, list[float]](list)
    with psycopg.connect(database) as conn:
        for key, at in conn.execute(
            "SELECT t.key, extract(epoch FROM a.claimed_at)::float8"
            " FROM lapinq_attempts a JOIN lapinq_tasks t ON t.id = a.task_id ORDER BY a.claimed_at"
        ):
            found[key].append(at)
    return found


def test_the_judge_sees_one_too_many(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.write_text("1 start 1.a 7\n2 start 2.a 7\n3 end 1.a 7\n9 start 3.a 8\n10 end 3.a 8\n")
    runs = runs_of(journal)
    assert [(run.name, run.start, run.end) for run in runs] == [("1.a", 1, 3), ("2.a", 2, 3), ("3.a", 9, 10)]
    spans = [Span(Policy(max_running=1, rate=rate(1, 2, 1)), 0, 20)]
    with pytest.raises(AssertionError, match="2 ran at"):
        check_running(runs, spans, lambda policy: policy.max_running, "the queue")
    check_rate([1, 2, 9], spans, lambda policy: policy.rate, "the queue", 0)
    with pytest.raises(AssertionError, match="3 began within"):
        check_rate([1, 2, 2.5], spans, lambda policy: policy.rate, "the queue", 0)
