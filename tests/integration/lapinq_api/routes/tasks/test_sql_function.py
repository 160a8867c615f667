"""`lapinq_enqueue`, beside the API: the same fields, checks and rows."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from lapinq_core.db.notify import ready_notices
from tests.support.programs.processes import REPOSITORY

pytestmark = pytest.mark.http

TASK = {"task_name": "add", "module_path": "shop.tasks"}


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


WRONG: dict[str, list[Any]] = {
    "task_name": [None, 1, "", " ", "a\n", "\u202e", "x" * 256],
    "queue_name": [1, "\u202e", "x" * 256],
    "module_path": [None, 5, "", "a..b", "1a", "a-b", "x" * 1001],
    "args": ["x", 5, True, {}],
    "kwargs": ["x", []],
    "metadata": ["x", []],
    "max_retries": ["3", True, 1.5, 1.0, 2**70, -1, 101],
    "priority": ["3", 2**31, -(2**31) - 1],
    "ttl_seconds": ["5", False, -1, 1e30],
    "retry_delay": ["5", False, -1, 1e30],
    "timeout_seconds": ["5", False, -1, 0, 1e30],
    "retry_backoff": [1, "true"],
    "webhook_url": [
        5,
        "",
        "ftp://h",
        "http://",
        "https://h:0",
        "https://h:65536/",
        "https://h/a b",
        "http:/h",
        "h/x",
    ],
    "scheduled_at": [5, "", "now", "infinity", "2031-13-01T00:00:00Z", "2031-02-30", "2500-01-01T00:00:00Z"],
    "colour": [1],
}
STORED: list[dict[str, Any]] = [
    {},
    {"task_name": "é ü", "module_path": "tienda.año_1", "queue_name": "größe"},
    {
        "args": [1, "a", {"b": [None, 1.5, 10**400]}, nested(97)],
        "kwargs": {"á": True},
        "metadata": {"x": [1]},
    },
    {"args": None, "kwargs": None, "metadata": None, "webhook_url": None, "max_retries": None},
    {
        "max_retries": 0,
        "priority": -(2**31),
        "retry_delay": 0.5,
        "retry_backoff": False,
        "timeout_seconds": 1.5,
    },
    {"max_retries": 100, "priority": 2**31 - 1, "ttl_seconds": 60},
    {"webhook_url": "HTTPS://u:p@example.com:8443/x?y#z"},
    {"webhook_url": "http://[::1]:80"},
    {"scheduled_at": "2031-01-01T10:00:00.5+02:00"},
    {"scheduled_at": "2031-01-01"},
    {"scheduled_at": "2001-01-01 10:00:00"},
    {"ttl_seconds": 0, "priority": 3},
]

ROW = """
    SELECT to_jsonb(t) - '{id,created_at,request_id,expires_at}'::text[], t.expires_at - t.created_at,
           to_jsonb(r) - '{id,seq,expires_at}'::text[], to_jsonb(d) - '{id,expires_at}'::text[],
           t.args::jsonb, t.expires_at = coalesce(r.expires_at, d.expires_at)
      FROM lapinq_tasks t LEFT JOIN lapinq_ready r USING (id) LEFT JOIN lapinq_delayed d USING (id)
     WHERE t.id = %s
