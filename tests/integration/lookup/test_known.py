"""Names of queues and tasks that lapinq has seen."""

import msgspec

from lapinq_core.lookup.known import known_queues, known_task_names
from tests.support.rows.factories import Conn, add_worker, enqueue, pause
from tests.support.rows.schedules import add_schedule

REGISTERED = {"task_name": "send_mail", "module_path": "shop", "queue_name": "of a task"}


async def test_a_name_is_known_by_whatever_uses_it(conn: Conn) -> None:
    await enqueue(conn, queue_name="with tasks")
    await pause(conn, "paused")
    await add_schedule(conn, queue_name="of a schedule", task_name="nightly_report")
    worker = await add_worker(conn, queues=["served"])
    tasks = msgspec.json.encode([REGISTERED]).decode()
    await conn.execute("UPDATE lapinq_workers SET registered = %s::jsonb WHERE id = %s", (tasks, worker))
    await conn.execute(
        "INSERT INTO lapinq_users (username, password_hash, role, permissions, reads, created_at)"
        """ VALUES ('lisa', '', 'user', '{"of a user": ["cancel"]}', '{only read}', lapinq_now())"""
    )
    await enqueue(conn, queue_name="transient", ttl_seconds=0)
    await enqueue(conn, queue_name="transient, too", ttl_seconds=0)
    queues = [
        "of a schedule",
        "of a task",
        "of a user",
        "paused",
        "served",
        "transient",
        "transient, too",
        "with tasks",
    ]
    assert await known_queues(conn) == queues
    assert await known_queues(conn, ["pausd", "served", "paused"]) == ["paused", "served"]
    assert await known_task_names(conn) == ["nightly_report", "send_mail"]
    await conn.execute(
        "INSERT INTO lapinq_task_rollups (span, since, queue_name, task_name) VALUES (60, lapinq_now(), 'q', 'has run')"
    )
    assert await known_task_names(conn, ["has run", "send_mial", "send_mail"]) == ["has run", "send_mail"]
