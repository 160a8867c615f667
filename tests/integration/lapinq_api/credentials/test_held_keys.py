"""A key that another transaction is writing, and may go on writing for long: others must not wait for it."""

import json
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from lapinq_core.db.statements import sql

Serve = Callable[..., httpx.Client]

BOTH = pytest.mark.parametrize("path", ["/api/v1/enqueue", "/api/v1/enqueue/batch"])


def _post(client: httpx.Client, path: str, key: str | None = None) -> httpx.Response:
    task: dict[str, Any] = {"task_name": "send", "module_path": "app.mail"}
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(path, json=[task] if path.endswith("batch") else task, headers=headers, timeout=30)


@contextmanager
def _writing(database: str, key: str) -> Generator[psycopg.Connection]:
    """A transaction as of a server that is cut off: it has written a stranger's key and neither commits nor ends."""
    key = f"anonymous\n{key}"
    with psycopg.connect(database) as conn:
        keys = json.dumps([{"key": key, "digest": "00", "task_ids": []}])
        written = conn.execute(sql("lapinq_core.intake", "claim_keys"), {"keys": keys}).fetchall()
        assert written == [(key, False, True)]
        yield conn
        conn.rollback()


@BOTH
def test_requests_with_other_keys_or_none_are_stored_meanwhile(
    serve: Serve, api_database: str, path: str
) -> None:
    client = serve(pool_size=3)
    with _writing(api_database, f"held {path}"), ThreadPoolExecutor(14) as pool:
        held = [pool.submit(_post, client, path, f"held {path}") for _ in range(6)]
        keys = [f"free {path} {n}" if n % 2 else None for n in range(8)]
        others = [pool.submit(_post, client, "/api/v1/enqueue", key) for key in keys]
        assert {other.result().status_code for other in others} == {201}
        assert {one.result().status_code for one in held} == {503}
        assert all(int(one.result().headers["retry-after"]) >= 1 for one in held)
        assert _post(client, "/api/v1/enqueue").status_code == 201
        assert client.get("/health").status_code == 200


@BOTH
def test_a_request_waits_for_the_end_of_the_one_that_holds_its_key(
    api: httpx.Client, api_database: str, path: str
) -> None:
    for end, status in ((psycopg.Connection.rollback, 201), (psycopg.Connection.commit, 409)):
        key = f"{end.__name__} {path}"
        with _writing(api_database, key) as other, ThreadPoolExecutor(1) as pool:
            asked = pool.submit(_post, api, path, key)
            with pytest.raises(TimeoutError):
                asked.result(0.3)
            end(other)
            assert asked.result().status_code == status, key
