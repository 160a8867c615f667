"""`/ws`, as a browser and as a program use it."""

import json
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from lapinq_api.dashboard.live import hub, web_socket
from lapinq_api.wire.errors import Busy
from tests.support.eventually import eventually

Open = Callable[..., AbstractContextManager[ClientConnection]]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "INTERVAL_SECONDS", 0.3)


@pytest.fixture
def token(api: httpx.Client) -> str:
    """That of a session of the first user."""
    with httpx.Client(base_url=api.base_url, trust_env=False) as browser:
        browser.post("/login", data={"username": "lapinq", "password": "lapinq"})
        return browser.cookies["lapinq_session"]


@pytest.fixture
def open_socket(api: httpx.Client) -> Open:
    """Connects, with the given headers."""
    address = f"ws://{api.base_url.host}:{api.base_url.port}/ws"

    @contextmanager
    def start(**headers: str) -> Generator[ClientConnection]:
        with connect(address, additional_headers=headers, proxy=None) as socket:
            yield socket

    return start


def say(socket: ClientConnection, **message: object) -> None:
    socket.send(json.dumps(message))


def hear(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(socket.recv(timeout=10))
    return message


def closed_with(socket: ClientConnection) -> int | None:
    """The code that the server closes with, whatever it sends before."""
    try:
        while True:
            socket.recv(timeout=10)
    except ConnectionClosed as error:
        return error.rcvd.code if error.rcvd else None


def hear_until(socket: ClientConnection, check: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    last: dict[str, Any] = {}

    def look() -> bool:
        nonlocal last
        last = hear(socket)
        return check(last)

    eventually(look, 20)
    return last


def test_whoever_authenticates_is_shown_cards_and_table(open_socket: Open, token: str) -> None:
    with open_socket() as socket:
        say(socket, type="auth", token=token)
        shown = hear(socket)
    assert shown.keys() == {"cards", "table", "user"}
    assert "<section" in shown["cards"]
    assert "<table" in shown["table"]
    assert shown["user"] == {"username": "lapinq", "role": "admin"}


def test_a_browser_authenticates_by_its_cookie(open_socket: Open, token: str) -> None:
    with open_socket(Cookie=f"lapinq_session={token}") as socket:
        say(socket, type="auth")
        assert "user" in hear(socket)


def test_whoever_says_nothing_is_let_go(open_socket: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_socket, "AUTH_SECONDS", 0.1)
    with open_socket() as socket:
        assert closed_with(socket) == web_socket.POLICY_VIOLATION


def test_a_page_of_ours_is_let_in(api: httpx.Client, open_socket: Open, token: str) -> None:
    with open_socket(Origin=f"http://{api.base_url.host}:{api.base_url.port}") as socket:
        say(socket, type="auth", token=token)
        assert "user" in hear(socket)


def test_the_table_shows_what_passes_the_filters(api: httpx.Client, open_socket: Open, token: str) -> None:
    for name in ("ten%_of_all", "tenants_of_all"):
        body = {"task_name": name, "module_path": "math", "queue_name": "socket", "args": [name]}
        assert api.post("/api/v1/enqueue", json=body).status_code == 201
    with open_socket() as socket:
        say(socket, type="auth", token=token)
        say(socket, queue="socket")
        hear_until(socket, lambda shown: "tenants_of_all" in shown["table"] and "ten%_" in shown["table"])
        # As it was typed, not as a pattern.
        say(socket, task_name="TEN%")
        hear_until(socket, lambda shown: "ten%_" in shown["table"] and "tenants" not in shown["table"])
        say(socket, task_name="", args="tenants_of")
        hear_until(socket, lambda shown: "tenants" in shown["table"] and "ten%_" not in shown["table"])
        say(socket, status="completed")
        hear_until(socket, lambda shown: "tenants" not in shown["table"])


def test_a_task_is_found_by_the_beginning_of_its_id(api: httpx.Client, open_socket: Open, token: str) -> None:
    body = {"task_name": "by_id", "module_path": "math"}
    ids = [api.post("/api/v1/enqueue", json=body).json()["task_id"] for _ in range(2)]
    with open_socket() as socket:
        say(socket, type="auth", token=token)
        for begin in (ids[0], ids[0][:-1], ids[0].upper()):
            say(socket, id=begin)
            hear_until(socket, lambda shown: ids[0] in shown["table"] and ids[1] not in shown["table"])


def test_a_wrong_filter_is_refused_by_name_and_changes_nothing(open_socket: Open, token: str) -> None:
    with open_socket() as socket:
        say(socket, type="auth", token=token)
        hear(socket)
        for message, word in (
            ('{"queu": "x"}', "queu"),
            ('{"queue": 1}', "queue"),
            ('{"status": "done"}', "status"),
            ('{"id": "x"}', "id"),
            ('{"id": "-"}', "id"),
            ('{"error": "\\u0000"}', "error"),
            (json.dumps({"args": "x" * 1001}), "args"),
            ("[]", "message"),
            ("nothing", "message"),
        ):
            socket.send(message)
            assert word in hear_until(socket, lambda shown: "error" in shown)["error"]
        hear_until(socket, lambda shown: "table" in shown)


def test_a_new_task_is_shown_at_once(
    api: httpx.Client, open_socket: Open, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "INTERVAL_SECONDS", 3600.0)
    with open_socket() as socket:
        say(socket, type="auth", token=token)
        say(socket, queue="arrivals")
        hear(socket)
        body = {"task_name": "arrived", "module_path": "math", "queue_name": "arrivals"}
        assert api.post("/api/v1/enqueue", json=body).status_code == 201
        hear_until(socket, lambda shown: "arrived" in shown["table"])


def test_a_session_that_ends_takes_its_sockets_along(
    open_socket: Open, token: str, db: psycopg.Connection
) -> None:
    with open_socket() as socket:
        say(socket, type="auth", token=token)
        hear(socket)
        db.execute("DELETE FROM lapinq_sessions")
        assert closed_with(socket) == web_socket.POLICY_VIOLATION


def test_a_change_of_role_shows_at_once(open_socket: Open, token: str, db: psycopg.Connection) -> None:
    with open_socket() as socket:
        say(socket, type="auth", token=token)
        hear(socket)
        db.execute("UPDATE lapinq_users SET role = 'user'")
        try:
            hear_until(socket, lambda shown: shown["user"]["role"] == "user")
        finally:
            db.execute("UPDATE lapinq_users SET role = 'admin'")


def test_viewers_are_bounded(open_socket: Open, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lapinq_api.overload.fair_share.FairShare.hold", _full)
    with open_socket() as socket:
        assert closed_with(socket) == web_socket.TRY_AGAIN_LATER


def _full(_self: object, _caller: object) -> AbstractContextManager[None]:
    raise Busy("too many live pages are open")
