"""Keys in strict order that a failed task holds."""

from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.domain.tasks.decide import Retry
from lapinq_core.tasks import queues, worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from tests.support.rows.factories import SOMEBODY, Conn, claim, enqueue


async def fail_first(
    conn: Conn, worker: str, keys: list[str], queue: str = "default", waiting: int = 2
) -> dict[str, str]:
    """Lets the first task of each key fail, which waits for an hour then, with `waiting` others behind it. Returns
    those that failed, by key."""
    await queues.set_policy(conn, queue, {"order": StartOrder.STRICT_PER_KEY}, by=SOMEBODY)
    first: dict[str, str] = {}
    for key in keys:
        first[key], *_ = await enqueue(conn, 1 + waiting, key=key, queue_name=queue)
    claims = {one.id: one for one in await claim(conn, worker, len(keys), queue=queue)}
    assert set(claims) == set(first.values())
    ends = [
        (claims[task_id], Retry(3600.0, f"{key} is away\nand more", None)) for key, task_id in first.items()
    ]
    await worker_verbs.settle(conn, [ended_as(one.id, one.token, end) for one, end in ends])
    return first
