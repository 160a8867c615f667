"""Keys of tasks: found by their beginning, and what there is of one in all queues."""

from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.lookup import keys
from lapinq_core.lookup.keys import KeyHit
from tests.integration.limits.test_policies import set_policy
from tests.support.rows.factories import Conn, add_worker, claim, enqueue


async def test_keys_are_found_by_their_beginning_in_every_queue(conn: Conn) -> None:
    await enqueue(conn, key="acme", queue_name="runs")
    await claim(conn, await add_worker(conn), queue="runs")
    for name, queue in (
        ("acme", "mail"),
        ("acme", "video"),
        ("acme inc", "mail"),
        ("acm", "mail"),
        ("b", "mail"),
    ):
        await enqueue(conn, 2, key=name, queue_name=queue)
    await enqueue(conn, key="acme-eu", limits={"gpu": 1}, queue_name="video")
    await enqueue(conn, key="acme later", scheduled_at="2099-01-01T00:00:00Z")  # no index has it
    found = await keys.find_keys(conn, "acme", 10)
    assert found == [
        KeyHit("acme", ["mail", "runs", "video"]),
        KeyHit("acme-eu", ["video"]),
        KeyHit("acme inc", ["mail"]),
    ]
    assert await keys.find_keys(conn, "acme", 1) == found[:1]
    assert await keys.find_keys(conn, "acme", 9, {"video"}) == [
        KeyHit("acme", ["video"]),
        KeyHit("acme-eu", ["video"]),
    ]
    assert await keys.find_keys(conn, "%", 9) == []


async def test_a_key_tells_what_waits_and_runs_of_it_and_what_holds_it_back(conn: Conn) -> None:
    first, second, third = await enqueue(conn, 3, key="acme", limits={"gpu": 1})
    [alone] = await enqueue(conn, key="acme", queue_name="mail")
    await enqueue(conn, key="acme inc")
    await set_policy(conn, max_running_per_key=1, rate_per_key=Rate(60, 60, 60), order=StartOrder.FAIR)
    await claim(conn, await add_worker(conn), 9, queue="default")
    default, mail = await keys.places_of(conn, "acme")
    assert (default.queue, default.waiting, default.running, default.blocked_by) == (
        "default", 2, 1, "max_running_per_key",
    )  # fmt: skip
    assert (default.order, default.max_running_per_key, default.weight) == (StartOrder.FAIR, 1, None)
    assert default.rate_per_key == Rate(60, 60, 60)
    assert (mail.queue, mail.waiting, mail.running, mail.blocked_by, mail.order) == (
        "mail", 1, 0, None, StartOrder.PRIORITY,
    )  # fmt: skip
    assert [place.queue for place in await keys.places_of(conn, "acme", {"mail"})] == ["mail"]
    assert await keys.places_of(conn, "acm") == []
    found = await keys.tasks_of(conn, "acme", ["default", "mail"], 5)
    assert (found.running, set(found.waiting), found.limits) == ([first], {alone, second, third}, ["gpu"])
    assert (await keys.tasks_of(conn, "acme", ["default"], 1)).waiting == [second]
