"""`?wait=`: the answer comes as soon as the task has ended, in whichever way, and no later than it was asked for."""

import socket
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import psycopg
import pytest

from lapinq.server import create_app
from lapinq_api.credentials import caller
from lapinq_core.batching import waiting
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.state import FINAL, Status
from tests.support.database.proxy import proxy
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.http.refusals import Row, check_queries_refused
from tests.support.http.serving import serving
from tests.support.programs.processes import ApiProcess, WorkerProcess
from tests.support.rows.factories import Conn, complete

Serve = Callable[..., httpx.Client]

NOT_FINISHED = {"error": "task not finished", "status": "running"}
POLLED_SECONDS = waiting.POLL_INTERVAL_SECONDS + 1.0  # and something for a busy machine


def _get(client: httpx.Client, task_id: str, wait: float) -> httpx.Response:
    return client.get(f"/api/v1/tasks/{task_id}/result?wait={wait}", timeout=30)


@contextmanager
def asking(
    database: str, client: httpx.Client, task_id: str, wait: float = 20, *, announced: int = 1
) -> Generator[Future[httpx.Response]]:
    """A request that waits, once workers were told of it as many times."""
    with listening(database) as is_told, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(_get, client, task_id, wait)
        assert all(is_told(task_id) for _ in range(announced))
        yield asked


@contextmanager
def listening(database: str) -> Generator[Callable[[str], bool]]:
    """As a worker does: waits until it is told that somebody waits for a task."""
    with psycopg.connect(database, autocommit=True) as worker:
        worker.execute("LISTEN lapinq_wait")
        yield lambda task_id: any(task_id in told.payload for told in worker.notifies(timeout=10))


def _enqueue(client: httpx.Client, name: str, *args: object) -> str:
    body = {
        "task_name": name,
        "module_path": "tests.support.sample.tasks",
        "args": args,
        "max_retries": 0,
    }
    task_id: str = client.post("/api/v1/enqueue", json=body).json()["task_id"]
    return task_id


async def _end(conn: Conn, held: Claim) -> None:
    await complete(conn, [held], '"done"')


def test_a_task_that_has_ended_is_answered_at_once(api: httpx.Client, made: dict[Status, str]) -> None:
    for status in FINAL:
        response = _get(api, made[status], 60)  # which the client would not wait for
        assert (response.status_code, response.json()["status"]) == (200, status)
        assert response.json() == api.get(f"/api/v1/tasks/{made[status]}/result").json()
    assert _get(api, "00000000-0000-0000-0000-000000000000", 60).status_code == 404
    assert _get(api, "no-id", 60).status_code == 400


def test_when_the_time_is_up_it_says_not_finished(api: httpx.Client, held: Claim) -> None:
    path = f"/api/v1/tasks/{held.id}/result"
    for wait in ("0", "0.0", "0.3"):
        began = time.monotonic()
        response = api.get(f"{path}?wait={wait}")
        assert time.monotonic() - began >= float(wait)
        assert (response.status_code, response.json()) == (200, NOT_FINISHED)
    began = time.monotonic()
    head = api.head(f"{path}?wait=0.3")
    assert time.monotonic() - began >= 0.3
    assert (head.status_code, head.content) == (200, b"")
    texts = ["", "-1", "+1", "60.1", "1e1", "nan", "inf", "1_0", " 1", "1.", ".5", "٣", "9" * 30, "true"]
    rows: list[Row] = [
        ({"wait": text}, "wait", "must be a number of seconds between 0 and 60") for text in texts
    ]
    check_queries_refused(api, "GET", path, rows)


def test_the_end_of_a_running_task_answers_all_who_wait_whoever_wrote_it(
    api: httpx.Client, api_database: str, held: Claim
) -> None:
    with ThreadPoolExecutor(10) as pool:
        others = [pool.submit(_get, api, held.id, 20) for _ in range(9)]
        with asking(api_database, api, held.id) as last:
            on_connections(api_database, partial(_end, held=held))
            began = time.monotonic()
            assert last.result().json()["result"] == '"done"'
            assert time.monotonic() - began < POLLED_SECONDS
        assert {one.result().json()["result"] for one in others} == {'"done"'}


def test_a_cancellation_answers_and_what_is_deleted_meanwhile_is_unknown(
    api: httpx.Client, api_database: str, db: psycopg.Connection, made: dict[Status, str]
) -> None:
    task_id = made[Status.PENDING]
    with asking(api_database, api, task_id) as asked:
        assert api.delete(f"/api/v1/tasks/{task_id}").status_code == 200
        began = time.monotonic()
        assert asked.result().json()["status"] == "cancelled"
        assert time.monotonic() - began < POLLED_SECONDS
    task_id = _enqueue(api, "add", 1, 1)
    with asking(api_database, api, task_id) as asked:
        db.execute(
            "WITH gone AS (DELETE FROM lapinq_ready WHERE id = %(id)s) DELETE FROM lapinq_tasks WHERE id = %(id)s",
            {"id": task_id},
        )
        assert asked.result().status_code == 404