"""
TRANSIENT = "SELECT to_jsonb(t) - '{seq,due_at,request_id}'::text[] FROM lapinq_transient t"


def enqueue(db: psycopg.Connection, body: Any) -> str | None:
    row = db.execute("SELECT lapinq_enqueue(%s::jsonb)::text", [json.dumps(body)]).fetchone()
    assert row is not None
    return row[0]


def test_it_refuses_what_the_api_refuses_in_the_same_words(api: httpx.Client, db: psycopg.Connection) -> None:
    changes: list[dict[str, Any]] = [{field: value} for field, values in WRONG.items() for value in values]
    for change in [*changes, {"scheduled_at": "2031-01-01T00:00:00+99:99"}]:
        body = {**TASK, **change}
        answer = api.post("/api/v1/enqueue", json=body)
        assert answer.status_code == 400, change
        [detail] = answer.json()["details"]
        with pytest.raises(psycopg.Error) as refused:
            enqueue(db, body)
        assert refused.value.sqlstate == "22023", change
        assert refused.value.diag.message_primary == f"{detail['loc']}: {detail['msg']}", change
        assert refused.value.diag.column_name == detail["loc"]


def test_values_that_no_worker_could_read_are_refused(db: psycopg.Connection) -> None:
    deep = "must not be nested more than 100 levels deep"
    numbers = "must have numbers within range"
    for field, value in (
        ("args", [nested(100)]),
        ("kwargs", {"a": nested(100)}),
        ("metadata", {"a": nested(100)}),
    ):
        refused(db, json.dumps({**TASK, field: value}), f"{field}: {deep}")
    for number in ("1" * 4301, "-1e5000", "1" * 310 + ".5"):
        refused(db, f'{{"task_name": "a", "module_path": "a", "args": [{number}]}}', f"args: {numbers}")
    for no_object in ('["x"]', "5", "null", '"x"'):
        refused(db, no_object, "task: must be an object")
    for missing in TASK:
        rest = {field: value for field, value in TASK.items() if field != missing}
        refused(db, json.dumps(rest), f"{missing}: is required")


def refused(db: psycopg.Connection, body: str, beginning: str) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=f"^{beginning}"):
        db.execute("SELECT lapinq_enqueue(%s::jsonb)", [body])


def test_it_stores_what_the_api_stores(api: httpx.Client, db: psycopg.Connection) -> None:
    for change in STORED:
        body = {**TASK, **change}
        answer = api.post("/api/v1/enqueue", json=body)
        assert answer.status_code == 201, answer.text
        ids = (answer.json()["task_id"], enqueue(db, body))
        if body.get("ttl_seconds") == 0:
            assert ids == (None, None)
            one, other = db.execute(TRANSIENT).fetchall()
        else:
            one, other = (db.execute(ROW, [task_id]).fetchone() for task_id in ids)
        assert one is not None
        assert one == other, change
    ids = [enqueue(db, TASK) for _ in range(20)]
    assert ids == sorted(filter(None, ids))
    counted = db.execute("SELECT sum(pending) FROM lapinq_counts").fetchone()
    assert counted == db.execute("SELECT count(*) FROM lapinq_tasks").fetchone()


def test_a_task_exists_once_its_transaction_commits_and_workers_hear_of_it_then(
    api_database: str, db: psycopg.Connection
) -> None:
    soon = {**TASK, "queue_name": "soon", "scheduled_at": "2031-01-01"}
    with psycopg.connect(api_database, autocommit=True) as listening:
        listening.execute("LISTEN lapinq_ready")
        listening.execute("LISTEN lapinq_delayed")
        with db.transaction():
            with db.transaction(force_rollback=True):
                undone = enqueue(db, {**TASK, "queue_name": "undone"})
            done = enqueue(db, {**TASK, "queue_name": "done"})
            db.execute(
                "SELECT lapinq_enqueue(%s::jsonb || jsonb_build_object('scheduled_at', now() + interval '0.4 s'))",
                [json.dumps(soon)],
            )
            assert not list(listening.notifies(timeout=0))
        heard: dict[str, str] = {}
        for notice in listening.notifies(timeout=5):
            # The API may still announce the tasks of another test.
            if ready_notices.read(notice.payload).queue != "default":
                heard[notice.channel] = notice.payload
            if len(heard) == 2:
                break
    assert heard["lapinq_ready"] == "done"
    assert 0 < float(heard["lapinq_delayed"]) <= 0.4
    found = {
        task_id: db.execute("SELECT 1 FROM lapinq_tasks WHERE id = %s", [task_id]).fetchone()
        for task_id in (undone, done)
    }
    assert found == {undone: None, done: (1,)}


def test_the_examples_of_its_page_run(db: psycopg.Connection) -> None:
    page = Path(REPOSITORY, "docs/reference/sql.md").read_text(encoding="utf-8")
    examples = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    assert len(examples) >= 3
    with db.transaction(force_rollback=True):
        for example in examples:
            db.execute(re.sub(r"(BEGIN|COMMIT);\n", "", example).encode())
