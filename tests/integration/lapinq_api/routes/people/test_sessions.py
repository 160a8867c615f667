"""Sessions over HTTP: listing and ending one's own. `integration/people` has how long they last."""

from contextlib import ExitStack

import httpx
import psycopg
import pytest

from tests.support.http.people import PASSWORD, add_user, browser, log_in


@pytest.fixture
def username(signed_in: httpx.Client) -> str:
    """Somebody of the test's own, with the usual password."""
    return add_user(signed_in)["username"]


def test_ones_own_are_listed_and_ended_by_their_id(
    api: httpx.Client, signed_in: httpx.Client, db: psycopg.Connection, username: str
) -> None:
    with ExitStack() as stack:
        here, there, elsewhere = (stack.enter_context(browser(api, username, PASSWORD)) for _ in range(3))
        found = here.get("/account/sessions").json()
        assert len(found) == 3
        assert found[0].keys() == {"id", "created_at", "seen_at", "address", "user_agent", "is_current"}
        assert {one["address"] for one in found} == {"127.0.0.1"}
        assert all(one["user_agent"].startswith("python-httpx/") for one in found)
        [other] = [one["id"] for one in there.get("/account/sessions").json() if one["is_current"]]
        assert signed_in.delete(f"/account/sessions/{other}").status_code == 404
        assert here.delete(f"/account/sessions/{other.upper()}").json() == {"ended": 1}
        assert there.get("/me").status_code == 401
        assert here.delete(f"/account/sessions/{other}").status_code == 404
        assert here.delete("/account/sessions").json() == {"ended": 1}
        assert here.delete("/account/sessions").json() == {"ended": 0}
        assert elsewhere.get("/me").status_code == 401
        assert here.get("/me").status_code == 200
        assert "this session" in here.get("/account").text
        token = here.cookies["lapinq_session"]
    rows = db.execute(
        "SELECT details FROM lapinq_audit WHERE action = 'session.revoke' AND target = %s", (username,)
    ).fetchall()
    assert [len(row[0]["sessions"]) for row in rows] == [1, 1]
    for table in ("lapinq_sessions", "lapinq_audit", "lapinq_users"):
        stored = db.execute(f"SELECT t::text FROM {table} t").fetchall()  # pyright: ignore[reportArgumentType]
        assert stored
        assert not any(token in row[0] or PASSWORD in row[0] for row in stored)


def test_a_new_password_ends_all_others_and_the_old_one_is_no_good(api: httpx.Client, username: str) -> None:
    with browser(api, username, PASSWORD) as here, browser(api, username, PASSWORD) as there:
        wrong = {"current_password": "wrong one", "new_password": "battery staple"}
        answer = here.post("/account/password", json=wrong)
        assert (answer.status_code, answer.json()) == (403, {"error": "the current password is wrong"})
        assert there.get("/me").status_code == 200
        change = {"current_password": PASSWORD, "new_password": "battery staple"}
        for refused in ("short", username):
            answer = here.post("/account/password", json={**change, "new_password": refused})
            assert (answer.status_code, answer.json()["details"][0]["loc"]) == (400, "new_password")
        assert here.post("/account/password", json=change).json() == {"changed": True, "sessions_ended": 1}
        assert (here.get("/me").status_code, there.get("/me").status_code) == (200, 401)
        old = {"username": username, "password": PASSWORD}
        assert there.post("/login", data=old).status_code == 401
        log_in(there, username, "battery staple")
