"""Random histories of queues with policies and limits, against a model: claims start what may, and nothing else."""

import json
import random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from lapinq_core.db.rows import all_rows
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Fail, Release, Retry
from lapinq_core.limits import blocked_keys, named_limits, spending
from lapinq_core.limits.spending import Exhausted, Spent
from lapinq_core.tasks import actions, queues, worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_core.upkeep import maintenance_jobs
from tests.integration.limits.allowance_model import Bucket, Job, Limit, Model, Queue, left_behind
from tests.support.database.invariants import check_lanes
from tests.support.rows.factories import (
    SOMEBODY,
    Conn,
    Connections,
    add_worker,
    beat,
    claim,
    complete,
    enqueue,
    make_late,
)
from tests.support.rows.rescue import rescue_all
from tests.support.seeds import seeds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

STEPS = 50
MOST_TOKENS = 12
ENDS = ("complete", "complete", "spend", "retry", "later", "fail", "snooze", "release", "close")
KEYS = (None, None, "a", "a", "a", "b", "c")

_JOBS = (
    "SELECT x.id::text, x.queue_name, coalesce(t.key, ''), coalesce(t.limits, '{}'), x.state,"
    " x.rank, x.seq, coalesce(x.expires_at <= lapinq_now(), false)"
    " FROM (SELECT id, queue_name, 'ready' AS state, seq, expires_at,"
    " CASE WHEN lane IS NULL THEN rank ELSE rank - 2199023255552 END AS rank FROM lapinq_ready"
    " UNION ALL SELECT id, queue_name, 'delayed', 0, expires_at, 0 FROM lapinq_delayed"
    " UNION ALL SELECT id, queue_name, 'running', 0, NULL, 0 FROM lapinq_running) x"
    " JOIN lapinq_tasks t ON t.id = x.id WHERE x.queue_name = ANY (%s)"
)
_PASS = (
    "UPDATE lapinq_queues SET tokens_at = tokens_at - %(t)s::interval",
    "UPDATE lapinq_keys SET tokens_at = tokens_at - %(t)s::interval, changed_at = changed_at - %(t)s::interval",
    "UPDATE lapinq_limits SET tokens_at = tokens_at - %(t)s::interval, closed_until = closed_until - %(t)s::interval,"
    " reserved_until = reserved_until - %(t)s::interval",
    "UPDATE lapinq_limit_news SET closed_until = closed_until - %(t)s::interval",
    "UPDATE lapinq_lanes SET opens_at = opens_at - %(t)s::interval, changed_at = changed_at - %(t)s::interval",
    "UPDATE lapinq_delayed SET due_at = due_at - %(t)s::interval, expires_at = expires_at - %(t)s::interval",
    "UPDATE lapinq_ready SET expires_at = expires_at - %(t)s::interval",
    "UPDATE lapinq_running SET expires_at = expires_at - %(t)s::interval",
)


