"""Over HTTP, by a client of no library and by commands through a server."""

import json
from collections.abc import Iterator

import httpx
import pytest

from lapinq.server import create_app
from tests.integration.lapinq.mistakes.mistake import SECRET, check
from tests.support.http.serving import serving

pytestmark = pytest.mark.http

TASK = {"task_name": "add", "module_path": "shop.tasks"}
SCHEDULE = {**TASK, "name": "weekly"}
NIL = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def open_server(in_use: str) -> Iterator[httpx.Client]:
    """It has no key."""
    with serving(create_app(in_use)) as client:
        yield client


THROUGH_A_SERVER = """
1 | queue purge mail --yes | although the API is open: `lapinq key create` on the database of the server makes a key
1 | queue purge mail --yes | Give the key as --api-key or in LAPINQ_API_KEY
"""

ENQUEUEING = """
400 | {"task_name": ""} | task_name must have 1 to 255 characters
400 | {"module_path": "shop/tasks.py"} | module_path must be a dotted Python module name such as shop.tasks
400 | {"module_path": "shop.tasks:add"} | module_path must be a dotted Python module name such as
400 | {"args": {"a": 1}} | args must be a list, not an object
400 | {"kwargs": [1]} | kwargs must be an object, not a list
400 | {"arguments": [1]} | arguments is not a known field (did you mean 'args'?)
400 | {"queue": "mail"} | queue is not a known field (did you mean 'queue_name'?)
400 | {"module": "shop"} | module is not a known field (did you mean 'module_path'?)
400 | {"delay": 5} | delay is not a known field (did you mean 'scheduled_at'?)
400 | {"countdown": 5} | countdown is not a known field (did you mean 'scheduled_at'?)
400 | {"eta": "2030-01-01"} | eta is not a known field (did you mean 'scheduled_at'?)
400 | {"after": ["a"]} | after is not a known field: tasks that wait for others are enqueued together, with POST
400 | {"depends_on": ["a"]} | depends_on is not a known field: tasks that wait for others are enqueued together
400 | {"ref": "a"} | ref is not a known field: tasks that wait for others are enqueued together
400 | {"function": "add"} | function is not a known field (did you mean 'task_name'?)
400 | {"retries": 3} | retries is not a known field (did you mean 'max_retries'?)
400 | {"timeout": 5} | timeout is not a known field (did you mean 'timeout_seconds'?)
400 | {"ttl": 60} | ttl is not a known field (did you mean 'ttl_seconds'?)
400 | {"limit": "gpu"} | limit is not a known field (did you mean 'limits'?)
400 | {"unique_key": "k"} | unique_key is not a known field (did you mean 'unique'?)
400 | {"scheduled_at": 60} | scheduled_at must be a string, not an integer
400 | {"scheduled_at": "31/12/2030"} | scheduled_at must be an ISO 8601 time such as 2030-01-31T12:00:00Z
400 | {"max_retries": "3"} | max_retries must be an integer, not a string
400 | {"max_retries": 101} | max_retries must be between 0 and 100
400 | {"priority": "high"} | priority must be an integer, not a string
400 | {"timeout_seconds": "5"} | timeout_seconds must be a number, not a string
400 | {"timeout_seconds": 0} | timeout_seconds must be more than 0
400 | {"retry_delay": "1m"} | retry_delay must be a number, not a string
400 | {"retry_backoff": "yes"} | retry_backoff must be true or false, not a string
400 | {"ttl_seconds": -1} | ttl_seconds must be a number of seconds between 0
400 | {"webhook_url": "shop.example/hook"} | webhook_url must be an http or https URL with a host
400 | {"metadata": [1]} | metadata must be an object, not a list
400 | {"key": 5} | key must be a string, not an integer
400 | {"limits": ["mailer"]} | limits must be an object, not a list
400 | {"limits": {"mailer": "1"}} | limits.mailer must be an integer, not a string
400 | {"limits": {"mailer": 0}} | limits.mailer must be between 1 and
400 | {"limits": {"mialer": 1}} | limits.mialer is not a limit that exists (did you mean 'mailer'?)
400 | {"unique": "k"} | unique must be an object, not a string
400 | {"unique": {"key": "k", "until": "done"}} | unique.until must be "started", "finished" or a number of seconds
400 | {"unique": {"key": "k", "on_conflict": "ignore"}} | unique.on_conflict must be "return", "reject" or "replace"
400 | {"debounce": 5} | debounce must be an object, not an integer
400 | {"debounce": {"key": "k"}} | debounce.delay is required
400 | {"debounce": {"key": "k", "delay": 5}, "unique": {"key": "k"}} | debounce cannot be combined with unique
400 | {"queue_name": "a\\nb"} | queue_name must have printable characters only
"""

