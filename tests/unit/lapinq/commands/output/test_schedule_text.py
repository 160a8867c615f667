"""Schedules as text for people."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from lapinq.commands.output.schedule_text import in_text, next_times, steps_text, tick_line, time_line
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.domain.schedules.schedule import Definition
from lapinq_core.domain.schedules.ticks import TickOutcome
from lapinq_core.domain.tasks.state import Status
from lapinq_core.schedules.comparing import Action, Step
from lapinq_core.schedules.ticks import Tick

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "now"),
        (-90, "now"),
        (59, "in 59 s"),
        (300, "in 5 m"),
        (93_784, "in 1 d 2 h"),
        (86_405, "in 1 d 5 s"),
    ],
)
def test_how_long_it_is_until_then_is_told_in_two_units(seconds: float, text: str) -> None:
    assert in_text(NOW + timedelta(seconds=seconds), NOW) == text


def test_a_time_is_told_in_utc_and_in_the_zone_and_the_next_ones_end_with_the_schedule() -> None:
    assert time_line(NOW, "Asia/Kolkata", NOW) == "2026-03-02 12:00:00 UTC  2026-03-02 17:30:00 +0530  now"
    ends = NOW + timedelta(hours=2)
    definition = Definition(name="x", task_name="x", module_path="x", every="1h", ends_at=ends)
    assert next_times(definition, NOW, NOW, 5) == [NOW + timedelta(hours=1), ends]


def test_a_tick_says_what_was_done_about_it_and_its_task() -> None:
    tick = Tick(
        fire_at=NOW,
        fired_at=NOW + timedelta(seconds=0.25),
        late_by=0.25,
        outcome=TickOutcome.ENQUEUED,
        task_id="id",
        missed_from=NOW - timedelta(hours=1),
        fired_by=None,
        status=Status.FAILED,
        started_at=None,
        run_seconds=None,
    )
    assert tick_line(msgspec.to_builtins(tick)) == (
        "2026-03-02 12:00:00 UTC  enqueued  0.2 s late  id  failed  missed since 2026-03-02 11:00:00 UTC"
    )


def test_what_changes_is_told_and_cannot_steer_the_terminal() -> None:
    step = Step(name="a\x1b[2J", action=Action.CHANGED, changes={"cron": ["\x07", None], "args": "changed"})
    assert steps_text([step], is_dry=False) == (
        "changed    a\\x1b[2J\n           cron: \\x07 → none\n           args: changed\n1 changed"
    )
    rule = Step(kind="limit", name="gpu", action=Action.CHANGED, changes={"rate": [None, Rate(60, 30, 60)]})
    assert steps_text([rule], is_dry=False).splitlines() == [
        "changed    limit gpu",
        "           rate: none → 60/30s",
        "1 changed",
    ]
    same = steps_text([Step(name="a", action=Action.UNCHANGED)], is_dry=True)
    assert same.endswith("\nnothing would change: 1 unchanged (nothing was written)")
    assert steps_text([], is_dry=False) == "nothing changed: nothing is declared"
