"""Changing schedules over HTTP, and deleting them."""

from typing import Any

import httpx
import psycopg

from tests.support.http.refusals import Row, check_refused
from tests.support.http.schedules_over_http import WHOLE, create, path
from tests.support.rows.named_limits import add_limit


def test_a_change_sets_what_it_names_and_leaves_the_rest(api: httpx.Client, name: str) -> None:
    before = create(api, name, priority=5, metadata={"a": 1})
    after = api.patch(path(name), json={"version": 1, "priority": 7, "misfire": "skip"}).json()
    changed = {"priority": 7, "misfire": "skip", "version": 2, "updated_at": after["updated_at"]}
    assert after == {**before, **changed}
    assert after["updated_at"] > before["updated_at"]
    assert api.get(path(name)).json() == after


def test_an_expression_takes_the_place_of_an_interval_and_the_other_way_round(
    api: httpx.Client, name: str
) -> None:
    create(api, name)
    every = api.patch(path(name), json={"version": 1, "every": "15m"}).json()
    assert (every["cron"], every["every"], every["description"]) == (None, "15m", "Every 15 minutes")
    cron = api.patch(path(name), json={"version": 2, "cron": "0 3 * * *"}).json()
    assert (cron["cron"], cron["every"], cron["description"]) == ("0 3 * * *", None, "At 03:00")
    assert cron["next_fire_at"].endswith("T03:00:00+00:00")


def test_null_stands_for_what_a_new_one_would_have(
    api: httpx.Client, db: psycopg.Connection, name: str
) -> None:
    add_limit(db, "openai", burst=1200)
    create(api, name, **{**WHOLE, "every": None, "cron": "@daily"})
    cleared = {field: None for field in WHOLE if field not in {"task_name", "module_path", "cron", "every"}}
    after = api.patch(path(name), json={"version": 1, **cleared}).json()
    fresh = create(api, f"{name} anew", cron="@daily")
    own = {"name", "anchor_at", "created_at", "updated_at", "version"}  # an interval keeps its origin
    assert {field: after[field] for field in after if field not in own} == {
        field: fresh[field] for field in fresh if field not in own
    }


def test_of_two_who_change_the_same_version_one_is_told_of_the_other(api: httpx.Client, name: str) -> None:
    seen_by_one, seen_by_other = create(api, name), api.get(path(name)).json()
    first = api.patch(path(name), json={"version": seen_by_one["version"], "priority": 1})
    second = api.patch(path(name), json={"version": seen_by_other["version"], "priority": 2})
    assert first.status_code == 200
    assert second.status_code == 409
    assert second.json() == {"error": "somebody else has changed the schedule: its version is 2"}
    assert api.get(path(name)).json()["priority"] == 1
    assert api.patch(path(name), json={"version": 2, "priority": 2}).status_code == 200


def test_a_change_of_nothing_leaves_the_version(api: httpx.Client, schedule: dict[str, Any]) -> None:
    same = api.patch(path(schedule["name"]), json={"version": 1, "cron": schedule["cron"], "args": []})
    assert same.json() == schedule


WRONG: list[Row] = [
    ({"priority": 1}, "version", "is required"),
    ({"version": 0}, "version", "must be between 1 and 2147483647"),
    ({"version": "1"}, "version", "must be an integer, not a string"),
    ({"version": 1, "name": "other"}, "name", "is not a known field"),
    ({"version": 1, "task_name": None}, "task_name", "must be a string, not null"),
    ({"version": 1, "cron": None}, "cron", "must be given, or every"),
    ({"version": 1, "cron": "@daily", "every": "1h"}, "every", "must not be given together with cron"),
    ({"version": 1, "queue_name": "\n"}, "queue_name", "printable"),
    ({"version": 1, "overlap": "no"}, "overlap", "must be one of"),
    ({"version": 1, "ends_at": "2001-01-01"}, "ends_at", "must not be in the past"),
]  # fmt: skip


def test_a_wrong_change_is_refused_by_name(api: httpx.Client, schedule: dict[str, Any]) -> None:
    check_refused(api, "PATCH", path(schedule["name"]), WRONG)
    assert api.get(path(schedule["name"])).json() == schedule


# Deleting


def test_a_deleted_schedule_is_gone_and_its_name_is_free(api: httpx.Client, schedule: dict[str, Any]) -> None:
    name = schedule["name"]
    assert api.delete(path(name)).json() == {"name": name, "deleted": True}
    assert api.get(path(name)).status_code == 404
    assert api.delete(path(name)).status_code == 404
    assert create(api, name)["version"] == 1


def test_fields_are_refused_where_nothing_is_asked_for(api: httpx.Client, schedule: dict[str, Any]) -> None:
    for method, action in (("DELETE", ""), ("POST", "/resume"), ("POST", "/run")):
        answer = api.request(method, path(schedule["name"], action), json={"force": True})
        assert (answer.status_code, answer.json()["error"]) == (400, "force is not a known field")
    assert api.get(path(schedule["name"])).json() == schedule


def test_what_was_done_is_noted(api: httpx.Client, db: psycopg.Connection, schedule: dict[str, Any]) -> None:
    name = schedule["name"]
    api.patch(path(name), json={"version": 1, "priority": 9, "args": ["secret"]})
    api.post(path(name, "/pause"), json={"reason": "quiet"})
    api.post(path(name, "/resume"))
    task_id = api.post(path(name, "/run")).json()["task_id"]
    api.delete(path(name))
    noted = db.execute(
        "SELECT action, details, actor FROM lapinq_audit WHERE target = %s ORDER BY id", (name,)
    ).fetchall()
    assert [action for action, _, _ in noted] == [
        f"schedule.{verb}" for verb in ("create", "change", "pause", "resume", "run", "delete")
    ]
    assert noted[1][1] == {"priority": [0, 9], "args": "changed"}
    assert noted[4][1] == {"task_id": task_id}
    assert {actor for _, _, actor in noted} == {"anonymous"}
