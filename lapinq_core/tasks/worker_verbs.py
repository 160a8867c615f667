"""A worker's verbs: settle the attempts of claimed tasks (`claiming`), or release them.

Every write matches the claim token, so a worker that lost its claim changes nothing. The caller compares what comes
back with what it sent.
"""

import operator
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import psycopg

from lapinq_core.db.arrays import bool_array, float_array, text_array, uuid_array
from lapinq_core.db.pool import PinnedConnection
from lapinq_core.db.rows import all_rows, first_value, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Complete, Drop, Fail, Next, Nothing, Release, Retry
from lapinq_core.limits import governed_claims
from lapinq_core.tasks.claim_facts import facts_of
from lapinq_core.tasks.claiming import decoded

sql = sql_of(__name__)

ADOPT_LIMIT = 500


class Ended(msgspec.Struct, frozen=True, gc=False):
    """The end of an attempt that did not complete.

    `final` fails the task, or cancels it if `cancelled`. Otherwise the task waits `delay` seconds, and `counts` says
    whether the attempt used up a start. `isolation` is that of the next attempt, `logs` the log of this one.
    """

    id: str
    token: str
    final: bool
    counts: bool
    delay: float
    error: str | None
    traceback: str | None = None
    run_seconds: float | None = None
    cancelled: bool = False
    isolation: int = 0
    logs: str | None = None


class ClaimedTransient(NamedTuple):
    """The fire-and-forget tasks that a claim took, and the queues with a policy in which others wait: for these,
    `adopt_transient` is next."""

    claims: list[Claim]
    governed: Sequence[str]


def ended_as(task_id: str, token: str, following: Next, run_seconds: float | None = None) -> Ended:
    """The row for `settle`. Raises ValueError for a completion, and if there is nothing to write."""
    match following:
        case Fail(error=error, traceback=traceback):
            return Ended(task_id, token, True, True, 0.0, error, traceback, run_seconds)
        case Retry(delay=delay, error=error, traceback=traceback, isolation=isolation):
            return Ended(
                task_id, token, False, True, delay, error, traceback, run_seconds, isolation=isolation
            )
        case Release(error=error, delay=delay):
            return Ended(task_id, token, False, False, delay, error, None, run_seconds)
        case Drop(reason=reason):
            return Ended(task_id, token, True, True, 0.0, reason, None, run_seconds, cancelled=True)
        case Complete() | Nothing():
            raise ValueError("a completion goes through complete")


