"""What is seen of workers, and what may be asked of them."""

import uuid
from typing import Any

import msgspec
import pytest

from lapinq_core.db.rows import all_rows
from lapinq_core.domain.annotations.form_fields import form_fields
from lapinq_core.domain.tasks.functions.registered import Registered
from lapinq_core.domain.worker import WorkerRequest, WorkerState
from lapinq_core.fleet import operators, workers
from lapinq_core.fleet.operators import DeadWorker, StoppingWorker, UnknownWorker, WorkerDetails
from lapinq_core.fleet.workers import ALONE, Health, Place
from lapinq_core.people import audit
from lapinq_core.people.audit_filters import AuditFilter
from lapinq_core.tasks import actions
from tests.integration.tasks.test_plans import wear_out
from tests.support.database.plans import blocks, nodes, plan, scanned_whole
from tests.support.rows.factories import (
    SOMEBODY,
    Conn,
    Connections,
    add_worker,
    beat,
    claim,
    enqueue,
    make_late,
)
from tests.support.rows.rescue import ANY_TIME

MAX = msgspec.structs.replace(SOMEBODY, actor="max")
LATE = "UPDATE lapinq_workers SET beat_at = beat_at - 0.7 * lease_seconds * interval '1 second' WHERE id = %s"


async def get(conn: Conn, worker: str) -> WorkerDetails:
    found = await operators.get_worker(conn, worker)
    assert found is not None
    return found


async def age(conn: Conn, worker: str, seconds: float) -> None:
    await conn.execute(
        "UPDATE lapinq_workers SET beat_at = lapinq_now() - %s * interval '1 second' WHERE id = %s",
        (seconds, worker),
    )


async def noted(conn: Conn) -> list[tuple[str, str, str | None, dict[str, Any] | None]]:
    entries, _ = await audit.list_entries(conn, AuditFilter(), 50)
    return [(entry.actor.name, entry.action, entry.target, entry.details) for entry in reversed(entries)]


async def test_a_worker_is_seen_as_it_said_it_is(conn: Conn) -> None:
    worker = await add_worker(conn, name="box-7", queues=["mail"], concurrency=3)
    new = await get(conn, worker)
    assert (new.name, new.queues, new.pool, new.concurrency, new.version) == (
        "box-7",
        ["mail"],
        "processes",
        3,
        "0",
    )
    assert (new.state, new.memory_bytes, new.running, new.rate) == (WorkerState.ALIVE, None, None, None)
    await beat(conn, worker, memory_bytes=2**33, running=2, rate=1.5, blocked_seconds=4.5)
    told = await get(conn, worker)
    assert (new.blocked_seconds, told.blocked_seconds) == (None, 4.5)
    assert (told.state, told.memory_bytes, told.running, told.rate) == (WorkerState.ALIVE, 2**33, 2, 1.5)
    assert told.beat_at > new.beat_at
    assert told.beat_at.utcoffset() is not None
    assert (told.task_count, told.tasks) == (0, [])
    assert (await operators.list_workers(conn)).workers[0].id == worker
    assert await operators.get_worker(conn, str(uuid.uuid4())) is None


async def test_its_state_is_what_matters_most(conn: Conn) -> None:
    worker = await add_worker(conn, lease_seconds=30.0)

    async def state() -> WorkerState:
        return (await get(conn, worker)).state

    await operators.request(conn, worker, WorkerRequest.QUIET, by=SOMEBODY)
    assert await state() is WorkerState.ALIVE, "it has not heard of it"
    await beat(conn, worker, is_quiet=True)
    assert await state() is WorkerState.QUIET
    await operators.request(conn, worker, WorkerRequest.STOP, by=SOMEBODY)
    assert await state() is WorkerState.STOPPING
    await age(conn, worker, 14)
    assert await state() is WorkerState.STOPPING
    await age(conn, worker, 16)
    assert await state() is WorkerState.LATE
    assert 16 <= (await get(conn, worker)).beat_age < 20
    await age(conn, worker, 31)
    await workers.declare_dead(conn, ANY_TIME)
    assert await state() is WorkerState.DEAD


