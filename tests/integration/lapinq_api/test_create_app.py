"""`create_app`: the published parameters, the environment behind them, and the worker inside."""

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest
from starlette.applications import Starlette

from lapinq.server import create_app
from lapinq_core.runtime.settings import SettingsError
from tests.support.database import postgres
from tests.support.eventually import eventually
from tests.support.http.serving import serving
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task

pytestmark = pytest.mark.http


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "LAPINQ_API_KEY", "LAPINQ_RATE_LIMIT", "LAPINQ_WORKER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    with postgres.private_database(postgres_url) as url:
        yield url


def test_it_has_exactly_the_published_parameters() -> None:
    published = {
        "database_url": "postgresql://localhost:5432/lapinq",
        "api_key": None,
        "session_secret": None,
        "rate_limit": 0,
        "worker": False,
        "worker_concurrency": 4,
        "worker_poll_interval": 0.1,
        "worker_timeout": 300,
        "cleanup_interval": 0,
        "scheduler": False,
        "scheduler_interval": 60,
    }
    parameters = inspect.signature(create_app).parameters
    assert {name: parameter.default for name, parameter in parameters.items()} == published
    with pytest.raises(SettingsError, match=r"rate.limit"):
        create_app(rate_limit=-1)
    with pytest.raises(SettingsError, match=r"api.key is set but empty"):
        create_app(api_key="")
    assert isinstance(create_app(session_secret=""), Starlette)  # made at random, as published


# That an application can be started again is in `routes/operating/test_workers.py`.
def test_it_brings_an_empty_database_up_to_date_and_runs_tasks_inside(empty_database: str) -> None:
    app = create_app(empty_database, worker=True, worker_concurrency=2, scheduler=True, cleanup_interval=30)
    with serving(app) as client:
        task = {"task_name": "factorial", "module_path": "math", "args": [20]}
        task_id = client.post("/api/v1/enqueue", json=task).json()["task_id"]
        result = eventually(lambda: _finished(client, task_id), timeout=20)
        assert result is not None
        assert result["result"] == "2432902008176640000"
        assert client.get("/api/v1/queues").json()[0]["completed"] == 1
    with psycopg.connect(empty_database) as conn:
        assert conn.execute("SELECT count(*) FROM lapinq_workers").fetchone() == (0,)


def test_a_server_without_worker_and_scheduler_sees_to_what_is_due_and_what_expires(database: str) -> None:
    later = new_task(scheduled_at=datetime.now(UTC) + timedelta(hours=1))
    due, short = enqueue_all(database, [later, new_task(ttl_seconds=3600)])
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now()")
        conn.execute("UPDATE lapinq_tasks SET expires_at = lapinq_now() WHERE id = %s", [short])
        conn.execute("UPDATE lapinq_ready SET expires_at = lapinq_now() WHERE id = %s", [short])
        with serving(create_app(database)):
            eventually(lambda: conn.execute("SELECT id::text FROM lapinq_ready").fetchall() == [(due,)])
        ended = conn.execute("SELECT task_id::text, outcome FROM lapinq_attempts").fetchall()
        assert ended == [(short, "expired")]


def test_the_environment_holds_where_a_parameter_is_left_out(
    api_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", api_database)
    monkeypatch.setenv("LAPINQ_API_KEY", "from the environment")
    monkeypatch.setenv("LAPINQ_RATE_LIMIT", "2")

    def statuses(client: httpx.Client, key: str) -> list[int]:
        headers = {"X-API-Key": key}
        return [client.get("/api/v1/queues", headers=headers).status_code for _ in range(3)]

    with serving(create_app()) as client:
        assert statuses(client, "from the environment") == [200, 200, 429]
    with serving(create_app(api_key="given", rate_limit=100)) as client:
        assert statuses(client, "from the environment") == [401] * 3
        assert statuses(client, "given") == [200] * 3


def _finished(client: httpx.Client, task_id: str) -> dict[str, str] | None:
    body = client.get(f"/api/v1/tasks/{task_id}/result").json()
    return body if "id" in body else None
