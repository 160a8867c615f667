"""What `LAPINQ_REDACT` hides: in every answer there is, from whom, and that nobody can search for it instead."""

import itertools
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from websockets.sync.client import ClientConnection, connect

from lapinq_api.app import build_app
from lapinq_api.dashboard.live import hub
from lapinq_api.routes import OPERATIONS
from lapinq_core.runtime.settings import Settings
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import Ended
from tests.support.database.running import on_connections
from tests.support.eventually import eventually
from tests.support.http.people import PASSWORD, add_user, log_in
from tests.support.http.serving import serving
from tests.support.rows.durable import step, wait_for_task
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue, new_task
from tests.support.rows.schedules import add_schedule
from tests.support.rows.workflows import member, store

SECRET = "hunter2"
SEEN, UNSEEN = "mail", "video"
"""Queues on which the user with the permission has it, and has it not."""
ACTS = ["cancel", "delete", "requeue"]
CARRIED: dict[str, Any] = {
    "args": [1, {"Password": SECRET, "to": "ada"}],
    "kwargs": {"login": [{"password": {"deep": [SECRET]}}], "api_token": SECRET, "to": "ada"},
    "metadata": {"password": SECRET, "tenant": 7},
    "webhook_url": f"https://shop:{SECRET}@example.org/done?to=ada&sig={SECRET}",
}
MASKED: dict[str, Any] = {
    "args": [1, {"Password": "[hidden]", "to": "ada"}],
    "kwargs": {"login": [{"password": "[hidden]"}], "api_token": "[hidden]", "to": "ada"},
    "metadata": {"password": "[hidden]", "tenant": 7},
    "webhook_url": "https://[hidden]@example.org/done?to=[hidden]&sig=[hidden]",
}
RESULT = f'{{"password": "{SECRET}", "sum": 3}}'
MASKED_RESULT = '{"password":"[hidden]","sum":3}'


class Stage(msgspec.Struct):
    """A server, those who ask it by name, and the ids of tasks by queue."""

    people: dict[str, httpx.Client]
    tasks: dict[str, dict[str, str]]
    tokens: dict[str, str]
    user_id: int


async def tasks_of(conn: Conn, queue: str) -> dict[str, str]:
    """The id of a task that is completed, of one that failed, and of one that waits; all carry the secret."""
    completed, failed, waiting = await enqueue(conn, 3, queue_name=queue, **CARRIED)
    held = {one.id: one for one in await claim(conn, await add_worker(conn), 2, queue)}
    await step(conn, held[completed], "charge", RESULT)
    await complete(conn, [held[completed]], RESULT)
    await worker_verbs.settle(
        conn, [Ended(failed, held[failed].token, True, True, 0, "ValueError: no", "Traceback …")]
    )
    return {"completed": completed, "failed": failed, "waiting": waiting}


@pytest.fixture(scope="module")
def stage(api_database: str) -> Iterator[Stage]:
    tasks = {queue: on_connections(api_database, partial(tasks_of, queue=queue)) for queue in (SEEN, UNSEEN)}
    on_connections(api_database, partial(add_schedule, queue_name=UNSEEN, **CARRIED))
    settings = Settings(
        database_url=api_database, api_key="master", session_secret="s", redact=("password", "*token*")
    )
    with serving(build_app(settings)) as server, ExitStack() as clients:

        def client(**headers: str) -> httpx.Client:
            return clients.enter_context(
                httpx.Client(base_url=server.base_url, headers=headers, timeout=15, trust_env=False)
            )

        people = {"master": client(**{"X-API-Key": "master"}), "admin": client()}
        tokens = {"admin": log_in(people["admin"])}
        user_id = 0
        for name, permissions in (
            ("without", {SEEN: ACTS, UNSEEN: ACTS}),
            ("with", {SEEN: [*ACTS, "payload"], UNSEEN: ACTS}),
        ):
            user = add_user(people["admin"], "user", **permissions)
            people[name] = client()
            tokens[name] = log_in(people[name], user["username"], PASSWORD)
            user_id = user["id"]
        for name, scopes in (("reader", ["read"]), ("program", ["read", "enqueue"])):
            made = people["master"].post("/api/v1/keys", json={"name": name, "scopes": scopes})
            people[name] = client(**{"X-API-Key": made.json()["key"]})
        yield Stage(people, tasks, tokens, user_id)


