"""Durable tasks do the same in every pool: event loop, threads, child processes, isolated coroutines."""

import json
from pathlib import Path
from typing import Any

import pytest

from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.durable.calls import MAX_STEPS
from tests.integration.lapinq_worker.desk import Desk, until
from tests.support.sample import durable_tasks

POOLS = {
    "event loop": ("threads", durable_tasks.coroutine),
    "threads": ("threads", durable_tasks.plain),
    "child processes": ("processes", durable_tasks.plain),
    "isolated coroutines": ("threads", durable_tasks.coroutine),
}


NEVER_CAME = "it waits for the signal never, which did not come within 0.01 s"

EXPECTED: dict[str, tuple[str, Any, list[str]]] = {
    "steps_once": ("completed", [1, 2, "ship"], ["charge 1", "charge 2", "ship"]),
    "sleeps": ("completed", 1, ["before", "between"]),
    "signals": ("completed", [{"n": 1}, "no", 2], ["waits", "waits"]),
    "timeouts": ("completed", "over", [NEVER_CAME] * 3),
    "waits_for_tasks": ("completed", [6, 8, "failed", "deleted"], []),
    "together": ("completed", ["0", "1", "2"], ["0", "1", "2"]),
    "same_name": (
        "completed",
        "name: 'one' is already in flight: give each of these steps a key=, so that it finds its result",
        [],
    ),
    "other_kind": (
        "failed",
        "StepRefused: step 'sleep': a step is stored under this name, so it can't be a sleep",
        ["stored"],
    ),
    "too_large": (
        "failed",
        "StepRefused: step 'page': its result has 5,002 bytes, more than 4,096 (LAPINQ_MAX_PAYLOAD_SIZE)",
        [],
    ),
    "too_many": ("failed", "StepRefused: step 'more': a task may have 10,000 steps and waits", []),
    "uncaught": ("completed", "done", ["finally", "finally"]),
    "waits_in_step": (
        "completed",
        "sleep: is called in a step: a step can't wait, call it in the task's function",
        [],
    ),
    "asks": ("completed", ["https://tasks.example/decide"], []),
    "decorated": ("completed", [5, "send"], ["charge 5", "send"]),
}
"""How each ends, with what result or error, and what it writes down."""
ATTEMPTS = {
    "steps_once": ["failed", "failed", "completed"],
    "sleeps": ["released", "completed"],
    "other_kind": ["failed", "failed"],
    "too_large": ["failed"],
}
ISOLATED = {"asks", "steps_once", "signals", "waits_for_tasks", "together", "uncaught"}
"""These go to the worker in different ways. An isolated attempt has to start a process."""


class Stage:
    """Tasks of one pool, each with a journal."""

    def __init__(self, desk: Desk, folder: Path, pool: str) -> None:
        self.desk = desk
        self.pool, self._function = POOLS[pool]
        self.is_coroutine = self._function is durable_tasks.coroutine
        self.is_isolated = pool == "isolated coroutines"
        self._folder = folder

    def journal(self, scenario: str) -> Path:
        return self._folder / scenario

    def written(self, scenario: str) -> list[str]:
        journal = self.journal(scenario)
        return journal.read_text().splitlines() if journal.exists() else []

    async def begin(self, scenario: str, *args: Any) -> str:
        """The id of a task that waits for a worker."""
        task = await self.desk.hand_in(self._function, scenario, str(self.journal(scenario)), *args)
        if self.is_isolated:
            await self.desk.conn.execute("UPDATE lapinq_ready SET isolation = 2")
        return task

    async def ended(self, task: str) -> tuple[str, Any]:
        """Its status and its result or error."""
        [found] = await self.desk.ended(task)
        return found.status, json.loads(found.result) if found.result is not None else found.error

    async def signal(self, task: str, name: str, value: object = None) -> None:
        await self.desk.conn.execute("SELECT lapinq_signal(%s, %s, %s)", (task, name, json.dumps(value)))


@pytest.fixture(params=POOLS)
def stage(desk: Desk, tmp_path: Path, request: pytest.FixtureRequest) -> Stage:
    return Stage(desk, tmp_path, request.param)


