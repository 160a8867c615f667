"""Managing users over HTTP: refused requests, immediate effect of changes, and audit entries. `test_permissions` has
who may call what."""

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from tests.integration.lapinq_api.conftest import Serve
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.http.refusals import check_refused

NEW = {"username": "nobody yet", "password": "a horse of 8", "role": "user"}
PAGE, SCRIPT = {"Accept": "text/html,*/*"}, {"Accept": "application/json"}


@pytest.fixture(scope="module")
def user(signed_in: httpx.Client) -> dict[str, Any]:
    return add_user(signed_in, video=["cancel"])


@pytest.fixture(scope="module")
def people(
    api: httpx.Client, signed_in: httpx.Client, keyed: httpx.Client, user: dict[str, Any]
) -> Iterator[list[httpx.Client]]:
    """Somebody without a session, a user, an admin, and who has the key of the settings."""
    with browser(api, None) as nobody, browser(api, user["username"], PASSWORD) as client:
        yield [nobody, client, signed_in, keyed]


# Pages, and paths at which there is nothing: method, path, and what each of these people gets.
TABLE: list[tuple[str, str, list[int]]] = [
    ("GET", "/", [303, 200, 200, 303]),
    ("GET", "/tasks", [303, 200, 200, 303]),
    ("GET", "/account", [303, 200, 200, 403]),
    ("DELETE", "/account/sessions/x", [401, 400, 400, 403]),
    ("GET", "/admin/users", [303, 403, 200, 200]),
    ("DELETE", "/admin/users/x/sessions", [401, 403, 400, 400]),
    ("GET", "/admin/audit", [303, 403, 200, 200]),
    ("GET", "/admin/nothing", [303, 404, 404, 404]),
    ("POST", "/admin/nothing", [401, 404, 404, 404]),
    ("GET", "/login", [200, 200, 200, 200]),
    ("GET", "/static/x/mark.svg", [200, 200, 200, 200]),
]


def test_who_may_call_what(people: list[httpx.Client]) -> None:
    for method, path, statuses in TABLE:
        wrong = people[3].request(method, path, headers={"X-API-Key": "wrong"})
        answers = [*(client.request(method, path) for client in people), wrong]
        # A wrong key is none.
        for answer, status in zip(answers, [*statuses, statuses[0]], strict=True):
            assert answer.status_code == status, (method, path)
            if status == 303:
                assert answer.headers["location"] == "/login"
            if status >= 400 and "html" not in answer.headers["content-type"]:
                assert answer.json()["error"]
    nobody, *_ = people
    for headers, status in ((PAGE, 303), (SCRIPT, 401)):
        assert nobody.get("/admin/users", headers=headers).status_code == status
    assert nobody.head("/admin/users").status_code == 303


def test_a_session_opens_the_api_that_wants_a_key_as_far_as_its_user_may(serve: Serve) -> None:
    for settings in ({"api_key": "secret"}, {"require_auth": True}):
        server = serve(**settings, session_secret="s")
        assert server.get("/api/v1/queues").status_code == 401
        assert server.get("/api/v1/queues", headers={"Cookie": "lapinq_session=x"}).status_code == 401
        with browser(server) as admin:
            user = add_user(admin)
            task = {"task_name": "send", "module_path": "app.mail"}
            assert admin.post("/api/v1/enqueue", json=task).status_code == 201
            with browser(server, user["username"], PASSWORD) as client:
                assert client.get("/api/v1/queues").status_code == 200
                assert client.get("/api/v1/keys").status_code == 403
                admin.delete(f"/admin/users/{user['id']}")
                assert client.get("/api/v1/queues").status_code == 401


def test_the_key_counts_more_than_a_session_but_for_the_account(
    keyed: httpx.Client, user: dict[str, Any]
) -> None:
    key = {"X-API-Key": keyed.headers["X-API-Key"]}
    with browser(keyed, user["username"], PASSWORD) as client:
        assert client.get("/admin/users").status_code == 403
        assert client.get("/admin/users", headers=key).status_code == 200
        assert client.post("/admin/users", json={}, headers=key).status_code == 400
        assert client.get("/me", headers=key).json()["username"] == user["username"]
        assert client.get("/account", headers=key).status_code == 200


def test_a_session_holds_on_every_server_with_the_same_secret_and_on_no_other(
    api: httpx.Client, serve: Serve
) -> None:
    one, same, other = serve(session_secret="s"), serve(session_secret="s"), serve(session_secret="t")
    with browser(one) as client:
        cookie = {"Cookie": f"lapinq_session={client.cookies['lapinq_session']}"}
    assert same.get("/me", headers=cookie).status_code == 200
    assert other.get("/me", headers=cookie).status_code == 401
    # Where the API is open, a session that does not hold is anybody.
    assert api.get("/api/v1/queues", headers=cookie).status_code == 200


