"""lapinq inside a Starlette application: its lifespan, and the dashboard and API below a path."""

import json
import logging
import re
import subprocess
import sys
import traceback
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psycopg
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from lapinq import AsyncTaskQueue, TaskQueue
from lapinq.contrib.starlette import lifespan, mount
from lapinq.server import create_app
from lapinq_core.runtime.settings import SettingsError
from tests.support.database import postgres
from tests.support.http.serving import serving
from tests.support.sample.tasks import aadd

pytestmark = pytest.mark.http

KEY = {"X-API-Key": "secret"}

said: list[str] = []
"""What the application's own lifespan noted."""


@pytest.fixture(scope="module")
def database_url(postgres_url: str) -> Iterator[str]:
    """An empty database: the application has to migrate it."""
    with postgres.private_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="module")
def client(database_url: str) -> Iterator[httpx.Client]:
    """A client of an application with a worker in its lifespan and lapinq mounted below `/tasks`."""
    said.clear()

    @asynccontextmanager
    async def own(app: Starlette) -> AsyncGenerator[dict[str, Any]]:
        async with lifespan(AsyncTaskQueue(), TaskQueue(), worker=True, database_url=database_url)(app):
            said.append("started")
            yield {"shop": "open"}
        said.append(f"stopped with {workers(database_url)} workers")

    async def home(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.state.shop)

    app = Starlette(routes=[Route("/", home)], lifespan=own)
    mount(app, "/tasks", database_url=database_url, api_key="secret", worker_queues=["none"])
    with serving(stripped(app)) as client:
        yield client
    assert said == ["started", "stopped with 0 workers"]


def stripped(app: ASGIApp) -> ASGIApp:
    """Behind a proxy that removes `/shop` from paths, and only then says so to the application."""

    async def behind_proxy(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan" and (b"x-prefix", b"/shop") in scope["headers"]:
            scope["root_path"] = "/shop"
        await app(scope, receive, send)

    return behind_proxy


def workers(database_url: str) -> int:
    with psycopg.connect(database_url) as conn:
        row = conn.execute("SELECT count(*) FROM lapinq_workers").fetchone()
    assert row is not None
    return row[0]


def test_the_lifespan_runs_a_worker_inside_that_of_the_application(client: httpx.Client) -> None:
    assert said == ["started"]
    assert client.get("/").text == "open"
    ref = TaskQueue(f"{client.base_url}/tasks", api_key="secret").task(aadd).queue(1, 2)
    assert ref.result(timeout=20) == 3


def test_mounted_below_a_path_it_stays_below_it(client: httpx.Client) -> None:
    assert client.get("/tasks").headers["location"] == f"{client.base_url}/tasks/"
    assert client.get("/tasks/").headers["location"] == "/tasks/login"
    answer = client.post("/tasks/login", data={"username": "lapinq", "password": "lapinq"})
    assert answer.headers["location"] == "/tasks/"
    assert "Path=/tasks;" in answer.headers["set-cookie"]
    style = re.search(r'href="../(static/\w+/dashboard.css)"', client.get("/tasks/admin/users").text)
    assert style
    for path in (style[1], "me", "health", "docs"):
        assert client.get(f"/tasks/{path}").status_code == 200, path
    cookie = {"Cookie": f"lapinq_session={client.cookies['lapinq_session']}"}
    with connect(socket_url(client), additional_headers=cookie, proxy=None) as socket:
        socket.send(json.dumps({"type": "auth"}))
        assert json.loads(socket.recv(timeout=10))["user"]["username"] == "lapinq"
    assert client.get("/tasks/logout").headers["location"] == "/tasks/login"
    assert client.get("/tasks/me").status_code == 401
    assert client.get("/tasks/api/v1/queues").status_code == 401
    assert client.get("/tasks/api/v1/queues", headers=KEY).status_code == 200
    assert client.get("/tasks/openapi.json").json()["servers"] == [{"url": "/tasks"}]
    # Also behind a proxy that removes a prefix.
    for path in ("/tasks/", "/shop/tasks/"):
        page = client.get(path, headers={"X-Prefix": "/shop"})
        assert (page.status_code, page.headers["location"]) == (303, "/shop/tasks/login")
    assert client.get("/tasks/api/v1/queues", headers={"X-Prefix": "/shop"}).status_code == 401


def test_without_a_key_the_api_answers_local_requests_alone_and_no_page_of_another_origin(
    database_url: str,
) -> None:
    """Even if the application around it lets pages of any origin read."""
    app = Starlette(middleware=[Middleware(CORSMiddleware, allow_origins=["*"])])
    mount(app, "/tasks", database_url=database_url, host="0.0.0.0")
    with serving(app) as client:
        assert client.get("/tasks/api/v1/queues").status_code == 200
        refused = client.get("/tasks/api/v1/queues", headers={"X-Forwarded-For": "203.0.113.7"})
        assert refused.status_code == 401
        assert "Set LAPINQ_API_KEY on the server" in refused.json()["error"]
        page = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert client.get("/tasks/api/v1/tasks", headers=page).status_code == 403


def test_a_plain_mount_says_what_is_wrong(caplog: pytest.LogCaptureFixture, database_url: str) -> None:
    with serving(Starlette(routes=[Mount("/tasks", create_app(database_url))])) as client:
        for path in ("/tasks/", "/tasks/health", "/tasks/api/v1/queues"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert "lapinq.contrib.starlette.mount" in answer.json()["error"]
        with pytest.raises(InvalidStatus) as refused, connect(socket_url(client), proxy=None):
            pass
        assert b"lapinq.contrib.starlette.mount" in (refused.value.response.body or b"")
    [line] = [record for record in caplog.records if record.name == "lapinq_api.middleware.guard"]
    assert line.levelno == logging.ERROR
    assert "lapinq.contrib.starlette.mount" in line.message


def test_a_mistake_shows_where_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    mistakes: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"wroker": True}, TypeError, "no setting 'wroker'"),
        ({"worker_concurrency": "many"}, SettingsError, "worker-concurrency"),
        ({}, SettingsError, "set DATABASE_URL"),
        (
            {"database_url": "localhost/shop"},
            SettingsError,
            "database_url is not valid: .* postgresql://user:password@host",
        ),
    ]
    for given, error, told in mistakes:
        with pytest.raises(error, match=told):
            mount(Starlette(), "/tasks", TaskQueue(), **given)
        with pytest.raises(error, match=told):
            lifespan(TaskQueue(), worker=True, **given)
    with pytest.raises(TypeError, match="no effect without"):
        lifespan(TaskQueue(), worker_queues="mail")
    with pytest.raises(ValueError, match="must begin with a slash"):
        mount(Starlette(), "tasks")


