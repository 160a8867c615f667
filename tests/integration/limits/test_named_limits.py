"""Named limits: set, shown, opened and deleted."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from lapinq_core.db.rows import all_rows
from lapinq_core.doctor.finding import Severity
from lapinq_core.doctor.verifying import verify
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.limits import named_limits
from lapinq_core.limits.named_limits import NamedLimit, TooManyLimits
from tests.integration.limits.test_lanes import govern
from tests.support.rows.factories import SOMEBODY, Conn, Connections, add_worker, claim, complete, enqueue

A_MINUTE = Rate(90_000, 60, 90_000)
AN_HOUR = Rate(10, 3600, 10)


async def shown(conn: Conn, name: str) -> NamedLimit:
    limit = await named_limits.get_limit(conn, name)
    assert limit is not None
    return limit


async def audited(conn: Conn) -> list[tuple[str, str, object]]:
    return await all_rows(conn, "SELECT action, target, details FROM lapinq_audit ORDER BY id")


async def test_a_limit_is_created_changed_and_deleted_and_each_change_is_audited(conn: Conn) -> None:
    is_new, limit = await named_limits.set_limit(conn, "openai", None, A_MINUTE, by=SOMEBODY)
    assert is_new
    assert limit is not None
    assert (limit.max_running, limit.rate, limit.tokens) == (None, A_MINUTE, 90_000)
    again, _ = await named_limits.set_limit(conn, "openai", None, A_MINUTE, by=SOMEBODY)
    assert not again
    changed, limit = await named_limits.set_limit(conn, "openai", 3, None, by=SOMEBODY)
    assert not changed
    assert limit is not None
    assert (limit.max_running, limit.rate, limit.tokens) == (3, None, None)
    assert [one.name for one in await named_limits.list_limits(conn)] == ["openai"]
    assert await named_limits.delete_limit(conn, "openai", by=SOMEBODY)
    assert not await named_limits.delete_limit(conn, "openai", by=SOMEBODY)
    assert await named_limits.get_limit(conn, "openai") is None
    rate = {"limit": 90_000, "period_seconds": 60, "burst": 90_000}
    assert await audited(conn) == [
        ("limit.set", "openai", {"max_running": None, "rate": rate}),
        ("limit.set", "openai", {"max_running": 3, "rate": None}),
        ("limit.delete", "openai", None),
    ]


async def test_a_smaller_burst_counts_from_what_tasks_said_since_the_last_claim(conn: Conn) -> None:
    await named_limits.set_limit(conn, "tokens", None, AN_HOUR, by=SOMEBODY)
    await conn.execute(
        "INSERT INTO lapinq_limit_news (limit_name, units) VALUES ('tokens', -2), ('tokens', -1)"
    )
    assert (await shown(conn, "tokens")).tokens == pytest.approx(7, abs=0.1)
    await named_limits.set_limit(conn, "tokens", None, Rate(10, 3600, 5), by=SOMEBODY)
    assert (await shown(conn, "tokens")).tokens == pytest.approx(5, abs=0.1)


async def test_a_limit_shows_what_runs_waits_and_is_left(conn: Conn, worker: str) -> None:
    await named_limits.set_limit(conn, "gpu", 1, None, by=SOMEBODY)
    await named_limits.set_limit(conn, "tokens", None, AN_HOUR, by=SOMEBODY)
    await enqueue(conn, 2, limits={"gpu": 1, "tokens": 4}, queue_name="one")
    await enqueue(conn, 3, limits={"tokens": 8}, queue_name="two", key="a")
    await enqueue(conn, 1, queue_name="three", key="a")
    assert len(await claim(conn, worker, 5, "one")) == 1
    assert await claim(conn, worker, 5, "two") == []
    gpu, tokens = await named_limits.list_limits(conn)
    waiting = {"gpu": gpu.waiting, "tokens": tokens.waiting}
    for queue, names in (("one", ["gpu", "tokens"]), ("two", ["tokens"]), ("three", [])):
        of_queue = await named_limits.list_limits(conn, queue)
        assert [(one.name, one.waiting) for one in of_queue] == [(name, waiting[name]) for name in names]
    assert (gpu.running, gpu.waiting, gpu.queues, gpu.tokens) == (1, 1, ["one"], None)
    assert (tokens.running, tokens.waiting, tokens.queues) == (1, 4, ["one", "two"])
    assert tokens.tokens == pytest.approx(6, abs=0.1)
    assert tokens.next_start_at is None  # the first task of the queue one needs 4
    await complete(conn, await claim(conn, worker, 5, "two"))
    await named_limits.set_limit(conn, "gpu", None, AN_HOUR, by=SOMEBODY)
    await conn.execute(
        "UPDATE lapinq_limits SET reserved_until = lapinq_now()"
    )  # for the queue two, which asked
    assert len(await claim(conn, worker, 5, "one")) == 1
    tokens = await shown(conn, "tokens")
    assert tokens.next_start_at is not None
    # It needs 8 and has 2: six of ten that come in an hour.
    ahead = tokens.next_start_at - datetime.now(UTC)
    assert timedelta(minutes=35) < ahead <= timedelta(minutes=36)


async def test_a_bucket_whose_rate_changes_keeps_its_tokens(conn: Conn, worker: str) -> None:
    await named_limits.set_limit(conn, "tokens", None, AN_HOUR, by=SOMEBODY)
    await enqueue(conn, 1, limits={"tokens": 7})
    await claim(conn, worker, 1)
    await named_limits.set_limit(conn, "tokens", None, Rate(100, 3600, 100), by=SOMEBODY)
    assert (await shown(conn, "tokens")).tokens == pytest.approx(3, abs=0.5)
    await named_limits.set_limit(conn, "tokens", None, Rate(10, 3600, 2), by=SOMEBODY)
    assert (await shown(conn, "tokens")).tokens == pytest.approx(2, abs=0.01)


async def test_an_operator_opens_a_closed_limit(conn: Conn, worker: str) -> None:
    await named_limits.set_limit(conn, "api", None, AN_HOUR, by=SOMEBODY)
    await enqueue(conn, 1, limits={"api": 1})
    assert await named_limits.open_limit(conn, "api", by=SOMEBODY) == (False, await shown(conn, "api"))
    await conn.execute(
        "INSERT INTO lapinq_limit_news (limit_name, closed_until)"
        " VALUES ('api', lapinq_now() + interval '1 hour')"
    )
    closed = await shown(conn, "api")
    assert closed.closed_until is not None
    assert await claim(conn, worker, 1) == []
    was_closed, limit = await named_limits.open_limit(conn, "api", by=SOMEBODY)
    assert was_closed
    assert limit is not None
    assert limit.closed_until is None
    assert len(await claim(conn, worker, 1)) == 1
    assert (await audited(conn))[-1] == ("limit.open", "api", None)
    assert await named_limits.open_limit(conn, "other", by=SOMEBODY) == (False, None)


async def test_tasks_of_a_deleted_limit_start_without_it_and_of_a_new_one_wait_again(conn: Conn) -> None:
    worker = await add_worker(conn)
    await named_limits.set_limit(conn, "gpu", 1, None, by=SOMEBODY)
    await enqueue(conn, 6, limits={"gpu": 1})
    assert len(await claim(conn, worker, 9)) == 1
    await named_limits.delete_limit(conn, "gpu", by=SOMEBODY)
    assert len(await claim(conn, worker, 2)) == 2
    await named_limits.set_limit(conn, "gpu", 4, None, by=SOMEBODY)
    assert len(await claim(conn, worker, 9)) == 1


async def test_a_new_limit_holds_no_queue_and_waits_for_claims_that_may_not_know_it(
    connections: Connections,
) -> None:
    conn, slow, other = await connections(3)
    worker = await add_worker(conn)
    await named_limits.set_limit(conn, "gpu", 1, None, by=SOMEBODY)
    for queue in ("default", "other"):
        await enqueue(conn, 6, limits={"gpu": 1}, queue_name=queue)
    await claim(conn, worker, 1)
    await named_limits.delete_limit(conn, "gpu", by=SOMEBODY)
    async with slow.transaction():
        assert len(await claim(slow, worker, 2, "other")) == 2
        async with other.transaction():
            await other.execute("SELECT FROM lapinq_queues WHERE name = 'default' FOR UPDATE")
            await named_limits.set_limit(conn, "gpu", 4, None, by=SOMEBODY)
        assert await claim(conn, worker, 9) == []
    assert len(await claim(conn, worker, 9)) == 1


async def test_there_are_not_more_limits_than_may_be(conn: Conn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named_limits, "MAX_LIMITS", 1)
    await named_limits.set_limit(conn, "one", 1, None, by=SOMEBODY)
    with pytest.raises(TooManyLimits):
        await named_limits.set_limit(conn, "two", 1, None, by=SOMEBODY)
    assert [one.name for one in await named_limits.list_limits(conn)] == ["one"]


@pytest.mark.parametrize("order", ["priority", "fair", "strict_per_key"])
async def test_tasks_that_need_more_than_a_limit_ever_has_hide_no_other(conn: Conn, order: str) -> None:
    worker = await add_worker(conn)
    await named_limits.set_limit(conn, "tokens", None, AN_HOUR, by=SOMEBODY)
    await govern(conn, start_order=order)
    large = await enqueue(conn, 2, limits={"tokens": 9}, key="a", priority=9)
    behind = await enqueue(conn, 1, limits={"tokens": 1}, key="a", priority=9)
    small = await enqueue(conn, 1, limits={"tokens": 1}, key="b")
    await named_limits.set_limit(conn, "tokens", None, msgspec.structs.replace(AN_HOUR, burst=8), by=SOMEBODY)
    if order == "strict_per_key":
        large, behind = [*large, *behind], []
    started = [held.id for _ in range(3) for held in await claim(conn, worker, 1)]
    assert sorted(started) == sorted([*behind, *small])
    assert (await verify(conn))["lanes"][0].severity is Severity.OK
    await named_limits.set_limit(
        conn, "tokens", None, msgspec.structs.replace(AN_HOUR, burst=30), by=SOMEBODY
    )
    await conn.execute("UPDATE lapinq_limits SET tokens = 30")
    [first] = await claim(conn, worker, 1)
    assert first.id == large[0]


@pytest.mark.parametrize("lanes_of_sets", [[], [1], [3], [1] * 40, [30, 1, 1, 2, 1, 30, 1], [1, 1, 1, 7, 1]])
async def test_each_set_of_limits_with_open_lanes_is_found_with_the_first_of_them(
    conn: Conn, lanes_of_sets: list[int]
) -> None:
    await conn.execute(
        "INSERT INTO lapinq_lanes (queue_name, lane, names, is_open, rank, place, changed_at)"
        " SELECT 'default', concat_ws(chr(31), 'key ' || n, nullif(names, '')), names, n > 0, 0, n, lapinq_now()"
        "   FROM (SELECT '' AS names, 5 AS lanes UNION ALL"
        "         SELECT 'set ' || nth, lanes FROM unnest(%s::integer[]) WITH ORDINALITY AS s (lanes, nth)) AS s"
        "  CROSS JOIN generate_series(0, lanes) AS n",
        [lanes_of_sets],
    )
    found = await all_rows(conn, "SELECT names, rank, place FROM lapinq_open_sets_1('default')")
    assert sorted(found) == sorted((f"set {nth}", 0, 1.0) for nth, _ in enumerate(lanes_of_sets, start=1))
