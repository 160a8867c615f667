"""A durable task as its worker sees it: claims, steps, waits, and its suspension."""

from typing import Any

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import decide
from lapinq_core.domain.tasks.durable.messages import Answer, Loaded, Row, Store, Wait
from lapinq_core.domain.tasks.outcome import Outcome, Suspended
from lapinq_core.domain.tasks.retry import RetryPolicy
from lapinq_core.durable import steps
from lapinq_core.durable.steps import Held
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from tests.support.rows.factories import Conn


def held(claim: Claim) -> Held:
    return Held(claim.id, claim.token)


async def step(conn: Conn, claim: Claim, name: str, result: str = "1", **values: Any) -> Answer:
    """Stores a step."""
    [answer] = await steps.store(conn, [(held(claim), Store(name, 0, "step", result, 0.1, **values))])
    return answer


async def loaded(conn: Conn, claim: Claim) -> Answer:
    """What its first call reads."""
    [answer] = await steps.load(conn, [(held(claim), steps.Load())])
    return answer


async def stored(conn: Conn, claim: Claim) -> list[tuple[str, str | None]]:
    """The names of the stored steps and waits, and how each ended."""
    answer = await loaded(conn, claim)
    assert isinstance(answer, Loaded)
    return [(row.name, row.outcome) for row in answer.rows]


async def wait_for(
    conn: Conn, claim: Claim, *names: str, seconds: float | None = None, occurrence: int = 0
) -> Answer:
    """Waits for a signal with one of the names."""
    asked = Wait("|".join(names), occurrence, "signal", seconds, list(names))
    [answer] = await steps.wait(conn, [(held(claim), asked)])
    return answer


async def sleep(conn: Conn, claim: Claim, seconds: float) -> Answer:
    [answer] = await steps.wait(conn, [(held(claim), Wait("sleep", 0, "sleep", seconds))])
    return answer


async def wait_for_task(conn: Conn, claim: Claim, child: str) -> Answer:
    [answer] = await steps.wait(conn, [(held(claim), Wait(f"task {child}", 0, "task", None, child=child))])
    return answer


def waits(answer: Answer) -> bool:
    """Whether what it waits for has not come."""
    return isinstance(answer, Row) and answer.outcome is None


async def end(conn: Conn, claim: Claim, outcome: Outcome, max_retries: int = 3) -> None:
    """Ends the attempt."""
    following = decide(RetryPolicy(max_retries), claim.attempt, outcome, 0.5)
    await worker_verbs.settle(conn, [ended_as(claim.id, claim.token, following, 0.1)])


async def suspend(conn: Conn, claim: Claim) -> None:
    """Ends the attempt, as the task waits."""
    await end(conn, claim, Suspended("waits for something"))
