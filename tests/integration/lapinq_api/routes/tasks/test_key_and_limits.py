"""`key` and `limits` of a task over HTTP: storing, showing, running again and refusing them."""

from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support.http.refusals import Row, check_refused
from tests.support.rows.named_limits import add_limit

TASK = {"task_name": "send", "module_path": "app.mail"}


@pytest.fixture(scope="module", autouse=True)
def _limits(db: psycopg.Connection) -> None:
    add_limit(db, "gpu")
    add_limit(db, "openai", burst=90_000)


def enqueue(api: httpx.Client, **fields: Any) -> httpx.Response:
    return api.post("/api/v1/enqueue", json={**TASK, **fields})


def shown(api: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    return api.get(f"/api/v1/tasks/{answer.json()['task_id']}").json()


def test_a_task_shows_its_key_and_limits_and_a_rerun_keeps_them(
    api: httpx.Client, signed_in: httpx.Client, queue: str
) -> None:
    task = shown(api, enqueue(api, queue_name=queue, key="acme", limits={"openai": 1200, "gpu": 1}))
    assert (task["key"], task["limits"], task["workflow_id"]) == ("acme", {"openai": 1200, "gpu": 1}, None)
    again = f"/api/v1/tasks/{task['id']}/rerun"
    assert shown(api, api.post(again))["key"] == "acme"
    changed = shown(api, api.post(again, json={"key": None, "limits": {"gpu": 2}}))
    assert (changed["key"], changed["limits"]) == (None, {"gpu": 2})
    plain = shown(api, enqueue(api, key=None, limits={}))
    assert (plain["key"], plain["limits"]) == (None, None)
    listed = api.get("/api/v1/tasks", params={"queue": queue}).json()
    assert [task["key"] for task in listed] == [None, "acme", "acme"]
    of_key = {"queue": queue, "key": "acme"}
    assert [task["key"] for task in api.get("/api/v1/tasks", params=of_key).json()] == ["acme", "acme"]
    refused = api.get("/api/v1/tasks", params={"key": "a\n"})
    assert (refused.status_code, refused.json()["details"][0]["loc"]) == (400, "key")
    assert signed_in.delete("/api/v1/tasks", params=of_key).json()["deleted"] == 2


LONG = "its queue's name, its key and the names of its limits have more than 2600 bytes together"
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"key": 7}, "key", "must be a string, not an integer"),
    ({"key": ""}, "key", "must have 1 to 255 characters"),
    ({"key": "a\x1fb"}, "key", "must not contain control characters"),
    ({"limits": ["gpu"]}, "limits", "must be an object, not a list"),
    ({"limits": {"gpu": "1"}}, "limits.gpu", "must be an integer, not a string"),
    (
        {"limits": {"gpu": 1, "tpu": 1}},
        "limits.tpu",
        "is not a limit that exists; `lapinq limit set tpu --max-running 10` creates it, `lapinq apply MODULE`"
        " those that a module declares",
    ),
    (
        {"limits": {"openai": 90_001}},
        "limits.openai",
        "must be at most 90000, the burst of the limit's rate: it could never start",
    ),
    (
        {
            **dict.fromkeys(("key", "queue_name"), "\U0001f600" * 255),
            "limits": {f"{n}{'x' * 90}": 1 for n in range(9)},
        },
        "limits",
        f"must not be so long: {LONG}",
    ),
]


def test_a_wrong_value_is_refused_by_name(api: httpx.Client, db: psycopg.Connection) -> None:
    check_refused(api, "POST", "/api/v1/enqueue", REFUSED, TASK)
    batches: list[Row] = [([TASK, {**TASK, **fields}], f"[1].{loc}", msg) for fields, loc, msg in REFUSED]
    check_refused(api, "POST", "/api/v1/enqueue/batch", batches)
    for fields, loc, msg in REFUSED:
        with (
            pytest.raises(psycopg.errors.InvalidParameterValue) as raised,
            db.transaction(force_rollback=True),
        ):
            db.execute("SELECT lapinq_enqueue(%s)", (Jsonb({**TASK, **fields}),))
        assert (raised.value.diag.message_primary, raised.value.diag.column_name) == (
            f"{loc}: {msg.partition(';')[0]}",
            loc,
        )


def test_a_limit_counts_from_its_creation_on(api: httpx.Client, db: psycopg.Connection) -> None:
    assert enqueue(api, limits={"gpu": 1}).status_code == 201
    assert enqueue(api, limits={"new": 1}).status_code == 400, "what the server remembers has no such limit"
    add_limit(db, "new")
    assert enqueue(api, limits={"new": 1, "gpu": 1}).status_code == 201


def test_a_fire_and_forget_task_with_a_key_is_kept_until_it_ends(
    api: httpx.Client, db: psycopg.Connection, queue: str
) -> None:
    task = shown(api, enqueue(api, queue_name=queue, key="acme", ttl_seconds=0))
    assert (task["status"], task["ttl_remaining"]) == ("pending", 0)
    waits = db.execute("SELECT expires_at FROM lapinq_ready WHERE id = %s", (task["id"],)).fetchone()
    assert waits == (None,)


def test_the_function_tells_claims_of_a_lane_what_the_api_tells_them(
    api: httpx.Client, db: psycopg.Connection, queue: str
) -> None:
    fields = {"queue_name": queue, "key": "acme", "priority": 3}
    assert enqueue(api, **fields).status_code == 201
    db.execute("SELECT lapinq_enqueue(%s)", (Jsonb({**TASK, **fields}),))
    rows = db.execute("SELECT lanes, rank FROM lapinq_lane_news WHERE queue_name = %s", (queue,))
    assert rows.fetchall() == [(["acme"], 2**41 - 3)] * 2
