"""Named API keys over HTTP: making, listing and deleting them, and calling with them."""

import itertools
import json
from collections.abc import Callable, Iterator

import httpx
import psycopg
import pytest

from lapinq_api.app import build_app
from lapinq_api.credentials import key_cache
from lapinq_core.runtime.settings import Settings
from tests.support.database.proxy import proxy
from tests.support.eventually import eventually
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.http.serving import serving

Serve = Callable[..., httpx.Client]

TASK = {"task_name": "send", "module_path": "app.mail"}
SOME_OR_ALL = "must name 1 to 100 queues, or be left out for all"
UP_TO_TEN_YEARS = "must be between 1 and 315576000 (ten years)"
SCOPES = "enqueue, read, manage, schedule"
MASTER = {"X-API-Key": "master"}
_names = (f"key {number}" for number in itertools.count())


@pytest.fixture(scope="module")
def closed(api_database: str) -> Iterator[httpx.Client]:
    """A client, without a key, of a server that has one."""
    with serving(build_app(Settings(database_url=api_database, api_key="master"))) as client:
        yield client


def make(client: httpx.Client, *scopes: str) -> dict[str, str]:
    """The headers of a new key."""
    body = {"name": next(_names), "scopes": list(scopes)}
    response = client.post("/api/v1/keys", json=body, headers=MASTER)
    assert response.status_code == 201, response.text
    return {"X-API-Key": response.json()["key"]}


def test_a_key_is_shown_once_and_listed_without_itself(closed: httpx.Client) -> None:
    body = {"name": "CI · ü", "scopes": ["read", "enqueue", "read"]}
    response = closed.post("/api/v1/keys", json=body, headers=MASTER)
    assert response.status_code == 201
    made = response.json()
    key = made.pop("key")
    assert made["name"] == "CI · ü"
    assert made["scopes"] == ["enqueue", "read"]
    assert made["created_by"] == "LAPINQ_API_KEY"
    assert made["last_used_at"] is None
    assert key.startswith("lapinq_")
    assert key.endswith(made["hint"])
    listed = closed.get("/api/v1/keys", headers=MASTER)
    assert made in listed.json()
    assert key not in listed.text
    assert closed.get("/api/v1/queues", headers={"X-API-Key": key}).status_code == 200
    eventually(
        lambda: next(
            one for one in closed.get("/api/v1/keys", headers=MASTER).json() if one["id"] == made["id"]
        )["last_used_at"],
        timeout=15,
    )


def test_a_key_that_is_deleted_stops_at_once_in_every_server(closed: httpx.Client, serve: Serve) -> None:
    other = serve(require_auth=True)
    body = {"name": next(_names), "scopes": ["read"]}
    made = closed.post("/api/v1/keys", json=body, headers=MASTER).json()
    headers = {"X-API-Key": made["key"]}
    for client in (closed, other):
        assert client.get("/api/v1/queues", headers=headers).status_code == 200
    response = closed.delete(f"/api/v1/keys/{made['id']}", headers=MASTER)
    assert (response.status_code, response.json()) == (200, {"id": made["id"], "deleted": True})
    assert closed.get("/api/v1/queues", headers=headers).status_code == 401
    # The other one has just learned of it and would believe in it for 5 s.
    eventually(lambda: other.get("/api/v1/queues", headers=headers).status_code == 401, timeout=3)
    again = closed.delete(f"/api/v1/keys/{made['id']}", headers=MASTER)
    assert (again.status_code, again.json()) == (404, {"error": "there is no key with this id"})


def test_the_keys_of_a_deleted_user_stop_at_once_in_every_server(closed: httpx.Client, serve: Serve) -> None:
    other = serve(require_auth=True)
    with httpx.Client(base_url=closed.base_url, headers=MASTER, trust_env=False) as master:
        user = add_user(master, "admin")
        with browser(closed, user["username"], PASSWORD) as client:
            body = {"name": next(_names), "scopes": ["read"], "queues": ["b", "a", "b"]}
            made = client.post("/api/v1/keys", json=body).json()
        assert (made["owner"], made["queues"], made["expires_at"]) == (user["username"], ["a", "b"], None)
        headers = {"X-API-Key": made["key"]}
        for server in (closed, other):
            assert server.get("/api/v1/tasks?queue=a", headers=headers).status_code == 200
        assert master.delete(f"/admin/users/{user['id']}").status_code == 200
        assert closed.get("/api/v1/tasks?queue=a", headers=headers).status_code == 401
        eventually(lambda: other.get("/api/v1/tasks?queue=a", headers=headers).status_code == 401, timeout=3)
        [entry] = master.get(f"/api/v1/audit?action=user.delete&target={user['username']}").json()
        assert entry["details"]["keys"] == [made["name"]]
        assert made["name"] not in {one["name"] for one in master.get("/api/v1/keys").json()}


