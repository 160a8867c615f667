"""The connection between server and database ends right after a commit, so that the server can't know of it."""

from itertools import count
from typing import Any

import httpx
import psycopg
import pytest

from tests.support.database.invariants import check_invariants
from tests.support.database.proxy import Proxy, proxy
from tests.support.programs.processes import ApiProcess

pytestmark = pytest.mark.slow

CUTS = 25
MAX_REPEATS = 100

TASK = {"task_name": "aadd", "module_path": "tests.support.sample.tasks", "args": [1, 1]}


@pytest.mark.parametrize("path", ["/api/v1/enqueue", "/api/v1/enqueue/batch"])
def test_a_request_that_is_repeated_with_its_key_is_stored_once(database: str, path: str) -> None:
    body: Any = [TASK, TASK] if path.endswith("batch") else TASK
    acknowledged: list[str] = []
    with (
        proxy(database) as between,
        ApiProcess(between.url) as api,
        httpx.Client(base_url=api.url, trust_env=False) as client,
    ):
        repeated = 0
        for n in count():
            answer, was_stored = enqueued(client, between, path, f"key {n}", body)
            acknowledged += answer.json().get("task_ids") or [answer.json()["task_id"]]
            repeated += was_stored
            if repeated == CUTS:
                break
            assert n < 2 * CUTS, "nothing was cut"
    assert len(acknowledged) >= CUTS * (2 if path.endswith("batch") else 1)
    with psycopg.connect(database) as conn:
        stored = conn.execute("SELECT id::text FROM lapinq_tasks").fetchall()
        known = conn.execute("SELECT unnest(task_ids)::text FROM lapinq_idempotency_keys").fetchall()
    assert sorted(stored) == sorted(known) == sorted((task_id,) for task_id in acknowledged)
    check_invariants(database, acknowledged)


def enqueued(
    client: httpx.Client, between: Proxy, path: str, key: str, body: Any
) -> tuple[httpx.Response, bool]:
    """The answer, in the end, and whether a try before it was stored: the cut may meet another commit of the server."""
    between.cut_after(b"COMMIT")
    for tried in count(1):
        answer = client.post(path, json=body, headers={"Idempotency-Key": key})
        if answer.status_code == 201:
            return answer, answer.headers.get("idempotency-replayed") == "true"
        assert answer.status_code == 503, answer.text
        assert tried < MAX_REPEATS
    raise AssertionError