SCHEDULES = """
400 | {"cron": "0 3 * *"} | cron has 4 fields; it needs five
400 | {"cron": "0 25 * * *"} | cron hour '25': allowed are 0-23
400 | {"cron": "@midnigth"} | the aliases are @hourly, @daily
400 | {} | cron must be given, or every
400 | {"cron": "0 3 * * *", "every": "1h"} | every must not be given together with cron
400 | {"interval": 60} | interval is not a known field (did you mean 'every'?)
400 | {"every": 60} | every must be a string, not an integer
400 | {"every": "1 hour"} | every must be whole numbers of w, d, h, m and s, in this order, such as 15m
400 | {"every": "1h", "tz": "UTC"} | tz is not a known field (did you mean 'timezone'?)
400 | {"cron": "0 3 * * *", "timezone": "CEST"} | use an IANA name such as Europe/Madrid
400 | {"every": "1h", "overlap": "no"} | overlap must be one of allow, skip, queue_one, cancel_previous
400 | {"every": "1h", "misfire": "run"} | misfire must be one of latest, skip, all
400 | {"every": "1h", "unique": {"key": "k"}} | unique is not a known field (did you mean 'overlap'?)
400 | {"every": "1h", "ttl_seconds": 0} | ttl_seconds must be more than 0: the tasks of a schedule are kept
400 | {"every": "1h", "jitter": "5m"} | jitter must be a number, not a string
400 | {"every": "1h", "starts_at": "2031-01-01", "ends_at": "2030-01-01"} | ends_at must not be before starts_at
400 | {"every": "1h", "name": "a/b"} | name must be 1 to 255 characters without a slash
400 | {"every": "1h", "limits": {"mialer": 1}} | limits.mialer is not a limit that exists (did you mean 'mailer'?)
409 | {"every": "1h", "name": "nightly"} | a schedule with this name exists already
"""

WORKFLOWS = """
400 | {"name": ""} | name must have 1 to 255 characters
400 | {"task": []} | task is not a known field (did you mean 'tasks'?)
400 | {"tasks": {"ref": "a"}} | tasks must be a list, not an object
400 | {"tasks": [{"ref": "a"}]} | tasks[0].task_name is required
400 | {"open": "yes"} | open must be true or false, not a string
"""

TASKS_OF_WORKFLOWS = """
400 | {"ref": null} | tasks[0].ref must be a string, not null
400 | {"ref": ""} | tasks[0].ref must have 1 to 255 characters
400 | {"ref": "sum"} | tasks[1].ref is that of tasks[0], too: 'sum'
400 | {"depends_on": ["sum"]} | tasks[0].depends_on is not a known field (did you mean 'after'?)
400 | {"after": "sum"} | tasks[0].after must be a list, not a string
400 | {"after": ["summ"]} | tasks[0].after names 'summ', which is no ref of a task (did you mean 'sum'?)
400 | {"after": ["a"]} | tasks[0].after names the task itself
400 | {"after": ["sum"]} | tasks[0].after is part of a cycle: a -> sum -> a
400 | {"args": [{"$result": "summ"}]} | tasks[0].args names 'summ', which is no ref of a task (did you mean 'sum'?)
400 | {"args": [{"$result": 1}]} | tasks[0].args[0].$result must be the ref of a task, a string
400 | {"kwargs": {"$result": "sum"}} | tasks[0].kwargs.$result must be the value of an argument
400 | {"after_failure": "ignore"} | tasks[0].after_failure must be "cancel", "run" or "fail"
400 | {"ttl_seconds": 0} | tasks[0].ttl_seconds must not be 0 in a workflow
400 | {"debounce": {"key": "k", "delay": 5}} | tasks[0].debounce is not possible in a workflow
400 | {"limits": {"mialer": 1}} | tasks[0].limits.mialer is not a limit that exists (did you mean 'mailer'?)
"""