def test_who_may_read_no_more_when_the_task_has_ended_is_refused(
    keyed: httpx.Client, api_database: str, held: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller, "RECHECK_SECONDS", 0.0)
    key = keyed.post("/api/v1/keys", json={"name": held.id, "scopes": ["read"]}).json()
    with (
        httpx.Client(base_url=keyed.base_url, headers={"X-API-Key": key["key"]}, trust_env=False) as reader,
        asking(api_database, reader, held.id) as asked,
    ):
        assert keyed.delete(f"/api/v1/keys/{key['id']}").status_code == 200
        on_connections(api_database, partial(_end, held=held))
        assert asked.result().status_code == 401


def test_to_who_is_limited_to_other_queues_meanwhile_the_task_does_not_exist(
    keyed: httpx.Client, api_database: str, held: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller, "RECHECK_SECONDS", 0.0)
    lisa = add_user(keyed)
    with (
        browser(keyed, lisa["username"], PASSWORD) as reader,
        asking(api_database, reader, held.id) as asked,
    ):
        assert keyed.post(f"/admin/users/{lisa['id']}/reads", json={"queues": ["other"]}).is_success
        on_connections(api_database, partial(_end, held=held))
        assert asked.result().status_code == 404


def test_no_more_wait_than_may(serve: Serve, api_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MAX_WAITING", 4)
    client = serve(api_key="secret")
    client.headers["X-API-Key"] = "secret"
    other = client.post("/api/v1/keys", json={"name": "other", "scopes": ["read"]}).json()["key"]
    ids = [_enqueue(client, "add", 1, 1) for _ in range(3)]
    with ExitStack() as stack:
        asked = [stack.enter_context(asking(api_database, client, task_id, 3)) for task_id in ids]
        refused = _get(client, ids[0], 0.05)
        assert refused.status_code == 429
        assert refused.json() == {
            "error": "too many requests wait for results for one caller:"
            " LAPINQ_CALLER_SHARE keeps the rest for others"
        }
        assert int(refused.headers["retry-after"]) >= 1
        path = f"/api/v1/tasks/{ids[0]}/result?wait=0.05"
        assert client.get(path, headers={"X-API-Key": other}).status_code == 200
        assert [one.result().json()["status"] for one in asked] == ["pending"] * 3
    assert _get(client, ids[0], 0.05).status_code == 200


def test_a_client_that_is_gone_frees_its_place_at_once(
    serve: Serve, api_database: str, held: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MAX_WAITING", 1)
    client = serve()
    url = client.base_url
    with (
        listening(api_database) as is_told,
        socket.create_connection((url.host, url.port or 0)) as left,
    ):
        left.sendall(
            f"GET /api/v1/tasks/{held.id}/result?wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        )
        assert is_told(held.id)
        assert _get(client, held.id, 0.01).status_code == 503
    eventually(lambda: _get(client, held.id, 0.01).status_code == 200, timeout=5)


def test_a_lost_database_ends_no_wait_that_has_begun(
    api_database: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "ANNOUNCE_INTERVAL_SECONDS", 0.2)
    with proxy(api_database) as between:
        client = serve(database_url=between.url)
        task_id = _enqueue(client, "add", 1, 1)
        with asking(api_database, client, task_id, 3, announced=3) as asked:
            between.cut()
            assert _get(client, task_id, 3).status_code == 503
            assert asked.result().json() == {"error": "task not finished", "status": "pending"}
        between.heal()
        eventually(lambda: client.get("/health").status_code == 200, timeout=10)
        with asking(api_database, client, task_id, 20) as asked:
            assert client.delete(f"/api/v1/tasks/{task_id}").status_code == 200
            assert asked.result().json()["status"] == "cancelled"


@pytest.mark.parametrize(
    "is_inside",
    [
        pytest.param(True, id="in the same process"),
        pytest.param(False, id="in another process", marks=pytest.mark.slow),
    ],
)
def test_a_worker_tells_of_an_end_before_the_server_looks_for_it(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_inside: bool
) -> None:
    monkeypatch.setattr(
        waiting, "POLL_INTERVAL_SECONDS", 3600.0
    )  # it looks at the beginning and at the end only
    gate = tmp_path / "gate"
    with ExitStack() as running:
        client = running.enter_context(serving(create_app(database, worker=is_inside)))
        if not is_inside:
            running.enter_context(WorkerProcess(database))
        task_id = _enqueue(client, "amark_until", str(tmp_path), "task", str(gate))
        with asking(database, client, task_id, 60) as asked:
            eventually(lambda: client.get(f"/api/v1/tasks/{task_id}").json()["status"] == "running")
            gate.touch()
            assert asked.result().json()["status"] == "completed"  # in half the time that the request waits


def test_a_stop_answers_what_is_known_at_once(api_database: str) -> None:
    with ApiProcess(api_database) as api, httpx.Client(base_url=api.url) as client:
        task_id = _enqueue(client, "add", 1, 1)
        with asking(api_database, client, task_id, 30) as asked:
            began = time.monotonic()
            assert api.stop() == 0
            assert asked.result().json() == {"error": "task not finished", "status": "pending"}
            assert time.monotonic() - began < 4