async def heads(conn: PinnedConnection, marks: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """The key (rank and seq) of the first task at or after its mark, for each queue in `marks` that has one. Claims on
    this connection remember which of the queues are governed, as after `discover`."""
    params = {
        "queues": list(marks),
        "ranks": [rank for rank, _ in marks.values()],
        "seqs": [seq for _, seq in marks.values()],
    }
    return _keys(conn, await all_rows(conn, sql("heads"), params, prepare=True))


async def discover(conn: PinnedConnection) -> dict[str, tuple[int, int]]:
    """All queues with ready tasks, each with the key of the first."""
    return _keys(conn, await all_rows(conn, sql("discover"), prepare=True))


def _keys(conn: PinnedConnection, rows: Sequence[tuple[str, int, int, bool]]) -> dict[str, tuple[int, int]]:
    facts_of(conn).note_heads(queue for queue, _, _, is_governed in rows if is_governed)
    return {queue: (rank, seq) for queue, rank, seq, _ in rows}


async def reclaim(conn: psycopg.AsyncConnection, *, worker: str, token: str) -> list[Claim]:
    """What the `claim` with this token took."""
    claims = await first_value(conn, sql("reclaim"), {"worker": worker, "token": token})
    return decoded(claims, token)


async def claim_transient(
    conn: PinnedConnection, queues: list[str] | None, limit: int, *, in_order: bool = False
) -> ClaimedTransient:
    """Takes up to `limit` fire-and-forget tasks of `queues` (None: of all). With `in_order` it takes from a queue only
    when those before it have none."""
    params = {"queues": queues, "limit": limit, "in_order": in_order}
    text, governed = await one_row(conn, sql("claim_transient"), params, prepare=True)
    return ClaimedTransient(decoded(text, ""), governed)


async def adopt_transient(conn: PinnedConnection, queues: Sequence[str]) -> None:
    """Stores fire-and-forget tasks of these queues, which have a policy, as ordinary ones: about `ADOPT_LIMIT`, as many
    of each queue."""
    params = {"queues": list(queues[:ADOPT_LIMIT]), "limit": max(1, ADOPT_LIMIT // len(queues))}
    await conn.execute(governed_claims.ADOPT_TRANSIENT, params, prepare=True)


async def complete(
    conn: PinnedConnection,
    ids: Sequence[str],
    tokens: Sequence[str],
    results: Sequence[str],
    seconds: Sequence[float],
    logs: Sequence[str | None] = (),
) -> int:
    """Completes attempts, `ids` ascending, with their results as JSON text; returns how many were ours.

    `logs` are what they logged, empty when none logged anything.
    """
    if any(map(operator.ge, ids, ids[1:])):
        # The statement finds one place for each id. Here an id comes twice: that of an earlier claim, too.
        half = len(ids) // 2
        ours = await complete(conn, ids[:half], tokens[:half], results[:half], seconds[:half], logs[:half])
        rest = (ids[half:], tokens[half:], results[half:], seconds[half:], logs[half:])
        return ours + await complete(conn, *rest)
    params = {
        "ids": uuid_array(ids),
        "tokens": uuid_array(tokens),
        "seconds": float_array(seconds),
        "results": msgspec.json.encode(results).decode(),
        "logs": msgspec.json.encode(logs).decode() if logs else "[]",
    }
    return await first_value(conn, sql("complete"), params, prepare=True)


async def settle(
    conn: psycopg.AsyncConnection, ended: Sequence[Ended], *, rescued: bool = False
) -> tuple[int, list[str]]:
    """Settles attempts that did not complete, in ascending order of id.

    Returns how many were ours, and the queues in which some of them are ready again. `rescued`: not written by the
    holders of the tokens, which must not take it for their own write.
    """
    params = {
        "ids": uuid_array([end.id for end in ended]),
        "tokens": uuid_array([end.token for end in ended]),
        "finals": bool_array([end.final for end in ended]),
        "counts": bool_array([end.counts for end in ended]),
        "cancelled": bool_array([end.cancelled for end in ended]),
        "delays": float_array([end.delay for end in ended]),
        "isolations": [end.isolation for end in ended] if any(end.isolation for end in ended) else [],
        "seconds": float_array([end.run_seconds for end in ended]),
        "errors": text_array([end.error for end in ended]),
        "tracebacks": text_array([end.traceback for end in ended]),
        "logs": text_array([end.logs for end in ended] if any(end.logs for end in ended) else ()),
        "rescued": rescued,
    }
    return await one_row(conn, sql("settle"), params, prepare=True)


async def report_progress(
    conn: psycopg.AsyncConnection, reports: Sequence[tuple[str, str, int, str | None]]
) -> set[str]:
    """Writes the progress of attempts: id, token, percent and message of each, in ascending order of id.

    Returns the ids that were ours.
    """
    params = {
        "ids": uuid_array([task_id for task_id, _, _, _ in reports]),
        "tokens": uuid_array([token for _, token, _, _ in reports]),
        "percents": [percent for _, _, percent, _ in reports],
        "messages": [message for _, _, _, message in reports],
    }
    return {row[0] for row in await all_rows(conn, sql("report_progress"), params, prepare=True)}


async def report_logs(conn: psycopg.AsyncConnection, logs: Sequence[tuple[str, str, str]]) -> set[str]:
    """Writes the latest log lines of running attempts: id, token and lines of each, in ascending order of id.

    Returns the ids that were ours.
    """
    ids, tokens, texts = (list(column) for column in zip(*logs, strict=True))
    params = {"ids": ids, "tokens": tokens, "logs": texts}
    return {row[0] for row in await all_rows(conn, sql("report_logs"), params, prepare=True)}


async def store_profile(conn: psycopg.AsyncConnection, claim: Claim, profile: bytes) -> bool:
    """Stores the profile of an attempt; False if the end of the attempt is not stored, or not by this worker."""
    params = {"id": claim.id, "attempt": claim.attempt, "token": claim.token, "profile": profile}
    return await first_value(conn, sql("store_profile"), params) > 0


async def release(conn: psycopg.AsyncConnection, claims: Sequence[Claim]) -> set[str]:
    """Releases tasks that never started, to the places they came from; returns their queues."""
    claims = sorted(claims, key=lambda claim: claim.id)
    params = {
        "ids": uuid_array([claim.id for claim in claims]),
        "tokens": uuid_array([claim.token for claim in claims]),
        "seqs": [claim.seq for claim in claims],
        "isolations": [claim.isolation for claim in claims],
    }
    return {row[0] for row in await all_rows(conn, sql("release"), params)}


async def find_own_attempts(
    conn: psycopg.AsyncConnection, ids: Sequence[str], tokens: Sequence[str]
) -> set[str]:
    """Those of `ids` whose end is already recorded with this token."""
    params = {"ids": uuid_array(ids), "tokens": uuid_array(tokens)}
    return {row[0] for row in await all_rows(conn, sql("find_own_attempts"), params)}