EVERYTHING = ["master", "admin", "program"]
NOTHING = ["without", "reader"]


def test_no_answer_has_a_hidden_value_in_it(stage: Stage, db: psycopg.Connection) -> None:
    [(webhook,)] = db.execute(
        "SELECT id::text FROM lapinq_webhooks WHERE queue_name = %s LIMIT 1", (UNSEEN,)
    ).fetchall()
    asked = 0
    for operation in OPERATIONS:
        if operation.method != "GET":
            continue
        tasks = list(stage.tasks[UNSEEN].values())
        for which in tasks if "/tasks/{id}" in operation.path else tasks[:1]:
            task_or_event = webhook if "webhooks" in operation.path else which
            path = (
                operation.path.replace("{id}", task_or_event)
                .replace("{name:path}", UNSEEN)
                .replace("{name}", "nightly")
            )
            for name in NOTHING:
                assert SECRET not in stage.people[name].get(path).text, path
            asked += 1
    assert asked > 30


def test_no_page_has_a_hidden_value_in_it(stage: Stage) -> None:
    workflow: dict[str, Any] = {"name": "report", "metadata": {"password": SECRET}, "tasks": []}
    stored = stage.people["program"].post("/api/v1/workflows", json=workflow).json()["workflow_id"]
    assert SECRET in stage.people["admin"].get(f"/workflows/{stored}").text
    pages = [
        "/webhooks",
        "/schedules",
        "/schedules/nightly",
        "/schedules/nightly/edit",
        "/schedules/nightly/run",
        f"/workflows/{stored}",
    ]
    for path in (*pages, *(f"/tasks/{task}" for task in stage.tasks[UNSEEN].values())):
        page = stage.people["without"].get(path)
        assert page.status_code == 200
        assert SECRET not in page.text, path


def test_addresses_of_webhooks_hide_what_may_be_secret_without_the_setting_too(
    stage: Stage, serve: Callable[..., httpx.Client]
) -> None:
    server = serve(api_key="master", session_secret="s")
    for name in (*NOTHING, *EVERYTHING):
        asking = stage.people[name]
        shown = [
            server.get(path, headers=dict(asking.headers) | _cookie(asking)).json()
            for path in ("/api/v1/tasks", "/api/v1/webhooks", "/api/v1/schedules")
        ]
        addresses = {one.get("webhook_url") or one["url"] for objects in shown for one in objects}
        assert addresses == {(CARRIED if name in EVERYTHING else MASKED)["webhook_url"]}, name


def _cookie(client: httpx.Client) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}


@contextmanager
def granted(stage: Stage, seen: list[str], unseen: list[str]) -> Generator[httpx.Client]:
    """The user with the permission has these for a while."""
    master, url = stage.people["master"], f"/admin/users/{stage.user_id}/permissions"
    assert master.post(url, json={"queues": {SEEN: seen, UNSEEN: unseen}}).status_code == 200
    try:
        yield stage.people["with"]
    finally:
        before = {SEEN: ["delete", "requeue", "payload"], UNSEEN: ["delete", "requeue"]}
        assert master.post(url, json={"queues": before}).status_code == 200


def change_schedule(client: httpx.Client, change: dict[str, Any]) -> httpx.Response:
    version = client.get(NIGHTLY).json()["version"]
    return client.patch(NIGHTLY, json={"version": version, **change})


NIGHTLY = "/api/v1/schedules/nightly"
MASKED_URL = "https://example.org/done?to=[hidden]"
NEW: dict[str, Any] = {"args": [], "kwargs": {"to": "bob"}, "metadata": {}}
MINE: dict[str, Any] = {
    "task_name": "dumps",
    "module_path": "json",
    "webhook_url": "https://example.org/mine",
}


