"""Links by which people decide: one decision, made once."""

import asyncio

import pytest

from lapinq_core.db.rows import all_rows, first_value, one_row
from lapinq_core.domain.accounts.account import ActorKind
from lapinq_core.domain.errors import StepRefused
from lapinq_core.domain.tasks.durable.messages import Link, Lost
from lapinq_core.domain.tasks.outcome import Raised
from lapinq_core.durable import links, waits
from lapinq_core.durable.links import Closed, DecisionPruning, NotOpen
from lapinq_core.durable.waits import WaitFilter
from lapinq_core.people.audit import Author
from lapinq_core.tasks import actions
from tests.support.rows.decisions import asking, link
from tests.support.rows.durable import end, held, suspend, wait_for
from tests.support.rows.factories import Conn, claim, enqueue

LINK = Author(actor_kind=ActorKind.ANONYMOUS, actor="a link")


async def decide(conn: Conn, token: str, value: str = "true") -> None:
    await links.decide(conn, token, value, by=LINK)


async def why(conn: Conn, token: str) -> Closed:
    """Why nobody can decide by it, looking and trying."""
    with pytest.raises(NotOpen) as looked:
        await links.find(conn, token)
    with pytest.raises(NotOpen) as tried:
        await decide(conn, token)
    assert looked.value.why == tried.value.why
    return tried.value.why


async def signals(conn: Conn) -> list[tuple[str, str]]:
    """Those that nobody has taken, and their values."""
    return list(await all_rows(conn, "SELECT name, result FROM lapinq_steps WHERE kind = 'sent'"))


async def test_a_decision_sends_its_signal_once_and_wakes_the_task(conn: Conn, worker: str) -> None:
    task, token = await asking(conn, title="Pay?", text="42 euros")
    asked = await links.find(conn, token)
    assert (asked.task_id, asked.name, asked.title, asked.text) == (task, "approve", "Pay?", "42 euros")
    assert await signals(conn) == []
    await links.decide(conn, token, '{"ok": true}', by=LINK, audited={"value": "…"})
    assert await signals(conn) == [("approve", '{"ok": true}')]
    [resumed] = await claim(conn, worker)
    assert resumed.id == task
    assert await why(conn, token) is Closed.DECIDED
    assert await one_row(conn, "SELECT actor_kind, actor, action, target, details FROM lapinq_audit") == (
        "anonymous",
        "a link",
        "task.decide",
        task,
        {"signal": "approve", "value": "…"},
    )


async def test_only_the_hash_of_a_token_is_stored(conn: Conn) -> None:
    _, token = await asking(conn)
    assert len(token) == 43  # 256 bits
    for table in ("lapinq_links", "lapinq_decisions", "lapinq_steps", "lapinq_tasks", "lapinq_audit"):
        assert not any(token in row[0] for row in await all_rows(conn, f"SELECT t::text FROM {table} t"))


async def test_links_of_later_attempts_lead_to_the_same_decision(conn: Conn, worker: str) -> None:
    await enqueue(conn)
    [first] = await claim(conn, worker)
    one = await link(conn, first, title="old")
    other_place = [await link(conn, first, step="mail"), await link(conn, first, occurrence=1)]
    await end(conn, first, Raised("no"))
    await actions.run_now(conn, first.id)
    [second] = await claim(conn, worker)
    two = await link(conn, second, title="new")
    assert (await links.find(conn, one)).title == "new"
    await decide(conn, two)
    assert [await why(conn, token) for token in (one, two)] == [Closed.DECIDED] * 2
    three = await link(conn, second)
    assert await why(conn, three) is Closed.DECIDED
    for token in other_place:
        await decide(conn, token)
    assert len(await signals(conn)) == 3


async def test_each_link_expires_by_itself(conn: Conn, worker: str) -> None:
    await enqueue(conn)
    [claimed] = await claim(conn, worker)
    early, late = await link(conn, claimed, seconds=0.0), await link(conn, claimed, seconds=60.0)
    assert await why(conn, early) is Closed.EXPIRED
    await decide(conn, late)
    assert await why(conn, early) is Closed.DECIDED


async def test_nobody_decides_for_a_task_that_has_ended_or_by_a_token_that_never_was(conn: Conn) -> None:
    cancelled, token = await asking(conn)
    await actions.cancel(conn, cancelled)
    assert await why(conn, token) is Closed.ENDED
    for unknown in ("", "x" * 5000, "\udce4", token[:-1]):
        assert await why(conn, unknown) is Closed.UNKNOWN


