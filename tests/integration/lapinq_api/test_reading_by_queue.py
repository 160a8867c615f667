"""Who may read some queues only is shown nothing of others: by no route, on no page, in no count.

Every route that answers GET is asked for what is in a secret queue. One that shows an admin nothing of it has to be in
`TELLS_NOTHING`, so a new route fails until somebody decides what it shows.
"""

import itertools
from collections.abc import Iterator, Set
from typing import Any
from urllib.parse import parse_qsl

import httpx
import msgspec
import psycopg
import pytest
from starlette.routing import Route

from lapinq_api.app import build_app
from lapinq_api.dashboard.page.view import Views
from lapinq_api.dashboard.views import VIEWS
from lapinq_api.routes import OPERATIONS
from lapinq_core.domain.figures import Figures
from lapinq_core.domain.requests.workflows import read_workflow
from lapinq_core.domain.tasks.diagnostics.profile import Frame, collapsed, packed
from lapinq_core.domain.tasks.durable.messages import Store
from lapinq_core.domain.tasks.functions.registered import Registered
from lapinq_core.durable import steps
from lapinq_core.error_groups import recording
from lapinq_core.figures import rollups, task_rollups
from lapinq_core.fleet import workers
from lapinq_core.runtime.settings import Settings
from lapinq_core.schedules import firing
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import Ended
from lapinq_core.workflows.storing import store
from tests.integration.lapinq_api.dashboard.live.conftest import hear_until, let_in, opened, say
from tests.integration.lapinq_api.routes.test_permissions import SECRET, Caller, headers_of
from tests.support.database.running import on_connections
from tests.support.http.in_process import InProcess, in_process
from tests.support.http.serving import serving
from tests.support.rows.decisions import asking
from tests.support.rows.durable import held, step, suspend, wait_for_task
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, claim, complete, enqueue
from tests.support.rows.failures import failures
from tests.support.rows.schedules import add_schedule

MAIL, HUSH = "mail", "hush-queue-sesame"
TASK, SCHEDULE, WORKER, LIMIT = (
    "hush-task-sesame",
    "hush-schedule-sesame",
    "hush-worker-sesame",
    "hush-limit-sesame",
)
KEY = "hush-key-sesame"
SESAME = "sesame"
"""What every secret holds, and no request, except for names that fill a path."""

PUBLIC = {"/metrics"}
"""Names and counts of all queues, for everybody: see docs/operate/security.md."""
TELLS_NOTHING = {
    "/account", "/account/sessions", "/api/v1/breakers/{name:path}", "/api/v1/limits/{name}",
    "/api/v1/schedules/preview", "/docs", "/failed", "/health", "/livez", "/login", "/openapi.json", "/readyz",
    "/decide", "/queues/{name:path}", "/welcome",
}  # fmt: skip
"""They answer only about what the request names."""
FOR_ALL_QUEUES = {"/limits", "/workers", "/workers/{id}", "/workflows", "/workflows/{id}"}
"""Pages that only those see who may read all queues."""
QUERIES = (
    "", "queue=hush-queue", f"queue={HUSH}", f"queues={HUSH},mail", f"name={HUSH}", f"name={TASK}", "text=hush",
    "q=hush", "state=all", "state=open", "status=failed", "details=true", "field=args&text=hush", "task_name=hush",
    "names=hush", "minutes=60", "window=1h", "sort=longest", "id={task}", "task_id={task}", "limit=1",
    f"worker={WORKER}", f"key={KEY}", f"name={KEY}",
)  # fmt: skip

KNOWN: dict[str, Set[str]] = {
    **{view.path: view.parameters for view in VIEWS},
    **{
        one.path: {parameter.name for parameter in one.parameters if parameter.where == "query"}
        for one in OPERATIONS
        if one.method == "GET" and one.path != "/admin/users"
    },
}


