"""Answers what running durable tasks ask: stores their steps and waits, in natural batches.

The first request goes out at once; those that arrive meanwhile share the next statements. While the database is away
they wait; an attempt that ends gives up its own. A statement whose answer is lost is sent again, and finds what it has
written.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

import psycopg

from lapinq_core.db.errors import is_away
from lapinq_core.db.pool import Pool
from lapinq_core.domain.errors import StepRefused
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.durable.messages import Answer, Fetch, Link, Load, Request, Spawn, Store, Wait
from lapinq_core.durable import links, spawning, steps
from lapinq_core.durable.steps import Held
from lapinq_core.intake.enqueueing import Taken
from lapinq_core.runtime.failure_log import FailureLog

MAX_BATCH = 500
MAX_BATCH_CHARACTERS = 8 * 1024 * 1024
LARGE_RESULT = 1024 * 1024
INITIAL_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 2.0
STATEMENT_DEADLINE_SECONDS = 20.0

log = logging.getLogger(__name__)


class _Asked:
    __slots__ = ("answer", "held", "request")

    def __init__(self, held: Held, request: Request, answer: asyncio.Future[Answer]) -> None:
        self.held = held
        self.request = request
        self.answer = answer


class StepStore:
    """One event loop owns it. It announces by `on_taken` the tasks that were spawned."""

    def __init__(
        self,
        pool: Pool,
        allowed: Sequence[str] = (),
        on_taken: Callable[[Taken], None] = lambda _taken: None,
        server: str | None = None,
    ) -> None:
        """`allowed` are the modules of tasks that may be spawned. `server` is the address for links, None if it is
        unknown."""
        self._pool = pool
        self._allowed = allowed
        self._on_taken = on_taken
        self._verbs: tuple[tuple[type[Request], _Verb], ...] = (
            *_VERBS,
            (Spawn, self._spawn),
            (Link, partial(links.create, server)),
        )
        self._asked: list[_Asked] = []
        self._some = asyncio.Event()
        self._failures = FailureLog(log, "steps wait to be stored", is_away)

    async def ask(self, claim: Claim, request: Request) -> Answer:
        """Returns the answer. Raises `StepRefused` for what can't be stored."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked.append(_Asked(Held(claim.id, claim.token), request, answer))
        self._some.set()
        return await answer

    async def run(self) -> None:
        """Answers, until cancelled."""
        backoff = INITIAL_BACKOFF_SECONDS
        while True:
            await self._some.wait()
            self._some.clear()  # first, as more may be asked at any time from here on
            try:
                async with self._pool.connection(STATEMENT_DEADLINE_SECONDS) as conn:
                    while batch := self._batch():
                        async with asyncio.timeout(STATEMENT_DEADLINE_SECONDS):
                            await self._answer(conn, batch)
                backoff = INITIAL_BACKOFF_SECONDS
            except Exception as error:  # noqa: BLE001  # the loop tries again; requests wait
                self._some.set()
                self._failures.failed(error)
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, MAX_BACKOFF_SECONDS)

    def _batch(self) -> list[_Asked]:
        """The oldest, by task, without those that nobody waits for any more."""
        self._asked = [one for one in self._asked if not one.answer.done()]
        sizes = accumulate(_size(one.request) for one in self._asked)
        fitting = max(1, sum(size <= MAX_BATCH_CHARACTERS for size in sizes))
        return sorted(self._asked[: min(fitting, MAX_BATCH)], key=lambda one: one.held.id)

    async def _answer(self, conn: psycopg.AsyncConnection, batch: list[_Asked]) -> None:
        for kind, verb in self._verbs:
            asked = [one for one in batch if type(one.request) is kind]
            if asked:
                await self._ask(conn, verb, asked)

    async def _spawn(
        self, conn: psycopg.AsyncConnection, asked: Sequence[tuple[Held, Spawn]]
    ) -> list[Answer]:
        answers, taken = await spawning.spawn(conn, asked, self._allowed)
        self._on_taken(taken)
        return answers

    async def _ask(self, conn: psycopg.AsyncConnection, verb: "_Verb", asked: list[_Asked]) -> None:
        try:
            answers = await verb(conn, [(one.held, one.request) for one in asked])
        except Exception as error:
            if is_away(error):
                raise
            if len(asked) > 1:
                for one in asked:
                    await self._ask(conn, verb, [one])
            elif not asked[0].answer.done():
                asked[0].answer.set_exception(_refusal(error))
            return
        for one, answer in zip(asked, answers, strict=True):
            if not one.answer.done():
                one.answer.set_result(answer)


def _size(request: Request) -> int:
    match request:
        case Store():
            return len(request.result)
        case Spawn():
            return len(request.request)
        case Fetch():
            return LARGE_RESULT  # of the answer
        case _:
            return 0


def _refusal(error: Exception) -> Exception:
    if isinstance(error, psycopg.DataError):
        return StepRefused(f"the database can't store it: {error.diag.message_primary}")
    return error


_Verb = Callable[[psycopg.AsyncConnection, Sequence[tuple[Held, Any]]], Awaitable[list[Answer]]]
_VERBS: tuple[tuple[type[Request], _Verb], ...] = (
    (Load, steps.load),
    (Fetch, steps.fetch),
    (Store, steps.store),
    (Wait, steps.wait),
)