def test_nobody_sends_what_is_hidden_to_a_function_or_queue_or_with_arguments_of_their_own(
    stage: Stage,
) -> None:
    """A copy of a task, and a change to a schedule: hidden values stay only if all that learns of them stays too."""
    master, (hidden, seen) = stage.people["master"], (stage.tasks[one]["failed"] for one in (UNSEEN, SEEN))
    before = master.get(NIGHTLY).json()
    refused: list[dict[str, Any]] = [{name: value} for name, value in (NEW | MINE).items()]
    refused += [MINE, {**MINE, "args": []}, {**MINE, "args": [], "kwargs": {}}, {"queue_name": SEEN}]
    refused += [{"kwargs": {"to": "bob"}}, {"args": ["bob"], "metadata": {}}]
    masked = [{"webhook_url": MASKED_URL}, {"webhook_url": MASKED["webhook_url"]}, {"args": MASKED["args"]}]
    allowed = [{"priority": 1, "max_retries": 0}, NEW | MINE]
    cases = [(change, 403) for change in refused] + [(change, 400) for change in masked]
    with granted(stage, ["enqueue", "payload"], ["enqueue"]) as person:
        for change, status in [*cases, *((change, 200) for change in allowed)]:
            answer = change_schedule(person, change)
            assert answer.status_code == status, (change, answer.text)
            answer = person.post(f"/api/v1/tasks/{hidden}/rerun", json=change)
            assert answer.status_code == (201 if status == 200 else status), (change, answer.text)
        for which, changes in ((hidden, {}), (seen, {"queue_name": UNSEEN, "task_name": "reveal"})):
            again = person.post(f"/api/v1/tasks/{which}/rerun", json=changes)
            new = master.get(f"/api/v1/tasks/{again.json()['task_id']}").json()
            assert (new["args"], new["webhook_url"]) == (CARRIED["args"], CARRIED["webhook_url"])
        assert person.post(f"/api/v1/tasks/{seen}/rerun", json=MINE).status_code == 201
    # Nor does somebody copy a task from where they may not enqueue at all.
    with granted(stage, ["enqueue", "payload"], ["payload"]) as person:
        answer = person.post(f"/api/v1/tasks/{hidden}/rerun", json={"queue_name": SEEN})
        assert answer.status_code == 403
        assert answer.json()["error"].endswith(f"may not enqueue on the queue {UNSEEN}")
    assert change_schedule(master, {name: before[name] for name in NEW | MINE}).status_code == 200


def test_nobody_passes_on_a_result_that_is_hidden_from_them(stage: Stage, api_database: str) -> None:
    async def workflow(conn: Conn) -> str:
        parent = member("parent", new_task(queue_name=UNSEEN, priority=9))
        child = member("child", new_task(queue_name=SEEN, args=[{"$result": "parent"}]))
        ids = await store(conn, [parent, child])
        await complete(conn, await claim(conn, await add_worker(conn), 1, UNSEEN), RESULT)
        return ids["child"]

    child = on_connections(api_database, workflow)
    with granted(stage, ["enqueue", "payload"], ["enqueue"]) as person:
        answer = person.post(f"/api/v1/tasks/{child}/rerun")
        assert answer.status_code == 403
        assert answer.json()["error"].endswith("the result of parent: values of it are hidden from them")
        assert person.post(f"/api/v1/tasks/{child}/rerun", json={"args": []}).status_code == 201
    assert stage.people["program"].post(f"/api/v1/tasks/{child}/rerun").status_code == 201


@pytest.mark.parametrize("reference", ["$result", "$outcome"])
def test_nobody_adds_a_task_that_is_given_a_result_hidden_from_them(
    stage: Stage, api_database: str, reference: str
) -> None:
    """Whether or not the parent has ended, and whatever it returned: a retry may return something else."""

    def asked(ref: str, queue: str, **more: object) -> dict[str, Any]:
        return {"ref": ref, "queue_name": queue, "task_name": "dumps", "module_path": "json", **more}

    async def end(conn: Conn) -> None:
        await complete(conn, await claim(conn, await add_worker(conn), 1, UNSEEN), "null")

    master = stage.people["master"]
    body = {
        "name": "report",
        "open": True,
        "tasks": [asked("parent", UNSEEN, priority=9), asked("mine", SEEN)],
    }
    path = f"/api/v1/workflows/{master.post('/api/v1/workflows', json=body).json()['workflow_id']}/tasks"
    key = master.post("/api/v1/keys", json={"name": f"blind {reference}", "scopes": ["enqueue"]}).json()
    headers = {"X-API-Key": key["key"]}
    with (
        granted(stage, ["enqueue", "payload"], ["enqueue"]) as person,
        httpx.Client(base_url=master.base_url, headers=headers, trust_env=False) as blind,
    ):
        for number in range(2):
            for client in (person, blind):
                for queue in (SEEN, UNSEEN):
                    child = asked("child", queue, kwargs={"of": [{reference: "parent"}]})
                    answer = client.post(path, json={"tasks": [asked("new", SEEN), child]})
                    assert (answer.status_code, answer.json()["error"].partition(" may not ")[2]) == (
                        403,
                        "pass on the result of parent (tasks[1].kwargs): values of it are hidden from them",
                    )
            for name, client in (("person", person), ("blind", blind)):
                tasks = [asked(f"after {name} {number}", SEEN, after=["parent"])]
                tasks.append(asked(f"of {name} {number}", SEEN, args=[{reference: tasks[0]["ref"]}]))
                assert client.post(path, json={"tasks": tasks}).status_code == 201
            own = asked(f"own {number}", UNSEEN, args=[{reference: "mine"}])
            assert person.post(path, json={"tasks": [own]}).status_code == 201
            if number == 0:
                on_connections(api_database, end)
        child = asked("child", SEEN, args=[{reference: "parent"}])
        assert stage.people["program"].post(path, json={"tasks": [child]}).status_code == 201


