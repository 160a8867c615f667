"""Changes to many tasks in the background: started, looked at and stopped over HTTP, and done by the server."""

import json
from collections.abc import Generator
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from lapinq_api.app import announce_stop, build_app
from lapinq_api.routes.bulk import bulk_runner, walk
from lapinq_core.runtime.settings import Settings
from tests.integration.lapinq_api.conftest import Serve
from tests.integration.lapinq_api.routes.bulk.test_bulk import last_noted
from tests.integration.lapinq_api.routes.bulk.test_bulk_bounds import holding, walking
from tests.integration.tasks.actions.test_bulk import fail
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.http.people import PASSWORD, add_user, browser
from tests.support.http.serving import serving
from tests.support.rows.factories import add_worker, enqueue

pytestmark = pytest.mark.http

ACTIONS = "/api/v1/bulk-actions"
TASKS = "/api/v1/tasks"
Started = dict[str, Any]


def start(client: httpx.Client, verb: str, **params: Any) -> Started:
    method, path = ("DELETE", TASKS) if verb == "delete" else ("POST", f"{TASKS}/{verb}")
    answer = client.request(method, path, params={**params, "background": "true"})
    assert (answer.status_code, set(answer.json())) == (202, {"id", "state"})
    return answer.json()


def look(client: httpx.Client, started: Started) -> Started:
    answer = client.get(f"{ACTIONS}/{started['id']}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def ended(client: httpx.Client, started: Started) -> Started:
    eventually(lambda: look(client, started)["ended_at"] is not None)
    return look(client, started)


def pending(client: httpx.Client, queue: str) -> int:
    return len(client.get(TASKS, params={"queue": queue, "status": "pending", "limit": 1000}).json())


@pytest.fixture
def soon() -> Generator[None]:
    """Servers look for what others left as soon as they can."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk_runner, "POLL_SECONDS", 0.05)
        yield


def test_each_verb_goes_on_after_its_answer_and_tells_how_far_it_is(
    keyed: httpx.Client, queue: str, api_database: str, db: psycopg.Connection
) -> None:
    on_connections(api_database, partial(fail, count=12, queue_name=queue))
    on_connections(
        api_database, partial(enqueue, count=600, queue_name=queue, scheduled_at="2099-01-01T00:00:00Z")
    )
    started = start(keyed, "requeue", queue=queue, error="value", expected=12)
    assert started["state"] in {"waiting", "running"}
    done = ended(keyed, started)
    assert {name: done[name] for name in ("action", "state", "filters", "done", "skipped", "expected")} == {
        "action": "requeue",
        "state": "completed",
        "filters": {"queue": queue, "error": "value"},
        "done": 12,
        "skipped": 0,
        "expected": 12,
    }
    assert (done["started_by"], done["stopped_by"], done["error"]) == ("LAPINQ_API_KEY", None, None)
    details = {"filters": done["filters"], "bulk_action": done["id"], "requeued": 12}
    assert last_noted(db) == ("LAPINQ_API_KEY", "task.requeue_many", queue, details)
    for verb, count in (("run", 600), ("cancel", 612), ("delete", 612)):
        done = ended(keyed, start(keyed, verb, queue=queue))
        assert (done["state"], done["done"], done["expected"]) == ("completed", count, None), verb
    assert keyed.get(TASKS, params={"queue": queue}).json() == []
    ids = [one["id"] for one in keyed.get(ACTIONS, params={"limit": 2}).json()]
    assert ids[0] == done["id"]
    assert keyed.get(ACTIONS, params={"active": "true"}).json() == []


def test_a_stop_ends_it_and_leaves_the_rest(
    keyed: httpx.Client, queue: str, api_database: str, db: psycopg.Connection
) -> None:
    first, *_ = on_connections(api_database, partial(enqueue, count=3, queue_name=queue))
    with holding(api_database, first):
        started = start(keyed, "delete", queue=queue)
        eventually(lambda: walking(db) == 1)
        assert keyed.get(ACTIONS, params={"active": "true"}).json()[0]["id"] == started["id"]
        answer = keyed.post(f"{ACTIONS}/{started['id']}/stop")
        assert (answer.status_code, answer.json()["state"]) == (200, "stopped")
        assert answer.json()["stopped_by"] == "LAPINQ_API_KEY"
    eventually(lambda: walking(db) == 0)
    # What was under way is undone.
    assert (pending(keyed, queue), look(keyed, started)["done"]) == (3, 0)
    again = keyed.post(f"{ACTIONS}/{started['id']}/stop")
    assert again.json() == answer.json()


def test_what_one_server_leaves_another_one_finishes(
    serve: Serve, queue: str, api_database: str, db: psycopg.Connection, soon: None
) -> None:
    first, *_ = on_connections(api_database, partial(enqueue, count=3, queue_name=queue))
    app = build_app(Settings(database_url=api_database, api_key="secret"))
    with holding(api_database, first):
        with serving(app) as client:
            client.headers["X-API-Key"] = "secret"
            started = start(client, "delete", queue=queue)
            eventually(lambda: walking(db) == 1)
            announce_stop(app)
        other = serve(api_key="secret")
        other.headers["X-API-Key"] = "secret"
    done = ended(other, started)
    assert (done["state"], done["done"], pending(other, queue)) == ("completed", 3, 0)


def test_it_ends_when_whoever_started_it_no_longer_may(
    keyed: httpx.Client,
    queue: str,
    api_database: str,
    db: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk_runner, "RECHECK_SECONDS", 0.0)
    (task,) = on_connections(api_database, partial(enqueue, count=1, queue_name=queue))
    key = keyed.post("/api/v1/keys", json={"name": queue, "scopes": ["manage"]}).json()
    with holding(api_database, task):
        answer = keyed.delete(
            TASKS, params={"queue": queue, "background": "true"}, headers={"X-API-Key": key["key"]}
        )
        eventually(lambda: walking(db) == 1)
        assert keyed.delete(f"/api/v1/keys/{key['id']}").status_code == 200
        done = ended(keyed, answer.json())
    assert (done["state"], done["error"]) == ("failed", f"{queue} may no longer delete there")
    assert pending(keyed, queue) == 1


def test_a_user_sees_and_stops_what_they_may_and_no_hidden_values(serve: Serve, queue: str) -> None:
    server = serve(redact=["secret*"])
    with browser(server) as admin:
        may = add_user(admin, "user", **{queue: ["cancel"]})
        limited = add_user(admin, "user", **{f"{queue} too": ["cancel"]})
        reads = {"queues": [f"{queue} too"]}
        assert admin.post(f"/admin/users/{limited['id']}/reads", json=reads).status_code == 200
        of_queue = start(admin, "cancel", queue=queue, arguments="hush")
        of_all = start(admin, "cancel")
        with browser(server, may["username"], PASSWORD) as user:
            shown = look(user, of_queue)
            assert shown["filters"] == {"queue": queue, "arguments": "[hidden]"}
            assert look(admin, of_queue)["filters"]["arguments"] == "hush"
            assert user.post(f"{ACTIONS}/{of_queue['id']}/stop").status_code == 200
            assert user.post(f"{ACTIONS}/{of_all['id']}/stop").status_code == 403
        with browser(server, limited["username"], PASSWORD) as user:
            for started in (of_queue, of_all):
                assert user.get(f"{ACTIONS}/{started['id']}").status_code == 404
                assert user.post(f"{ACTIONS}/{started['id']}/stop").status_code == 404
            assert user.get(ACTIONS).json() == []
            own = start(user, "cancel", queue=f"{queue} too")
            assert [one["id"] for one in user.get(ACTIONS).json()] == [own["id"]]


def test_what_no_one_can_mean_is_refused(keyed: httpx.Client) -> None:
    cancel = f"{TASKS}/cancel"
    for params, said in (
        ({"background": "true", "dry_run": "true"}, "dry_run=true"),
        ({"expected": "3"}, "background=true only"),
        ({"background": "true", "expected": "-1"}, "whole number"),
        ({"background": "yes"}, "true or false"),
    ):
        answer = keyed.post(cancel, params=params)
        assert answer.status_code == 400
        assert said in answer.json()["error"]
    for method, path in (("GET", ACTIONS), ("POST", f"{ACTIONS}/{{}}/stop")):
        answer = keyed.request(method, path.format("nothing"), params={"active": "maybe"})
        assert answer.status_code == 400
    assert keyed.post(f"{ACTIONS}/{uuid4()}/stop").status_code == 404
    assert keyed.get(f"{ACTIONS}/{uuid4()}").status_code == 404


def test_an_argument_has_the_position_that_it_had_at_the_start(
    keyed: httpx.Client, queue: str, api_database: str, db: psycopg.Connection, soon: None
) -> None:
    on_connections(api_database, partial(enqueue, count=1, queue_name=queue, args=[17, 5]))
    worker = on_connections(api_database, partial(add_worker, name=queue))

    def takes(*names: str) -> None:
        found = [{"task_name": "add", "parameters": [{"name": name, "given": "either"} for name in names]}]
        db.execute("UPDATE lapinq_workers SET registered = %s WHERE id = %s", (json.dumps(found), worker))

    takes("order", "lines")
    started = ended(keyed, start(keyed, "cancel", queue=queue, named_arguments="order=5"))
    assert started["done"] == 0
    takes("lines", "order")  # a new release, before the action has gone on
    db.execute(
        "UPDATE lapinq_bulk_actions SET ended_at = NULL, outcome = NULL, reached = NULL, free_at = lapinq_now()"
        " WHERE id = %s",
        (started["id"],),
    )
    start(keyed, "cancel", queue=f"{queue} other")  # wakes the server
    done = ended(keyed, started)
    assert (done["state"], done["done"], pending(keyed, queue)) == ("completed", 0, 1)


def test_one_whose_first_step_takes_longer_than_its_turn_goes_on(
    keyed: httpx.Client, queue: str, api_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_runner, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(walk, "INITIAL_SIZE", 2)
    on_connections(api_database, partial(enqueue, count=5, queue_name=queue))
    done = ended(keyed, start(keyed, "delete", queue=queue))
    assert (done["state"], done["done"]) == ("completed", 5)


def test_one_with_a_filter_of_another_release_changes_nothing(
    keyed: httpx.Client, queue: str, api_database: str, db: psycopg.Connection, soon: None
) -> None:
    on_connections(api_database, partial(enqueue, count=1, queue_name=queue))
    started = ended(keyed, start(keyed, "cancel", queue=queue, task_name="none of this name"))
    db.execute(
        "UPDATE lapinq_bulk_actions SET ended_at = NULL, outcome = NULL, filters = %s, free_at = lapinq_now()"
        " WHERE id = %s",
        ('{"queue": "' + queue + '", "not_yet_known": "x"}', started["id"]),
    )
    start(keyed, "cancel", queue=f"{queue} other")  # wakes the server
    done = ended(keyed, started)
    assert (done["state"], done["error"]) == ("failed", "not_yet_known: is not known to this release")
    assert pending(keyed, queue) == 1