async def test_the_living_come_first_and_the_rest_is_counted(
    conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await operators.list_workers(conn) == operators.Fleet([], 0)
    dead = await add_worker(conn, name="a")
    await make_late(conn, dead)
    await workers.declare_dead(conn, ANY_TIME)
    for name in ("c", "b", "d"):
        await add_worker(conn, name=name)
    found = await operators.list_workers(conn)
    assert ([worker.name for worker in found.workers], found.more) == (["b", "c", "d", "a"], 0)
    await add_worker(conn, name="e", queues=["mail"])
    for queues, names in (({"mail", "video"}, "bcdea"), ({"video"}, "bcda")):
        found = await operators.list_workers(conn, queues=queues)
        assert "".join(worker.name for worker in found.workers) == names
    monkeypatch.setattr(operators, "MAX_WORKERS", 2)
    found = await operators.list_workers(conn)
    assert ([worker.name for worker in found.workers], found.more) == (["b", "c"], 3)


async def test_the_tasks_held_for_longest_are_shown(conn: Conn) -> None:
    worker, other = await add_worker(conn, name="a"), await add_worker(conn, name="b")
    ids = await enqueue(conn, 25)
    await claim(conn, worker, 24)
    await claim(conn, other)
    await conn.execute(
        "UPDATE lapinq_running SET claimed_at = claimed_at - interval '1 hour', progress = 40 WHERE id = %s",
        (ids[20],),
    )
    one, two = (await operators.list_workers(conn)).workers
    assert (one.task_count, len(one.tasks)) == (24, operators.MAX_TASKS)
    assert [task.id for task in one.tasks] == [ids[20], *ids[:19]]
    longest = one.tasks[0]
    assert (longest.task_name, longest.queue_name, longest.progress) == ("add", "default", 40)
    assert 3600 <= longest.seconds < 3700
    assert longest.seconds == round(longest.seconds, 3)
    assert ([task.id for task in two.tasks], two.task_count) == ([ids[24]], 1)
    assert [task.id for task in (await get(conn, other)).tasks] == [ids[24]]


async def test_a_worker_hears_its_place_among_those_that_serve_its_queues_and_have_room(conn: Conn) -> None:
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(5)]
    queues = [None, ["mail"], None, None, ["mail"]]
    for worker, served in zip(ids, queues, strict=True):
        await add_worker(conn, id=worker, queues=served, concurrency=4)

    async def place(which: int, **health: Any) -> Place:
        await workers.heartbeat(conn, ids[which], Health(**health))
        await workers.count_places(conn)
        told = await workers.heartbeat(conn, ids[which], Health(**health))
        assert told is not None
        return told.place

    assert [await place(n) for n in range(5)] == [
        Place(0, 3, 5),
        Place(0, 2, 5),
        Place(1, 3, 5),
        Place(2, 3, 5),
        Place(1, 2, 5),
    ]
    assert await place(0, running=4) == Place(0, 3, 5)
    assert await place(2, is_quiet=True) == Place(0, 2, 5)
    assert await place(3) == Place(0, 1, 5)
    await conn.execute(LATE, (ids[1],))
    assert await place(4) == Place(0, 1, 5)  # before it is declared dead
    await make_late(conn, ids[1])
    await workers.declare_dead(conn, ANY_TIME)
    assert await place(4) == Place(0, 1, 4)
    # What did not change is not written again, and nothing else is left.
    [kept] = await all_rows(conn, "SELECT ctid::text FROM lapinq_places")
    await workers.count_places(conn)
    assert await all_rows(conn, "SELECT ctid::text FROM lapinq_places") == [kept]


async def test_places_that_do_not_change_are_counted_again_before_they_are_too_old(conn: Conn) -> None:
    await add_worker(conn)
    for age, is_stored_again in (("0 s", False), ("12 s", False), ("16 s", True), ("-1 hour", True)):
        await workers.count_places(conn)
        await conn.execute("UPDATE lapinq_places SET counted_at = lapinq_now() - %s::interval", (age,))
        await workers.count_places(conn)
        cursor = await conn.execute(
            "SELECT counted_at BETWEEN lapinq_now() - interval '5 s' AND lapinq_now() FROM lapinq_places"
        )
        assert await cursor.fetchall() == [(is_stored_again or age == "0 s",)], age


async def test_a_worker_counts_its_place_itself_while_no_other_process_does(conn: Conn) -> None:
    """As while one of an earlier release is on duty."""
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(5)]
    for worker, queues in zip(ids, [None, None, None, None, ["mail"]], strict=True):
        await add_worker(conn, id=worker, queues=queues)
    await beat(conn, ids[1], is_quiet=True)
    await conn.execute(LATE, (ids[2],))
    told = [await workers.heartbeat(conn, worker, Health()) for worker in (ids[0], *ids[3:])]
    assert [each and each.place for each in told] == [Place(0, 2, 5), Place(1, 2, 5), Place(0, 1, 5)]


