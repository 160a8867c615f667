"""A worker runs tasks, and records how they end."""

import re
from collections import Counter
from pathlib import Path

import pytest

from lapinq_core.domain.ids import new_ids
from lapinq_core.upkeep import maintenance
from tests.integration.lapinq_worker.desk import Desk, task_of, until
from tests.support.database.invariants import check_rows
from tests.support.sample import tasks, typed_tasks
from tests.support.sample.starts import starts


@pytest.mark.parametrize("pool", ["processes", "threads"])
async def test_coroutines_and_plain_functions_run(desk: Desk, pool: str) -> None:
    async with desk.working(worker_pool=pool):
        ids = [
            await desk.hand_in(tasks.add, 1, 2),
            await desk.hand_in(tasks.aadd, 3, 4),
            await desk.hand_in(tasks.echo, 1, "ä", kwargs={"a": None}),
            await desk.hand_in(tasks.Mailer.send, "you"),
            await desk.hand_in(tasks.wrapped_aadd, 5, 6),
        ]
        ended = await desk.ended(*ids)
    assert [(task.status, task.result, task.attempts) for task in ended] == [
        ("completed", "3", 1),
        ("completed", "7", 1),
        ("completed", '{"args":[1,"ä"],"kwargs":{"a":null}}', 1),
        ("completed", '"sent to you"', 1),
        ("completed", "11", 1),
    ]
    await check_rows(desk.conn, ids)


async def test_a_short_retry_delay_is_kept_though_nobody_looks_meanwhile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(maintenance, "PROMOTE_INTERVAL_SECONDS", 3600.0)
    async with desk.working():
        task = await desk.hand_in(tasks.afail, "no good", max_retries=2, retry_delay=0.3)
        (ended,) = await desk.ended(task)
        assert (ended.status, ended.attempts) == ("failed", 3)
        passed = await desk.value(
            "SELECT extract(epoch FROM max(claimed_at) - min(finished_at))::float8 FROM lapinq_attempts"
            " WHERE task_id = %s",
            task,
        )
        assert passed >= 0.6


async def test_a_task_fails_once_its_retries_are_used_up(desk: Desk) -> None:
    async with desk.working():
        plain = await desk.hand_in(tasks.fail, "no good", max_retries=2)
        coroutine = await desk.hand_in(tasks.afail, "no good", max_retries=0)
        ended = await desk.ended(plain, coroutine)
    assert [(task.status, task.error, task.attempts) for task in ended] == [
        ("failed", "ValueError: no good", 3),
        ("failed", "ValueError: no good", 1),
    ]
    history = await desk.attempts(plain)
    assert [(one.attempt, one.final, one.outcome) for one in history] == [
        (1, False, "failed"),
        (2, False, "failed"),
        (3, True, "failed"),
    ]
    for one in history:
        assert one.traceback is not None
        assert re.fullmatch(r'  File ".*tasks\.py", line \d+, in fail', one.traceback.splitlines()[1])


async def test_a_failed_task_waits_twice_as_long_each_time(desk: Desk) -> None:
    task = await desk.hand_in(tasks.afail, "x", retry_delay=100.0, retry_backoff=True, max_retries=5)
    async with desk.working():
        for attempt in range(1, 4):
            await desk.until("SELECT starts = %s FROM lapinq_delayed WHERE id = %s", attempt, task)
            wait = await desk.value(
                "SELECT extract(epoch FROM d.due_at - a.finished_at)::float8 FROM lapinq_delayed d"
                " JOIN lapinq_attempts a ON a.task_id = d.id WHERE d.id = %s AND a.attempt = %s",
                task,
                attempt,
            )
            assert 0.8 <= wait / (100.0 * 2 ** (attempt - 1)) <= 1.2
            await desk.conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now()")