async def test_a_module_that_cannot_be_imported_keeps_the_application_from_starting(
    database_url: str,
) -> None:
    worker: dict[str, Any] = {"worker": True, "worker_imports": ["nosuch"], "database_url": database_url}
    mounted, alone = Starlette(), Starlette(lifespan=lifespan(**worker))
    mount(mounted, "/tasks", **worker)
    for app in (mounted, alone):
        with pytest.raises(ExceptionGroup) as failed:
            async with app.router.lifespan_context(app):
                """It does not start."""
        assert "no module 'nosuch'; searched: " in "".join(traceback.format_exception(failed.value))


APPLICATION = """
import asyncio, sys
from starlette.applications import Starlette
from lapinq import AsyncTaskQueue
from lapinq.contrib.starlette import mount
from tests.support.sample.tasks import aadd

queue = AsyncTaskQueue(sys.argv[1])
app = Starlette()
mount(app, "/tasks", queue, worker=True)


async def main():
    async with app.router.lifespan_context(app):
        print(await (await queue.task(aadd).aqueue(1, 2)))


asyncio.run(main())
"""


def test_a_program_without_logging_shows_the_database_and_the_tasks(postgres_url: str) -> None:
    with postgres.private_database(postgres_url) as url:
        done, quiet = (
            subprocess.run(
                [sys.executable, "-c", code, url], capture_output=True, text=True, check=True, timeout=60
            )
            for code in (APPLICATION, f"import logging; logging.basicConfig(level='ERROR')\n{APPLICATION}")
        )
    place = "postgresql://" + url.partition("@")[2].partition("?")[0]
    for line in (
        f"lapinq.contrib.starlette: dashboard and API below /tasks, database: {place}",
        "lapinq.tasks: tests.support.sample.tasks.aadd completed in",
    ):
        assert line in done.stderr, done.stderr
    assert (done.stdout, quiet.stdout, quiet.stderr) == ("3\n", "3\n", "")


def socket_url(client: httpx.Client) -> str:
    return f"ws://{client.base_url.host}:{client.base_url.port}/tasks/ws"
