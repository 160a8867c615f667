"""Whoever logged in with the password that everybody knows can only change it, where others reach the server."""

import json

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from lapinq_api.app import build_app
from lapinq_api.auth.forced_password_change import must_change_password
from lapinq_api.state import State
from lapinq_core.domain.accounts.account import Role
from lapinq_core.people.sessions import Session
from lapinq_core.runtime.settings import Settings
from tests.support.http.people import PASSWORD, add_user, browser, log_in
from tests.support.http.serving import serving

pytestmark = pytest.mark.http

TASK = {"task_name": "factorial", "module_path": "math", "args": [20]}
JSON = {"Accept": "application/json"}


def test_a_session_with_the_default_password_can_only_change_it(database: str) -> None:
    settings = Settings(database_url=database, host="0.0.0.0", require_auth=True)
    with serving(build_app(settings)) as client:
        assert client.get("/api/v1/queues").status_code == 401
        token = log_in(client)
        for path in ("/", "/tasks", "/errors", "/admin/users", "/schedules/x", "/admin/audit"):
            answer = client.get(path, headers={"Accept": "text/html"})
            assert (answer.status_code, answer.headers.get("location")) == (303, "/account"), path
        for method, path in (
            ("GET", "/api/v1/queues"),
            ("GET", "/api/v1/tasks"),
            ("POST", "/api/v1/enqueue"),
            ("GET", "/me"),
            ("GET", "/admin/users"),
            ("POST", "/admin/users"),
            ("GET", "/account/sessions"),
            ("DELETE", "/account/sessions"),
        ):
            answer = client.request(method, path, headers=JSON)
            assert answer.status_code == 403, path
            assert answer.json()["error"].startswith("this account has the default password: change it first")
        assert _ending(client, token) == (1008, "change the default password first")
        page = client.get("/account").text
        assert 'data-to="account/password"' in page
        assert "Change the password to unlock everything else" in page

        change = {"current_password": "lapinq", "new_password": PASSWORD}
        assert client.post("/account/password", json=change).status_code == 200
        assert client.get("/").status_code == 200
        assert client.get("/me").json()["has_default_password"] is False
        assert client.get("/api/v1/queues").status_code == 200
        with browser(client, add_user(client)["username"], PASSWORD) as other:
            assert other.get("/me").status_code == 200


def test_logging_out_and_keys_are_not_concerned(database: str) -> None:
    settings = Settings(database_url=database, host="::", api_key="master")
    with serving(build_app(settings)) as client:
        log_in(client)
        assert client.get("/api/v1/queues", headers={"X-API-Key": "master"}).status_code == 200
        assert client.get("/logout").headers["location"] == "/login"
        assert client.get("/account").headers["location"] == "/login"


def test_on_the_own_machine_nothing_is_kept_from_anybody(signed_in: httpx.Client) -> None:
    for path in ("/", "/me", "/admin/users", "/api/v1/queues"):
        assert signed_in.get(path).status_code == 200, path


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (("127.0.0.1", 8001), False),
        (("::1", 8001), False),
        (("10.0.0.7", 8001), True),
        (("::ffff:10.0.0.7", 8001), True),
        (("testserver", 80), False),
        (("/run/lapinq.sock", None), False),
        (None, False),
    ],
)
def test_under_another_server_the_address_that_a_request_came_to_counts(
    server: tuple[str, int | None] | None, expected: bool
) -> None:
    session = Session(
        id="",
        user_id=1,
        username="a",
        role=Role.ADMIN,
        permissions={},
        has_default_password=True,
        default_login="a",
    )
    assert must_change_password(State(Settings()), {"server": server}, session) is expected


def _ending(client: httpx.Client, token: str) -> tuple[int, str] | None:
    with connect(f"ws://{client.base_url.host}:{client.base_url.port}/ws", proxy=None) as socket:
        socket.send(json.dumps({"type": "auth", "token": token}))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
    farewell = closed.value.rcvd
    return (farewell.code, farewell.reason) if farewell else None