def test_a_name_is_given_once(closed: httpx.Client) -> None:
    body = {"name": next(_names), "scopes": ["manage"]}
    assert closed.post("/api/v1/keys", json=body, headers=MASTER).status_code == 201
    again = closed.post("/api/v1/keys", json=body, headers=MASTER)
    assert (again.status_code, again.json()) == (409, {"error": "a key with this name exists already"})


@pytest.mark.parametrize(
    ("body", "loc", "msg"),
    [
        ({"scopes": ["read"]}, "name", "is required"),
        ({"name": "x"}, "scopes", "is required"),
        ({"name": "x", "scopes": []}, "scopes", f"must name at least one of {SCOPES}"),
        ({"name": "x", "scopes": ["read", "admin"]}, "scopes[1]", f"must be one of {SCOPES}"),
        ({"name": "x", "scopes": ["READ"]}, "scopes[0]", f"must be one of {SCOPES}"),
        ({"name": "x", "scopes": "read"}, "scopes", "must be a list, not a string"),
        ({"name": "x", "scopes": [1]}, "scopes[0]", "must be a string, not an integer"),
        ({"name": "", "scopes": ["read"]}, "name", "must have 1 to 255 characters"),
        ({"name": "x" * 256, "scopes": ["read"]}, "name", "must have 1 to 255 characters"),
        ({"name": "a\nb", "scopes": ["read"]}, "name", "must have printable characters only"),
        ({"name": "a\x00b", "scopes": ["read"]}, "name", "must have printable characters only"),
        ({"name": None, "scopes": ["read"]}, "name", "must be a string, not null"),
        ({"name": "x", "scopes": ["read"], "key": "mine"}, "key", "is not a known field"),
        (
            {"name": "x", "scopes": ["read"], "queues": []},
            "queues",
            SOME_OR_ALL,
        ),
        (
            {"name": "x", "scopes": ["read"], "queues": ["a\n"]},
            "queues[0]",
            "must have printable characters only",
        ),
        (
            {"name": "x", "scopes": ["read"], "queues": ["a"] * 101},
            "queues",
            SOME_OR_ALL,
        ),
        (
            {"name": "x", "scopes": ["read"], "expires_in": 0.5},
            "expires_in",
            UP_TO_TEN_YEARS,
        ),
        (
            {"name": "x", "scopes": ["read"], "expires_in": 4e8},
            "expires_in",
            UP_TO_TEN_YEARS,
        ),
        ([], "", "must be an object, not a list"),
    ],
)
def test_a_wrong_key_is_refused_by_the_name_of_the_field(
    closed: httpx.Client, body: object, loc: str, msg: str
) -> None:
    before = closed.get("/api/v1/keys", headers=MASTER).json()
    response = closed.post("/api/v1/keys", content=json.dumps(body), headers=MASTER)
    assert response.status_code == 400
    assert response.json()["details"] == [{"loc": loc, "msg": msg}]
    assert closed.get("/api/v1/keys", headers=MASTER).json() == before


@pytest.mark.parametrize("key_id", ["x", "-1", "1.0", "9" * 19, "1e3", "٣"])
def test_an_id_that_is_none_is_refused(closed: httpx.Client, key_id: str) -> None:
    response = closed.delete(f"/api/v1/keys/{key_id}", headers=MASTER)
    assert response.status_code == 400
    assert response.json()["details"][0]["loc"] == "id"
    assert closed.delete(f"/api/v1/keys/{'9' * 18}", headers=MASTER).status_code == 404


def test_keys_and_the_audit_log_are_for_admins_also_where_the_api_is_open(
    api: httpx.Client, closed: httpx.Client
) -> None:
    manager = make(closed, "enqueue", "read", "manage")
    for method, path in (
        ("GET", "/api/v1/keys"),
        ("POST", "/api/v1/keys"),
        ("DELETE", "/api/v1/keys/1"),
        ("GET", "/api/v1/audit"),
    ):
        body = {"name": "x", "scopes": ["manage"]} if method == "POST" else None
        assert api.request(method, path, json=body).status_code == 401
        refused = closed.request(method, path, json=body, headers=manager)
        assert refused.status_code == 403
        assert refused.json()["error"].endswith("may not do this: it takes an admin")