async def test_what_durable_tasks_do_in_every_pool(stage: Stage, tmp_path: Path) -> None:
    desk = stage.desk
    await desk.conn.execute("CREATE TABLE booked (number integer)")
    failed = await desk.hand_in(durable_tasks.fail, max_retries=0)
    args: dict[str, tuple[str, ...]] = {
        "waits_for_tasks": (failed, new_id()),
        "decorated": (str(stage.journal("decorated")),),
        "in_transaction": (desk.url,),
        "in_async_transaction": (desk.url,),
    }
    expected = {name: each for name, each in EXPECTED.items() if not stage.is_isolated or name in ISOLATED}
    if not stage.is_isolated:
        expected["in_async_transaction" if stage.is_coroutine else "in_transaction"] = ("completed", 2, [])
    tasks = {name: await stage.begin(name, *args.get(name, ())) for name in expected}
    await stage.signal(tasks["signals"], "early", {"n": 1})
    if "too_many" in tasks:
        await desk.conn.execute(_STORE_MANY, (tasks["too_many"], MAX_STEPS - 1))
    async with desk.working(
        worker_pool=stage.pool, max_payload_size=4096, public_url="https://tasks.example"
    ):
        await desk.until(_SUSPENDED, tasks["signals"], "waits for the signal yes or no")
        await stage.signal(tasks["signals"], "no", 2)
        await stage.signal(tasks["signals"], "yes", 3)
        await desk.until(_SUSPENDED, tasks["uncaught"], "waits for the signal go")
        await stage.signal(tasks["uncaught"], "go")
        found = {name: (*await stage.ended(task), stage.written(name)) for name, task in tasks.items()}
    found["together"][2].sort()
    assert found == expected
    for name in ATTEMPTS.keys() & tasks.keys():
        assert [each.outcome for each in await desk.attempts(tasks[name])] == ATTEMPTS[name], name
    assert await desk.value("SELECT array_agg(step || ' ' || occurrence ORDER BY id) FROM lapinq_decisions") == [
        "'ask' 0", "'aask' 0", " 0", " 1",
    ]  # fmt: skip
    assert await desk.value("SELECT count(*) FROM lapinq_links") == 6
    if not stage.is_isolated:
        assert await desk.value("SELECT array_agg(number) FROM booked") == [2]


async def test_an_attempt_that_has_lost_its_claim_stores_no_step(stage: Stage, tmp_path: Path) -> None:
    desk, gate = stage.desk, tmp_path / "gate"
    task = await stage.begin("loses_its_claim", str(gate))
    async with desk.working(worker_pool=stage.pool):
        await until(Path(f"{gate}.begun").exists)
        await desk.conn.execute("UPDATE lapinq_running SET token = gen_random_uuid()")
        gate.touch()
        await until(lambda: stage.written("loses_its_claim") == ["lost"])
    assert await desk.value("SELECT count(*) FROM lapinq_steps WHERE task_id = %s", task) == 0


@pytest.mark.parametrize("pool", ["processes", "threads"])
async def test_a_task_goes_on_only_with_the_version_of_its_first_step(desk: Desk, pool: str) -> None:
    other, same = [await desk.hand_in(durable_tasks.second_version) for _ in range(2)]
    for task, version in ((other, "1"), (same, "2")):
        await desk.conn.execute(_STORE_ONE, (task, version))
    async with desk.working(worker_pool=pool):
        [ended] = await desk.ended(same)
        await desk.until("SELECT count(*) > 0 FROM lapinq_attempts WHERE task_id = %s", other)
    assert (ended.status, ended.result) == ("completed", '"stored"')
    [attempt] = await desk.attempts(other)
    assert (attempt.outcome, attempt.traceback) == ("released", None)
    assert attempt.error == "it needs version 1 of the function, and this worker has version 2"
    assert await desk.status(other) == "pending"
    assert await desk.value("SELECT starts FROM lapinq_delayed WHERE id = %s", other) == 0


_SUSPENDED = "SELECT count(*) > 0 FROM lapinq_attempts WHERE task_id = %s AND error = 'suspended: ' || %s"
_STORE_MANY = """
INSERT INTO lapinq_steps (task_id, name, occurrence, kind, outcome, result, started_at, ended_at, attempt)
SELECT %s, 'page', n, 'step', 'completed', '1', lapinq_now(), lapinq_now(), 1 FROM generate_series(0, %s) AS n
"""
_STORE_ONE = """
INSERT INTO lapinq_steps (task_id, name, occurrence, kind, outcome, result, started_at, ended_at, attempt, version)
VALUES (%s, 'a', 0, 'step', 'completed', '"stored"', lapinq_now(), lapinq_now(), 1, %s)
"""