async def test_a_task_that_asks_for_a_retry_says_when(desk: Desk, tmp_path: Path) -> None:
    task = await desk.hand_in(tasks.retry_once, str(tmp_path / "asked"), 3600.0, retry_delay=1.0)
    async with desk.working():
        await desk.until("SELECT starts = 1 FROM lapinq_delayed WHERE id = %s", task)
        wait = await desk.value(
            "SELECT extract(epoch FROM d.due_at - a.finished_at)::float8 FROM lapinq_delayed d"
            " JOIN lapinq_attempts a ON a.task_id = d.id WHERE d.id = %s",
            task,
        )
        assert wait == pytest.approx(3600.0)
        await desk.conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now()")
        (ended,) = await desk.ended(task)
    assert (ended.result, ended.attempts) == ('"done"', 2)
    first, last = await desk.attempts(task)
    assert (first.error, last.result) == ("RetryError: not yet", '"done"')


@pytest.mark.parametrize("countdown", [float("inf"), 1e300])
async def test_no_countdown_loses_the_task_or_blocks_the_others(
    desk: Desk, tmp_path: Path, countdown: float
) -> None:
    async with desk.working():
        endless = await desk.hand_in(tasks.retry_in, str(countdown))
        other = await desk.hand_in(tasks.aadd, 1, 1)
        await desk.ended(other)
        await desk.until("SELECT starts = 1 FROM lapinq_delayed WHERE id = %s", endless)
    await check_rows(desk.conn, [endless, other])


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ({"module_path": "no_such_module"}, "TaskNotFound: no module 'no_such_module'; searched: "),
        (
            {"task_name": "no_such_task"},
            "TaskNotFound: module 'tests.support.sample.tasks' has no task or function",
        ),
        (
            {"module_path": "tests.support.sample.broken_module"},
            "ModuleNotFoundError: No module named 'no_such_dependency'",
        ),
    ],
)
async def test_a_function_that_cannot_be_found_fails_its_task_and_nothing_else(
    desk: Desk, place: dict[str, str], error: str
) -> None:
    task = task_of(tasks.add, max_retries=1)
    for name, value in place.items():
        setattr(task, name, value)
    async with desk.working():
        (lost,) = await desk.hand_in_many([task])
        (ended,) = await desk.ended(lost)
        assert (ended.status, ended.attempts) == ("failed", 2)
        assert ended.error is not None
        assert ended.error.startswith(error)
        (other,) = await desk.ended(await desk.hand_in(tasks.add, 1, 1))
        assert other.status == "completed"


@pytest.mark.parametrize("pool", ["processes", "threads"])
async def test_what_is_not_allowed_fails_without_a_retry_and_names_the_setting(desk: Desk, pool: str) -> None:
    elsewhere, inside = task_of(tasks.add), task_of(tasks.add, "exit 1")
    elsewhere.module_path, inside.task_name = "os", "os.system"

    async with desk.working(allowed_modules=("tests.*",), worker_pool=pool):
        for task in await desk.ended(*await desk.hand_in_many([elsewhere, inside])):
            assert (task.status, task.attempts) == ("failed", 1)
            assert task.error is not None
            assert "is not allowed by LAPINQ_ALLOWED_MODULES (tests.*)" in task.error


@pytest.mark.parametrize("pool", ["processes", "threads"])
async def test_a_result_that_cannot_be_stored_fails_the_task_without_a_retry(desk: Desk, pool: str) -> None:
    async with desk.working(worker_pool=pool):
        task = await desk.hand_in(tasks.unstorable, max_retries=5)
        (ended,) = await desk.ended(task)
    assert (ended.status, ended.attempts) == ("failed", 1)
    assert ended.error is not None
    assert ended.error.startswith("the function ran to its end, but its result can't be stored as JSON")


async def test_what_runs_too_long_is_stopped(desk: Desk) -> None:
    async with desk.working(worker_timeout=0.5):
        ids = [
            await desk.hand_in(tasks.spin, max_retries=0),
            await desk.hand_in(tasks.asleep, 60, max_retries=1),
        ]
        ended = await desk.ended(*ids)
    assert [(task.status, task.error, task.attempts) for task in ended] == [
        ("failed", "time limit of 0.5 s reached", 1),
        ("failed", "time limit of 0.5 s reached", 2),
    ]