def test_a_key_does_what_its_scopes_say(closed: httpx.Client) -> None:
    reader, writer = make(closed, "read"), make(closed, "enqueue")
    assert closed.post("/api/v1/enqueue", json=TASK, headers=writer).status_code == 201
    refused = closed.post("/api/v1/enqueue", json=TASK, headers=reader)
    assert refused.status_code == 403
    assert refused.json()["error"].endswith("may not enqueue: this needs a key with the scope enqueue")
    assert closed.get("/api/v1/tasks", headers=reader).status_code == 200
    assert closed.get("/api/v1/tasks", headers=writer).status_code == 403


def test_a_key_that_is_unknown_is_nobody(api: httpx.Client, closed: httpx.Client) -> None:
    for key in ("lapinq_" + "x" * 43, "lapinq_", "x" * 60_000, "", "ü".encode()):
        headers = {"X-API-Key": key}
        assert closed.get("/api/v1/queues", headers=headers).status_code == 401  # pyright: ignore[reportArgumentType]
        assert api.get("/api/v1/queues", headers=headers).status_code == 200  # pyright: ignore[reportArgumentType]


def test_in_an_open_api_a_known_key_is_held_to_its_scopes(api: httpx.Client, closed: httpx.Client) -> None:
    reader = make(closed, "read")
    assert api.post("/api/v1/enqueue", json=TASK).status_code == 201
    assert api.post("/api/v1/enqueue", json=TASK, headers=reader).status_code == 403


def test_enqueueing_with_a_named_key_asks_nothing_of_the_table_of_keys(
    closed: httpx.Client, api_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_cache, "FRESH_SECONDS", 3600.0)
    writer = make(closed, "enqueue")
    assert closed.post("/api/v1/enqueue", json=TASK, headers=writer).status_code == 201
    with psycopg.connect(api_database) as conn:
        conn.execute("LOCK TABLE lapinq_api_keys IN ACCESS EXCLUSIVE MODE")
        for _ in range(5):
            assert closed.post("/api/v1/enqueue", json=TASK, headers=writer).status_code == 201
        conn.rollback()


def test_while_the_database_is_away_who_came_a_moment_before_is_known_and_others_are_told(
    database: str,
) -> None:
    with (
        proxy(database) as between,
        serving(build_app(Settings(database_url=between.url, api_key="master"))) as client,
    ):
        writer = make(client, "enqueue")
        assert client.post("/api/v1/enqueue", json=TASK, headers=writer).status_code == 201
        between.cut()
        assert client.post("/api/v1/enqueue", json={}, headers=writer).status_code == 400
        stranger = {"X-API-Key": "lapinq_" + "x" * 43}
        assert client.post("/api/v1/enqueue", json={}, headers=stranger).status_code == 503
        assert client.post("/api/v1/enqueue", json={}, headers={"X-API-Key": "wrong"}).status_code == 401
        between.heal()
        eventually(
            lambda: client.post("/api/v1/enqueue", json=TASK, headers=writer).status_code == 201, timeout=10
        )


def test_the_use_of_a_key_is_noted_before_the_server_ends(database: str) -> None:
    with serving(build_app(Settings(database_url=database, api_key="master"))) as client:
        assert client.post("/api/v1/enqueue", json=TASK, headers=make(client, "enqueue")).status_code == 201
    with psycopg.connect(database) as conn:
        assert conn.execute("SELECT last_used_at IS NOT NULL FROM lapinq_api_keys").fetchall() == [(True,)]


def test_what_is_done_with_keys_is_in_the_log_and_no_key_is(
    closed: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        body = {"name": next(_names), "scopes": ["manage"]}
        made = closed.post("/api/v1/keys", json=body, headers=MASTER).json()
        closed.get("/api/v1/audit", headers={"X-API-Key": made["key"]})
        closed.delete(f"/api/v1/keys/{made['id']}", headers={**MASTER, "X-Request-ID": "del-1"})
    assert made["key"] not in caplog.text
    query = {"target": str(made["id"]), "actor": "LAPINQ_API_KEY"}
    entries = closed.get("/api/v1/audit", params=query, headers=MASTER).json()
    assert [entry["action"] for entry in entries] == ["key.delete", "key.create"]
    assert entries[0]["request_id"] == "del-1"
    assert entries[0]["address"] == "127.0.0.1"
    assert entries[0]["actor"] == {"kind": "key", "id": None, "name": "LAPINQ_API_KEY"}
    assert entries[1]["details"] == body
    assert made["key"] not in str(entries)
