"""Since when the first task of a queue waits, wherever it is told: tasks in lanes count like the others."""

import pytest

from lapinq_core.alerts import conditions
from lapinq_core.figures import alerts
from lapinq_core.lookup import measure
from lapinq_core.tasks import queues
from tests.integration.alerts.test_conditions import add_rule, begin_earlier, make_older, notices
from tests.support.rows.factories import Conn, enqueue


async def test_a_task_in_a_lane_that_waits_longer_than_the_others_is_the_first(conn: Conn) -> None:
    await enqueue(conn, key="a", queue_name="mixed")
    await enqueue(conn, limits={"gpu": 1}, queue_name="only")
    await enqueue(conn, queue_name="late")
    for queue in ("mixed", "only", "late"):
        await make_older(conn, queue, 500)
    await enqueue(conn, queue_name="mixed")
    await enqueue(conn, key="a", queue_name="late")

    about = pytest.approx(500, abs=10)
    assert await measure.ages(conn, ["mixed", "only", "late", "none"]) == {
        "mixed": about,
        "only": about,
        "late": about,
    }
    first = await measure.first_in_line(conn, ["mixed", "only", "late", "none"])
    since = {queue: each.since for queue, each in first.items()}
    listed, _ = await queues.list_queues(conn)
    assert {each.queue_name: each.waiting_since for each in listed} == since
    for queue, moment in since.items():
        details = await queues.get_queue(conn, queue)
        assert details is not None
        assert details.waiting_since == moment

    unserved = await alerts.find_unserved(conn)
    assert {each.queue_name: each.seconds for each in unserved} == dict.fromkeys(since, about)
    await add_rule(conn, backlog_seconds=100)
    await conditions.check(conn)
    await begin_earlier(conn)
    await conditions.check(conn)
    assert {details["queue_name"] for _, _, details in await notices(conn)} == set(since)
