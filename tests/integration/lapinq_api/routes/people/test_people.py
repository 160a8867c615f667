"""Users over HTTP: who may call what, what is refused, that a change holds at once, and what is noted of it."""

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from lapinq_api.app import build_app
from lapinq_core.runtime.settings import Settings
from tests.integration.lapinq_api.conftest import Serve
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.http.refusals import check_refused
from tests.support.http.serving import serving

KEY = {"X-API-Key": "the key"}
NEW = {"username": "nobody yet", "password": "a horse of 8", "role": "user"}
PAGE, SCRIPT = {"Accept": "text/html,*/*"}, {"Accept": "application/json"}


@pytest.fixture(scope="module")
def people(api: httpx.Client) -> Iterator[dict[str, httpx.Client]]:
    """Somebody without a session, a user and an admin."""
    with browser(api, None) as nobody, browser(api) as admin:
        user = add_user(admin, video=["cancel"])
        with browser(api, user["username"], PASSWORD) as client:
            yield {"nobody": nobody, "user": client, "admin": admin}


# Who may call operations is in `test_permissions.py`. These are pages, and paths at which there is nothing.
TABLE: list[tuple[str, str, int, int, int, int]] = [
    # method, path, nobody, user, admin, key of the settings
    ("GET", "/", 303, 200, 200, 303),
    ("GET", "/tasks", 303, 200, 200, 303),
    ("GET", "/account", 303, 200, 200, 403),
    ("DELETE", "/account/sessions/x", 401, 400, 400, 403),
    ("GET", "/admin/users", 303, 403, 200, 200),
    ("DELETE", "/admin/users/x/sessions", 401, 403, 400, 400),
    ("GET", "/queues", 303, 200, 200, 303),
    ("GET", "/webhooks", 303, 200, 200, 303),
    ("GET", "/admin/audit", 303, 403, 200, 200),
    ("GET", "/admin/nothing", 303, 404, 404, 404),
    ("POST", "/admin/nothing", 401, 404, 404, 404),
    ("GET", "/login", 200, 200, 200, 200),
    ("GET", "/static/x/mark.svg", 200, 200, 200, 200),
]


def test_who_may_call_what(people: dict[str, httpx.Client], closed: httpx.Client) -> None:
    def status(client: httpx.Client, method: str, path: str, **headers: str) -> int:
        answer = client.request(method, path, headers=headers)
        if answer.status_code == 303:
            assert answer.headers["location"] == "/login"
        if answer.status_code >= 400 and "html" not in answer.headers["content-type"]:
            assert answer.json()["error"]
        return answer.status_code

    for method, path, nobody, user, admin, key in TABLE:
        seen = {who: status(client, method, path) for who, client in people.items()}
        assert seen == {"nobody": nobody, "user": user, "admin": admin}, (method, path)
        assert status(closed, method, path, **KEY) == key, (method, path)
        assert status(closed, method, path, **{"X-API-Key": "wrong"}) == nobody, (method, path)


@pytest.fixture(scope="module")
def closed(api_database: str) -> Iterator[httpx.Client]:
    """A client of a server with a key in its settings."""
    with serving(build_app(Settings(database_url=api_database, api_key=KEY["X-API-Key"]))) as client:
        yield client


def test_a_page_leads_to_the_login_and_a_script_is_told(api: httpx.Client) -> None:
    for path in ("/", "/admin/users", "/account"):
        assert api.get(path, headers=PAGE).status_code == 303
        assert api.head(path).status_code == 303
        answer = api.get(path, headers=SCRIPT)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/json")


def test_a_session_opens_the_api_that_wants_a_key_as_far_as_its_user_may(
    serve: Serve,
) -> None:
    for settings in (
        {"api_key": "secret", "session_secret": "s"},
        {"require_auth": True, "session_secret": "s"},
    ):
        server = serve(**settings)
        assert server.get("/api/v1/queues").status_code == 401
        assert server.get("/api/v1/queues", headers={"Cookie": "lapinq_session=x"}).status_code == 401
        with browser(server) as admin:
            user = add_user(admin)
            task = {"task_name": "send", "module_path": "app.mail"}
            assert admin.get("/api/v1/queues").status_code == 200
            assert admin.post("/api/v1/enqueue", json=task).status_code == 201
            with browser(server, user["username"], PASSWORD) as client:
                assert client.get("/api/v1/queues").status_code == 200
                assert client.get("/api/v1/keys").status_code == 403
                admin.delete(f"/admin/users/{user['id']}")
                assert client.get("/api/v1/queues").status_code == 401


def test_the_key_counts_more_than_a_session_but_for_the_account(closed: httpx.Client) -> None:
    with browser(closed) as admin:
        user = add_user(admin)
    with browser(closed, user["username"], PASSWORD) as client:
        assert client.get("/admin/users").status_code == 403
        assert client.get("/admin/users", headers=KEY).status_code == 200
        assert client.post("/admin/users", json={}, headers=KEY).status_code == 400
        assert client.get("/me", headers=KEY).json()["username"] == user["username"]
        assert client.get("/account", headers=KEY).status_code == 200


def test_where_the_api_is_open_a_session_that_does_not_hold_is_anybody(api: httpx.Client) -> None:
    for token in ("x", "A" * 43):
        answer = api.get("/api/v1/queues", headers={"Cookie": f"lapinq_session={token}"})
        assert answer.status_code == 200


