"""The ends of attempts that change named limits: by the units that they used, or because they found one exhausted.

A batch of them is written in one transaction, so that each end changes the limits once.
"""

from collections.abc import Mapping, Sequence

import msgspec

from lapinq_core.db.pool import PinnedConnection
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Closing, Fail, Retry
from lapinq_core.limits import spending
from lapinq_core.limits.spending import Exhausted, Spent
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import Ended, ended_as
from lapinq_worker.settling.outcome_buffer import Done, size_of_done, size_of_end


class LimitEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How the attempt of `claim` ended, with the units that it used, and the limit that it closes."""

    claim: Claim
    end: Done | Ended
    spent: Mapping[str, float]
    closing: Closing | None = None


class Written(msgspec.Struct, frozen=True):
    """How many ends were still ours, the queues in which tasks are ready again, and how attempts ended instead whose
    limit does not exist."""

    ours: int
    ready: list[str]
    missing: list[tuple[Claim, Fail | Retry]]


def size_of_limit_end(one: LimitEnd) -> int:
    """In characters."""
    return size_of_done(one.end) if isinstance(one.end, tuple) else size_of_end(one.end)


async def write(conn: PinnedConnection, ends: Sequence[LimitEnd]) -> Written:
    """Writes `ends`, in ascending order of id."""
    done = [one.end for one in ends if isinstance(one.end, tuple)]
    ended = [one.end for one in ends if isinstance(one.end, Ended) and one.closing is None]
    closing = {one.claim.id: one for one in ends if one.closing is not None}
    missing: list[tuple[Claim, Fail | Retry]] = []
    ours, ready = 0, set[str]()
    async with conn.transaction():
        if any(one.spent for one in ends):
            await spending.spend(conn, [Spent(one.claim.id, one.claim.token, one.spent) for one in ends])
        if closing:
            closed = await spending.close(conn, [_exhausted(one) for one in closing.values()])
            ours += closed.ours
            ready.update(closed.queues)
            for task_id in closed.missing:
                claim, instead, end = _otherwise(closing[task_id])
                missing.append((claim, instead))
                ended.append(end)
        if done:
            ids, tokens, results, seconds, logs = zip(*done, strict=True)
            ours += await worker_verbs.complete(conn, ids, tokens, results, seconds, logs)
        if ended:
            ended.sort(key=lambda end: end.id)
            settled, queues = await worker_verbs.settle(conn, ended)
            ours += settled
            ready.update(queues)
    return Written(ours, sorted(ready), missing)


def _exhausted(one: LimitEnd) -> Exhausted:
    end, closing = one.end, one.closing
    assert isinstance(end, Ended)
    assert closing is not None
    return Exhausted(
        task_id=end.id,
        token=end.token,
        seq=one.claim.seq,
        limit=closing.limit,
        seconds=end.delay,
        error=end.error or "",
        run_seconds=end.run_seconds or 0.0,
        logs=end.logs,
    )


def _otherwise(one: LimitEnd) -> tuple[Claim, Fail | Retry, Ended]:
    end, closing = one.end, one.closing
    assert isinstance(end, Ended)
    assert closing is not None
    instead = ended_as(end.id, end.token, closing.otherwise, end.run_seconds)
    return one.claim, closing.otherwise, msgspec.structs.replace(instead, logs=end.logs)