class Stage(msgspec.Struct):
    """What is in the secret queue, by the path under which it is found; and a server of both queues."""

    server: InProcess
    named: dict[str, str]
    task: str
    headers: dict[str, dict[str, str]]

    def get(self, caller: str, target: str) -> httpx.Response:
        return self.server.request("GET", target, headers=self.headers[caller])

    @property
    def worker(self) -> str:
        return self.named["/workers/"]

    def targets(self, path: str) -> Iterator[str]:
        """What is asked at a route: each query that it may know."""
        known = KNOWN.get(path)
        for part, value in self.named.items():
            if path.startswith(part):
                filled = path.replace("{id}", value).replace("{name:path}", value).replace("{name}", value)
                path = filled.replace("{started_at}", self.named["started_at"])
                break
        assert "{" not in path, f"name in `stage` what fills {path}"
        for query in QUERIES:
            if known is None or {name for name, _ in parse_qsl(query)} <= known:
                yield f"{path}?{query.format(task=self.task)}"

    def secrets_in(self, answer: httpx.Response, target: str) -> list[str]:
        """The secrets that an answer holds, without those that were asked for by their names."""
        typed = [
            value
            for value in (self.task, self.worker, HUSH, TASK, SCHEDULE, LIMIT, WORKER, KEY)
            if value in target
        ]
        text = answer.text + str(answer.headers.get("location", ""))
        for value in typed:
            text = text.replace(value, "")
        return [one for one in (SESAME, self.task, self.worker, self.named["run"]) if one in text]


CALLERS = {
    "admin": Caller(set(), role="admin", permissions={HUSH: ["cancel"]}),  # pyright: ignore[reportArgumentType]  # as JSON has them
    "user": Caller(set(), role="user", queues=[MAIL]),
    "user with permissions": Caller(
        set(),
        role="user",
        queues=["none"],
        permissions={MAIL: ["enqueue", "cancel", "requeue", "delete"]},  # pyright: ignore[reportArgumentType]  # as JSON has them
    ),
    "key": Caller(set(), scopes=("enqueue", "read", "manage", "schedule"), queues=[MAIL]),  # pyright: ignore[reportArgumentType]  # as above
}
LIMITED = [name for name in CALLERS if name != "admin"]


async def fill(conn: Conn) -> dict[str, str]:
    worker = await add_worker(conn, name=WORKER, queues=[HUSH])
    await workers.record_registered(conn, worker, [Registered(TASK, "hush.sesame", HUSH, {}, None)])
    values: dict[str, Any] = {"queue_name": HUSH, "task_name": TASK, "module_path": "hush.sesame"}
    values |= {"args": ["hush-args-sesame"], "key": KEY, "webhook_url": "https://hush.sesame/"}
    [task], _ = await enqueue(conn, **values), await enqueue(conn, 3, **values)
    for _ in range(2):
        [held] = await claim(conn, worker, queue=HUSH)
        if held.id == task:
            await step(conn, held, "hush-step-sesame")
            ended = Ended(held.id, held.token, True, True, 0, "Hush: sesame", "Traceback …", logs="sesame")
            await worker_verbs.settle(conn, [ended])
    frames = {(Frame("sesame", "/srv/hush.py", 7),): 9}
    profile = packed(collapsed(frames, interval=0.005, seconds=1.0))
    await conn.execute("UPDATE lapinq_attempts SET profile = %s WHERE task_id = %s", (profile, task))
    counted = failures("Hush: sesame", queue=HUSH, task=TASK, task_id=task)
    await recording.record(conn, [counted], worker=WORKER)
    await conn.execute(
        "INSERT INTO lapinq_error_merges (fingerprint, group_id, kind, merged_at)"
        " SELECT 'x', id, 'Hush: merged sesame', lapinq_now() FROM lapinq_error_groups"
    )
    await recording.record(conn, [failures(queue=MAIL)])
    await add_schedule(conn, SCHEDULE, task_name=TASK, queue_name=HUSH)
    tick, _ = await firing.run_now(conn, SCHEDULE, by=SOMEBODY)
    figures = Figures(started=9, completed=9, failed=4)
    await rollups.record(conn, {HUSH: figures, MAIL: Figures(started=1, completed=1)})
    shared = {(HUSH, "send"): figures, (MAIL, "send"): Figures(completed=1)}
    await task_rollups.record(conn, {(HUSH, TASK): figures, **shared})
    await asking(conn, queue=HUSH, task=TASK, title="hush-title-sesame")
    await enqueue(conn, 2, queue_name=MAIL, task_name="send")
    part = {"ref": "hush-ref-sesame", "task_name": TASK, "module_path": "hush.sesame", "queue_name": HUSH}
    workflow = read_workflow(msgspec.json.encode({"name": "hush-workflow-sesame", "tasks": [part]}))
    await store(conn, workflow)
    child = {
        "ref": "child",
        "task_name": "send",
        "module_path": "app",
        "queue_name": MAIL,
        "after": [part["ref"]],
    }
    mixed = read_workflow(msgspec.json.encode({"name": "mixed", "tasks": [part, child]}))
    await store(conn, mixed)
    asker, victim, children = await _tasks_beside_hidden_ones(conn, worker)
    found = await conn.execute(
        "SELECT (SELECT id::text FROM lapinq_error_groups WHERE queue_name = %s),"
        " (SELECT id::text FROM lapinq_webhooks WHERE queue_name = %s),"
        " (SELECT to_char(claimed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        "    FROM lapinq_attempts WHERE task_id = %s)",
        (HUSH, HUSH, task),
    )
    group, webhook, started_at = await found.fetchone() or ("", "", "")
    return {
        "/api/v1/tasks/": task, "/tasks/{id}": task, "/api/v1/queues/": HUSH, "/queues/{": HUSH,
        "/api/v1/limits/": LIMIT, "/api/v1/breakers/": TASK,
        "/api/v1/schedules/{": SCHEDULE, "/schedules/{": SCHEDULE,
        "/api/v1/workers/": worker, "/workers/": worker, "/api/v1/errors/": group, "/errors/": group,
        "/api/v1/webhooks/": webhook, "/api/v1/workflows/": workflow.id, "/workflows/": workflow.id,
        "/api/v1/notify/rules/": "1", "started_at": started_at, "run": str(tick.task_id),
        "blocked": mixed.members[1].task.id, "asker": asker, "victim": victim, "children": children,
    }  # fmt: skip


