"""Logging in and out: what a right password gets, what a wrong one does, and forms that nobody would fill in so."""

import hmac
import logging
from concurrent.futures import ThreadPoolExecutor
from html import escape
from typing import Any

import httpx
import psycopg
import pytest
from passlib.context import CryptContext

from lapinq_api.app import build_app
from lapinq_api.auth import first_user
from lapinq_api.credentials.passwords import COST
from lapinq_core.people.logins import MAX_PER_ADDRESS, MAX_PER_NAME, MAX_PER_NAME_AND_ADDRESS, MAX_PER_SESSION
from lapinq_core.runtime.settings import Settings
from tests.integration.lapinq_api.conftest import Serve
from tests.support.http.people import PASSWORD, add_user, browser, log_in
from tests.support.http.serving import serving

RIGHT = {"username": "lapinq", "password": "lapinq"}
WRONG = {**RIGHT, "password": "wrong"}


@pytest.fixture(autouse=True)
def _nothing_tried(db: psycopg.Connection) -> None:
    db.execute("DELETE FROM lapinq_login_tries")


def test_the_first_user_logs_in_and_is_led_to_the_overview(api: httpx.Client) -> None:
    with browser(api, None) as client:
        assert '<form class="form" method="post"' in client.get("/login").text
        answer = client.post("/login", data=RIGHT)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        token, _, flags = answer.headers.get_list("set-cookie")[0].partition("; ")
        assert flags == "HttpOnly; Max-Age=604800; Path=/; SameSite=Lax"
        assert len(token) == len("lapinq_session=") + 43
        assert client.get("/").status_code == 200
    with browser(api, None) as client:  # a form sent in parts is fine, too
        parts = {"username": (None, "lapinq"), "password": (None, "lapinq"), "more": (None, "ignored")}
        assert client.post("/login", files=parts).status_code == 303
        assert client.get("/me").status_code == 200


def test_a_browser_returns_to_the_page_it_asked_for(serve: Serve) -> None:
    with browser(serve(session_secret="s"), None) as client:
        client.headers["Accept"] = "text/html"
        wanted = "/tasks?queue=a%20b&status=failed"
        login = client.get(wanted).headers["location"]
        assert login == "/login?next=%2Ftasks%3Fqueue%3Da%2520b%26status%3Dfailed"
        field = f'<input type="hidden" name="next" value="{escape(wanted)}">'
        assert field in client.get(login).text
        assert field in client.post("/login", data={**WRONG, "next": wanted}).text
        answer = client.post("/login", data={**RIGHT, "next": wanted})
        assert (answer.status_code, answer.headers["location"]) == (303, wanted)
        assert "lapinq_boot" not in answer.headers["set-cookie"]  # no restart ends this session
        hostile = {**RIGHT, "next": "//evil.example/tasks"}
        assert client.post("/login", data=hostile).headers["location"] == "/"
        assert "evil" not in client.get("/login?next=//evil.example/tasks").text


def test_a_login_after_a_session_has_ended_says_so(api: httpx.Client) -> None:
    explained = "Your session has ended"
    with browser(api) as client, browser(api, None) as elsewhere, browser(api, None) as stranger:
        assert explained not in client.get("/login").text
        elsewhere.cookies.update(client.cookies)
        elsewhere.get("/logout")
        assert explained in client.get("/login").text
        assert explained not in stranger.get("/login").text
        assert explained in stranger.get("/login?ended=1").text  # from a page whose cookie is gone


def test_a_login_after_a_restart_without_a_session_secret_says_so(api: httpx.Client, serve: Serve) -> None:
    explained = "The server restarted without a session secret"
    with browser(api) as client, browser(serve(), None) as later:
        assert explained not in client.get("/login").text
        later.cookies.update(client.cookies)
        assert explained in later.get("/login").text
        log_in(later)
        assert explained not in later.get("/login").text
        later.cookies.update(client.cookies)
        later.get("/logout")
        assert explained not in later.get("/login").text