async def test_a_lost_claim_makes_no_link(conn: Conn, worker: str) -> None:
    await enqueue(conn)
    [lost] = await claim(conn, worker)
    await end(conn, lost, Raised("no"))
    assert await links.create("https://x", conn, [(held(lost), Link("a", "", 0, 60.0))]) == [Lost()]
    assert await first_value(conn, "SELECT count(*) FROM lapinq_decisions") == 0


async def test_links_to_a_decision_are_bounded_and_need_the_address_of_the_server(
    conn: Conn, worker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MOST_LINKS", 2)
    await enqueue(conn)
    [claimed] = await claim(conn, worker)
    for _ in range(2):
        await link(conn, claimed)
    with pytest.raises(StepRefused, match="'approve' has 2 links already: ask in a step"):
        await link(conn, claimed)
    with pytest.raises(StepRefused, match="LAPINQ_PUBLIC_URL"):
        await links.create(None, conn, [(held(claimed), Link("a", "", 0, 60.0))])


async def test_of_two_who_decide_at_once_one_does(conn: Conn, worker: str, database: str) -> None:
    await enqueue(conn)
    [claimed] = await claim(conn, worker)
    tokens = [await link(conn, claimed), await link(conn, claimed)]
    others = [await Conn.open(database) for _ in range(6)]
    try:
        ends = await asyncio.gather(
            *(decide(other, tokens[number % 2], str(number)) for number, other in enumerate(others)),
            return_exceptions=True,
        )
    finally:
        for other in others:
            await other.close()
    refused = [one for one in ends if isinstance(one, NotOpen)]
    assert (len(refused), {one.why for one in refused}) == (5, {Closed.DECIDED})
    assert len(await signals(conn)) == 1


async def test_decisions_go_with_their_task_or_a_month_after_their_last_link(conn: Conn) -> None:
    kept, gone, old = [(await asking(conn))[0] for _ in range(3)]
    await conn.execute("DELETE FROM lapinq_tasks WHERE id = %s", (gone,))
    await conn.execute(
        "UPDATE lapinq_decisions SET expires_at = lapinq_now() - interval '31 days' WHERE task_id = %s",
        (old,),
    )
    assert await DecisionPruning().turn(conn) is None  # pyright: ignore[reportArgumentType]  # of no pool
    assert await all_rows(conn, "SELECT task_id::text FROM lapinq_decisions") == [(kept,)]
    assert await first_value(conn, "SELECT count(*) FROM lapinq_links") == 1


async def test_waits_are_listed_oldest_first_and_by_queue_and_name(conn: Conn, worker: str) -> None:
    first, _ = await asking(conn, queue="mail")
    second, _ = await asking(conn, queue="shop", name="paid")
    third, _ = await asking(conn, queue="mail", name="paid")
    ended, _ = await asking(conn, queue="mail")
    await actions.cancel(conn, ended)
    await enqueue(conn, queue_name="mail")
    [retried] = await claim(conn, worker, queue="mail")
    await wait_for(conn, retried, "paid")
    await end(conn, retried, Raised("no"))
    await enqueue(conn, queue_name="mail")
    [several] = await claim(conn, worker, queue="mail")
    await wait_for(conn, several, "a", "b", seconds=90.0)
    await suspend(conn, several)

    async def listed(limit: int = 9, **chosen: object) -> list[str]:
        found = await waits.list_waits(conn, WaitFilter(**chosen), limit)  # pyright: ignore[reportArgumentType]
        return [one.task_id for one in found]

    assert await listed() == [first, second, third, several.id]
    assert await listed(queue="mail") == [first, third, several.id]
    assert await listed(queues=["shop"]) == [second]
    assert await listed(name="paid") == [second, third]
    assert await listed(name="b") == [several.id]
    [_, one] = await waits.list_waits(conn, WaitFilter(), 2)
    assert await listed(after=one.place) == [third, several.id]
    [last] = await waits.list_waits(conn, WaitFilter(name="a"), 9)
    assert last.names == ["a", "b"]
    assert last.deadline is not None
    assert (last.deadline - last.since).total_seconds() == 90.0
    assert await waits.count_waits(conn) == {"mail": 3, "shop": 1}