async def _tasks_beside_hidden_ones(conn: Conn, worker: str) -> tuple[str, str, str]:
    """In the queue that all read: a durable task that spawned one in the secret queue, was given the result of another
    and waits for the first, and a task that was cancelled as its parent there failed. With the ids of those two."""
    children = await enqueue(conn, 2, queue_name=HUSH, task_name=TASK, priority=9)
    [ended] = await claim(conn, worker, queue=HUSH)
    await complete(conn, [ended], '"sesame"')
    [waited] = [child for child in children if child != ended.id]
    [asker] = await enqueue(conn, queue_name=MAIL, task_name="send", priority=9)
    [asking_claim] = await claim(conn, await add_worker(conn, queues=[MAIL]), queue=MAIL)
    assert asking_claim.id == asker
    spawned = Store("spawn", 0, "spawn", msgspec.json.encode(waited).decode(), 0.0)
    await steps.store(conn, [(held(asking_claim), spawned)])
    for child in (ended.id, waited):
        await wait_for_task(conn, asking_claim, child)
    await suspend(conn, asking_claim)
    asked = [
        {
            "ref": "hush-parent-sesame",
            "queue_name": HUSH,
            "task_name": TASK,
            "module_path": "a",
            "priority": 10,
        },
        {
            "ref": "b",
            "queue_name": MAIL,
            "task_name": "send",
            "module_path": "a",
            "after": ["hush-parent-sesame"],
        },
    ]
    flow = read_workflow(msgspec.json.encode({"name": "failing", "tasks": asked}))
    await store(conn, flow)
    [parent] = await claim(conn, worker, queue=HUSH)
    await worker_verbs.settle(
        conn, [Ended(parent.id, parent.token, True, True, 0, "Hush: sesame", "Traceback")]
    )
    return asker, flow.members[1].task.id, " ".join(children)


@pytest.fixture(scope="module")
def stage(api_database: str) -> Iterator[Stage]:
    named = on_connections(api_database, fill)
    app = build_app(Settings(database_url=api_database, session_secret=SECRET, api_key="master"))
    with in_process(app) as server, psycopg.connect(api_database, autocommit=True) as conn:
        headers = {name: headers_of(conn, server, name, caller) for name, caller in CALLERS.items()}
        for method, path, body in (
            ("POST", f"/api/v1/queues/{HUSH}/pause", {"reason": "hush-reason-sesame"}),
            ("PATCH", f"/api/v1/queues/{HUSH}", {"max_running_per_key": 1}),
            ("PUT", f"/api/v1/limits/{LIMIT}", {"max_running": 1}),
            ("PUT", f"/api/v1/breakers/{TASK}", {"failures_in_row": 5}),
            ("POST", "/api/v1/notify/rules", {"name": "hush-rule-sesame", "kind": "mail", "addresses": ["a@b.c"],
             "events": ["backlog"], "queues": [HUSH]}),
            ("POST", "/api/v1/keys", {"name": "hush-key-sesame", "scopes": ["read"], "queues": [HUSH]}),
            ("POST", "/api/v1/views", {"name": "hush-view-sesame", "query": f"queue={HUSH}"}),
        ):  # fmt: skip
            answer = server.request(method, path, body, headers["admin"])
            assert answer.is_success, answer.text
        cancel = f"/api/v1/tasks/cancel?queue={HUSH}&task_name=hush-bulk-sesame&background=true"
        named["/api/v1/bulk-actions/"] = server.request("POST", cancel, None, headers["admin"]).json()["id"]
        conn.execute("UPDATE lapinq_views SET is_shared = true")
        yield Stage(server, named, named["/tasks/{id}"], headers)


