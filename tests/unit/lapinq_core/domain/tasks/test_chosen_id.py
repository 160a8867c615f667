"""Which id of a client's choice is stored, and when the key is stored too."""

import pytest

from lapinq_core.domain.ids import id_at
from lapinq_core.domain.tasks.chosen_id import (
    MAX_CLOCK_ERROR_SECONDS,
    MAX_REPEAT_SECONDS,
    chosen_id,
    key_of,
    needs_key,
)
from lapinq_core.domain.tasks.task import NewTask

NOW = 1_800_000_000.0


def id_of_age(seconds: float) -> str:
    head = str(id_at(int((NOW - seconds) * 1000)))
    return f"{head[:14]}7abc-8000-000000000001"


def task(task_id: str, ttl_seconds: float | None = None) -> NewTask:
    return NewTask(id=task_id, task_name="add", module_path="app", ttl_seconds=ttl_seconds)


@pytest.mark.parametrize("age", [0, 1, -1, MAX_CLOCK_ERROR_SECONDS - 1, 1 - MAX_CLOCK_ERROR_SECONDS])
def test_an_id_of_now_is_stored_and_needs_no_key(age: float) -> None:
    chosen = id_of_age(age)
    assert chosen_id(key_of(chosen), NOW) == chosen
    assert not needs_key(task(chosen), NOW)


def test_as_an_id_ages_a_repetition_shares_the_id_or_the_key_with_the_attempt_before() -> None:
    def relies_on(age: float) -> set[str]:
        chosen = id_of_age(age)
        if chosen_id(key_of(chosen), NOW) is None:
            return {"key"}
        return {"id", "key"} if needs_key(task(chosen), NOW) else {"id"}

    for first in range(-1200, 1200, 20):
        for later in range(0, int(MAX_REPEAT_SECONDS), 20):
            assert relies_on(first) & relies_on(first + later), (first, later)


def test_a_task_that_may_be_gone_by_then_needs_a_key() -> None:
    chosen = id_of_age(0)
    assert needs_key(task(chosen, 0), NOW)
    assert needs_key(task(chosen, 60), NOW)
    assert not needs_key(task(chosen, 3600), NOW)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "task-",
        "order 7",
        id_of_age(0),
        key_of(id_of_age(0).upper()),
        key_of(id_of_age(0)) + " ",
        key_of(id_of_age(0)[:14] + "4" + id_of_age(0)[15:]),
    ],
)
def test_any_other_key_is_only_a_key(key: str) -> None:
    assert chosen_id(key, NOW) is None
