"""Finding a worker by what a person calls it."""

import uuid

from lapinq_core.fleet import worker_names
from lapinq_core.fleet.worker_names import WorkerName
from tests.support.rows.factories import Conn, add_worker


async def test_a_worker_is_found_by_its_id_and_the_latest_boot_by_its_name(conn: Conn) -> None:
    first = await add_worker(conn, name="web-1")
    for text in (first, first.upper(), "web-1"):
        assert await worker_names.find(conn, text) == WorkerName(first, "web-1")
    assert await worker_names.find(conn, "web") is None
    await conn.execute("UPDATE lapinq_workers SET started_at = started_at - interval '1 h'")
    second = await add_worker(conn, name="web-1")
    assert await worker_names.find(conn, "web-1") == WorkerName(second, "web-1")
    assert await worker_names.find(conn, first) == WorkerName(first, "web-1")


async def test_a_name_that_is_the_id_of_another_gives_way_to_it(conn: Conn) -> None:
    worker = await add_worker(conn, name="web-1")
    await add_worker(conn, name=worker)
    assert await worker_names.find(conn, worker) == WorkerName(worker, "web-1")
    forgotten = str(uuid.uuid4())
    assert await worker_names.find(conn, forgotten) == WorkerName(forgotten, None)


async def test_who_is_limited_to_queues_finds_workers_of_these(conn: Conn) -> None:
    mail = await add_worker(conn, name="web-1", queues=["mail", "video"])
    video = await add_worker(conn, name="web-1", queues=["video"])
    every = await add_worker(conn, name="web-2", queues=None)
    assert await worker_names.find(conn, "web-1", {"mail"}) == WorkerName(mail, "web-1")
    assert await worker_names.find(conn, "web-1", {"news"}) is None
    assert await worker_names.find(conn, video, {"mail"}) == WorkerName(video, None)
    assert await worker_names.find(conn, "web-2", {"mail"}) == WorkerName(every, "web-2")