def paths() -> list[str]:
    app = build_app(Settings(database_url="postgresql://nowhere/"))
    found = [one.path for one in app.routes if isinstance(one, Route) and "GET" in (one.methods or ())]
    assert {one.path for one in OPERATIONS if one.method == "GET"} <= set(found)
    return sorted({path for path in found if path != "/logout" and not path.startswith("/static/")})


@pytest.mark.parametrize("path", paths())
def test_no_route_shows_what_is_in_a_queue_that_the_caller_may_not_read(stage: Stage, path: str) -> None:
    targets = list(stage.targets(path))
    told = any(stage.secrets_in(stage.get("admin", target), target) for target in targets)
    assert told is (path not in TELLS_NOTHING), "or the test does not know what this route shows"
    if path in PUBLIC:
        return
    for caller, target in itertools.product(LIMITED, targets):
        answer = stage.get(caller, target)
        assert stage.secrets_in(answer, target) == [], (caller, target)
        assert answer.status_code != 500, (caller, target)


def test_what_is_in_another_queue_does_not_exist_and_what_names_it_is_refused(stage: Stage) -> None:
    group, webhook = stage.named["/api/v1/errors/"], stage.named["/api/v1/webhooks/"]
    workflow = stage.named["/api/v1/workflows/"]
    unknown: list[tuple[str, str, Any]] = [
        ("GET", f"/api/v1/tasks/{stage.task}", None),
        ("GET", f"/api/v1/tasks/{stage.task}/steps", None),
        ("POST", f"/api/v1/tasks/{stage.task}/signals/go", None),
        ("POST", f"/api/v1/tasks/{stage.task}/rerun", None),
        ("POST", f"/api/v1/tasks/{stage.task}/requeue", None),
        ("DELETE", f"/api/v1/tasks/{stage.task}", None),
        ("GET", f"/api/v1/errors/{group}", None),
        ("POST", f"/api/v1/errors/{group}/resolve", None),
        ("GET", f"/api/v1/webhooks/{webhook}", None),
        ("POST", f"/api/v1/webhooks/{webhook}/resend", None),
        ("GET", f"/api/v1/schedules/{SCHEDULE}", None),
        ("GET", f"/api/v1/schedules/{SCHEDULE}/ticks", None),
        ("POST", f"/api/v1/schedules/{SCHEDULE}/run", None),
        ("PATCH", f"/api/v1/schedules/{SCHEDULE}", {"version": 1, "priority": 1}),
        ("POST", f"/api/v1/workflows/{workflow}/tasks", {"tasks": []}),
        ("DELETE", f"/api/v1/workflows/{workflow}", None),
        ("POST", f"/api/v1/workflows/{workflow}/retry", None),
    ]
    refused: list[tuple[str, str, Any]] = [
        ("GET", f"/api/v1/queues/{HUSH}", None),
        ("GET", f"/api/v1/tasks?queue={HUSH}", None),
        ("GET", f"/api/v1/tasks?queues={HUSH},{MAIL}", None),
        ("GET", f"/api/v1/overview?queue={HUSH}", None),
        ("GET", f"/api/v1/waits?queue={HUSH}", None),
        ("GET", "/api/v1/workers", None),
        ("GET", "/api/v1/workflows", None),
        ("GET", f"/api/v1/workflows/{workflow}", None),
        ("DELETE", "/api/v1/tasks?dry_run=true", None),
        ("POST", f"/api/v1/queues/{HUSH}/pause", None),
        ("PATCH", f"/api/v1/queues/{HUSH}", {"max_running": 1}),
    ]
    for caller in LIMITED:
        for status, calls in ((404, unknown), (403, refused)):
            for method, path, body in calls:
                answer = stage.server.request(method, path, body, stage.headers[caller])
                assert answer.status_code == status, (caller, method, path, answer.text)


