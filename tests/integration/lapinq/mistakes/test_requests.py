"""Over HTTP: bodies, parameters, paths and keys."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from lapinq_api.app import build_app
from lapinq_core.runtime.settings import Settings
from tests.support.http.serving import serving

pytestmark = pytest.mark.http

TASK: dict[str, Any] = {"task_name": "add", "module_path": "tests.support.sample.tasks"}
SCHEDULE: dict[str, Any] = {**TASK, "name": "wrong", "cron": "@daily"}
NIL = "00000000-0000-0000-0000-000000000000"
KEY = {"X-API-Key": "s3cret-s3cret-s3cret-s3cret-s3cret"}


@pytest.fixture
def api(in_use: str) -> Iterator[httpx.Client]:
    with serving(build_app(Settings(database_url=in_use, api_key=KEY["X-API-Key"]))) as client:
        client.headers.update(KEY)
        yield client


BODIES: list[tuple[str, str, Any, int, str]] = [
    (
        "POST",
        "enqueue",
        {**TASK, "priorty": 1},
        400,
        "priorty is not a known field (did you mean 'priority'?)",
    ),
    (
        "POST",
        "enqueue",
        {"task_nam": "add"},
        400,
        "task_nam is not a known field (did you mean 'task_name'?)",
    ),
    ("POST", "enqueue", {"task_name": "add"}, 400, "module_path is required"),
    ("POST", "enqueue", [], 400, "must be an object, not a list"),
    ("POST", "enqueue", {**TASK, "module_path": "shop/tasks.py"}, 400, "module name such as shop.tasks"),
    ("POST", "enqueue", {**TASK, "queue_name": ""}, 400, "queue_name must have 1 to 255 characters"),
    ("POST", "enqueue", {**TASK, "args": {}}, 400, "args must be a list, not an object"),
    ("POST", "enqueue", {**TASK, "priority": "high"}, 400, "priority must be an integer, not a string"),
    ("POST", "enqueue", {**TASK, "ttl_seconds": -5}, 400, "ttl_seconds must be a number of seconds"),
    ("POST", "enqueue", {**TASK, "scheduled_at": "tomorrow"}, 400, "scheduled_at must be an ISO 8601 time"),
    (
        "POST",
        "enqueue",
        {**TASK, "webhook_url": "localhost"},
        400,
        "webhook_url must be an http or https URL",
    ),
    ("POST", "enqueue/batch", TASK, 400, "the body must be a list, not an object"),
    (
        "POST",
        "enqueue/batch",
        [TASK, {**TASK, "max_retires": 1}],
        400,
        "[1].max_retires is not a known field (did",
    ),
    ("POST", "schedules", {**SCHEDULE, "cron": "61 * * * *"}, 400, "minute '61': allowed are 0-59"),
    ("POST", "schedules", {**SCHEDULE, "cron": "* * *"}, 400, "has 3 fields; it needs five"),
    ("POST", "schedules", {**SCHEDULE, "timezone": "Europe/Madird"}, 400, "such as Europe/Madrid"),
    ("POST", "schedules", {**SCHEDULE, "timezone": "CEST"}, 400, "such as Europe/Madrid or UTC"),
    (
        "POST",
        "schedules",
        {**SCHEDULE, "crom": "@daily"},
        400,
        "crom is not a known field (did you mean 'cron'?)",
    ),
    ("POST", "schedules", {**SCHEDULE, "name": "nightly"}, 409, "a schedule with this name exists already"),
    (
        "PATCH",
        "queues/mail",
        {"max_runing": 4},
        400,
        "max_runing is not a known field (did you mean 'max_running'?)",
    ),
    ("POST", "queues/mail/pause", {"reson": "x"}, 400, "reson is not a known field (did you mean 'reason'?)"),
    ("POST", f"tasks/{NIL}/rerun", {"priority": 1}, 404, "there is no task with this id"),
    ("GET", "tasks?satus=failed", None, 400, "satus is not a known parameter (did you mean 'status'?)"),
    ("GET", "tasks?status=faild", None, 400, "status must be one of pending, running, completed, failed"),
    ("GET", "tasks?limit=0", None, 400, "limit must be a whole number between 1 and 1000"),
    ("GET", "tasks/nope", None, 400, "id must be a task id such as"),
    ("GET", f"tasks/{NIL}/why", None, 404, "there is no task with this id"),
    ("GET", "queues/mial", None, 404, "there is no queue with this name (did you mean 'mail'?)"),
    ("GET", "taks", None, 404, "there is nothing at this path"),
    ("PUT", "tasks", None, 405, "this path does not take this method"),
    ("DELETE", "tasks?queue=mail&since=yesterday", None, 400, "since must be an ISO 8601 time"),
]


def test_requests_that_cannot_be(api: httpx.Client) -> None:
    wrong: list[str] = []
    for method, path, body, status, message in BODIES:
        answer = (
            api.request(method, f"/api/v1/{path}", json=body)
            if body is not None
            else api.request(method, f"/api/v1/{path}")
        )
        if answer.status_code != status or message not in answer.json()["error"]:
            wrong.append(f"{method} {path} {body}: {answer.status_code} {answer.text}")
    assert not wrong, "\n".join(wrong)
    for headers in ({}, {"X-API-Key": "wrong"}):
        refused = httpx.get(f"{api.base_url}/api/v1/tasks", headers=headers, trust_env=False)
        assert (refused.status_code, "valid X-API-Key header" in refused.text) == (401, True)