def test_what_a_step_was_given_by_another_task_is_hidden_as_in_the_queue_of_that(
    stage: Stage, api_database: str
) -> None:
    async def ask(conn: Conn) -> str:
        worker = await add_worker(conn)
        [child] = await enqueue(conn, queue_name=UNSEEN, priority=9)
        await complete(conn, await claim(conn, worker, 1, UNSEEN), '{"password": "x"}')
        [asker] = await enqueue(conn, queue_name=SEEN, priority=9)
        [held] = await claim(conn, worker, 1, SEEN)
        await wait_for_task(conn, held, child)
        return asker

    steps = f"/api/v1/tasks/{on_connections(api_database, ask)}/steps"
    with granted(stage, ["payload"], []) as person:
        [step] = person.get(steps).json()
        assert step["result"] == '{"password":"[hidden]"}'
        assert (
            "password&#34;: &#34;x"
            not in person.get(steps.removeprefix("/api/v1").removesuffix("/steps")).text
        )
    with granted(stage, ["payload"], ["payload"]) as person:
        [step] = person.get(steps).json()
        assert step["result"] == '{"password": "x"}'


def test_nobody_stores_a_graph_that_brings_a_hidden_result_to_where_they_see_it(stage: Stage) -> None:
    def graph(queue: str) -> dict[str, Any]:
        call = {"task_name": "dumps", "module_path": "json"}
        parent = {"ref": "parent", "queue_name": UNSEEN, **call}
        return {
            "name": "report",
            "tasks": [parent, {"ref": "child", "queue_name": queue, "args": [{"$result": "parent"}], **call}],
        }

    with granted(stage, ["enqueue", "payload"], ["enqueue"]) as person:
        refused = person.post("/api/v1/workflows", json=graph(SEEN))
        assert (refused.status_code, refused.json()["error"].partition(" may not ")[2]) == (
            403,
            "pass on the result of parent (tasks[1].args): values of it are hidden from them",
        )
        assert person.post("/api/v1/workflows", json=graph(UNSEEN)).status_code == 201
    assert stage.people["program"].post("/api/v1/workflows", json=graph(SEEN)).status_code == 201


def test_a_key_that_may_not_read_a_schedule_sends_it_nowhere_else(stage: Stage) -> None:
    master, scopes = stage.people["master"], ["enqueue", "schedule"]
    made = master.post("/api/v1/keys", json={"name": "keeper", "scopes": scopes}).json()
    headers = {"X-API-Key": made["key"]}
    version = master.get("/api/v1/schedules/nightly").json()["version"]
    with httpx.Client(base_url=master.base_url, headers=headers, trust_env=False) as keeper:
        refused = keeper.patch("/api/v1/schedules/nightly", json={"version": version, **MINE})
        assert (refused.status_code, refused.json()["error"]) == (
            403,
            "keeper may not change task_name: of what stays, values are hidden from them",
        )
        run = keeper.post("/api/v1/schedules/nightly/run", json={"args": ["mine"]})
        assert (run.status_code, run.json()["error"][:26]) == (403, "keeper may not change args")
        allowed = keeper.patch("/api/v1/schedules/nightly", json={"version": version, "priority": 2})
        assert (allowed.status_code, set(allowed.json())) == (200, {"name", "state", "version"})