async def test_a_task_that_kills_its_process_is_retried_and_fails_in_the_end(desk: Desk) -> None:
    async with desk.working():
        poison = await desk.hand_in(tasks.die, max_retries=2)
        others = await desk.hand_in_many([task_of(tasks.add, n, n) for n in range(40)])
        ended, *rest = await desk.ended(poison, *others)
    assert (ended.status, ended.attempts) == ("failed", 3)
    assert ended.error == "the process that ran the task was killed by SIGSEGV"
    assert Counter((task.status, task.attempts) for task in rest) == {("completed", 1): 40}


async def test_fire_and_forget_runs_once_and_leaves_nothing(desk: Desk, tmp_path: Path) -> None:
    async with desk.working():
        for n in range(20):
            await desk.hand_in(tasks.amark, str(tmp_path), str(n), ttl_seconds=0)
        await desk.hand_in(tasks.afail, "nobody hears", ttl_seconds=0)
        await until(lambda: len(starts(tmp_path)) == 20)
        # A kept one that came later: those before it are through.
        await desk.ended(await desk.hand_in(tasks.aadd, 1, 1))
    assert set(starts(tmp_path).values()) == {1}
    for table in ("lapinq_transient", "lapinq_running", "lapinq_ready", "lapinq_delayed"):
        assert await desk.value(f"SELECT count(*) FROM {table}") == 0
    assert await desk.value("SELECT count(*) FROM lapinq_tasks") == 1


async def test_many_tasks_of_all_kinds_end_as_they_should(desk: Desk) -> None:
    batch = [
        *(task_of(tasks.aadd, n, n) for n in range(100)),
        *(task_of(tasks.add, n, n) for n in range(60)),
        *(task_of(tasks.afail, "x", max_retries=n % 3) for n in range(60)),
        *(task_of(tasks.asleep, 0.01) for _ in range(60)),
    ]
    for task, task_id in zip(batch, new_ids(len(batch)), strict=True):
        task.id = task_id
    async with desk.working(worker_concurrency=8):
        ids = await desk.hand_in_many(batch)
        ended = await desk.ended(*ids)
    assert Counter(task.status for task in ended) == {"completed": 220, "failed": 60}
    assert Counter(task.attempts for task in ended) == {1: 240, 2: 20, 3: 20}
    await check_rows(desk.conn, ids)


async def test_arguments_arrive_as_annotated_where_the_function_runs(desk: Desk) -> None:
    line = {"product": "0198f3c2-7a10-7000-8000-000000000001", "colour": "red"}
    order = {"number": 1, "lines": [line]}
    noon = "2026-05-01T12:00:00Z"

    async with desk.working():
        ids = [
            await desk.hand_in(typed_tasks.take, order, line, noon, 5, "", "1", kwargs={"due": None}),
            await desk.hand_in(typed_tasks.atake, order, kwargs={"due": "2026-05-01"}),
            await desk.hand_in(typed_tasks.untyped, order, noon),
            await desk.hand_in(typed_tasks.complete, order),
            await desk.hand_in(typed_tasks.atake, {**order, "number": 0}, max_retries=3),
            await desk.hand_in(typed_tasks.take, order, {**line, "colour": "blue"}, max_retries=3),
        ]
        ended = await desk.ended(*ids)
    assert [(task.result or task.error, task.attempts) for task in ended] == [
        ('["Order","Line","datetime","int","str",["Decimal"],{"data":"bytes"},{"due":"NoneType"}]', 1),
        ('["Order",["Line"],{"due":"date"}]', 1),
        ('["dict","str"]', 1),
        ('{"number":1,"lines":[{"product":"0198f3c2-7a10-7000-8000-000000000001","colour":"red"}]}', 1),
        ("atake(): argument 'order': Input should be greater than 0 - at `$.number`", 1),
        ("take(): argument 'line': Invalid enum value 'blue' - at `$.colour`", 1),
    ]
    await check_rows(desk.conn, ids)