async def test_a_worker_ignores_a_place_that_was_counted_long_ago(conn: Conn) -> None:
    worker = await add_worker(conn)
    for age, place in (("25 s", Place(42, 100, 100)), ("1 hour", ALONE)):
        await conn.execute(
            "INSERT INTO lapinq_places (places, counted_at)"
            " VALUES (jsonb_build_object(%s::text, '[42, 100, 100]'::jsonb), lapinq_now() - %s::interval)",
            (worker, age),
        )
        told = await workers.heartbeat(conn, worker, Health())
        assert told is not None
        assert told.place == place


async def test_heartbeats_do_not_read_those_of_the_fleet_that_a_snapshot_keeps(
    connections: Connections,
) -> None:
    """A hundred workers leave 72,000 dead rows in an hour; a sixth of these is as good, and made in a second."""
    conn, holding = await connections(2)
    ids = [await add_worker(conn, name=f"w{number}") for number in range(100)]
    async with holding.transaction():
        await holding.execute("SELECT FROM lapinq_workers")
        # The one that sends a heartbeat came last.
        await conn.execute(
            "DO $$ BEGIN FOR beat IN 1..120 LOOP"
            "  UPDATE lapinq_workers SET beat_at = lapinq_now(), running = beat % 4 WHERE name <> 'w99';"
            "  PERFORM 1; END LOOP; END $$"
        )
        await workers.count_places(conn)
        found = await plan(
            conn,
            "heartbeat",
            {"id": ids[-1], "jumped_at": None, "jumped_seconds": None, **msgspec.structs.asdict(Health())},
        )
        assert blocks(found) < 60


async def test_a_worker_hears_what_it_is_asked_and_by_whom(conn: Conn) -> None:
    worker, other = await add_worker(conn, name="box"), await add_worker(conn)

    async def heard(which: str = worker) -> tuple[str | None, str | None]:
        told = await workers.heartbeat(conn, which, Health())
        assert told is not None
        return told.asked_to, told.asked_by

    assert await heard() == (None, None)
    asked = await operators.request(conn, worker, WorkerRequest.QUIET, by=SOMEBODY)
    assert (asked.asked_to, asked.asked_by) == (WorkerRequest.QUIET, "lisa")
    assert asked.asked_at is not None
    again = await operators.request(conn, worker, WorkerRequest.QUIET, by=MAX)
    assert (again.asked_by, again.asked_at) == ("lisa", asked.asked_at)
    assert [await heard(), await heard()] == [("quiet", "lisa")] * 2
    assert await heard(other) == (None, None)
    assert (await operators.request(conn, worker, None, by=MAX)).asked_by == "max"
    assert await heard() == (None, "max")
    await operators.request(conn, worker, None, by=SOMEBODY)
    await operators.request(conn, worker, WorkerRequest.STOP, by=SOMEBODY)
    assert await heard() == ("stop", "lisa")
    assert await noted(conn) == [
        ("lisa", "worker.quiet", worker, {"name": "box"}),
        ("max", "worker.resume", worker, {"name": "box"}),
        ("lisa", "worker.stop", worker, {"name": "box"}),
    ]


async def test_who_asks_sees_a_worker_that_stops_at_once(database: str, conn: Conn) -> None:
    worker = await add_worker(conn)
    await conn.execute(
        "CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN DELETE FROM lapinq_workers WHERE id = NEW.id; RETURN NULL; END'"
    )
    await conn.execute(
        "CREATE CONSTRAINT TRIGGER leave_when_asked AFTER UPDATE ON lapinq_workers"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION leave()"
    )
    asked = await operators.request(conn, worker, WorkerRequest.STOP, by=SOMEBODY)
    assert (asked.id, asked.asked_to) == (worker, WorkerRequest.STOP)
    assert await operators.get_worker(conn, worker) is None


async def test_a_worker_hears_only_which_of_its_own_tasks_to_cancel(conn: Conn) -> None:
    worker, other = await add_worker(conn), await add_worker(conn)
    await enqueue(conn, 3)
    [stopped, _] = await claim(conn, worker, 2)
    [others] = await claim(conn, other)
    for which in (stopped, others):
        assert await actions.request_cancel(conn, which.id)
    assert await beat(conn, worker) == [(stopped.id, stopped.token)]
    assert await beat(conn, other) == [(others.id, others.token)]