def test_schedules_are_shown_as_their_tasks_are(stage: Stage) -> None:
    for name in (*EVERYTHING, *NOTHING, "with"):
        alone = stage.people[name].get("/api/v1/schedules/nightly").json()
        assert {field: alone[field] for field in MASKED} == {
            field: (CARRIED if name in EVERYTHING else MASKED)[field] for field in MASKED
        }
        assert stage.people[name].get("/api/v1/schedules").json() == [alone]


def test_who_sees_the_payload_sees_it_wherever_it_is_and_others_the_rest(stage: Stage) -> None:
    for name, queue in itertools.product((*EVERYTHING, *NOTHING, "with"), (SEEN, UNSEEN)):
        sees = name in EVERYTHING or (name == "with" and queue == SEEN)
        payload = {field: (CARRIED if sees else MASKED)[field] for field in MASKED}
        result = RESULT if sees else MASKED_RESULT
        assert shown(stage, name, queue) == {**payload, "result": result}, (name, queue)
        assert results(stage, name, queue) == [result] * 3, (name, queue)


def shown(stage: Stage, name: str, queue: str) -> dict[str, Any]:
    """The payload of the completed task, which is the same by itself and in a list."""
    client, which = stage.people[name], stage.tasks[queue]["completed"]
    alone = client.get(f"/api/v1/tasks/{which}").json()
    [listed] = [task for task in client.get("/api/v1/tasks").json() if task["id"] == which]
    assert listed == alone
    return {field: alone[field] for field in (*MASKED, "result")}


def results(stage: Stage, name: str, queue: str) -> list[str]:
    """The result wherever else it is: at once, to whoever waits, and in the attempts."""
    client, path = stage.people[name], f"/api/v1/tasks/{stage.tasks[queue]['completed']}"
    [attempt] = client.get(f"{path}/attempts").json()
    at_once, waited = client.get(f"{path}/result").json(), client.get(f"{path}/result?wait=10").json()
    assert at_once["status"] == "completed"
    return [at_once["result"], waited["result"], attempt["result"]]


def test_what_is_not_hidden_is_answered_as_it_stands(stage: Stage) -> None:
    for task in stage.people["without"].get("/api/v1/tasks").json():
        whole = stage.people["master"].get(f"/api/v1/tasks/{task['id']}").json()
        assert list(task) == list(whole)
        payload = {*MASKED, "result", "ttl_remaining"}
        assert {key: task[key] for key in task if key not in payload} == {
            key: whole[key] for key in whole if key not in payload
        }
    [failed] = stage.people["without"].get(f"/api/v1/tasks/failed?queue={UNSEEN}").json()
    assert failed["error"] == "ValueError: no"
    assert failed["kwargs"] == MASKED["kwargs"]


@pytest.mark.parametrize("field", ["args", "result"])
def test_nobody_searches_for_what_is_hidden_from_them(stage: Stage, field: str) -> None:
    without, partly = stage.people["without"], stage.people["with"]
    calls: list[tuple[str, str, dict[str, str]]] = [("GET", "/api/v1/tasks", {})]
    for more in ({"dry_run": "true"}, {}):
        calls.append(("DELETE", "/api/v1/tasks", more))
        calls += [("POST", f"/api/v1/tasks/{act}", more) for act in ("requeue", "cancel", "run")]
    for method, path, more in calls:
        asked = {field: "h%", **more}
        for queue in (SEEN, UNSEEN):
            answer = without.request(method, path, params={"queue": queue, **asked})
            assert answer.status_code == 403
            assert answer.json()["error"].endswith(
                f"may not search {field} on the queue {queue}: this needs the permission payload"
            )
        for query in (asked, {"queue": UNSEEN, **asked}):
            assert partly.request(method, path, params=query).status_code == 403
    failed = "/api/v1/tasks/failed"
    assert without.get(failed, params={"args": "x"}).status_code == 403
    found = without.get(failed, params={"error": "ValueError", "task_name": "add"}).json()
    assert {task["id"] for task in found} == {tasks["failed"] for tasks in stage.tasks.values()}
    seen = {"queue": SEEN, field: SECRET}
    assert partly.delete("/api/v1/tasks", params={**seen, "dry_run": "true"}).status_code == 200
    assert partly.get("/api/v1/tasks", params=seen).status_code == 200
    assert stage.people["reader"].get("/api/v1/tasks", params=seen).status_code == 403
    for name in EVERYTHING:
        assert stage.people[name].get("/api/v1/tasks", params={field: SECRET}).status_code == 200


