"""Changing schedules over HTTP, and deleting them. The rules of a change are in `tests/integration/schedules`."""

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
    late = api.patch(path(name), json={"version": 1, "priority": 2})
    told = {"error": "somebody else has changed the schedule: its version is 2"}
    assert (late.status_code, late.json()) == (409, told)
    assert api.get(path(name)).json() == after
    every = api.patch(path(name), json={"version": 2, "every": "15m"}).json()
    assert (every["cron"], every["every"], every["description"]) == (None, "15m", "Every 15 minutes")


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


WRONG: list[Row] = [
    ({"priority": 1}, "version", "is required"),
    ({"version": 0}, "version", "must be between 1 and 2147483647"),
    ({"version": 1, "name": "other"}, "name", "is not a known field"),
    ({"version": 1, "task_name": None}, "task_name", "must be a string, not null"),
    ({"version": 1, "cron": "@daily", "every": "1h"}, "every", "must not be given together with cron"),
    ({"version": 1, "ends_at": "2001-01-01"}, "ends_at", "must not be in the past"),
]


def test_a_wrong_change_is_refused_by_name(api: httpx.Client, schedule: dict[str, Any]) -> None:
    own = path(schedule["name"])
    check_refused(api, "PATCH", own, WRONG)
    for method, action in (("DELETE", ""), ("POST", "/resume"), ("POST", "/run")):
        answer = api.request(method, f"{own}{action}", json={"force": True})
        assert (answer.status_code, answer.json()["error"]) == (400, "force is not a known field")
    assert api.get(own).json() == schedule


def test_a_deleted_schedule_is_gone_and_its_name_is_free_and_all_is_noted(
    api: httpx.Client, db: psycopg.Connection, schedule: dict[str, Any]
) -> None:
    name = schedule["name"]
    api.patch(path(name), json={"version": 1, "priority": 9, "args": ["secret"]})
    api.post(path(name, "/pause"), json={"reason": "quiet"})
    api.post(path(name, "/resume"))
    task_id = api.post(path(name, "/run")).json()["task_id"]
    assert api.delete(path(name)).json() == {"name": name, "deleted": True}
    assert (api.get(path(name)).status_code, api.delete(path(name)).status_code) == (404, 404)
    noted = db.execute(
        "SELECT action, details, actor FROM lapinq_audit WHERE target = %s ORDER BY id", (name,)
    ).fetchall()
    assert [action for action, _, _ in noted] == [
        f"schedule.{verb}" for verb in ("create", "change", "pause", "resume", "run", "delete")
    ]
    assert (noted[1][1], noted[4][1]) == ({"priority": [0, 9], "args": "changed"}, {"task_id": task_id})
    assert {actor for _, _, actor in noted} == {"anonymous"}
    assert create(api, name)["version"] == 1
