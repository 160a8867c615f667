"""`lapinq schedule`."""

import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg
import pytest

from tests.support.database.running import on_connections
from tests.support.programs.command_line import ME, lapinq, noted
from tests.support.rows.schedules import add_schedule

pytestmark = pytest.mark.http

TWO = """
[[schedules]]
name = "nightly"
task_name = "add"
module_path = "tests.support.sample.tasks"
args = [1, 2]
cron = "0 3 * * *"
timezone = "Europe/Madrid"

[[schedules]]
name = "tick"
task_name = "add"
module_path = "tests.support.sample.tasks"
args = [1, 2]
every = "15m"
overlap = "skip"
"""


def said(database: str, *arguments: str, code: int = 0) -> str:
    """What the command printed, where it ended with that code."""
    done = lapinq(database, "schedule", *arguments)
    assert done.exit_code == code, done.stderr
    assert bool(done.stderr) == (code == 1 or not done.stdout), done.stderr
    return done.stdout or done.stderr


@pytest.fixture
def database(emptied: str) -> str:
    return emptied


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "jobs.toml"
    path.write_text(TWO)
    return path


def test_a_file_is_applied_once_and_what_it_has_no_longer_is_deleted_on_demand(
    database: str, file: Path
) -> None:
    created = ["created    nightly", "created    tick"]
    dry = said(database, "apply", str(file), "--dry-run")
    assert dry.splitlines() == [*created, "2 created (nothing was written)"]
    assert noted(database) == []
    assert said(database, "apply", str(file), "--dry-run", "--exit-code", code=2) == dry
    assert said(database, "apply", str(file)).splitlines() == [*created, "2 created"]
    made = [(*ME, "schedule.create", name) for name in ("nightly", "tick")]
    assert [entry[:4] for entry in noted(database)] == made
    again = said(database, "apply", str(file), "--exit-code")
    assert again.splitlines()[-1] == "nothing changed: 2 unchanged"

    file.write_text(TWO.partition('[[schedules]]\nname = "tick"')[0].replace("0 3", "30 4"))
    assert said(database, "apply", str(file)).splitlines() == [
        "changed    nightly",
        "           cron: 0 3 * * * → 30 4 * * *",
        "gone       tick  (no longer in the source; unchanged, --prune deletes it)",
        "1 changed, 1 gone",
    ]
    steps = json.loads(said(database, "apply", str(file), "--prune", "--json"))
    actions = {step["name"]: step["action"] for step in steps}
    assert actions == {"nightly": "unchanged", "tick": "deleted"}


def test_what_is_wrong_or_kept_elsewhere_is_told_and_nothing_is_written(database: str, file: Path) -> None:
    wrong = TWO.replace("Europe/Madrid", "Mars").replace('every = "15m"', 'every = "soon"\nprioritty = 1')
    file.write_text(wrong)
    told = said(database, "apply", str(file), code=1).splitlines()
    assert [line.removeprefix("Error: ").split(": ")[:2] for line in told] == [
        ["nightly", "timezone"],
        ["tick", "prioritty"],
        ["tick", "every"],
    ]
    assert noted(database) == []
    file.write_text(TWO)
    on_connections(database, partial(add_schedule, name="tick"))
    refused = said(database, "apply", str(file), code=1)
    assert "kept elsewhere: tick (by hand); --force takes them over" in refused
    assert [entry[3] for entry in noted(database)] == ["tick"]
    forced = said(database, "apply", str(file), "--force")
    assert "           source: none → jobs.toml\n" in forced


