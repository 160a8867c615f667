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


JOBS, OLD, NEW = "jobs.toml", "module:old", "module:new"
GONE = ("old", "no longer declared in old")
"""Who paused a schedule of the module `old`, and why, when the module no longer had it."""
LATER: dict[str, Any] = {"priority": 5, "jitter": 30.0, "kwargs": {"key": "secret"}}
RESUMED = {"enabled": [False, True]}


@pytest.mark.parametrize(
    ("want", "found", "action", "changes"),
    [
        (wanted(), None, Action.CREATED, {}),
        # What is the same is unchanged, whether paused or not, unless the file says whether it fires.
        (wanted(), stored(), Action.UNCHANGED, {}),
        (wanted(), stored(paused=("lisa", None)), Action.UNCHANGED, {}),
        (wanted(enabled=True), stored(), Action.UNCHANGED, {}),
        (wanted(enabled=True), stored(paused=("lisa", "broken")), Action.CHANGED, RESUMED),
        (wanted(enabled=False), stored(), Action.CHANGED, {"enabled": [True, False]}),
        (wanted(enabled=False), stored(paused=("lisa", "broken")), Action.UNCHANGED, {}),
        # A field that is left out goes back to its default; what is hidden is not shown.
        (
            wanted(),
            stored(**LATER),
            Action.CHANGED,
            {"priority": [5, 0], "jitter": [30.0, 0.0], "kwargs": "changed"},
        ),
        (
            wanted(cron=None, every="15m"),
            stored(),
            Action.CHANGED,
            {"cron": ["@daily", None], "every": [None, "15m"]},
        ),
        # A module takes over from a module, as functions move, and resumes what was paused because it was gone.
        (wanted(NEW), stored(OLD), Action.CHANGED, {"source": [OLD, NEW]}),
        (wanted(NEW), stored(JOBS), Action.ELSEWHERE, {}),
        (wanted(OLD), stored(OLD, GONE), Action.CHANGED, RESUMED),
        (wanted(NEW), stored(OLD, GONE), Action.CHANGED, {"source": [OLD, NEW], **RESUMED}),
        (wanted(OLD), stored(OLD, ("lisa", GONE[1])), Action.UNCHANGED, {}),
        (wanted(OLD), stored(OLD, ("old", None)), Action.UNCHANGED, {}),
        (wanted(OLD), stored(OLD, ("lisa", "broken")), Action.UNCHANGED, {}),
        # What has ended stays as it is.
        (wanted(ends_at=PAST), None, Action.ENDED, {}),
        (wanted(ends_at=PAST, priority=1), stored(ends_at=PAST), Action.ENDED, {}),
    ],
)
def test_what_becomes_of_a_schedule(
    want: Wanted, found: Schedule | None, action: Action, changes: dict[str, Any]
) -> None:
    made = compare(want, found, Others.REFUSED, NOW)
    assert (made.name, made.action, made.changes) == ("nightly", action, changes)


@pytest.mark.parametrize("source", [None, "others.toml", "module:app"])
def test_what_is_kept_elsewhere_is_taken_over_on_demand_only(source: str | None) -> None:
    steps = [compare(wanted(), stored(source), others, NOW) for others in Others]
    assert {others: made.action for others, made in zip(Others, steps, strict=True)} == {
        Others.REFUSED: Action.ELSEWHERE,
        Others.LEFT: Action.ELSEWHERE,
        Others.TAKEN: Action.CHANGED,
    }
    assert [made.changes for made in steps if made.changes] == [{"source": [source, JOBS]}]


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