OTHERS = f"""
400 | POST /api/v1/enqueue {{}} | task_name is required
400 | POST /api/v1/enqueue [] | the body must be an object, not a list
405 | GET /api/v1/enqueue | this path does not take this method: it takes POST
400 | POST /api/v1/enqueue/batch {{}} | the body must be a list, not an object
400 | POST /api/v1/enqueue/batch [{{"after_failure": "run"}}] | [0].after_failure is not a known field: tasks that wait
400 | POST /api/v1/enqueue/batch [5] | [0] must be an object, not an integer
400 | GET /api/v1/tasks?limit=many | limit must be a whole number between 1 and 1000
400 | GET /api/v1/tasks?staus=failed | staus is not a known parameter (did you mean 'status'?)
400 | GET /api/v1/tasks?status=done | status must be one of pending, running, completed, failed, cancelled, expired
400 | GET /api/v1/tasks?since=1h | since must be an ISO 8601 time such as 2030-01-31T12:00:00Z
400 | GET /api/v1/tasks?page=2 | page is not a known parameter (did you mean 'cursor'?)
400 | GET /api/v1/tasks?offset=50 | offset is not a known parameter (did you mean 'cursor'?)
400 | GET /api/v1/tasks?cursor=2 | cursor must be the value of an X-Next-Cursor header
400 | GET /api/v1/tasks/7 | id must be a task id such as
404 | GET /api/v1/tasks/{NIL} | there is no task with this id
400 | GET /api/v1/tasks/{NIL}/result?wait=5s | wait must be a number of seconds between 0 and 60
400 | PATCH /api/v1/tasks/{NIL}/progress {{"percent": 50}} | percent is not a known field (did you mean 'progress'?)
400 | PATCH /api/v1/tasks/{NIL}/progress {{"progress": 150}} | progress must be between 0 and 100
405 | POST /api/v1/tasks/{NIL}/progress {{"progress": 50}} | this path does not take this method: it takes PATCH
401 | DELETE /api/v1/tasks | although the API is open: `lapinq key create` on the database of the server
404 | GET /api/v1/queues/mial | there is no queue with this name (did you mean 'mail'?)
404 | PATCH /api/v1/queues/mial?must_exist=true {{"max_running": 1}} | queue 'mial' (did you mean 'mail'?)
405 | PUT /api/v1/queues/mail {{}} | this path does not take this method: it takes
400 | PATCH /api/v1/queues/mail {{}} | the body must have a field to change: max_running,
400 | PATCH /api/v1/queues/mail {{"max_runing": 1}} | max_runing is not a known field (did you mean 'max_running'?)
400 | PATCH /api/v1/queues/mail {{"max_running": "1"}} | max_running must be an integer, not a string
400 | PATCH /api/v1/queues/mail {{"rate": "60/m"}} | rate must be an object with limit, period_seconds, burst
400 | PATCH /api/v1/queues/mail {{"rate": {{"limit": 5}}}} | rate.period_seconds is required
400 | PATCH /api/v1/queues/mail {{"rate": {{"limit": 5, "period": 60}}}} | (did you mean 'period_seconds'?)
400 | PATCH /api/v1/queues/mail {{"order": "fifo"}} | order must be one of priority, fair, strict_per_key
400 | PATCH /api/v1/queues/mail {{"weights": {{"gold": 3}}}} | weights apply in fair order only
400 | PATCH /api/v1/queues/mail {{"breaker": 5}} | breaker must be an object with failures_in_row, failure_share,
400 | PATCH /api/v1/queues/mail {{"breaker": {{}}}} | breaker must have failures_in_row or failure_share
400 | PUT /api/v1/limits/gpu {{}} | the body must have max_running or rate
400 | PUT /api/v1/limits/gpu {{"rate": "60/m"}} | rate must be an object with limit, period_seconds, burst, not a string
400 | PUT /api/v1/limits/g%20pu {{"max_running": 1}} | name must be a name of 1 to 100 ASCII letters, digits
404 | GET /api/v1/limits/mialer | there is no limit with this name (did you mean 'mailer'?)
405 | PATCH /api/v1/limits/mailer {{"max_running": 1}} | this path does not take this method: it takes
400 | PUT /api/v1/breakers/add {{"failures": 5}} | (did you mean 'failure_share'?); known are
400 | PUT /api/v1/breakers/add {{"failure_share": 50}} | failure_share must be more than 0 and at most 1
404 | GET /api/v1/schedules/nightli | there is no schedule of this name
400 | GET /api/v1/schedules/preview | cron must be given, or every
400 | GET /api/v1/webhooks?state=done | state must be one of pending, delivered, given_up
400 | GET /api/v1/workflows?status=done | status must be one of running, completed, failed, cancelled
400 | GET /api/v1/workflows?id=nope | id must be the start of a workflow id
400 | GET /api/v1/workflows/7 | id must be a workflow id such as
404 | GET /api/v1/workflows/{NIL} | there is no workflow with this id
404 | GET /api/v1/stats | there is nothing at this path
"""