async def test_who_is_dead_or_unknown_is_asked_for_nothing_and_a_stop_is_not_taken_back(conn: Conn) -> None:
    dead, stopping = await add_worker(conn), await add_worker(conn)
    await make_late(conn, dead)
    await workers.declare_dead(conn, ANY_TIME)
    for order in (*WorkerRequest, None):
        with pytest.raises(DeadWorker):
            await operators.request(conn, dead, order, by=SOMEBODY)
        with pytest.raises(UnknownWorker):
            await operators.request(conn, str(uuid.uuid4()), order, by=SOMEBODY)
    assert (await get(conn, dead)).asked_at is None
    assert await noted(conn) == []
    stopped = await operators.request(conn, stopping, WorkerRequest.STOP, by=SOMEBODY)
    for order in (WorkerRequest.QUIET, None):
        with pytest.raises(StoppingWorker):
            await operators.request(conn, stopping, order, by=MAX)
    again = await operators.request(conn, stopping, WorkerRequest.STOP, by=MAX)
    assert (again.asked_to, again.asked_by, again.asked_at) == (WorkerRequest.STOP, "lisa", stopped.asked_at)
    assert len(await noted(conn)) == 1


async def test_the_list_asks_only_for_the_tasks_that_it_shows(connections: Connections) -> None:
    conn, plain = await connections(2)
    worker = await wear_out(conn)
    await enqueue(conn, 100)
    await claim(conn, worker, 100)
    await conn.execute("ANALYZE lapinq_running, lapinq_workers")
    for which in (None, worker):
        params = {
            "id": which,
            "queues": None,
            "limit": operators.MAX_WORKERS,
            "max_tasks": operators.MAX_TASKS,
        }
        found = await plan(plain, "list_workers", params)
        assert set(scanned_whole(found)) <= {"lapinq_running", "lapinq_workers"}
        of_tasks = [
            node for node in nodes(found) if node.get("Relation Name", "").startswith("lapinq_tasks_")
        ]
        assert sum(node["Actual Loops"] for node in of_tasks) == operators.MAX_TASKS
        assert blocks(found) < 500
        found = await plan(plain, "list_workers", params | {"max_tasks": 0})
        read = {node.get("Relation Name") for node in nodes(found) if node["Actual Loops"]}
        assert "lapinq_running" not in read


def send(to: str, copies: int = 1) -> None: ...


async def test_the_tasks_that_living_workers_know_are_listed_once_with_their_workers(conn: Conn) -> None:
    mail = Registered("send", "shop.mail", "mail", {"priority": 5}, form_fields(send), "2", [5, 60])
    old, video = Registered("send", "shop.mail", "mail", {}), Registered("cut", "shop.video", None, {})
    for name, tasks in (
        ("b", [video, mail]),
        ("a", [mail]),
        ("old", [old]),
        ("none", None),
        ("dead", [video]),
    ):
        worker = await add_worker(conn, name=name)
        if tasks is not None:
            await workers.record_registered(conn, worker, tasks)
    await conn.execute("UPDATE lapinq_workers SET dead_at = lapinq_now() WHERE name = 'dead'")
    # As a worker of an earlier release stores it.
    await conn.execute(
        "UPDATE lapinq_workers SET registered = registered #- '{0, parameters}' WHERE name = 'old'"
    )
    listed = await operators.list_registered(conn)
    assert [one.parameters for one in listed if one.workers == ["a", "b"]] == [mail.parameters]
    assert [one.parameters for one in listed if one.workers == ["old"]] == [None]
    assert {(one.version, *(one.retry_delays or ())) for one in listed if one.workers == ["a", "b"]} == {
        ("2", 5, 60)
    }
    found = [(one.task_name, one.options, one.workers) for one in listed]
    assert sorted(found, key=str) == [
        ("cut", {}, ["b"]),
        ("send", {"priority": 5}, ["a", "b"]),
        ("send", {}, ["old"]),
    ]
    assert await operators.find_registered(conn, "send") == [one for one in listed if one.task_name == "send"]
    assert await operators.find_registered(conn, "none") == []
    for named, queue, names in ((mail.module_path, "mail", ["to", "copies"]), ("none", "mail", [])):
        assert (await operators.find_function(conn, "send", named, queue)).positional == names
    await conn.execute("UPDATE lapinq_workers SET queues = '{video}' WHERE name <> 'b'")
    for told in (
        await operators.list_registered(conn, {"mail"}),
        await operators.find_registered(conn, "send", {"mail"}),
    ):
        assert sorted((one.workers for one in told), key=str) == [["b"], []], (
            "who serves no readable queue is not named"
        )
    function = await operators.find_function(conn, "send", mail.module_path, "video")
    assert function == (["to", "copies"], [5, 60])
    await conn.execute("UPDATE lapinq_workers SET queues = '{video}'")
    assert await operators.find_function(conn, "send", mail.module_path, "mail") == ([], None)
    of_modules = [await workers.has_module(conn, module) for module in (mail.module_path, "none")]
    assert of_modules == ["a", None]
    await conn.execute("UPDATE lapinq_workers SET dead_at = lapinq_now()")
    assert await workers.has_module(conn, mail.module_path) is None
