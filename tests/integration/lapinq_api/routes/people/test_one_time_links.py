"""One-time links: whom they let in, how often, and what they leave behind."""

import logging
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest

from lapinq_core.people.logins import MAX_PER_ADDRESS
from tests.integration.lapinq_api.conftest import Serve
from tests.support.http.people import PASSWORD, add_user, browser, log_in
from tests.support.programs.command_line import noted

pytestmark = pytest.mark.http

NEW = "another horse"


@pytest.fixture(autouse=True)
def _nothing_tried(db: psycopg.Connection) -> None:
    db.execute("DELETE FROM lapinq_login_tries")


def token_of(made: dict[str, Any]) -> str:
    return parse_qs(urlsplit(str(made["link"])).query)["token"][0]


def link_for(admin: httpx.Client, user: dict[str, Any]) -> str:
    answer = admin.post(f"/admin/users/{user['id']}/link")
    assert answer.status_code == 201, answer.text
    return token_of(answer.json())


def use(client: httpx.Client, token: str, password: str = NEW) -> httpx.Response:
    return client.post("/welcome", data={"token": token, "password": password})


def test_a_forgotten_password_is_replaced_once_and_ends_all_sessions(
    signed_in: httpx.Client,
    api: httpx.Client,
    api_database: str,
    db: psycopg.Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    user = add_user(signed_in)
    with (
        browser(api, user["username"], PASSWORD) as old,
        browser(api, None) as new,
        caplog.at_level(logging.DEBUG),
    ):
        db.execute("DELETE FROM lapinq_audit")
        token = link_for(signed_in, user)
        for _ in range(2):  # looking does not use it up
            assert f'value="{user["username"]}"' in new.get(f"/welcome?token={token}").text
        assert old.get("/me").status_code == 200
        answer = use(new, token)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert new.get("/me").json()["username"] == user["username"]
        assert old.get("/me").status_code == 401
        for again in (use(new, token), new.get(f"/welcome?token={token}")):
            assert again.status_code == 404
            assert "This link does not work" in again.text
            assert "or set a password on the machine of the server with lapinq user password" in again.text
        log_in(old, user["username"], NEW)
    made, used, *_ = noted(api_database)
    reset = {"id": user["id"], "purpose": "reset"}
    assert made == ("user", "lapinq", "user.link", user["username"], reset)
    ended = {**reset, "sessions_ended": 1}
    assert used == ("user", user["username"], "user.link_used", user["username"], ended)
    assert not any(token in one.getMessage() for one in caplog.records if one.name.startswith("lapinq"))
    rows = db.execute("SELECT i::text FROM lapinq_invitations i UNION ALL SELECT a::text FROM lapinq_audit a")
    assert not any(token in row[0] for row in rows)


def test_an_invited_user_sets_the_first_password(signed_in: httpx.Client, api: httpx.Client) -> None:
    body = {"username": "invited", "role": "user", "invite": True}
    made = signed_in.post("/admin/users", json=body).json()
    assert made.keys() == {"id", "username", "role", "permissions", "reads", "link", "expires_at"}
    assert made["link"].startswith(str(signed_in.base_url))
    assert ">invited</span>" in signed_in.get("/admin/users").text
    with browser(api, None) as client:
        weak = use(client, token_of(made), "invited")
        assert (weak.status_code, "Password must" in weak.text) == (400, True)
        assert use(client, token_of(made)).status_code == 303
        log_in(client, "invited", NEW)
    assert ">invited</span>" not in signed_in.get("/admin/users").text
    for fields in ({"invite": True, "password": PASSWORD}, {}, {"invite": False, "password": None}):
        answer = signed_in.post("/admin/users", json={"username": "x", "role": "user", **fields})
        assert answer.status_code == 400
        assert answer.json()["error"].startswith(("password ", "invite "))


def test_a_link_that_expired_was_replaced_or_never_was_lets_nobody_in(
    signed_in: httpx.Client, api: httpx.Client, db: psycopg.Connection
) -> None:
    user = add_user(signed_in)
    replaced, expired = link_for(signed_in, user), link_for(signed_in, user)
    db.execute("UPDATE lapinq_invitations SET expires_at = lapinq_now() WHERE user_id = %s", (user["id"],))
    with browser(api, None) as client:
        for token in (replaced, expired, "", "x" * 5000, "\udce4", "' OR 1=1 --"):
            sent = token.encode("utf-8", "replace")
            assert client.get("/welcome", params={"token": sent}).status_code == 404
            assert use(client, sent.decode()).status_code == 404
        log_in(client, user["username"], PASSWORD)


def test_a_new_password_or_an_end_of_all_sessions_ends_an_open_link(
    signed_in: httpx.Client, api: httpx.Client, db: psycopg.Connection
) -> None:
    user = add_user(signed_in)
    change = {"current_password": PASSWORD, "new_password": NEW}
    with browser(api, user["username"], PASSWORD) as client:
        for end in (
            lambda: signed_in.delete(f"/admin/users/{user['id']}/sessions"),
            lambda: client.delete("/account/sessions"),
            lambda: client.post("/account/password", json=change),
        ):
            token = link_for(signed_in, user)
            log_in(client, user["username"], PASSWORD)
            assert end().status_code == 200
            assert use(client, token, "a third horse").status_code == 404
        log_in(client, user["username"], NEW)
    rows = db.execute(
        "SELECT details->'link' FROM lapinq_audit WHERE action = 'session.revoke' AND target = %s",
        (user["username"],),
    ).fetchall()
    assert rows == [(True,), (True,)]


def test_of_two_links_made_at_once_one_use_ends_both(
    signed_in: httpx.Client, api: httpx.Client, db: psycopg.Connection
) -> None:
    user = add_user(signed_in)
    token = link_for(signed_in, user)
    db.execute(
        "INSERT INTO lapinq_invitations (token_hash, user_id, purpose, created_at, created_by, expires_at)"
        " SELECT sha256('other'), user_id, purpose, created_at, created_by, expires_at FROM lapinq_invitations"
        " WHERE user_id = %s",
        (user["id"],),
    )
    with browser(api, None) as client:
        assert use(client, token).status_code == 303
        assert use(client, "other").status_code == 404


def test_guesses_are_throttled_by_address_and_working_links_are_not(
    signed_in: httpx.Client, api: httpx.Client, db: psycopg.Connection
) -> None:
    token = link_for(signed_in, add_user(signed_in))
    with browser(api, None) as client:
        assert client.get("/welcome?token=x").status_code == 404
        db.execute("UPDATE lapinq_login_tries SET tries = %s", (MAX_PER_ADDRESS - 1,))
        for _ in range(3):
            assert client.get(f"/welcome?token={token}").status_code == 200
        assert [client.get("/welcome?token=x").status_code for _ in range(2)] == [404, 429]


def test_a_link_leads_to_no_host_that_only_the_request_names(signed_in: httpx.Client, serve: Serve) -> None:
    to = f"/admin/users/{add_user(signed_in)['id']}/link"
    server = serve(api_key="master", allowed_hosts=("tasks.example",))
    server.headers["X-API-Key"] = "master"
    for host in ("evil.example", "evil.example:8001", "203.0.113.66", "[2001:db8::1]", "127.0.0.2"):
        made = server.post(to, headers={"Host": host}).json()
        assert made["link"] == f"welcome?token={token_of(made)}"
    for known in (server.base_url.netloc.decode(), "localhost:8001", "tasks.example"):
        link = server.post(to, headers={"Host": known}).json()["link"]
        assert link.startswith(f"http://{known}/welcome?token=")
    public = serve(api_key="master", public_url="https://tasks.example.org/lapinq/")
    made = public.post(to, headers={"X-API-Key": "master"}).json()
    assert made["link"].startswith("https://tasks.example.org/lapinq/welcome?token=")
    form = {"token": token_of(made), "password": NEW}
    foreign = public.post("/welcome", data=form, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
