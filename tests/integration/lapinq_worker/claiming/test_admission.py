"""What a worker does with claimed tasks whose name has a circuit breaker."""

# pyright: reportPrivateUsage=false

from pathlib import Path

import pytest

from lapinq_core.domain.limits.breaker import BreakerRule
from lapinq_core.limits import breakers
from lapinq_core.limits.breakers import put_task_breaker
from tests.integration.lapinq_worker.desk import Desk, task_of, until
from tests.support.database.invariants import check_rows
from tests.support.rows.factories import SOMEBODY
from tests.support.sample import tasks


async def test_it_learns_of_a_breaker_at_once_and_parks_its_tasks_beside_others(desk: Desk) -> None:
    async with desk.working() as worker:
        await until(lambda: worker._membership.is_member)
        await put_task_breaker(desk.conn, "afail", BreakerRule(failures_in_row=1), by=SOMEBODY)
        await until(lambda: worker._membership.watched == frozenset({"afail"}))
        first = await desk.hand_in(tasks.afail, "no", max_retries=0)
        await desk.ended(first)
        more = await desk.hand_in_many([task_of(tasks.afail, "no", max_retries=0) for _ in range(30)])
        failing = [first, *more]
        others = await desk.hand_in_many([task_of(tasks.aadd, 1, 2) for _ in range(30)])
        assert {task.status for task in await desk.ended(*others)} == {"completed"}
        await until(lambda: worker._dispatcher.in_hand == 0)
        parked = await desk.value("SELECT count(*) FROM lapinq_delayed WHERE parked_for IS NOT NULL")
        failed = "SELECT count(*) FROM lapinq_attempts WHERE final AND outcome = 'failed'"
        assert parked + await desk.value(failed) == 31
        assert parked > 0
        await put_task_breaker(desk.conn, "afail", None, by=SOMEBODY)
        await until(lambda: not worker._membership.watched)
        assert {task.status for task in await desk.ended(*failing)} == {"failed"}
    await check_rows(desk.conn, [*failing, *others])


async def test_when_the_answer_is_lost_it_asks_again_and_runs_each_once(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, lost = breakers.admit, 0

    async def admit(*args: object, **given: object) -> set[str]:
        nonlocal lost
        answer = await ask(*args, **given)  # type: ignore[arg-type]
        if lost < 3:
            lost += 1
            raise TimeoutError("lost")
        return answer

    monkeypatch.setattr(breakers, "admit", admit)

    await put_task_breaker(desk.conn, "amark", BreakerRule(failures_in_row=1), by=SOMEBODY)
    ids = await desk.hand_in_many([task_of(tasks.amark, str(tmp_path), str(n), 0.0) for n in range(3)])
    async with desk.working():
        ended = await desk.ended(*ids)
    assert {(task.status, task.attempts) for task in ended} == {("completed", 1)}
    assert lost == 3
    await check_rows(desk.conn, ids)