def test_a_user_is_made_changed_and_taken_away_and_all_of_it_is_noted(
    api: httpx.Client, db: psycopg.Connection
) -> None:
    with browser(api) as admin:
        user = add_user(admin)
        address = f"/admin/users/{user['id']}"
        assert user == {**user, "role": "user", "permissions": {}}
        with browser(api, user["username"], PASSWORD) as client:
            queues = {"video": ["delete", "cancel"]}
            changed = admin.post(f"{address}/permissions", json={"queues": queues})
            assert changed.json() == {**user, "permissions": {"video": ["cancel", "delete"]}}
            assert client.get("/me").json()["permissions"] == {"video": ["cancel", "delete"]}
            limited = admin.post(f"{address}/reads", json={"queues": ["mail", "a", "mail"]}).json()
            assert (limited["reads"], client.get("/me").json()["reads"]) == (["a", "mail"], ["a", "mail"])
            assert client.get("/workers").status_code == 403
            assert client.get("/admin/users").status_code == 403
            assert admin.post(f"{address}/role", json={"role": "admin"}).json()["role"] == "admin"
            assert client.get("/admin/users").status_code == client.get("/workers").status_code == 200
            assert admin.post(f"{address}/role", json={"role": "user"}).status_code == 200
            assert client.get("/admin/users").status_code == 403
            gone = admin.request("DELETE", address, headers={"X-Request-ID": "farewell"})
            assert gone.json() == {"id": user["id"], "deleted": True}
            assert client.get("/me").status_code == 401
        assert admin.delete(address).status_code == 404
    rows = db.execute(
        "SELECT action, actor_kind, actor, details, address, request_id FROM lapinq_audit"
        " WHERE target = %s ORDER BY id",
        (user["username"],),
    ).fetchall()
    actions = [
        "user.create",
        "session.login",
        "user.permissions",
        "user.reads",
        "user.role",
        "user.role",
        "user.delete",
    ]
    assert [row[0] for row in rows] == actions
    assert rows[0][1:3] == rows[-1][1:3] == ("user", "lapinq")
    assert rows[1][1:3] == ("user", user["username"])
    assert rows[2][3] == {"id": user["id"], "queues": {"video": ["cancel", "delete"]}}
    assert rows[3][3] == {"id": user["id"], "queues": ["a", "mail"]}
    assert rows[-1][4:] == ("127.0.0.1", "farewell")
    assert PASSWORD not in str(rows)


def test_a_new_user_may_be_limited_from_the_start(signed_in: httpx.Client, db: psycopg.Connection) -> None:
    made = signed_in.post("/admin/users", json={**NEW, "username": "limited", "reads": ["mail"]}).json()
    assert made["reads"] == ["mail"]
    (details,) = db.execute("SELECT details FROM lapinq_audit WHERE target = 'limited'").fetchone() or ({},)
    assert details == {"id": made["id"], "role": "user", "reads": ["mail"]}


def test_the_last_admin_stays_one(database: str, serve: Serve) -> None:
    with browser(serve(database_url=database)) as admin:
        me = f"/admin/users/{admin.get('/me').json()['id']}"
        for answer in (admin.post(f"{me}/role", json={"role": "user"}), admin.delete(me)):
            assert (answer.status_code, "the last admin" in answer.json()["error"]) == (409, True)
        add_user(admin, "admin")
        assert admin.delete(me).status_code == 200
        assert admin.get("/me").status_code == 401
    with psycopg.connect(database) as conn:
        row = conn.execute("SELECT count(*) FROM lapinq_audit WHERE action LIKE 'user.%%'").fetchone()
        assert row == (2,)  # nothing of what was refused


# What a name, a password and permissions can be is in `tests/unit/lapinq_core/domain/accounts`.
REFUSED: list[tuple[str, Any, str]] = [
    ("", {**NEW, "username": " lisa"}, "username"),
    ("", {**NEW, "username": "username", "password": "USERNAME"}, "password"),
    ("", {**NEW, "role": "boss"}, "role"),
    ("", {"username": "x", "password": "a horse of 8"}, "role"),
    ("", {**NEW, "more": 1}, "more"),
    ("", rb'{"username": "\ud800", "password": "a horse of 8", "role": "user"}', ""),
    ("/1/permissions", {"queues": {"video": ["fly"]}}, "queues.video"),
    ("/1/permissions", {"queues": {str(n): [] for n in range(1001)}}, "queues"),
    ("/1/permissions", rb'{"queues": {"\ud800": ["cancel"]}}', ""),
    ("", {**NEW, "reads": []}, "reads"),
    ("", {**NEW, "reads": ["a", ""]}, "reads[1]"),
    ("/1/reads", {"queues": []}, "queues"),
    ("/1/reads", {"queues": [str(n) for n in range(101)]}, "queues"),
    ("/1/reads", {}, "queues"),
    ("/1/reads", {"queues": ["a"]}, "queues"),  # of an admin
    ("", {**NEW, "role": "admin", "reads": ["a"]}, "reads"),
    (f"/{2**63}/role", {"role": "user"}, "id"),
]


def test_a_value_that_cannot_be_is_refused_by_name(signed_in: httpx.Client) -> None:
    for path, body, loc in REFUSED:
        check_refused(signed_in, "POST", f"/admin/users{path}", [(body, loc)])


def test_a_name_is_given_once_and_escaped(signed_in: httpx.Client) -> None:
    name = '"><script>alert(1)</script>'
    user = signed_in.post("/admin/users", json={**NEW, "username": name}).json()
    again = signed_in.post("/admin/users", json={**NEW, "username": name.upper()})
    assert (again.status_code, again.json()) == (409, {"error": "a user with this name exists already"})
    signed_in.post(f"/admin/users/{user['id']}/permissions", json={"queues": {name: ["cancel"]}})
    page = signed_in.get("/admin/users").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert signed_in.delete(f"/admin/users/{user['id']}").status_code == 200
