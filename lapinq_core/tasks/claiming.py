"""Claims: how a worker takes tasks of one queue, whether or not a policy governs it, or of several without a policy."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, LiteralString, NamedTuple, cast
from uuid import UUID

import msgspec
from psycopg import errors as pg

from lapinq_core.db.one_message import in_one_message
from lapinq_core.db.pool import PinnedConnection
from lapinq_core.db.rows import all_rows, first_value, maybe_row, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.ids import id_at
from lapinq_core.domain.tasks.claim import Claim, by_queue
from lapinq_core.limits import breakers, governed_claims
from lapinq_core.tasks.claim_facts import LaneMark, facts_of

sql = sql_of(__name__)
_claims = msgspec.json.Decoder(list[Claim])

LOWEST_MARK = (-(2**40), 0)
"""Before every (rank, seq)."""
HIGHEST_RANK = 2**40
NO_BOUND = 2**31 - 1

PAST_SECONDS, AHEAD_SECONDS = 86_400.0, 3600.0
"""Tasks so old, and of clocks so far ahead, are looked for first."""
MAX_LOOKS = 20
JUDGE_SECONDS = 0.02
"""Minimum time between two counts of how attempts ended, in claims of a queue with a circuit breaker."""

_GOVERNED, _ELSEWHERE = '"governed"', '"elsewhere"'
_LOCKED, _WATCHED = "locked", "watched"
FIRST_ID, END_OF_IDS = UUID(int=0), UUID(int=2**128 - 1)
_WEEK_SECONDS = 604_800


class Ask(msgspec.Struct, frozen=True):
    """Up to `limit` tasks of `queue`, at or after `mark`, with a rank of at most `max_rank`."""

    queue: str
    limit: int
    mark: tuple[int, int] = LOWEST_MARK
    max_rank: int = HIGHEST_RANK


class Claimed(msgspec.Struct, frozen=True):
    """What a claim took, and the same by queue.

    `marks` has the key `(rank, seq)` from which the next claim of a queue may start: of the last task that is in no
    lane. If it is less than was asked for, the queue may have more in `opens_in` seconds; None: nobody knows.
    `left_out` are the queues whose claims need their lock, and so an `Ask` alone. `needs_place`: nothing may start
    before something that runs ends, or somebody changes a rule.
    """

    claims: list[Claim]
    by_queue: Mapping[str, list[Claim]]
    marks: Mapping[str, tuple[int, int]]
    opens_in: float | None = None
    left_out: Sequence[str] = ()
    needs_place: bool = False


class _Answer(NamedTuple):
    text: str | None
    opens_in: float | None = None
    mark: tuple[int, int] | None = None
    is_governed: bool = False
    governed: Sequence[str] = ()
    needs_place: bool = False


async def take(
    conn: PinnedConnection,
    asks: Sequence[Ask],
    limit: int,
    *,
    worker: str,
    token: str,
    lease: float,
    margin: float = 10.0,
    free: int | None = None,
    isolated: int = NO_BOUND,
) -> Claimed:
    """Takes up to `limit` tasks of the queues, in their order, or as the policy of a queue says. Several queues are
    asked one after the other, until it has enough; all with the same `max_rank`.

    Of a queue with a rate it takes at most `free`, so that none has to wait for its start, and of tasks that must run
    alone at most `isolated`.

    After `lease` seconds the attempt is overdue even if its worker lives; if the task has its own time limit, `margin`
    seconds after that. `token` is a random UUID for this call: if the answer is lost, `worker_verbs.reclaim` asks for
    it again.
    """
    params: dict[str, object] = {
        "worker": worker,
        "token": token,
        "lease": lease,
        "margin": margin,
        "isolated": isolated,
        "max_rank": asks[0].max_rank,
    }
    if len(asks) > 1:
        params.update(_places(asks), limits=[ask.limit for ask in asks], limit=limit)
        return await _take_from_many(conn, params, token)
    limit = min(limit, asks[0].limit)
    params.update(limit=limit, free=limit if free is None else free, rest=JUDGE_SECONDS)
    return await _take_from_one(conn, asks[0], params, token)


async def _take_from_one(conn: PinnedConnection, ask: Ask, params: dict[str, object], token: str) -> Claimed:
    queue = ask.queue
    params.update(queue=queue, mark_rank=ask.mark[0], mark_seq=ask.mark[1])
    answer = await _answer(conn, ask, params)
    claims = decoded(answer.text, token)
    for claim in claims:
        claim.queue_name = queue
        claim.is_governed = answer.is_governed
    mark = answer.mark
    if claims and not answer.is_governed:
        mark = (claims[-1].rank, claims[-1].seq)
    return Claimed(
        claims,
        {queue: claims} if claims else {},
        {} if mark is None else {queue: mark},
        answer.opens_in,
        needs_place=answer.needs_place,
    )


async def _take_from_many(conn: PinnedConnection, params: dict[str, object], token: str) -> Claimed:
    answer = await _near_first(conn, params, _from_many)
    for queue in answer.governed:
        facts_of(conn).note_governed(queue)
    claims = decoded(answer.text, token)
    found = by_queue(claims)
    marks = {queue: (of_queue[-1].rank, of_queue[-1].seq) for queue, of_queue in found.items()}
    return Claimed(claims, found, marks, left_out=answer.governed)


async def held_back(conn: PinnedConnection, asks: Sequence[Ask]) -> dict[str, bool]:
    """The queues of which a claim surely gets nothing, each with whether it `needs_place`. It looks only at those from
    which the last claim under the lock got nothing."""
    facts = facts_of(conn)
    exhausted = [ask for ask in asks if ask.queue in facts.exhausted]
    found = await _may_start(conn, exhausted) if exhausted else {}
    facts.exhausted.difference_update(queue for queue, may_start in found.items() if may_start)
    return {ask.queue: ask.queue not in found for ask in exhausted if not found.get(ask.queue)}


def decoded(text: str | None, token: str) -> list[Claim]:
    """The claims of an answer to claim.sql."""
    claims = _claims.decode(text) if text else []
    for claim in claims:
        claim.token = token
    return claims


async def _answer(conn: PinnedConnection, ask: Ask, params: Mapping[str, object]) -> _Answer:
    queue, facts = ask.queue, facts_of(conn)
    if time.monotonic() >= facts.governed_until.get(queue, 0.0):
        answer = await _near_first(conn, params, _plain)
        if answer.text != _GOVERNED:
            facts.governed_until.pop(queue, None)
            return answer
        facts.note_governed(queue)
    if queue in facts.exhausted and not (found := await _may_start(conn, [ask])).get(queue):
        return _Answer(None, needs_place=not found)
    answer = await _governed(conn, params)
    if answer.text is None:
        facts.exhausted.add(queue)  # the next one looks first whether it is worth the lock
    else:
        facts.exhausted.discard(queue)
    return answer


async def _may_start(conn: PinnedConnection, asks: Sequence[Ask]) -> dict[str, bool]:
    """False: not before a certain time. The queues that it leaves out need a place."""
    return dict(await all_rows(conn, governed_claims.MAY_START, _places(asks), prepare=True))


def _places(asks: Sequence[Ask]) -> dict[str, object]:
    return {
        "queues": [ask.queue for ask in asks],
        "mark_ranks": [ask.mark[0] for ask in asks],
        "mark_seqs": [ask.mark[1] for ask in asks],
    }


async def _near_first(
    conn: PinnedConnection,
    params: Mapping[str, object],
    ask: Callable[[PinnedConnection, Mapping[str, object], UUID, UUID], Awaitable[_Answer]],
) -> _Answer:
    """It looks for tasks of these days first, so that it locks one partition of many; after it met another task, for a
    while in all partitions."""
    facts = facts_of(conn)
    if time.monotonic() >= facts.everywhere_until:
        answer = await ask(conn, params, *near(time.time()))
        if answer.text != _ELSEWHERE:
            return answer
        facts.note_elsewhere()
    return await ask(conn, params, FIRST_ID, END_OF_IDS)


async def _plain(conn: PinnedConnection, params: Mapping[str, object], since: UUID, until: UUID) -> _Answer:
    return _Answer(await first_value(conn, plain_claim(since, until), params, prepare=True))


async def _from_many(
    conn: PinnedConnection, params: Mapping[str, object], since: UUID, until: UUID
) -> _Answer:
    row = await maybe_row(conn, claim_of_many(since, until), params, prepare=True)
    return _Answer(row[0], governed=row[1] or ()) if row else _Answer(None)


async def _governed(conn: PinnedConnection, params: Mapping[str, object]) -> _Answer:
    facts, queue = facts_of(conn), str(params["queue"])
    watched = time.monotonic() < facts.watched_until.get(queue, 0.0)
    for _ in range(MAX_LOOKS):
        began, lane_mark = time.monotonic(), facts.lane_mark(queue)
        row = await _claim_governed(conn, params, lane_mark, watched)
        if row is None:
            break
        claims, state, opens_in, again, mark, next_lane_mark = row
        if state == _LOCKED:
            return _Answer(None, facts.come_back_in(queue), is_governed=True)
        facts.locked.pop(queue, None)
        facts.note_lane_mark(queue, lane_mark, next_lane_mark if claims else None, began)
        if state == _WATCHED:
            facts.note_watched(queue)
            watched = True
        elif claims or not again:
            # If it ended early, a short answer doesn't say that the queue has no more.
            opens_in = 0.0 if again else opens_in
            needs_place = not claims and opens_in is None and params["isolated"] != 0 and params["free"] != 0
            mark = mark and (mark[0], mark[1])
            return _Answer(claims, opens_in, mark, is_governed=True, needs_place=needs_place)
    return _Answer(None, is_governed=True)


async def _claim_governed(
    conn: PinnedConnection, params: Mapping[str, object], since: LaneMark, watched: bool
) -> tuple[Any, ...] | None:
    """None if the queue's row is locked for longer than the judgement of a circuit breaker may wait."""
    params = {
        **params,
        **{f"first_{field}": value for field, value in since._asdict().items()},
        "watched": watched,
    }
    if not watched:
        return await one_row(conn, governed_claims.CLAIM, params, prepare=True)
    try:
        params |= breakers.of("queue", str(params["queue"]))
        cursor = await in_one_message(conn, governed_claims.JUDGE_AND_CLAIM, params)
    except pg.LockNotAvailable:
        return None
    return await cursor.fetchone()


def near(now: float) -> tuple[UUID, UUID]:
    """The ids of this week's partition; with the last or next one's for a while before and after the week begins."""
    since, until = _monday(now - PAST_SECONDS), _monday(now + AHEAD_SECONDS) + _WEEK_SECONDS
    return id_at(since * 1000), id_at(until * 1000)


def _monday(seconds: float) -> int:
    """When the week began, in UTC. 1970 began on a Thursday."""
    return int(seconds - (seconds + 3 * 86_400) % _WEEK_SECONDS)


@lru_cache(maxsize=4)
def plain_claim(since: UUID, until: UUID) -> LiteralString:
    """The claim of tasks with ids between the two, from a queue without a policy."""
    return _within(sql("claim"), since, until)


@lru_cache(maxsize=4)
def claim_of_many(since: UUID, until: UUID) -> LiteralString:
    """The claim of tasks with ids between the two, from several queues without a policy."""
    return _within(sql("claim_many"), since, until)


def _within(text: str, since: UUID, until: UUID) -> LiteralString:
    text = text.replace("%(since)s", f"'{since}'").replace("%(until)s", f"'{until}'")
    return cast("LiteralString", text)  # as literal as the digits of a number