def test_lists_and_counts_are_of_the_readable_queues(stage: Stage) -> None:
    for caller in LIMITED:

        def get(path: str, caller: str = caller) -> Any:
            return stage.get(caller, f"/api/v1/{path}").json()

        assert {task["queue_name"] for task in get("tasks")} == {MAIL}
        assert [(one["queue_name"], one["pending"]) for one in get("queues")] == [(MAIL, 4)]
        assert [one["queue_name"] for one in get("queues?details=true")] == [MAIL]
        seen = get("overview")
        assert (seen["totals"]["pending"], seen["totals"]["failed"], seen["workers"]) == (4, 0, [])
        assert [one["queue_name"] for one in get("errors")] == [MAIL]
        (one,) = get("functions")["functions"]
        assert (one["queue_name"], one["more_queues"], one["completed"]) == (MAIL, 0, 1)
        assert (get("schedules"), get("webhooks"), get("registered")) == ([], [], [])
    for caller in ("user", "user with permissions"):
        assert "5 tasks" in stage.get(caller, "/tasks").text
        assert "circuit breaker" not in stage.get(caller, f"/function?name={TASK}").text
        assert ", 1 open" in stage.get(caller, "/queues").text  # groups of errors
        for view in VIEWS:
            if not view.needs_admin and not view.is_narrowed:
                assert view.path in FOR_ALL_QUEUES
                (target, *_) = stage.targets(view.path)
                assert stage.get(caller, target).status_code == 403


def test_a_task_names_what_it_waits_for_only_to_who_may_read_all_queues(stage: Stage) -> None:
    blocked = stage.named["blocked"]
    for caller in CALLERS:
        why, page = (
            stage.get(caller, f"{path}/{blocked}{end}")
            for path, end in (("/api/v1/tasks", "/why"), ("/tasks", ""))
        )
        run = stage.server.request("POST", f"/api/v1/tasks/{blocked}/run", headers=stage.headers[caller])
        assert {SESAME in answer.text for answer in (why, page, run)} == {caller == "admin"}, caller
        if caller in LIMITED:
            assert why.json()["why"] == "It waits for 1 task of its workflow."
        if caller == "user with permissions":
            assert run.json()["error"] == "the task waits for 1 task of its workflow"


@pytest.mark.parametrize("which", ["asker", "victim"])
def test_a_task_tells_nothing_of_tasks_in_other_queues_that_it_waited_for(stage: Stage, which: str) -> None:
    task = stage.named[which]
    for caller in CALLERS:
        targets = [f"/api/v1/tasks/{task}{part}" for part in ("", "/steps", "/attempts", "/why", "/result")]
        targets += [
            f"/tasks/{task}",
            "/api/v1/tasks?status=pending",
            "/api/v1/tasks?status=cancelled",
            "/api/v1/waits",
        ]
        answers = [stage.get(caller, target) for target in targets]
        told = [
            one
            for one in (SESAME, *stage.named["children"].split())
            if any(one in found.text for found in answers)
        ]
        assert bool(told) is (caller == "admin"), (caller, told)


def test_live_pages_show_nothing_else_and_a_new_limit_counts_at_once(
    stage: Stage, api_database: str, db: psycopg.Connection
) -> None:
    token = stage.headers["user"]["Cookie"].partition("=")[2]
    views = Views(VIEWS)
    settings = Settings(database_url=api_database, session_secret=SECRET, api_key="master")
    with serving(build_app(settings)) as server, opened(server) as socket:
        shown = let_in(socket, token)
        assert MAIL in shown["cards"]
        assert SESAME not in str(shown)
        say(socket, queue=HUSH)
        assert SESAME not in str(hear_until(socket, lambda told: "table" in told)).replace(HUSH, "")
        for view in VIEWS:
            (target, *_) = stage.targets(view.path)
            page = target.removeprefix("/").rstrip("?")
            assert views.find(f"/{page}")[0] is view
            say(socket, type="watch", page=page)
            told = hear_until(socket, lambda told: "parts" in told or "error" in told)
            assert SESAME not in str(told).replace(SCHEDULE, ""), page
        say(socket, type="watch", page="queues")
        hear_until(socket, lambda told: MAIL in str(told.get("parts", "")))
        (user_id,) = db.execute("SELECT id FROM lapinq_users WHERE username = 'user'").fetchone() or (0,)
        assert server.post(
            f"/admin/users/{user_id}/reads", json={"queues": [HUSH]}, headers={"X-API-Key": "master"}
        ).is_success
        hear_until(socket, lambda told: HUSH in str(told.get("parts", "")))
        assert server.post(
            f"/admin/users/{user_id}/reads", json={"queues": [MAIL]}, headers={"X-API-Key": "master"}
        ).is_success
