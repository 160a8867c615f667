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
    entries = noted(api_database)
    assert entries[0] == (
        "user",
        "lapinq",
        "user.link",
        user["username"],
        {"id": user["id"], "purpose": "reset"},
    )
    used = {"id": user["id"], "purpose": "reset", "sessions_ended": 1}
    assert entries[1] == ("user", user["username"], "user.link_used", user["username"], used)
    assert not any(token in one.getMessage() for one in caplog.records if one.name.startswith("lapinq"))
    rows = db.execute("SELECT i::text FROM lapinq_invitations i UNION ALL SELECT a::text FROM lapinq_audit a")
    assert not any(token in row[0] for row in rows)


def test_an_invited_user_sets_the_first_password(signed_in: httpx.Client, api: httpx.Client) -> None:
    body = {"username": "invited", "role": "user", "invite": True}
    made = signed_in.post("/admin/users", json=body).json()
    assert made.keys() == {"id", "username", "role", "permissions", "link", "expires_at"}
    assert made["link"].startswith(str(signed_in.base_url))
    assert ">invited</span>" in signed_in.get("/admin/users").text
    with browser(api, None) as client:
        weak = use(client, token_of(made), "invited")
        assert weak.status_code == 400
        assert "Password must" in weak.text
        assert use(client, token_of(made)).status_code == 303
        log_in(client, "invited", NEW)
    assert ">invited</span>" not in signed_in.get("/admin/users").text
    for fields in ({"invite": True, "password": PASSWORD}, {}, {"invite": False, "password": None}):
        answer = signed_in.post("/admin/users", json={"username": "x", "role": "user", **fields})
        assert answer.status_code == 400
        assert answer.json()["error"].startswith(("password ", "invite "))


def test_a_link_that_expired_or_was_replaced_lets_nobody_in(
    signed_in: httpx.Client, api: httpx.Client, db: psycopg.Connection
) -> None:
    user = add_user(signed_in)
    replaced, expired = link_for(signed_in, user), link_for(signed_in, user)
    db.execute("UPDATE lapinq_invitations SET expires_at = lapinq_now() WHERE user_id = %s", (user["id"],))
    with browser(api, None) as client:
        for token in (replaced, expired, "", "x" * 5000, "\udce4", "' OR 1=1 --"):
            assert (
                client.get("/welcome", params={"token": token.encode("utf-8", "replace")}).status_code == 404
            )
            assert use(client, token.encode("utf-8", "replace").decode()).status_code == 404
        log_in(client, user["username"], PASSWORD)


def test_a_change_of_the_password_ends_an_open_link(signed_in: httpx.Client, api: httpx.Client) -> None:
    user = add_user(signed_in)
    token = link_for(signed_in, user)
    with browser(api, user["username"], PASSWORD) as client:
        changed = client.post("/account/password", json={"current_password": PASSWORD, "new_password": NEW})
        assert changed.status_code == 200, changed.text
        assert use(client, token, "a third horse").status_code == 404
        log_in(client, user["username"], NEW)


def test_an_end_of_all_sessions_ends_an_open_link(
    signed_in: httpx.Client, api: httpx.Client, db: psycopg.Connection
) -> None:
    user = add_user(signed_in)
    for end in ("by an admin", "by the user"):
        token = link_for(signed_in, user)
        with browser(api, user["username"], PASSWORD) as client:
            if end == "by an admin":
                assert signed_in.delete(f"/admin/users/{user['id']}/sessions").json() == {"ended": 1}
            else:
                assert client.delete("/account/sessions").json() == {"ended": 0}
        with browser(api, None) as client:
            assert use(client, token).status_code == 404, end
    rows = db.execute(
        "SELECT details->'link' FROM lapinq_audit WHERE action = 'session.revoke' AND target = %s",
        (user["username"],),
    ).fetchall()
    assert rows == [(True,), (True,)]


def test_a_link_leads_to_no_host_that_only_the_request_names(signed_in: httpx.Client, serve: Serve) -> None:
    server = serve(api_key="master", allowed_hosts=("tasks.example",))
    server.headers["X-API-Key"] = "master"
    to = f"/admin/users/{add_user(signed_in)['id']}/link"
    for host in ("evil.example", "evil.example:8001", "203.0.113.66", "[2001:db8::1]", "127.0.0.2"):
        made = server.post(to, headers={"Host": host}).json()
        assert made["link"] == f"welcome?token={token_of(made)}"
    for known in (server.base_url.netloc.decode(), "localhost:8001", "tasks.example"):
        link = server.post(to, headers={"Host": known}).json()["link"]
        assert link.startswith(f"http://{known}/welcome?token=")


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
    signed_in: httpx.Client, api: httpx.Client
) -> None:
    token = link_for(signed_in, add_user(signed_in))
    with browser(api, None) as client:
        for _ in range(3):
            assert client.get(f"/welcome?token={token}").status_code == 200
        statuses = [client.get("/welcome?token=x").status_code for _ in range(MAX_PER_ADDRESS + 1)]
        assert statuses == [404] * MAX_PER_ADDRESS + [429]


def test_links_are_made_by_admins_and_used_from_our_own_page(signed_in: httpx.Client, serve: Serve) -> None:
    user = add_user(signed_in)
    server = serve(session_secret="s", public_url="https://tasks.example.org/lapinq/")
    with browser(server) as admin, browser(server, user["username"], PASSWORD) as client:
        made = admin.post(f"/admin/users/{user['id']}/link").json()
        assert made["link"].startswith("https://tasks.example.org/lapinq/welcome?token=")
        assert client.post(f"/admin/users/{user['id']}/link").status_code == 403
        assert admin.post("/admin/users/999999/link").status_code == 404
        form = {"token": token_of(made), "password": NEW}
        foreign = client.post("/welcome", data=form, headers={"Origin": "https://evil.example"})
        assert foreign.status_code == 403
