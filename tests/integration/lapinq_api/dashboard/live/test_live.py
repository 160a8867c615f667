"""`/ws`, as a browser and as a program use it."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager

import httpx
import psycopg
import pytest
from websockets.sync.client import ClientConnection

from lapinq_api.dashboard.live import hub, web_socket
from lapinq_api.wire.errors import Busy
from tests.integration.lapinq_api.dashboard.live.conftest import (
    closed_with,
    hear,
    hear_until,
    let_in,
    opened,
    say,
)
from tests.support.http.people import browser


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "INTERVAL_SECONDS", 0.3)


@pytest.fixture
def token(api: httpx.Client) -> Iterator[str]:
    """That of a session of the first user."""
    with browser(api) as client:
        yield client.cookies["lapinq_session"]


@pytest.fixture
def viewer(api: httpx.Client, token: str) -> Iterator[ClientConnection]:
    """The socket of that user, who was let in."""
    with opened(api) as socket:
        let_in(socket, token)
        yield socket


def test_whoever_authenticates_is_shown_cards_and_table(api: httpx.Client, token: str) -> None:
    with opened(api) as socket:
        shown = let_in(socket, token)
        assert shown.keys() == {"cards", "table", "user"}
        assert "<section" in shown["cards"]
        assert "<table" in shown["table"]
        assert shown["user"] == {"username": "lapinq", "role": "admin"}
    own = f"http://{api.base_url.host}:{api.base_url.port}"
    with opened(api, Cookie=f"lapinq_session={token}", Origin=own) as socket:  # a page of ours
        say(socket, type="auth")
        assert "user" in hear(socket)


def test_the_table_shows_what_passes_the_filters(api: httpx.Client, viewer: ClientConnection) -> None:
    ids: list[str] = []
    for name in ("ten%_of_all", "tenants_of_all"):
        body = {"task_name": name, "module_path": "math", "queue_name": "socket", "args": [name]}
        ids.append(api.post("/api/v1/enqueue", json=body).json()["task_id"])
    say(viewer, queue="socket")
    hear_until(viewer, lambda shown: "tenants_of_all" in shown["table"] and "ten%_" in shown["table"])
    # As it was typed, not as a pattern.
    say(viewer, task_name="TEN%")
    hear_until(viewer, lambda shown: "ten%_" in shown["table"] and "tenants" not in shown["table"])
    say(viewer, task_name="", args="tenants_of")
    hear_until(viewer, lambda shown: "tenants" in shown["table"] and "ten%_" not in shown["table"])
    say(viewer, status="completed")
    hear_until(viewer, lambda shown: "tenants" not in shown["table"])
    say(viewer, status="", args="")
    for begin in (ids[0], ids[0][:-1], ids[0].upper()):
        say(viewer, id=begin)
        hear_until(viewer, lambda shown: ids[0] in shown["table"] and ids[1] not in shown["table"])


def test_a_wrong_filter_is_refused_by_name_and_changes_nothing(viewer: ClientConnection) -> None:
    for message, word in (
        ('{"queu": "x"}', "queu"),
        ('{"queue": 1}', "queue"),
        ('{"status": "done"}', "status"),
        ('{"id": "x"}', "id"),
        ('{"error": "\\u0000"}', "error"),
        (json.dumps({"args": "x" * 1001}), "args"),
        ("[]", "message"),
    ):
        viewer.send(message)
        assert word in hear_until(viewer, lambda shown: "error" in shown)["error"]
    hear_until(viewer, lambda shown: "table" in shown)


def test_a_new_task_is_shown_at_once(
    api: httpx.Client, viewer: ClientConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "INTERVAL_SECONDS", 3600.0)
    say(viewer, queue="arrivals")
    hear(viewer)
    body = {"task_name": "arrived", "module_path": "math", "queue_name": "arrivals"}
    assert api.post("/api/v1/enqueue", json=body).status_code == 201
    hear_until(viewer, lambda shown: "arrived" in shown["table"])


def test_a_change_of_role_shows_at_once_and_a_session_that_ends_takes_its_sockets_along(
    viewer: ClientConnection, db: psycopg.Connection
) -> None:
    db.execute("UPDATE lapinq_users SET role = 'user'")
    try:
        hear_until(viewer, lambda shown: shown["user"]["role"] == "user")
    finally:
        db.execute("UPDATE lapinq_users SET role = 'admin'")
    db.execute("DELETE FROM lapinq_sessions")
    assert closed_with(viewer) == web_socket.POLICY_VIOLATION


def test_viewers_are_bounded(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lapinq_api.overload.fair_share.FairShare.hold", _full)
    with opened(api) as socket:
        assert closed_with(socket) == web_socket.TRY_AGAIN_LATER


def _full(_self: object, _caller: object) -> AbstractContextManager[None]:
    raise Busy("too many live pages are open")