def test_the_default_password_is_warned_of_until_it_is_changed(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = build_app(Settings(database_url=database))
    with serving(app) as client:
        assert app.state.shared.default_login == "lapinq"
        log_in(client)
        assert client.get("/me").json()["has_default_password"] is True
        for path in ("/", "/account", "/admin/users"):
            assert "The default password of user" in client.get(path).text
        change = {"current_password": "lapinq", "new_password": PASSWORD}
        assert client.post("/account/password", json=change).json() == {"changed": True, "sessions_ended": 0}
        assert client.get("/me").json()["has_default_password"] is False
        assert "The default password" not in client.get("/").text
    warnings = [record for record in caplog.records if "default password" in record.getMessage()]
    assert [record.levelname for record in warnings] == ["WARNING"]
    caplog.clear()
    again = build_app(Settings(database_url=database))
    with serving(again) as client:
        assert again.state.shared.default_login is None
        assert client.post("/login", data=RIGHT).status_code == 401
        log_in(client, "lapinq", PASSWORD)
    assert not any("default password" in record.getMessage() for record in caplog.records)


def test_the_settings_name_the_first_user_and_change_no_later_one(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_user, "FIRST_ATTEMPT_SECONDS", 60.0)  # the server starts once the user is there
    named = Settings(database_url=database, admin_username="Ada", admin_password=PASSWORD)
    for chosen in (named, Settings(database_url=database, admin_password="another one")):
        with serving(build_app(chosen)) as client:
            assert client.post("/login", data=RIGHT).status_code == 401
            log_in(client, "ada", PASSWORD)
            me = client.get("/me").json()
            assert (me["username"], me["role"], me["has_default_password"]) == ("Ada", "admin", False)


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer_at_the_same_cost(
    caplog: pytest.LogCaptureFixture, api_database: str
) -> None:
    app = build_app(Settings(database_url=api_database))
    with serving(app) as client, caplog.at_level(logging.INFO):
        pages: set[str] = set()
        for username in ("lapinq", "nobody", "", "x" * 300, "nul\x00", "zero\u200bwidth"):
            before = app.state.shared.passwords.checks
            answer = client.post("/login", data={"username": username, "password": "hunter22"})
            assert answer.status_code == 401
            assert app.state.shared.passwords.checks == before + 1
            assert "set-cookie" not in answer.headers
            pages.add(answer.text)
        [page] = pages
        assert "Invalid credentials" in page
        said = [(record, record.getMessage()) for record in caplog.records]
        assert not any(typed in line for _, line in said for typed in ("nobody", "hunter22"))
        failures = [(record, line) for record, line in said if "failed login" in line]
        assert len(failures) == 6
        for record, line in failures:
            assert (record.levelname, "127.0.0.1" in line) == ("WARNING", True)
            assert record.__dict__["request_id"]


def test_logging_in_anew_ends_the_session_before_and_out_the_one_there_is(
    api: httpx.Client, db: psycopg.Connection
) -> None:
    with browser(api) as client, browser(api, None) as thief:
        first = client.cookies["lapinq_session"]
        second = log_in(client)
        assert first != second
        entry = client.get("/api/v1/audit", params={"action": "session.login", "limit": 1}).json()[0]
        assert entry["details"].keys() == {"session", "in_place_of", "of"}
        assert entry["details"]["of"] == "lapinq"
        thief.cookies.set("lapinq_session", first)
        assert thief.get("/me").status_code == 401
        assert client.get("/me").status_code == 200
        answer = client.get("/logout")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert client.cookies.get("lapinq_session") is None
        thief.cookies.set("lapinq_session", second)
        assert thief.get("/me").status_code == 401
        assert thief.post("/logout").status_code == 303  # nothing to end
    row = db.execute(
        "SELECT count(*) FROM lapinq_sessions s WHERE s::text LIKE %s", (f"%{second}%",)
    ).fetchone()
    assert row == (0,)


# How tries are counted is in `tests/integration/people/test_logins.py`.


def test_tries_are_throttled_by_name_and_address_across_servers_and_nobody_else_is(serve: Serve) -> None:
    servers = [serve(session_secret="s", trusted_proxies=("127.0.0.1",)) for _ in range(2)]
    with browser(servers[0]) as admin:
        user = add_user(admin)
    stranger, owner = {"X-Forwarded-For": "203.0.113.2"}, {"X-Forwarded-For": "203.0.113.1"}
    wrong = {"username": user["username"].upper(), "password": "wrong"}
    for number in range(MAX_PER_NAME_AND_ADDRESS):
        assert servers[number % 2].post("/login", data=wrong, headers=stranger).status_code == 401
    right, other = ({"username": name, "password": PASSWORD} for name in (user["username"], "somebody else"))
    for server in servers:
        answer = server.post("/login", data=right, headers=stranger)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 900
        assert "Too many failed logins; try again in 15 min." in answer.text
        assert server.post("/login", data=other, headers=stranger).status_code == 401
    with browser(servers[0], None) as client:
        client.headers.update(owner)
        log_in(client, user["username"], PASSWORD)
        change = {"current_password": PASSWORD, "new_password": "another horse"}
        assert client.post("/account/password", json=change).status_code == 200
        log_in(client, user["username"], "another horse")


def test_names_that_the_database_takes_for_one_are_counted_as_one_and_none_is_kept(
    api: httpx.Client, db: psycopg.Connection
) -> None:
    secret = "my secret password"
    greek = ["\u03c3\u03b1\u03c3", "\u03a3\u0391\u03a3", "\u03c3\u03b1\u03c2"]
    names = ["lapinq", "LAPINQ", "LAP\u0130NQ", *greek, secret]
    for name in names:
        assert api.post("/login", data={"username": name, "password": "wrong"}).status_code == 401
    row = db.execute(
        "SELECT count(DISTINCT lower(name)) FROM unnest(%s::text[]) AS name", (names,)
    ).fetchone()
    keys = [key for (key,) in db.execute("SELECT key FROM lapinq_login_tries").fetchall()]
    assert (sum(key.startswith("name:") for key in keys),) == row
    assert not any("secret" in key for key in keys)
    # Nor does somebody find it by trying, who reads the table and does not know the session secret.
    assert f"name:{hmac.digest(b'', secret.encode(), 'sha256').hex()}" not in keys


def test_tries_are_throttled_by_address_and_the_password_is_not_looked_at(
    api_database: str, db: psycopg.Connection
) -> None:
    app = build_app(Settings(database_url=api_database))
    with serving(app) as client:

        def guess(name: str) -> int:
            return client.post("/login", data={"username": name, "password": "x"}).status_code

        assert [guess("n0"), guess("n1")] == [401, 401]
        counted = db.execute(
            "UPDATE lapinq_login_tries SET tries = %s WHERE key LIKE 'address:%%' AND tries = 2",
            (MAX_PER_ADDRESS - 1,),
        )
        assert counted.rowcount == 1
        assert guess("n2") == 401
        before = app.state.shared.passwords.checks
        assert client.post("/login", data=RIGHT).status_code == 429
        assert app.state.shared.passwords.checks == before


def test_successes_lock_nobody_out(api: httpx.Client) -> None:
    with browser(api, None) as client:
        client.post("/login", data=WRONG)
        for _ in range(MAX_PER_NAME_AND_ADDRESS + 2):
            log_in(client)


def test_guesses_from_many_addresses_end_at_the_cap_of_the_name(serve: Serve, db: psycopg.Connection) -> None:
    server = serve(trusted_proxies=("127.0.0.1",))

    def guess(address: str) -> int:
        return server.post("/login", data=WRONG, headers={"X-Forwarded-For": address}).status_code

    assert guess("203.0.113.1") == 401
    db.execute("UPDATE lapinq_login_tries SET tries = %s WHERE key LIKE 'name:%%'", (MAX_PER_NAME - 1,))
    assert [guess("203.0.113.2"), guess("203.0.113.3")] == [401, 429]


def test_guesses_at_the_current_password_are_throttled_by_session(api: httpx.Client) -> None:
    with browser(api) as admin:
        user = add_user(admin)
    with browser(api, user["username"], PASSWORD) as client:

        def change(current: str) -> httpx.Response:
            body = {"current_password": current, "new_password": "something new"}
            return client.post("/account/password", json=body)

        statuses = [change("wrong").status_code for _ in range(MAX_PER_SESSION + 1)]
        assert statuses == [403] * MAX_PER_SESSION + [429]
        right = change(PASSWORD)
        assert right.status_code == 429
        assert int(right.headers["retry-after"]) > 0
        assert client.get("/me").status_code == 200
        log_in(client, user["username"], PASSWORD)
        assert change(PASSWORD).status_code == 200


def test_a_password_kept_at_another_cost_is_hashed_anew_by_logins_at_the_same_moment(
    api: httpx.Client, db: psycopg.Connection
) -> None:
    with browser(api) as admin:
        user = add_user(admin)
    context: Any = CryptContext(schemes=["argon2"], argon2__memory_cost=1024, argon2__time_cost=1)
    db.execute(
        "UPDATE lapinq_users SET password_hash = %s WHERE id = %s", (context.hash(PASSWORD), user["id"])
    )
    form = {"username": user["username"], "password": PASSWORD}
    with browser(api, None) as client, ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(client.post, "/login", data=form) for _ in range(4)]
        assert [one.result().status_code for one in asked] == [303] * 4
    row = db.execute("SELECT password_hash FROM lapinq_users WHERE id = %s", (user["id"],)).fetchone()
    assert row is not None
    cost = f"m={COST['argon2__memory_cost']},t={COST['argon2__time_cost']},p=1$"
    assert row[0].startswith(f"$argon2id$v=19${cost}")
