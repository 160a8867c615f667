"""A worker runs tasks, and records how they end."""

import re
from pathlib import Path
from typing import Any

import pytest

from lapinq_core.upkeep import maintenance
from tests.integration.lapinq_worker.desk import Desk, task_of, until
from tests.support.database.invariants import check_rows
from tests.support.sample import tasks, typed_tasks
from tests.support.sample.starts import starts

UNSTORABLE = "the function ran to its end, but its result can't be stored as JSON"
NOT_ALLOWED = r".*is not allowed by LAPINQ_ALLOWED_MODULES \(tests\.\*, no_such_module\)"
LINE = {"product": "0198f3c2-7a10-7000-8000-000000000001", "colour": "red"}
ORDER = {"number": 1, "lines": [LINE]}

# A function with arguments and values of its task; how it ends, its result or error as a pattern, and the starts.
ENDS: list[tuple[Any, list[Any], dict[str, Any], str, str, int]] = [
    (tasks.add, [1, 2], {}, "completed", "3", 1),
    (tasks.aadd, [3, 4], {}, "completed", "7", 1),
    (
        tasks.echo,
        [1, "ä"],
        {"kwargs": {"a": None}},
        "completed",
        r'\{"args":\[1,"ä"],"kwargs":\{"a":null}}',
        1,
    ),
    (tasks.Mailer.send, ["you"], {}, "completed", '"sent to you"', 1),
    (tasks.wrapped_aadd, [5, 6], {}, "completed", "11", 1),
    (tasks.fail, ["no good"], {"max_retries": 2}, "failed", "ValueError: no good", 3),
    (tasks.afail, ["no good"], {"max_retries": 0}, "failed", "ValueError: no good", 1),
    (tasks.unstorable, [], {"max_retries": 5}, "failed", f"{UNSTORABLE}.*", 1),
    (
        tasks.sleep,
        [3],
        {"max_retries": 0, "timeout_seconds": 0.5},
        "failed",
        r"time limit of 0\.5 s reached",
        1,
    ),
    (
        tasks.asleep,
        [60],
        {"max_retries": 1, "timeout_seconds": 0.5},
        "failed",
        r"time limit of 0\.5 s reached",
        2,
    ),
    (tasks.add, [], {"module_path": "os"}, "failed", NOT_ALLOWED, 1),
    (tasks.add, ["exit 1"], {"task_name": "os.system"}, "failed", NOT_ALLOWED, 1),
    # Functions that can't be found.
    (
        tasks.add,
        [],
        {"module_path": "no_such_module", "max_retries": 3},
        "failed",
        r"TaskNotFound: no module 'no_such_module'.* No living worker has reported .* the task is not retried again",
        2,
    ),
    (
        tasks.add,
        [],
        {"task_name": "no_such_task", "max_retries": 1},
        "failed",
        r"TaskNotFound: module 'tests\.support\.sample\.tasks' has no task or function.*",
        2,
    ),
    (
        tasks.add,
        [],
        {"module_path": "tests.support.sample.broken_module", "max_retries": 3},
        "failed",
        r"ModuleNotFoundError: No module named 'no_such_dependency'\. No living worker has reported .*",
        2,
    ),
    # Arguments arrive as annotated where the function runs.
    (
        typed_tasks.take,
        [ORDER, LINE, "2026-05-01T12:00:00Z", 5, "", "1"],
        {"kwargs": {"due": None}},
        "completed",
        re.escape('["Order","Line","datetime","int","str",["Decimal"],{"data":"bytes"},{"due":"NoneType"}]'),
        1,
    ),
    (
        typed_tasks.atake,
        [ORDER],
        {"kwargs": {"due": "2026-05-01"}},
        "completed",
        re.escape('["Order",["Line"],{"due":"date"}]'),
        1,
    ),
    (typed_tasks.complete, [ORDER], {}, "completed", r'\{"number":1,"lines":\[\{"product":.*', 1),
    (
        typed_tasks.atake,
        [{**ORDER, "number": 0}],
        {"max_retries": 3},
        "failed",
        re.escape("atake(): argument 'order': Input should be greater than 0 - at `$.number`"),
        1,
    ),
]


@pytest.mark.parametrize("pool", ["processes", "threads"])
async def test_coroutines_and_plain_functions_run_and_end(desk: Desk, pool: str) -> None:
    batch = [task_of(function, *args, **values) for function, args, values, *_ in ENDS]
    async with desk.working(worker_pool=pool, allowed_modules=("tests.*", "no_such_module")):
        ids = await desk.hand_in_many(batch)
        ended = await desk.ended(*ids)
    for task, (_, _, _, status, told, attempts) in zip(ended, ENDS, strict=True):
        assert (task.status, task.attempts) == (status, attempts), task
        assert re.fullmatch(told, task.result or task.error or "", re.DOTALL), task
    history = await desk.attempts(next(task.id for task in batch if task.task_name == "fail"))
    assert [(one.attempt, one.final, one.outcome) for one in history] == [
        (1, False, "failed"),
        (2, False, "failed"),
        (3, True, "failed"),
    ]
    for one in history:
        assert one.traceback is not None
        assert re.fullmatch(r'  File ".*tasks\.py", line \d+, in fail', one.traceback.splitlines()[1])
    await check_rows(desk.conn, ids)


async def test_tasks_without_a_limit_of_their_own_have_the_workers(desk: Desk) -> None:
    async with desk.working(worker_timeout=0.5):
        ids = [await desk.hand_in(function, 60, max_retries=0) for function in (tasks.sleep, tasks.asleep)]
        ended = await desk.ended(*ids)
    assert [(task.status, task.error) for task in ended] == [("failed", "time limit of 0.5 s reached")] * 2


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


async def test_a_failed_task_waits_twice_as_long_each_time_or_as_long_as_it_asks_for(
    desk: Desk, tmp_path: Path
) -> None:
    async def waits(task: str, attempt: int) -> float:
        await desk.until("SELECT starts = %s FROM lapinq_delayed WHERE id = %s", attempt, task)
        return await desk.value(
            "SELECT extract(epoch FROM d.due_at - a.finished_at)::float8 FROM lapinq_delayed d"
            " JOIN lapinq_attempts a ON a.task_id = d.id WHERE d.id = %s AND a.attempt = %s",
            task,
            attempt,
        )

    async def be_due(task: str) -> None:
        await desk.conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now() WHERE id = %s", (task,))

    async with desk.working():
        failing = await desk.hand_in(tasks.afail, "x", retry_delay=100.0, retry_backoff=True, max_retries=5)
        for attempt in range(1, 4):
            assert 0.8 <= await waits(failing, attempt) / (100.0 * 2 ** (attempt - 1)) <= 1.2
            await be_due(failing)
        asking = await desk.hand_in(tasks.retry_once, str(tmp_path / "asked"), 3600.0, retry_delay=1.0)
        # No countdown loses its task or blocks the others.
        endless = [await desk.hand_in(tasks.retry_in, countdown) for countdown in ("inf", "1e300")]
        assert await waits(asking, 1) == pytest.approx(3600.0)
        for task in endless:
            assert await waits(task, 1) > 3e8  # ten years, the most
        await be_due(asking)
        (ended,) = await desk.ended(asking)
        assert (ended.result, ended.attempts) == ('"done"', 2)
        first, last = await desk.attempts(asking)
        assert (first.error, last.result) == ("RetryError: not yet", '"done"')
    await check_rows(desk.conn, [failing, asking, *endless])


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
