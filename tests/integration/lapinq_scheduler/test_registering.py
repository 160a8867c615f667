"""What modules declare is stored at the start of a scheduler, once, whoever else starts."""

import asyncio
import logging
from collections.abc import Callable, Sequence

import pytest

from lapinq_core.db.pool import make_pool
from lapinq_core.db.rows import first_value
from lapinq_core.declaring import NotDeclared
from lapinq_core.limits import named_limits
from lapinq_core.monitoring.metrics import Metrics
from lapinq_core.runtime.settings import load_settings
from lapinq_core.schedules import schedules
from lapinq_core.schedules.comparing import Wanted, WantedRule
from lapinq_core.schedules.schedules import Schedule
from lapinq_scheduler.cron import embedded_cron, run_cron
from lapinq_scheduler.registering import declarations, register
from tests.support.database import proxy
from tests.support.eventually import eventually, eventually_async
from tests.support.rows.factories import SOMEBODY, Conn
from tests.support.rows.schedules import task_ids

MODULE = "tests.support.sample.planned"
LIMITED = "tests.support.sample.limited"
SEND, ADD = f"{MODULE}.Mailer.send", f"{MODULE}.add"
NAMES = ["report", SEND, ADD]


async def registered(
    url: str, wanted: Sequence[Wanted | WantedRule] | None = None, count: int = 1
) -> dict[str, Schedule]:
    """The schedules stored after `count` schedulers register `wanted` at once; by default what the module declares."""
    wanted = declarations([MODULE]) if wanted is None else wanted
    async with make_pool(url, "test", 4, timeout=10.0) as pool:
        await asyncio.gather(*(register(pool, wanted, [MODULE], asyncio.Event()) for _ in range(count)))
    return await stored(url)


async def stored(url: str) -> dict[str, Schedule]:
    async with await Conn.open(url) as conn:
        found, _ = await schedules.list_schedules(conn, schedules.ScheduleFilter(), 100)
        return {one.name: one for one in found}


async def test_what_a_module_declares_is_stored_by_several_at_once_until_it_declares_it_no_longer(
    database: str, conn: Conn, caplog: pytest.LogCaptureFixture
) -> None:
    every = [one for one in declarations([MODULE]) if isinstance(one, Wanted)]
    with caplog.at_level(logging.INFO):
        found = await registered(database, count=3)
    assert list(found) == NAMES
    assert {one.source for one in found.values()} == {f"module:{MODULE}"}
    assert {one.updated_by for one in found.values()} == {MODULE}
    assert found["report"].next_fire_at is not None
    assert [message for message in caplog.messages if message.startswith("schedule ")] == [
        f"schedule {name}: created" for name in sorted(NAMES)
    ]
    assert await first_value(conn, "SELECT count(*) FROM lapinq_audit") == 3
    assert {one.version for one in (await registered(database)).values()} == {1}

    # What is declared no longer is paused, and what a person paused stays so.
    await schedules.pause(conn, "report", "the printer is broken", by=SOMEBODY)
    for _ in range(2):
        found = await registered(database, [one for one in every if one.definition.name == SEND])
    states = {name: one.state for name, one in found.items()}
    assert states == {"report": "paused", SEND: "active", ADD: "paused"}
    assert (found[ADD].pause_reason, found[ADD].paused_by) == (f"no longer declared in {MODULE}", MODULE)
    found = await registered(database)
    assert found[ADD].state == "active"
    assert found["report"].pause_reason == "the printer is broken"

    # One that is kept elsewhere is left and told.
    await conn.execute("UPDATE lapinq_schedules SET source = NULL, priority = 7 WHERE name = 'report'")
    assert (await registered(database))["report"].priority == 7
    assert "schedule report belongs to no module or file and stays unchanged" in caplog.text


async def test_an_embedded_scheduler_starts_with_the_declared_limits_and_keeps_those_that_are_gone(
    database: str, conn: Conn, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load_settings({}, database_url=database, schedule_modules=(LIMITED,))
    with caplog.at_level(logging.INFO):
        async with embedded_cron(settings):
            limit = await named_limits.get_limit(conn, "mailer")
    assert limit is not None
    assert limit.source == f"module:{LIMITED}"
    kinds = {"limit mailer", "policy mails", "breaker send", f"schedule {LIMITED}.send"}
    assert kinds == {message.removesuffix(": created") for message in caplog.messages if "created" in message}

    async with make_pool(database, "test", 2, timeout=10.0) as pool:
        await register(pool, [], [LIMITED], asyncio.Event())
    gone = (
        f"is no longer declared in {LIMITED}, and stays in force; if no other program and no newer release declares"
        f" it, `lapinq apply {LIMITED} --prune` removes it"
    )
    assert [message for message in caplog.messages if "in force" in message] == [
        f"{what} {gone}" for what in ("breaker send", "limit mailer", "policy mails")
    ]
    assert await named_limits.get_limit(conn, "mailer") is not None

    # Its module was renamed or left out, or is another scheduler's.
    limit_elsewhere = [
        one for one in declarations([LIMITED]) if isinstance(one, WantedRule) and one.rule.name == "mailer"
    ]
    caplog.clear()
    with caplog.at_level(logging.INFO):
        async with make_pool(database, "test", 2, timeout=10.0) as pool:
            await register(pool, limit_elsewhere, [MODULE], asyncio.Event())
    left = (
        f"was declared by {LIMITED}, which is not a module of this scheduler, and stays in force; if no program"
        " declares it any more, `lapinq"
    )
    assert [message for message in caplog.messages if "in force" in message] == [
        f"breaker send {left} breaker remove send` removes it",
        f"policy mails {left} queue set mails` with `none` for its rules removes it",
    ]


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


async def test_an_embedded_scheduler_stores_and_fires_too_if_its_modules_can_be_imported(
    database: str, conn: Conn
) -> None:
    broken = "tests.support.sample.broken_module"
    with pytest.raises(NotDeclared, match=f"schedules of module '{broken}': "):
        async with embedded_cron(load_settings({}, database_url=database, schedule_modules=(broken,))):
            pass
    async with embedded_cron(load_settings({}, database_url=database, schedule_modules=(MODULE,))):
        await eventually_async(lambda: task_ids(conn, ADD))
