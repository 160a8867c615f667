"""Which host names requests may name: pages that reach the server by a name of their own get nothing."""

import socket

import httpx
import msgspec
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from lapinq_api.app import build_app
from lapinq_api.credentials import default_password
from lapinq_core.runtime.settings import Settings
from tests.integration.lapinq_api.conftest import Serve
from tests.support.database.proxy import proxy
from tests.support.eventually import eventually
from tests.support.http.people import PASSWORD, browser, log_in
from tests.support.http.serving import serving

pytestmark = pytest.mark.http

EVIL = {"Host": "evil.example:8001"}
KNOWN = ("127.0.0.1:8001", "[::1]:8001", "LOCALHOST", "localhost.:80", "Tasks.Example.Org.:443")
TASK = {"task_name": "factorial", "module_path": "math", "args": [20]}
CHANGE = {"current_password": "lapinq", "new_password": PASSWORD}


def refuses(client: httpx.Client, path: str, method: str = "GET", **headers: str) -> bool:
    """Whether a request by a name that nobody gave the server is refused for that, and says what to do."""
    answer = client.request(method, path, headers={**EVIL, **headers})
    is_refused = answer.status_code == 400 and "LAPINQ_ALLOWED_HOSTS" in answer.text
    assert is_refused or "LAPINQ_ALLOWED_HOSTS" not in answer.text
    return is_refused


def test_an_open_server_is_served_under_names_that_are_known(serve: Serve, keyed: httpx.Client) -> None:
    client = serve(allowed_hosts=("tasks.example.org",))
    for path in ("/", "/api/v1/queues", "/login", "/account", "/docs", "/openapi.json", "/nothing/here"):
        assert refuses(client, path), path
    for method, path in (("POST", "/login"), ("POST", "/api/v1/enqueue"), ("DELETE", "/api/v1/tasks")):
        assert refuses(client, path, method), path
    for path in ("/livez", "/readyz", "/health", "/metrics"):
        assert client.get(path, headers=EVIL).status_code == 200, path
    for host in KNOWN:
        assert client.post("/api/v1/enqueue", json=TASK, headers={"Host": host}).status_code == 201, host
    page = {"Host": "tasks.example.org", "Origin": "http://tasks.example.org"}
    assert client.post("/api/v1/enqueue", json=TASK, headers=page).status_code == 201
    made = keyed.post("/api/v1/keys", json={"name": "any host", "scopes": ["read"]}).json()
    assert not refuses(client, "/api/v1/queues", **{"X-API-Key": made["key"]})
    assert refuses(client, "/api/v1/queues", **{"X-API-Key": made["key"][:-1] + "x"})


def test_a_socket_is_refused_in_its_handshake(api: httpx.Client) -> None:
    port = api.base_url.port
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://evil.example:{port}/ws", proxy=None, sock=_socket(api))
    assert refused.value.response.status_code == 400
    assert b"LAPINQ_ALLOWED_HOSTS" in refused.value.response.body
    with connect(f"ws://{api.base_url.host}:{port}/ws", proxy=None):
        pass


def test_two_hosts_are_known_if_both_are_and_none_is_not(api: httpx.Client) -> None:
    for hosts, status in (
        (("localhost", "evil.example"), 400),
        ((), 400),
        (("",), 400),
        (("localhost",), 200),
    ):
        lines = "".join(f"Host: {host}\r\n" for host in hosts)
        with _socket(api) as connection:
            connection.sendall(f"GET /api/v1/queues HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
            assert connection.recv(65_536).startswith(b"HTTP/1.1 %d " % status), hosts


def test_with_a_key_any_host_is_served_once_the_default_password_is_changed(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default_password, "FRESH_SECONDS", 3600.0)  # it is told, it need not ask
    settings = Settings(database_url=database, api_key="master")
    with serving(build_app(settings)) as here, serving(build_app(settings)) as there, browser(here) as first:
        for client in (here, there):
            assert refuses(client, "/login")
            assert refuses(client, "/api/v1/queues")
            assert refuses(client, "/api/v1/queues", **{"X-API-Key": "wrong"})
            assert not refuses(client, "/api/v1/queues", **{"X-API-Key": "master"})
        assert first.post("/account/password", json=CHANGE).status_code == 200
        assert not refuses(here, "/login")
        assert here.get("/api/v1/queues", headers=EVIL).status_code == 401
        assert eventually(lambda: not refuses(there, "/login"))
    named = msgspec.structs.replace(settings, allowed_hosts=("tasks.example.org",))
    with serving(build_app(named)) as client:
        assert refuses(client, "/login")
        assert not refuses(client, "/login", Host="tasks.example.org")
        assert not refuses(client, "/api/v1/queues", **{"X-API-Key": "master"})


def test_what_was_known_of_the_password_holds_while_the_database_is_away(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default_password, "FRESH_SECONDS", 0.0)
    with proxy(database) as between:
        settings = Settings(database_url=between.url, api_key="master")
        with serving(build_app(settings)) as client:
            assert refuses(client, "/login")
            between.cut()
            assert refuses(client, "/login")
            between.heal()
            assert eventually(lambda: client.get("/readyz").status_code == 200)
            log_in(client)
            assert client.post("/account/password", json=CHANGE).status_code == 200
            assert eventually(lambda: not refuses(client, "/login"))
            between.cut()
            assert not refuses(client, "/login")


def _socket(client: httpx.Client) -> socket.socket:
    assert client.base_url.port is not None
    return socket.create_connection((client.base_url.host, client.base_url.port), timeout=10)