def test_schedules_are_listed_shown_paused_resumed_run_and_deleted(database: str, file: Path) -> None:
    said(database, "apply", str(file))
    nightly, tick = said(database, "list").splitlines()
    assert nightly.startswith("nightly  active  0 3 * * * Europe/Madrid  ")
    assert " UTC in " in nightly
    assert tick.startswith("tick     active  every 15m                ")
    ran = said(database, "run", "tick").strip()
    again = said(database, "run", "tick", code=1)
    assert again == f"Error: the previous run, task {ran}, has not ended\n"
    other = json.loads(said(database, "run", "nightly", "--args", "[2]", "--kwargs", '{"a": 1}', "--json"))
    with psycopg.connect(database) as conn:
        found = conn.execute(
            "SELECT args, kwargs FROM lapinq_tasks WHERE id = %s", (other["task_id"],)
        ).fetchone()
    assert found == ([2], {"a": 1})
    assert said(database, "list", "-n", "TICK").rstrip().endswith("enqueued, pending")
    more = said(database, "list", "--limit", "1").splitlines()[1:]
    assert more == ["there are more; raise --limit to see them"]
    assert said(database, "list", "--queue", "other") == "There are no such schedules.\n"

    assert said(database, "disable", "tick", "--reason", "the disk\x1b is full") == "disabled tick\n"
    [active] = said(database, "list", "--state", "active").splitlines()
    assert active.startswith("nightly ")
    lines = said(database, "show", "tick").splitlines()
    assert "says              Every 15 minutes" in lines
    assert r"pause_reason      the disk\x1b is full" in lines
    assert f"paused_by         {ME[1]}" in lines
    ticks, line = lines[-2:]
    assert ticks == "ticks"
    assert line.endswith(f"UTC  enqueued  run by {ME[1]}  {ran}  pending")
    shown = json.loads(said(database, "show", "nightly", "--json"))
    facts = {"says": "At 03:00, Europe/Madrid", "state": "active", "source": "jobs.toml"}
    assert shown.items() >= facts.items()
    assert datetime.fromisoformat(shown["next_fire_at"]) > datetime.now(UTC)
    [listed] = json.loads(said(database, "list", "-n", "tick", "-j"))
    assert listed["ticks"][0]["task_id"] == ran

    assert said(database, "enable", "tick").startswith("enabled tick, next ")
    assert lapinq(database, "schedule", "delete", "tick").exit_code == 1  # nobody answers whether to
    assert said(database, "delete", "tick", "--yes") == "deleted tick\n"
    for verb in ("show", "next", "enable", "disable", "run", "delete --yes"):
        assert said(database, *verb.split(), "tick", code=1) == "Error: no schedule tick\n"
    verbs = ("run", "run", "pause", "resume", "delete")
    assert [entry[2] for entry in noted(database)[2:]] == [f"schedule.{verb}" for verb in verbs]


def test_a_run_that_waits_for_the_previous_one_says_so(database: str) -> None:
    on_connections(database, partial(add_schedule, name="held", every="1w", overlap="queue_one"))
    said(database, "run", "held")
    assert "will run when the previous run has ended" in said(database, "run", "held")


def test_the_next_times_are_told_of_what_is_stored_and_of_what_is_not(database: str, file: Path) -> None:
    said(database, "apply", str(file))
    heading, *times = said(database, "next", "nightly", "-n", "3").splitlines()
    assert heading == "At 03:00, Europe/Madrid"
    assert [line.split("  ")[1][11:19] for line in times] == ["03:00:00"] * 3
    as_json = json.loads(said(database, "next", "nightly", "-n", "3", "--json"))
    assert (as_json["says"], len(as_json["times"])) == (heading, 3)
    said(database, "disable", "tick")
    paused = said(database, "next", "tick").splitlines()[:2]
    assert paused == ["It is paused; without the pause:", "Every 15 minutes"]
    on_weekdays = ("--cron", "0 9 * * mon-fri", "--tz", "Europe/Madrid")
    heading, *times = said(database, "next", *on_weekdays).splitlines()
    assert heading == "At 09:00, Monday through Friday, Europe/Madrid"
    assert len(times) == 5
    assert len(said(database, "next", "--every", "15m", "-n", "2").splitlines()) == 3
    hashed = [said(database, "next", "x", "--cron", "H * * * *").splitlines()[0] for _ in range(2)]
    assert len(set(hashed)) == 1
    assert "give the NAME" in said(database, "next", code=2)
    assert "give NAME too" in said(database, "next", "--cron", "H * * * *", code=2)
