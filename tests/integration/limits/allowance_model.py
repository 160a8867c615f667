"""What may start, by the rules as people know them: worked out in plain Python from the tasks that wait and run.

It knows nothing of lanes and news. What is used of rates, and who holds a key in strict order, it follows itself.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass, field

import msgspec

TOKENS_AN_HOUR = 1.0
"""Of every rate."""
CLOSE_TO = 1e-6


class Job(msgspec.Struct, frozen=True):
    """A task that waits or runs. `place` is its order within its queue: rank, then entry."""

    id: str
    queue: str
    key: str
    limits: dict[str, int]
    state: str
    """ready, delayed or running."""
    place: tuple[int, int]
    has_expired: bool


@dataclass
class Bucket:
    """What is left of a rate. `tokens` is as if nothing overflowed until it is read."""

    burst: int
    tokens: float

    def left(self) -> float:
        return min(self.burst, self.tokens)

    def take(self, units: float) -> None:
        self.tokens = self.left() - units


@dataclass
class Queue:
    """The policy of a queue and what it has used."""

    order: str = "priority"
    max_running: int | None = None
    max_per_key: int | None = None
    rate: Bucket | None = None
    burst_per_key: int | None = None
    rates: dict[str, Bucket] = field(default_factory=dict[str, Bucket])
    holders: dict[str, str] = field(default_factory=dict[str, str])
    is_paused: bool = False


@dataclass
class Limit:
    """A named limit and what it has used."""

    max_running: int | None = None
    rate: Bucket | None = None
    closed_for: float = 0.0


@dataclass
class Model:
    """All queues and limits, and the tasks as they were last read."""

    queues: dict[str, Queue]
    limits: dict[str, Limit]
    jobs: dict[str, Job] = field(default_factory=dict[str, Job])
    reserved: dict[str, str] = field(default_factory=dict[str, str])
    """Limits of which a queue has units reserved, for a task that waits or waited for them until just now."""

    def let_pass(self, seconds: float) -> None:
        came = seconds / 3600 * TOKENS_AN_HOUR
        for queue in self.queues.values():
            for bucket in [*([queue.rate] if queue.rate else []), *queue.rates.values()]:
                bucket.tokens += came
        for limit in self.limits.values():
            limit.closed_for -= seconds
            if limit.rate:
                limit.rate.tokens += came

    def why_not(self, job: Job) -> str | None:
        """What keeps this ready task from starting now; None if nothing does."""
        queue = self.queues[job.queue]
        if queue.is_paused:
            return "paused"
        if job.has_expired:
            return "expired"
        if queue.max_running is not None and len(self._running(queue=job.queue)) >= queue.max_running:
            return "max_running"
        if queue.rate and queue.rate.left() < 1 - CLOSE_TO:
            return "rate"
        if job.key and (found := self._why_key(queue, job)):
            return found
        for name, units in job.limits.items():
            limit = self.limits[name]
            if limit.closed_for > 0:
                return f"{name} is closed"
            if limit.max_running is not None and len(self._running(limit=name)) >= limit.max_running:
                return f"places of {name}"
            if limit.rate and limit.rate.left() < units - CLOSE_TO:
                return f"units of {name}"
        return None

    def may_start(self, queue: str, waited: Container[str] = ()) -> list[Job]:
        """What a claim must not leave: it may start, and no task that takes from its limits waits for more units, which
        would go before it. After a claim, `waited` are the tasks that nothing or only units held back before: each may
        have held its limits until a later one took the last place of its key."""
        ready = [job for job in self.jobs.values() if job.state == "ready" and job.queue == queue]
        reasons = {job.id: self.why_not(job) for job in ready}
        stopped = {
            name
            for job in ready
            if ((reasons[job.id] or "").startswith("units of ") or (job.id in waited and self._is_short(job)))
            and self._could_ever(job)
            for name in job.limits
        }
        stopped |= {name for name, by in self.reserved.items() if by != queue}
        return [job for job in ready if reasons[job.id] is None and not stopped.intersection(job.limits)]

    def waiting_for_units(self, queue: str) -> set[str]:
        """The ids of what nothing but the units of its limits may hold back."""
        return {
            job.id
            for job in self.jobs.values()
            if job.state == "ready"
            and job.queue == queue
            and (self.why_not(job) or "units of ").startswith("units of ")
        }

    def are_too_large(self, queue: str) -> bool:
        """Whether tasks wait that need more than a limit ever has. They keep their lane's place in the order."""
        return any(
            job.state == "ready" and job.queue == queue and not self._could_ever(job)
            for job in self.jobs.values()
        )

    def started(self, job: Job) -> None:
        """Takes what the start of the task uses, which `why_not` has to allow."""
        queue = self.queues[job.queue]
        if queue.rate:
            queue.rate.take(1)
        if job.key and queue.burst_per_key is not None:
            self._bucket(queue, job.key).take(1)
        if job.key and (queue.order != "priority" or queue.burst_per_key is not None):
            queue.holders[job.key] = job.id
        for name, units in job.limits.items():
            if rate := self.limits[name].rate:
                rate.take(units)
        self.jobs[job.id] = msgspec.structs.replace(job, state="running")

    def released(self, job: Job) -> None:
        """Gives back what a task took that did not start."""
        queue = self.queues[job.queue]
        if queue.rate:
            queue.rate.tokens += 1
        if job.key and queue.burst_per_key is not None:
            self._bucket(queue, job.key).tokens += 1
        for name, units in job.limits.items():
            self.spent(name, -units)

    def spent(self, name: str, units: float) -> None:
        """Takes units beyond those taken already, or gives some back."""
        if rate := self.limits[name].rate:
            rate.tokens -= units

    def _why_key(self, queue: Queue, job: Job) -> str | None:
        running = len(self._running(queue=job.queue, key=job.key))
        if queue.max_per_key is not None and running >= queue.max_per_key:
            return "max_running_per_key"
        if queue.burst_per_key is not None and self._bucket(queue, job.key).left() < 1 - CLOSE_TO:
            return "rate_per_key"
        if queue.order != "strict_per_key":
            return None
        if running:
            return "one of the key runs"
        holder = self.jobs.get(queue.holders.get(job.key, ""))
        if holder and holder.key == job.key and not holder.has_expired:
            return None if holder.id == job.id else "the head waits for a retry"
        waiting = [
            other
            for other in self.jobs.values()
            if other.state == "ready"
            and (other.queue, other.key) == (job.queue, job.key)
            and not other.has_expired
        ]
        return (
            None if job == min(waiting, key=lambda other: other.place[1]) else "others of the key go before"
        )

    def _is_short(self, job: Job) -> bool:
        rates = [(self.limits[name].rate, units) for name, units in job.limits.items()]
        return any(rate is not None and rate.left() < units - CLOSE_TO for rate, units in rates)

    def _could_ever(self, job: Job) -> bool:
        rates = [(self.limits[name].rate, units) for name, units in job.limits.items()]
        return all(rate is None or units <= rate.burst for rate, units in rates)

    def _bucket(self, queue: Queue, key: str) -> Bucket:
        assert queue.burst_per_key is not None
        return queue.rates.setdefault(key, Bucket(queue.burst_per_key, queue.burst_per_key))

    def _running(
        self, *, queue: str | None = None, key: str | None = None, limit: str | None = None
    ) -> list[Job]:
        return [
            job
            for job in self.jobs.values()
            if job.state == "running"
            and queue in (None, job.queue)
            and key in (None, job.key)
            and (limit is None or limit in job.limits)
        ]


def left_behind(may: Iterable[Job], taken: Iterable[Job]) -> list[tuple[Job, Job]]:
    """Tasks that may start although one that was taken comes later in priority order, each with that one."""
    last = max(taken, key=lambda job: job.place, default=None)
    return [(job, last) for job in may if last and job.place < last.place]
