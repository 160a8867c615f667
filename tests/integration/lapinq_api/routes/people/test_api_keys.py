"""Named API keys over HTTP: making, listing and deleting them, and calling with them."""

import itertools
from collections.abc import Callable, Iterator

import httpx
import psycopg
import pytest

from lapinq_api.app import build_app
from lapinq_core.runtime.settings import Settings
from tests.support.database.proxy import proxy
from tests.support.eventually import eventually
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.http.refusals import Row, check_refused
from tests.support.http.serving import serving

Serve = Callable[..., httpx.Client]

TASK = {"task_name": "send", "module_path": "app.mail"}
SOME_OR_ALL = "must name 1 to 100 queues, or be null for all"
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
    assert (made["name"], made["scopes"]) == ("CI · ü", ["enqueue", "read"])
    assert (made["created_by"], made["last_used_at"]) == ("LAPINQ_API_KEY", None)
    assert key.startswith("lapinq_")
    assert key.endswith(made["hint"])
    again = closed.post("/api/v1/keys", json=body, headers=MASTER)
    assert (again.status_code, again.json()) == (409, {"error": "a key with this name exists already"})
    listed = closed.get("/api/v1/keys", headers=MASTER)
    assert made in listed.json()
    assert key not in listed.text
    assert closed.get("/api/v1/queues", headers={"X-API-Key": key}).status_code == 200

    def last_use() -> str | None:
        listed = closed.get("/api/v1/keys", headers=MASTER).json()
        return next(one["last_used_at"] for one in listed if one["id"] == made["id"])

    eventually(last_use, timeout=15)


def test_a_key_that_is_deleted_stops_at_once_in_every_server_and_all_is_noted_but_itself(
    closed: httpx.Client, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    other = serve(require_auth=True)
    body = {"name": next(_names), "scopes": ["read"]}
    made = closed.post("/api/v1/keys", json=body, headers=MASTER).json()
    headers = {"X-API-Key": made["key"]}
    for client in (closed, other):
        assert client.get("/api/v1/queues", headers=headers).status_code == 200
    response = closed.delete(f"/api/v1/keys/{made['id']}", headers={**MASTER, "X-Request-ID": "del-1"})
    assert (response.status_code, response.json()) == (200, {"id": made["id"], "deleted": True})
    assert closed.get("/api/v1/queues", headers=headers).status_code == 401
    # The other one has just learned of it and would believe in it for 5 s.
    eventually(lambda: other.get("/api/v1/queues", headers=headers).status_code == 401, timeout=3)
    again = closed.delete(f"/api/v1/keys/{made['id']}", headers=MASTER)
    assert (again.status_code, again.json()) == (404, {"error": "there is no key with this id"})

    query = {"target": str(made["id"]), "actor": "LAPINQ_API_KEY"}
    deleted, created = closed.get("/api/v1/audit", params=query, headers=MASTER).json()
    assert (deleted["action"], created["action"]) == ("key.delete", "key.create")
    assert (deleted["request_id"], deleted["address"]) == ("del-1", "127.0.0.1")
    assert deleted["actor"] == {"kind": "key", "id": None, "name": "LAPINQ_API_KEY"}
    assert created["details"] == body
    assert made["key"] not in caplog.text + str(created)


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


WRONG: list[Row] = [
    ({"name": ""}, "name", "must have 1 to 255 characters"),
    ({"name": "x" * 256}, "name", "must have 1 to 255 characters"),
    ({"name": "a\nb"}, "name", "must have printable characters only"),
    ({"scopes": []}, "scopes", f"must name at least one of {SCOPES}"),
    ({"scopes": ["read", "admin"]}, "scopes[1]", f"must be one of {SCOPES}"),
    ({"scopes": ["READ"]}, "scopes[0]", f"must be one of {SCOPES}"),
    ({"key": "mine"}, "key", "is not a known field"),
    ({"queues": []}, "queues", SOME_OR_ALL),
    ({"queues": ["a\n"]}, "queues[0]", "must have printable characters only"),
    ({"queues": ["a"] * 101}, "queues", SOME_OR_ALL),
    ({"expires_in": 0.5}, "expires_in", UP_TO_TEN_YEARS),
    ({"expires_in": 4e8}, "expires_in", UP_TO_TEN_YEARS),
]


def test_a_wrong_key_is_refused_by_the_name_of_the_field(keyed: httpx.Client) -> None:
    before = keyed.get("/api/v1/keys").json()
    check_refused(keyed, "POST", "/api/v1/keys", WRONG, {"name": "x", "scopes": ["read"]})
    required: list[Row] = [
        ({"scopes": ["read"]}, "name", "is required"),
        ({"name": "x"}, "scopes", "is required"),
    ]
    check_refused(keyed, "POST", "/api/v1/keys", required)
    assert keyed.get("/api/v1/keys").json() == before


def test_in_an_open_api_a_known_key_is_held_to_its_scopes(api: httpx.Client, closed: httpx.Client) -> None:
    assert api.post("/api/v1/enqueue", json=TASK).status_code == 201
    assert api.post("/api/v1/enqueue", json=TASK, headers=make(closed, "read")).status_code == 403


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
    # The use of a key is noted before the server ends.
    with psycopg.connect(database) as conn:
        assert conn.execute("SELECT last_used_at IS NOT NULL FROM lapinq_api_keys").fetchall() == [(True,)]