def test_a_session_holds_on_every_server_with_the_same_secret_and_on_no_other(serve: Serve) -> None:
    one, same, other = serve(session_secret="s"), serve(session_secret="s"), serve(session_secret="t")
    with browser(one) as client:
        cookie = {"Cookie": f"lapinq_session={client.cookies['lapinq_session']}"}
    assert same.get("/me", headers=cookie).status_code == 200
    assert other.get("/me", headers=cookie).status_code == 401


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
            assert client.get("/admin/users").status_code == 403
            assert admin.post(f"{address}/role", json={"role": "admin"}).json()["role"] == "admin"
            assert client.get("/admin/users").status_code == 200
            assert admin.post(f"{address}/role", json={"role": "user"}).status_code == 200
            assert client.get("/admin/users").status_code == 403
            gone = admin.request("DELETE", address, headers={"X-Request-ID": "farewell"})
            assert gone.json() == {"id": user["id"], "deleted": True}
            assert client.get("/me").status_code == 401
        assert admin.delete(address).status_code == 404
    rows = db.execute(
        "SELECT actor_kind, actor, action, target, details, address, request_id FROM lapinq_audit"
        " WHERE target = %s ORDER BY id",
        (user["username"],),
    ).fetchall()
    assert [row[2] for row in rows] == [
        "user.create",
        "session.login",
        "user.permissions",
        "user.role",
        "user.role",
        "user.delete",
    ]
    assert rows[0][:2] == rows[-1][:2] == ("user", "lapinq")
    assert rows[1][:2] == ("user", user["username"])
    assert rows[2][4] == {"id": user["id"], "queues": {"video": ["cancel", "delete"]}}
    assert rows[-1][5:] == ("127.0.0.1", "farewell")
    assert PASSWORD not in str(rows)


def test_the_last_admin_stays_one(database: str, serve: Serve) -> None:
    with browser(serve(database_url=database)) as admin:
        me = admin.get("/me").json()["id"]
        for call in (
            lambda: admin.post(f"/admin/users/{me}/role", json={"role": "user"}),
            lambda: admin.delete(f"/admin/users/{me}"),
        ):
            answer = call()
            assert answer.status_code == 409
            assert "the last admin" in answer.json()["error"]
        add_user(admin, "admin")
        assert admin.delete(f"/admin/users/{me}").status_code == 200
        assert admin.get("/me").status_code == 401
    with psycopg.connect(database) as conn:
        row = conn.execute("SELECT count(*) FROM lapinq_audit WHERE action LIKE 'user.%%'").fetchone()
        assert row == (2,)  # nothing of what was refused


REFUSED: list[tuple[str, Any, str]] = [
    ("", {**NEW, "username": ""}, "username"),
    ("", {**NEW, "username": "x" * 256}, "username"),
    ("", {**NEW, "username": " lisa"}, "username"),
    ("", {**NEW, "username": "li\x00sa"}, "username"),
    ("", {**NEW, "username": 7}, "username"),
    ("", {**NEW, "password": "short"}, "password"),
    ("", {**NEW, "password": "x" * 1025}, "password"),
    ("", {**NEW, "password": "nul \x00 and more"}, "password"),
    ("", {**NEW, "username": "username", "password": "USERNAME"}, "password"),
    ("", {**NEW, "password": "iloveyou"}, "password"),
    ("", {**NEW, "role": "boss"}, "role"),
    ("", {**NEW, "role": None}, "role"),
    ("", {"username": "x", "password": "a horse of 8"}, "role"),
    ("", {**NEW, "more": 1}, "more"),
    ("", [], ""),
    ("/1/role", {"role": ["admin"]}, "role"),
    ("/1/role", {}, "role"),
    ("/1/permissions", {"queues": {"video": ["fly"]}}, "queues.video"),
    ("/1/permissions", {"queues": {"video": "cancel"}}, "queues.video"),
    ("/1/permissions", {"queues": []}, "queues"),
    ("/1/permissions", {"queues": {"": ["cancel"]}}, "a queue of queues"),
    ("/1/permissions", {"queues": {str(n): [] for n in range(1001)}}, "queues"),
    ("/x/role", {"role": "user"}, "id"),
    ("/0/role", {"role": "user"}, "id"),
    ("/-1/role", {"role": "user"}, "id"),
    (f"/{2**63}/role", {"role": "user"}, "id"),
    ("/1e3/permissions", {"queues": {}}, "id"),
]


def test_a_value_that_cannot_be_is_refused_by_name(people: dict[str, httpx.Client]) -> None:
    admin = people["admin"]
    for path, body, loc in REFUSED:
        check_refused(admin, "POST", f"/admin/users{path}", [(body, loc)])
    # So is half a surrogate pair.
    check_refused(
        admin,
        "POST",
        "/admin/users",
        [
            (rb'{"username": "\ud800", "password": "a horse of 8", "role": "user"}', ""),
            (rb'{"username": "fine", "password": "a horse of 8\udfff", "role": "user"}', ""),
        ],
    )
    for body in (rb'{"queues": {"\ud800": ["cancel"]}}', rb'{"queues": {"video": ["\ud800"]}}'):
        check_refused(admin, "POST", "/admin/users/1/permissions", [(body, "")])
    guess = rb'{"current_password": "\ud800", "new_password": "something new"}'
    assert people["user"].post("/account/password", content=guess).status_code in {400, 403}


def test_a_name_is_given_once_in_capitals_or_not(people: dict[str, httpx.Client]) -> None:
    admin = people["admin"]
    user = add_user(admin)
    answer = admin.post("/admin/users", json={**NEW, "username": user["username"].upper()})
    assert answer.status_code == 409
    assert answer.json() == {"error": "a user with this name exists already"}


def test_what_people_are_called_is_escaped(people: dict[str, httpx.Client]) -> None:
    admin, name = people["admin"], '"><script>alert(1)</script>'
    user = admin.post("/admin/users", json={**NEW, "username": name}).json()
    admin.post(f"/admin/users/{user['id']}/permissions", json={"queues": {name: ["cancel"]}})
    page = admin.get("/admin/users")
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert admin.delete(f"/admin/users/{user['id']}").status_code == 200
