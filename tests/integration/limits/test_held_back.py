"""Whether what a claim leaves in a queue needs a place, or waits for a time, too."""

import uuid
from typing import Any

import pytest

from lapinq_core.domain.limits.breaker import BreakerRule
from lapinq_core.limits.breakers import put_breaker
from lapinq_core.tasks import claiming, worker_verbs
from lapinq_core.tasks.claim_facts import facts_of
from lapinq_core.tasks.claiming import LOWEST_MARK, Ask
from tests.integration.limits.test_lanes import govern
from tests.integration.lookup.why.test_what_blocks import limit
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue

RATE = '{"limit": 1, "period_seconds": 3600, "burst": 1}'
PLACE: dict[str, Any] = {"max_running": 1}
UNITS: dict[str, Any] = {"rate": RATE}
ASK = Ask("default", 9)


async def needs_place(conn: Conn, worker: str) -> tuple[bool, bool]:
    """What a claim under the lock says, and then a look without it."""
    said = list[bool]()
    for _ in range(2):
        taken = await claiming.take(conn, [ASK], 9, worker=worker, token=str(uuid.uuid4()), lease=60.0)
        assert not taken.claims
        said.append(taken.needs_place)
    assert await claiming.held_back(conn, [ASK]) == {"default": said[1]}
    return said[0], said[1]


@pytest.mark.parametrize(
    ("policy", "limits", "of_claim", "of_look"),
    [
        (PLACE, {}, True, True),
        (UNITS, {}, False, False),
        (PLACE | UNITS, {}, False, True),
        ({"max_running_per_key": 1}, {}, True, True),
        ({"start_order": "strict_per_key"}, {}, True, True),
        ({"rate_per_key": RATE}, {}, False, False),
        ({}, {"gpu": PLACE}, True, True),
        ({}, {"api": UNITS}, False, False),
        ({}, {"api": UNITS, "gpu": PLACE}, True, True),
        ({}, {"both": PLACE | UNITS}, True, False),
    ],
)
async def test_what_only_a_place_holds_back_needs_one_and_what_only_a_rate_does_needs_none(
    conn: Conn, policy: dict[str, Any], limits: dict[str, dict[str, Any]], *, of_claim: bool, of_look: bool
) -> None:
    worker = await add_worker(conn)
    if policy:
        await govern(conn, **policy)
    for name, rules in limits.items():
        await limit(conn, name, **rules)
    await enqueue(conn, 3, key="a", limits=dict.fromkeys(limits, 1))
    assert len(await claim(conn, worker, 9)) == 1
    assert await needs_place(conn, worker) == (of_claim, of_look)


async def test_what_is_closed_opens_by_time_and_a_free_place_is_none_that_is_needed(conn: Conn) -> None:
    worker = await add_worker(conn)
    await limit(conn, "gpu", **PLACE)
    await enqueue(conn, 3, limits={"gpu": 1})
    [held] = await claim(conn, worker, 9)
    assert all(await needs_place(conn, worker))
    await conn.execute("UPDATE lapinq_limits SET closed_until = lapinq_now() + interval '1 hour'")
    assert not any(await needs_place(conn, worker))
    await conn.execute("UPDATE lapinq_limits SET closed_until = NULL")
    await put_breaker(conn, "queue", "default", BreakerRule(failures_in_row=1))
    await conn.execute(
        "UPDATE lapinq_circuit_breakers SET state = 'open', tries_at = lapinq_now() + interval '1 minute',"
        " opened_at = lapinq_now(), pause_seconds = 60, failures = 1"
    )
    assert not any(await needs_place(conn, worker))
    await conn.execute("DELETE FROM lapinq_circuit_breakers")
    await complete(conn, [held])
    assert await claiming.held_back(conn, [ASK]) == {}


@pytest.mark.parametrize(("policy", "key"), [(PLACE, None), ({}, "a")])
async def test_a_scan_tells_claims_that_a_queue_needs_its_lock(
    conn: Conn, policy: dict[str, Any], key: str | None
) -> None:
    """So an idle worker that finds the same tasks again doesn't try without it each time."""
    if policy:
        await govern(conn, **policy)
    await enqueue(conn, key=key)
    await enqueue(conn, queue_name="plain")
    known = facts_of(conn).governed_until
    for scan in (
        worker_verbs.discover(conn),
        worker_verbs.heads(conn, dict.fromkeys(["default", "plain"], LOWEST_MARK)),
    ):
        known.clear()
        assert (await scan).keys() == {"default", "plain"}
        assert known.keys() == {"default"}
