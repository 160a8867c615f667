"""Without a key the API, and with the default password the dashboard, are for local requests alone."""

import json
import logging
import re

import httpx
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from lapinq_api.app import build_app
from lapinq_core.runtime.settings import Settings
from tests.integration.lapinq_api.conftest import Serve
from tests.support.http.people import PASSWORD, add_user, browser, log_in
from tests.support.http.serving import serving

pytestmark = pytest.mark.http

TASK = {"task_name": "system", "module_path": "os", "args": ["true"]}
DEFAULT = {"username": "lapinq", "password": "lapinq"}
ELSEWHERE = {"X-Forwarded-For": "203.0.113.7"}
JSON = {"Accept": "application/json"}


@pytest.mark.parametrize("trusted", [(), ("127.0.0.1",)])
def test_without_a_key_the_api_answers_local_requests_alone(serve: Serve, trusted: tuple[str, ...]) -> None:
    client = serve(host="0.0.0.0", trusted_proxies=trusted)  # where it listens makes no difference
    assert client.post("/api/v1/enqueue", json=TASK).status_code == 201
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        for method, path in (("POST", "/api/v1/enqueue"), ("GET", "/api/v1/tasks"), ("GET", "/api/v1/no")):
            answer = client.request(method, path, json=TASK, headers={header: "127.0.0.1"})
            assert answer.status_code == 401, (header, path)
            for way in ("Set LAPINQ_API_KEY", "LAPINQ_OPEN_API=everyone"):
                assert way in answer.json()["error"]
    with browser(client) as admin:
        wanted = {"name": f"shop {trusted}", "scopes": ["enqueue"]}
        key = admin.post("/api/v1/keys", json=wanted).json()["key"]
        user = add_user(admin)
    named = client.post("/api/v1/enqueue", json=TASK, headers={**ELSEWHERE, "X-API-Key": key})
    assert named.status_code == 201
    with browser(client, None) as somebody:
        somebody.headers.update(ELSEWHERE)
        log_in(somebody, user["username"], PASSWORD)
        assert somebody.get("/api/v1/queues").status_code == 200


def test_the_settings_can_open_the_api_to_everyone(api_database: str) -> None:
    settings = Settings(database_url=api_database, open_api="everyone")
    with serving(build_app(settings, url="http://10.0.0.7:8001")) as client:
        assert client.get("/api/v1/queues", headers=ELSEWHERE).status_code == 200
        assert client.post("/login", data=DEFAULT, headers=ELSEWHERE).status_code == 403
        log_in(client)


def test_the_default_password_works_in_local_requests_alone(
    api: httpx.Client, db: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    with browser(api) as client:
        token = client.cookies["lapinq_session"]
        for path in ("/", "/me", "/admin/users", "/api/v1/queues"):
            assert client.get(path).status_code == 200, path
        # Nor does a session that began with it.
        for path in ("/", "/account", "/admin/users"):
            answer = client.get(path, headers={**ELSEWHERE, "Accept": "text/html"})
            assert answer.headers["location"].startswith("/login"), path
        for method, path in (("GET", "/me"), ("POST", "/admin/users"), ("GET", "/api/v1/queues")):
            assert client.request(method, path, headers={**ELSEWHERE, **JSON}).status_code == 401, path
        change = {"current_password": "lapinq", "new_password": PASSWORD}
        assert client.post("/account/password", json=change, headers=ELSEWHERE).status_code == 401
        assert _ending(client, token, ELSEWHERE) == 1008
        caplog.clear()
        answer = client.post("/login", data=DEFAULT, headers=ELSEWHERE)
        assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
        assert "The default password works on the machine of the server only" in answer.text
        warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
        assert warnings == ["failed login from 127.0.0.1"]
        row = db.execute("SELECT actor_kind, target FROM lapinq_audit ORDER BY at DESC LIMIT 1").fetchone()
        assert row == ("anonymous", "lapinq")


def test_elsewhere_the_link_of_the_first_start_sets_the_password(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = Settings(database_url=database, admin_username="Ada")
    with serving(build_app(settings)):
        # Without an address of its own the link is a path.
        assert re.search(
            r"the user Ada has the default password, lapinq, which works on this machine only\. To log in from"
            r" elsewhere, set another one with this link, once, within 24 hours: welcome\?token=[\w-]{43} \(below",
            caplog.text,
        )
    caplog.clear()
    with psycopg.connect(database) as conn:
        conn.execute("DELETE FROM lapinq_users")
    with serving(build_app(settings, url="http://127.0.0.1:8001")) as client:
        [found] = re.findall(r"http://127\.0\.0\.1:8001(/welcome\?token=[\w-]{43})", caplog.text)
        client.headers.update(ELSEWHERE)
        assert "Hello Ada" in client.get(found).text
        form = {"token": found.partition("=")[2], "password": PASSWORD}
        answer = client.post("/welcome", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert client.get("/me").json()["has_default_password"] is False
        assert client.get(found).status_code == 404
    caplog.clear()
    with serving(build_app(settings)):
        assert "welcome" not in caplog.text


def _ending(client: httpx.Client, token: str, headers: dict[str, str]) -> int | None:
    url = f"ws://{client.base_url.host}:{client.base_url.port}/ws"
    with connect(url, proxy=None, additional_headers=headers) as socket:
        socket.send(json.dumps({"type": "auth", "token": token}))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
    return closed.value.rcvd.code if closed.value.rcvd else None
