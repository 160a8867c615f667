"""What becomes of schedules when a file or a module is applied."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from lapinq_core.domain.schedules.schedule import Definition
from lapinq_core.schedules.comparing import (
    Action,
    Gone,
    Others,
    Step,
    Wanted,
    compare,
    compare_gone,
    problems_of,
)
from lapinq_core.schedules.schedules import Schedule

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PAST = NOW - timedelta(days=1)


def written(**values: Any) -> Definition:
    defaults: dict[str, Any] = {"name": "nightly", "task_name": "t", "module_path": "m", "cron": "@daily"}
    return Definition(**{**defaults, **values})


def wanted(source: str = "jobs.toml", enabled: bool | None = None, **values: Any) -> Wanted:
    return Wanted(definition=written(**values), source=source, enabled=enabled)


def stored(
    source: str | None = "jobs.toml", paused: tuple[str, str | None] | None = None, **values: Any
) -> Schedule:
    definition = written(**values)
    return Schedule(
        **msgspec.structs.asdict(definition),
        id=1,
        version=1,
        anchor_at=PAST,
        next_fire_at=None if paused or definition.ends_at == PAST else NOW + timedelta(hours=1),
        paused_at=NOW if paused else None,
        paused_by=paused[0] if paused else None,
        pause_reason=paused[1] if paused else None,
        source=source,
        created_at=PAST,
        updated_at=PAST,
        updated_by="lisa",
    )


def step(
    want: Wanted, found: Schedule | None, others: Others = Others.REFUSED
) -> tuple[Action, dict[str, Any]]:
    made = compare(want, found, others, NOW)
    assert made.name == "nightly"
    return made.action, made.changes


def test_what_is_not_there_is_created() -> None:
    assert step(wanted(), None) == (Action.CREATED, {})


def test_what_is_the_same_is_unchanged_whether_paused_or_not() -> None:
    assert step(wanted(), stored()) == (Action.UNCHANGED, {})
    assert step(wanted(), stored(paused=("lisa", None))) == (Action.UNCHANGED, {})


def test_a_field_that_is_left_out_goes_back_to_its_default() -> None:
    assert step(wanted(), stored(priority=5, jitter=30.0, kwargs={"key": "secret"})) == (
        Action.CHANGED,
        {"priority": [5, 0], "jitter": [30.0, 0.0], "kwargs": "changed"},
    )


def test_an_expression_may_give_way_to_an_interval() -> None:
    _, changes = step(wanted(cron=None, every="15m"), stored())
    assert changes == {"cron": ["@daily", None], "every": [None, "15m"]}


@pytest.mark.parametrize(
    ("enabled", "paused", "changes"),
    [
        (True, None, {}),
        (True, ("lisa", "broken"), {"enabled": [False, True]}),
        (False, None, {"enabled": [True, False]}),
        (False, ("lisa", "broken"), {}),
    ],
)
def test_a_file_may_say_whether_it_fires(
    enabled: bool, paused: tuple[str, str] | None, changes: dict[str, Any]
) -> None:
    assert step(wanted(enabled=enabled), stored(paused=paused))[1] == changes


@pytest.mark.parametrize("source", [None, "others.toml", "module:app"])
def test_what_is_kept_elsewhere_is_taken_over_on_demand_only(source: str | None) -> None:
    assert step(wanted(), stored(source)) == (Action.ELSEWHERE, {})
    assert step(wanted(), stored(source), Others.LEFT) == (Action.ELSEWHERE, {})
    assert step(wanted(), stored(source), Others.TAKEN) == (Action.CHANGED, {"source": [source, "jobs.toml"]})


def test_a_module_takes_over_from_a_module_as_functions_move() -> None:
    assert step(wanted("module:new"), stored("module:old")) == (
        Action.CHANGED,
        {"source": ["module:old", "module:new"]},
    )
    assert step(wanted("module:new"), stored("jobs.toml")) == (Action.ELSEWHERE, {})


def test_what_a_module_declares_again_is_resumed_if_that_is_why_it_is_paused() -> None:
    gone = ("app", "no longer declared in app")
    assert step(wanted("module:app"), stored("module:app", gone)) == (
        Action.CHANGED,
        {"enabled": [False, True]},
    )
    assert step(wanted("module:new"), stored("module:app", gone))[1]["enabled"] == [False, True]
    for paused in [("lisa", "no longer declared in app"), ("app", None), ("lisa", "broken")]:
        assert step(wanted("module:app"), stored("module:app", paused)) == (Action.UNCHANGED, {})


def test_what_has_ended_stays_as_it_is() -> None:
    assert step(wanted(ends_at=PAST), None) == (Action.ENDED, {})
    assert step(wanted(ends_at=PAST, priority=1), stored(ends_at=PAST)) == (Action.ENDED, {})


def test_what_is_gone_is_left_paused_or_deleted() -> None:
    found = stored("module:app")
    assert [compare_gone(found, gone).action for gone in Gone] == [Action.GONE, Action.PAUSED, Action.DELETED]
    assert compare_gone(stored(paused=("lisa", None)), Gone.PAUSED).action is Action.GONE
    assert compare_gone(stored(ends_at=PAST), Gone.PAUSED).action is Action.GONE


def test_only_what_is_made_or_changed_is_looked_at_for_what_cannot_be() -> None:
    wants = [wanted(ends_at=PAST)]
    steps = [Step(name="nightly", action=Action.CHANGED)]
    assert [str(one) for one in problems_of(steps, wants, NOW)] == [
        "nightly: ends_at: must not be in the past"
    ]
    assert problems_of([Step(name="nightly", action=Action.ENDED)], wants, NOW) == []


def test_only_some_steps_change_something() -> None:
    changing = {action for action in Action if Step(name="x", action=action).changes_something}
    assert changing == {Action.CREATED, Action.CHANGED, Action.PAUSED, Action.DELETED}