def check_requests(server: httpx.Client, rows: list[tuple[str, str, object, str]]) -> None:
    """Sends each, and compares the status and a part of the error."""
    wrong: list[str] = []
    for asked, to, body, told in rows:
        method, path = to.split(" ")
        answer = server.request(method, path, json=body) if body is not None else server.request(method, path)
        error = str(answer.json().get("error"))
        if str(answer.status_code) != asked or told not in error or SECRET in error:
            wrong.append(f"{to} {body} | {told}\n{answer.status_code} {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("table", "path", "whole"),
    [
        pytest.param(ENQUEUEING, "/api/v1/enqueue", TASK, id="tasks"),
        pytest.param(SCHEDULES, "/api/v1/schedules", SCHEDULE, id="schedules"),
        pytest.param(WORKFLOWS, "/api/v1/workflows", {"name": "report"}, id="workflows"),
    ],
)
def test_fields_that_cannot_be(
    open_server: httpx.Client, table: str, path: str, whole: dict[str, object]
) -> None:
    """Each row has what the body has besides or instead of what is right."""
    rows = [row.split(" | ", 2) for row in table.strip().splitlines()]
    check_requests(
        open_server,
        [(code, f"POST {path}", {**whole, **json.loads(body)}, told) for code, body, told in rows],
    )


def test_tasks_that_cannot_be_in_a_workflow(open_server: httpx.Client) -> None:
    """Each row has what the first of two tasks has besides or instead of what is right."""
    rows = [row.split(" | ", 2) for row in TASKS_OF_WORKFLOWS.strip().splitlines()]
    last = {**TASK, "ref": "sum", "after": ["a"]}
    check_requests(
        open_server,
        [
            (
                code,
                "POST /api/v1/workflows",
                {"name": "report", "tasks": [{**TASK, "ref": "a", **json.loads(wrong)}, last]},
                told,
            )
            for code, wrong, told in rows
        ],
    )


def test_requests_that_cannot_be(open_server: httpx.Client) -> None:
    rows = [row.split(" | ", 2) for row in OTHERS.strip().splitlines()]
    parts = [(code, request.split(" ", 2), told) for code, request, told in rows]
    check_requests(
        open_server,
        [
            (code, " ".join(words[:2]), json.loads(words[2]) if len(words) > 2 else None, told)
            for code, words, told in parts
        ],
    )


def test_commands_through_an_open_server(open_server: httpx.Client) -> None:
    check(THROUGH_A_SERVER, ("--server", str(open_server.base_url)))