class History:
    """One history: its queues, limits and workers, and what its attempts hold."""

    def __init__(self, conns: list[Conn], seed: int) -> None:
        self.conn, self.conns, self.seed = conns[0], conns, seed
        self.rand = random.Random(seed)
        self.names = {name: f"{name} {seed}" for name in ("here", "there", "gpu", "api")}
        self.model = Model({self.names["here"]: Queue(), self.names["there"]: Queue()}, {})
        self.claims: dict[str, tuple[Claim, str]] = {}
        """Of what runs, with its worker."""
        self.failed: list[str] = []
        self.workers: list[str] = []
        self.told: list[str] = []

    async def run(self) -> None:
        for name in ("gpu", "api"):
            await self.set_limit(self.names[name])
        for queue, facts in self.model.queues.items():
            facts.order = self.rand.choice(["priority", "fair", "strict_per_key"])
            if self.rand.random() < 0.3:
                facts.rate = Bucket(MOST_TOKENS, MOST_TOKENS)
            if self.rand.random() < 0.3:
                facts.burst_per_key = self.rand.randint(1, 4)
            await self.set_policy(queue)
        self.workers = [await add_worker(self.conn, concurrency=10_000) for _ in range(2)]
        ways: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (20, self.enqueue),
            (20, self.claim_some),
            (15, self.claim_all),
            (15, self.end_some),
            (3, self.kill),
            (4, self.change_policy),
            (3, self.change_limit),
            (4, self.act_on_one),
            (2, self.pause_or_resume),
            (6, self.let_pass),
            (2, self.skip),
        ]
        for _ in range(STEPS):
            [(_, way)] = self.rand.choices(ways, [weight for weight, _ in ways])
            self.told.append(way.__name__)
            await way()
        await self.claim_all()
        # Tasks that were released after their time to live hold their key until they expire, and limits that were
        # lowered have more that runs than they allow.
        await maintenance_jobs.expire(self.conn)
        await complete(self.conn, [held for held, _ in self.claims.values()])

    # --- what happens ---

    async def enqueue(self) -> None:
        for _ in range(self.rand.randint(1, 5)):
            limits = {
                self.names[name]: self.rand.randint(1, 6)
                for name in ("gpu", "api")
                if self.rand.random() < 0.25
            }
            more: dict[str, Any] = {}
            if self.rand.random() < 0.15:
                more["ttl_seconds"] = 1800
            await enqueue(
                self.conn,
                queue_name=self.queue(),
                key=self.rand.choice(KEYS),
                limits=limits or None,
                priority=self.rand.choice([0, 0, 0, 1, 5]),
                max_retries=3,
                **more,
            )

    async def claim_some(self) -> None:
        await self.claim(self.queue(), self.rand.choice([1, 1, 2, 5]))

    async def claim_all(self) -> None:
        """All that may start starts, however few a claim asks for."""
        for queue in self.model.queues:
            most = self.rand.choice([1, 3, 50])
            while await self.claim(queue, most):
                pass
            left = self.model.may_start(queue)
            assert not left, (self.seed, self.told[-12:], "left though it may start", left, self.facts(queue))

    async def end_some(self) -> None:
        if not self.claims:
            return
        for task_id in self.rand.sample(sorted(self.claims), min(len(self.claims), self.rand.randint(1, 4))):
            held, _ = self.claims.pop(task_id)
            job = (await self.read())[task_id]
            how = self.rand.choice(ENDS)
            self.told.append(how)
            await self.end(how, held, job)

    async def end(self, how: str, held: Claim, job: Job) -> None:
        following = {
            "retry": Retry(0.0, "no"),
            "later": Retry(900.0, "no"),
            "fail": Fail("no"),
            "snooze": Release("later", 900.0),
        }
        if how in following:
            await worker_verbs.settle(self.conn, [ended_as(held.id, held.token, following[how])])
            if how == "fail":
                self.failed.append(held.id)
        elif how == "release":
            await worker_verbs.release(self.conn, [held])
            self.model.released(job)
        elif how == "close":
            name = self.rand.choice(list(self.model.limits))
            end = Exhausted(
                task_id=held.id,
                token=held.token,
                seq=held.seq,
                limit=name,
                seconds=900.0,
                error="",
                run_seconds=0,
            )
            await spending.close(self.conn, [end])
            limit = self.model.limits[name]
            limit.closed_for = max(limit.closed_for, 900.0)
        else:
            async with self.conn.transaction():
                if how == "spend" and job.limits:
                    name, units = self.rand.choice(sorted(job.limits.items()))
                    used = self.rand.randint(0, 8)
                    await spending.spend(self.conn, [Spent(held.id, held.token, {name: used})])
                    self.model.spent(name, used - units)
                await complete(self.conn, [held])

    async def kill(self) -> None:
        worker = self.workers.pop(self.rand.randrange(2))
        await make_late(self.conn, worker)
        await beat(self.conn, self.workers[0])
        rescued = await rescue_all(self.conn)
        mine = {task_id for task_id, (_, whose) in self.claims.items() if whose == worker}
        assert mine == set(rescued), (self.seed, mine, rescued)
        self.claims = {task_id: held for task_id, held in self.claims.items() if task_id not in mine}
        self.workers.append(await add_worker(self.conn, concurrency=10_000))

    async def change_policy(self) -> None:
        await (
            self.claim_all()
        )  # so that starts given back have been taken in: later they count under the new rate
        await self.set_policy(self.queue())

    async def change_limit(self) -> None:
        await self.claim_all()  # so that what tasks said of it has been taken in
        await self.set_limit(self.rand.choice(list(self.model.limits)))

    async def act_on_one(self) -> None:
        if self.failed and self.rand.random() < 0.5:
            async with self.conn.transaction():
                await actions.requeue(self.conn, self.failed.pop(), by="somebody")
            return
        waiting = sorted(job.id for job in (await self.read()).values() if job.state != "running")
        if waiting:
            await self.rand.choice([actions.cancel, actions.run_now])(self.conn, self.rand.choice(waiting))

    async def pause_or_resume(self) -> None:
        queue = self.queue()
        facts = self.model.queues[queue]
        facts.is_paused = not facts.is_paused
        if facts.is_paused:
            await queues.pause(self.conn, queue, None, by=SOMEBODY)
        else:
            await queues.resume(self.conn, queue, by=SOMEBODY)

    async def let_pass(self) -> None:
        """Up to two hours. What is due becomes ready, and what is past its time to live expires."""
        seconds = self.rand.choice([600, 1000, 3700, 7300])
        for statement in _PASS:
            await self.conn.execute(statement.encode(), {"t": f"{seconds} seconds"})
        self.model.let_pass(seconds)
        for tidy in self.rand.sample([maintenance_jobs.promote, maintenance_jobs.expire], 2):
            await tidy(self.conn)

    async def skip(self) -> None:
        queue = self.queue()
        key = self.rand.choice("abc")
        holder = (await self.read()).get(self.model.queues[queue].holders.get(key, ""))
        skipped = await blocked_keys.skip(self.conn, queue, key, by=SOMEBODY)
        may = (
            self.model.queues[queue].order == "strict_per_key"
            and holder is not None
            and (holder.state, holder.key) == ("delayed", key)
        )
        assert skipped == (holder.id if holder and may else None), (self.seed, skipped, holder)
        if skipped:
            del self.model.queues[queue].holders[key]

    # --- parts ---

    async def claim(self, queue: str, most: int) -> bool:
        for worker in self.workers:
            await beat(self.conn, worker)
        await self.read()
        waited = self.model.waiting_for_units(queue)
        worker = self.rand.choice(self.workers)
        got = await claim(self.rand.choice(self.conns), worker, most, queue)
        taken = [self.model.jobs[held.id] for held in got]
        for held, job in zip(got, taken, strict=True):
            reason = self.model.why_not(job)
            assert reason is None, (self.seed, self.told[-12:], "taken though it may not start", reason, job)
            self.model.started(job)
            self.claims[held.id] = held, worker
        await self.read()
        if self.model.queues[queue].order == "priority" and not self.model.are_too_large(queue):
            behind = left_behind(self.model.may_start(queue, waited), taken)
            assert not behind, (self.seed, self.told[-12:], "left behind", behind)
        return bool(got)

    async def set_policy(self, queue: str) -> None:
        facts = self.model.queues[queue]
        facts.max_running = self.rand.choice([None, None, 3, 8])
        facts.max_per_key = self.rand.choice([None, 1, 2])
        if facts.rate:
            burst = self.rand.randint(1, MOST_TOKENS)
            facts.rate = Bucket(burst, min(burst, facts.rate.left()))
        await queues.set_policy(
            self.conn,
            queue,
            {
                "order": facts.order,
                "max_running": facts.max_running,
                "max_running_per_key": facts.max_per_key,
                "rate": hourly(facts.rate.burst if facts.rate else None),
                "rate_per_key": hourly(facts.burst_per_key),
                "weights": self.rand.choice([None, {"a": 3.0}]) if facts.order == "fair" else None,
            },
            by=SOMEBODY,
        )

    async def set_limit(self, name: str) -> None:
        before = self.model.limits.get(name)
        limit = Limit(self.rand.choice([None, 1, 2, 3]), None, before.closed_for if before else 0.0)
        if limit.max_running is None or self.rand.random() < 0.4:
            burst = self.rand.randint(2, 12)
            left = before.rate.left() if before and before.rate else burst
            limit.rate = Bucket(burst, min(burst, left))
        self.model.limits[name] = limit
        burst = limit.rate.burst if limit.rate else None
        await named_limits.set_limit(self.conn, name, limit.max_running, hourly(burst), by=SOMEBODY)

    async def read(self) -> dict[str, Job]:
        rows = await all_rows(self.conn, _JOBS, [list(self.model.queues)])
        self.model.jobs = {row[0]: Job(*row[:5], place=(row[5], row[6]), has_expired=row[7]) for row in rows}
        reserved = "SELECT name, reserved_by FROM lapinq_limits WHERE reserved_until > lapinq_now() AND name = ANY (%s)"
        self.model.reserved = dict(await all_rows(self.conn, reserved, [list(self.model.limits)]))
        return self.model.jobs

    def queue(self) -> str:
        return self.rand.choice(list(self.model.queues))

    def facts(self, queue: str) -> str:
        return json.dumps(msgspec.to_builtins([self.model.queues[queue], self.model.limits]))


def hourly(burst: int | None) -> Rate | None:
    return None if burst is None else Rate(1, 3600, burst)


@pytest.mark.parametrize("seed", seeds(range(6), quick=range(2)))
async def test_claims_start_what_may_start_and_nothing_else(
    database: str, connections: Connections, seed: int
) -> None:
    await History(await connections(2), seed).run()
    check_lanes(database)
