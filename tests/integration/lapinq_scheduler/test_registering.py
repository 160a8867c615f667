"""What modules declare is stored at the start of a scheduler, once, whoever else starts."""

import asyncio
import logging
from collections.abc import Callable, Sequence

import psycopg
import pytest

from lapinq_core.db.pool import make_pool
from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.runtime.settings import load_settings
from lapinq_core.schedules import schedules
from lapinq_core.schedules.comparing import Wanted
from lapinq_core.schedules.schedules import Schedule
from lapinq_scheduler.cron import embedded_cron, run_cron
from lapinq_scheduler.registering import declarations, register
from tests.support.database import proxy
from tests.support.eventually import eventually, eventually_async
from tests.support.rows.factories import SOMEBODY, Conn
from tests.support.rows.schedules import add_schedule, task_ids

MODULE = "tests.support.sample.planned"
SEND, ADD = f"{MODULE}.Mailer.send", f"{MODULE}.add"
NAMES = ["report", SEND, ADD]


async def registered(url: str, wanted: Sequence[Wanted] | None = None, count: int = 1) -> None:
    """As many schedulers store what is wanted, by default what the module declares, at once."""
    wanted = declarations([MODULE]) if wanted is None else wanted
    async with make_pool(url, "test", 4, timeout=10.0) as pool:
        await asyncio.gather(*(register(pool, wanted, [MODULE], asyncio.Event()) for _ in range(count)))


async def stored(url: str) -> dict[str, Schedule]:
    async with await Conn.open(url) as conn:
        found, _ = await schedules.list_schedules(conn, schedules.ScheduleFilter(), 100)
        return {one.name: one for one in found}


def test_what_a_module_declares_is_stored_by_several_at_once(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        asyncio.run(registered(database, count=3))
    found = asyncio.run(stored(database))
    assert list(found) == NAMES
    assert {one.source for one in found.values()} == {f"module:{MODULE}"}
    assert {one.updated_by for one in found.values()} == {MODULE}
    assert found["report"].next_fire_at is not None
    assert [message for message in caplog.messages if message.startswith("schedule ")] == [
        f"schedule {name}: created" for name in sorted(NAMES)
    ]
    with psycopg.connect(database) as conn:
        assert conn.execute("SELECT count(*) FROM lapinq_audit").fetchone() == (3,)
    asyncio.run(registered(database))
    assert {one.version for one in asyncio.run(stored(database)).values()} == {1}


async def test_what_is_declared_no_longer_is_paused_and_what_a_person_paused_stays(database: str) -> None:
    every = declarations([MODULE])
    await registered(database, every)
    async with await Conn.open(database) as conn:
        await schedules.pause(conn, "report", "the printer is broken", by=SOMEBODY)
    await registered(database, [one for one in every if one.definition.name == SEND])
    found = await stored(database)
    states = {name: one.state for name, one in found.items()}
    assert states == {"report": "paused", SEND: "active", ADD: "paused"}
    assert found[ADD].pause_reason == f"no longer declared in {MODULE}"
    await registered(database, every)
    found = await stored(database)
    assert found[ADD].state == "active"
    assert found["report"].pause_reason == "the printer is broken"


def test_one_that_is_kept_elsewhere_is_left_and_told_and_the_others_are_stored(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with await Conn.open(database) as conn:
            await add_schedule(conn, "report")
        await registered(database)
        found = await stored(database)
        assert list(found) == NAMES
        assert found["report"].task_name == "add"

    asyncio.run(test())
    assert "schedule report belongs to no module or file and stays unchanged" in caplog.text


def test_a_scheduler_stores_and_fires_as_soon_as_the_database_is_there(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(url: str, heal: Callable[[], None]) -> None:
        stop = asyncio.Event()
        settings = load_settings({}, database_url=url, schedule_modules=(MODULE,))
        async with await Conn.open(database) as conn, asyncio.TaskGroup() as group:
            group.create_task(run_cron(settings, stop, Metrics(), declarations([MODULE])))
            await asyncio.to_thread(eventually, lambda: "error connecting" in caplog.text)
            assert await stored(database) == {}
            await asyncio.to_thread(heal)
            await eventually_async(lambda: task_ids(conn, ADD), 20)
            stop.set()

    with proxy.proxy(database) as between:
        between.cut()
        asyncio.run(test(between.url, between.heal))


async def test_an_embedded_scheduler_stores_and_fires_too(database: str) -> None:
    settings = load_settings({}, database_url=database, schedule_modules=(MODULE,))
    async with await Conn.open(database) as conn, embedded_cron(settings):
        await eventually_async(lambda: task_ids(conn, ADD))


def test_a_module_that_cannot_be_imported_keeps_the_embedded_scheduler_from_starting(database: str) -> None:
    settings = load_settings(
        {}, database_url=database, schedule_modules=("tests.support.sample.broken_module",)
    )

    async def test() -> None:
        async with embedded_cron(settings):
            pass

    with pytest.raises(Exception, match=r"schedules of module 'tests.support.sample.broken_module': "):
        asyncio.run(test())