def test_a_permission_holds_from_the_next_request_on(stage: Stage, db: psycopg.Connection) -> None:
    path = f"/api/v1/tasks/{stage.tasks[SEEN]['completed']}"
    with permissions(db, stage.user_id, {}):
        assert stage.people["with"].get(path).json()["kwargs"] == MASKED["kwargs"]
    assert stage.people["with"].get(path).json()["kwargs"] == CARRIED["kwargs"]


def test_an_open_api_hides_nothing_from_strangers_but_does_from_who_is_logged_in(
    api_database: str, stage: Stage
) -> None:
    path = f"/api/v1/tasks/{stage.tasks[UNSEEN]['completed']}"
    with serving(
        build_app(Settings(database_url=api_database, redact=("password",), session_secret="s"))
    ) as client:
        assert client.get(path).json()["metadata"] == CARRIED["metadata"]
        log_in(client)
        user = add_user(client)
        log_in(client, user["username"], PASSWORD)
        assert client.get(path).json()["metadata"] == MASKED["metadata"]


# The live page


def test_a_viewer_may_not_search_for_what_is_hidden_from_them(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "INTERVAL_SECONDS", 0.1)
    seen, unseen = stage.tasks[SEEN]["completed"], stage.tasks[UNSEEN]["completed"]
    with viewer(stage, "without") as socket:
        for filters in ({"args": "x"}, {"queue": UNSEEN, "result": "x"}):
            socket.send(json.dumps(filters))
            assert "the permission payload" in hear(socket, "error")
        # It changed nothing: the queue of the second one would have taken the tasks of the other away.
        hear(socket, "table", lambda table: seen in table and unseen in table)
    with viewer(stage, "with") as socket:
        socket.send(json.dumps({"queue": SEEN, "args": "no such text"}))
        hear(socket, "table", lambda table: seen not in table and unseen not in table)
        socket.send(json.dumps({"queue": UNSEEN}))
        assert "the permission payload" in hear(socket, "error")


def test_a_search_ends_with_the_permission_for_it(
    stage: Stage, db: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "INTERVAL_SECONDS", 0.1)
    seen, unseen = stage.tasks[SEEN]["completed"], stage.tasks[UNSEEN]["completed"]
    with viewer(stage, "with") as socket:
        socket.send(json.dumps({"queue": SEEN, "args": "no such text"}))
        hear(socket, "table", lambda table: seen not in table)
        with permissions(db, stage.user_id, {}):
            hear(socket, "table", lambda table: seen in table and unseen not in table)


@contextmanager
def permissions(db: psycopg.Connection, user_id: int, granted: dict[str, list[str]]) -> Generator[None]:
    """A user has these and no others for a while."""
    change = "UPDATE lapinq_users SET permissions = %s WHERE id = %s"
    [(before,)] = db.execute("SELECT permissions FROM lapinq_users WHERE id = %s", (user_id,)).fetchall()
    db.execute(change, (json.dumps(granted), user_id))
    try:
        yield
    finally:
        db.execute(change, (json.dumps(before), user_id))


@contextmanager
def viewer(stage: Stage, name: str) -> Generator[ClientConnection]:
    """A viewer who has been let in."""
    base = stage.people[name].base_url
    with connect(f"ws://{base.host}:{base.port}/ws", proxy=None) as socket:
        socket.send(json.dumps({"type": "auth", "token": stage.tokens[name]}))
        hear(socket, "table")
        yield socket


def hear(socket: ClientConnection, key: str, check: Callable[[str], bool] = bool) -> str:
    """What is said under `key`, once it passes `check`."""
    heard: str = ""

    def listen() -> bool:
        nonlocal heard
        heard = json.loads(socket.recv(timeout=10)).get(key, "")
        return bool(heard) and check(heard)

    eventually(listen, 20)
    return heard
