"""Who may do what: every kind of caller at every operation there is.

A new operation has no expectation here and fails the first test until it gets one.
"""

import hmac
import re
from collections.abc import Iterator
from enum import StrEnum, auto
from functools import partial
from typing import Any, cast, get_args
from urllib.parse import quote

import httpx
import msgspec
import psycopg
import pytest

from lapinq_api.app import build_app
from lapinq_api.auth.sessions import new_token
from lapinq_api.operations.endpoint import Needs, Operation
from lapinq_api.routes import OPERATIONS
from lapinq_core.db.rows import one_row
from lapinq_core.domain.accounts.account import Permission, Scope
from lapinq_core.domain.requests.workflows import read_workflow
from lapinq_core.domain.tasks.state import Status
from lapinq_core.runtime.settings import Settings
from lapinq_core.workflows.changing import cancel
from lapinq_core.workflows.storing import store
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.database.running import on_connections
from tests.support.http.in_process import InProcess, in_process
from tests.support.rows.factories import Conn, add_worker
from tests.support.rows.schedules import add_schedule

SECRET = "the secret of the sessions"
QUEUE, OTHER_QUEUE = "mail", "video"
NIL = "00000000-0000-0000-0000-000000000000"
SCHEDULE: dict[str, Any] = {
    "name": "nightly",
    "task_name": "send",
    "module_path": "app.mail",
    "queue_name": QUEUE,
    "cron": "0 3 * * *",
    "kwargs": {"args": "hidden"},
}
TASK = {"task_name": "send", "module_path": "app.mail", "queue_name": QUEUE}
WORKFLOW: dict[str, Any] = {"name": "report", "tasks": [{**TASK, "ref": "a"}]}


class Act(StrEnum):
    """What an operation does, as far as permissions go."""

    LOOK_AT_THE_SERVER = auto()
    READ = auto()
    ENQUEUE = auto()
    DECIDE = auto()
    SCHEDULE = auto()
    """For a user the same as enqueueing; for a key not."""
    PAUSE_SCHEDULE = auto()
    RERUN = auto()
    """Takes both reading and enqueueing."""
    CANCEL = auto()
    REQUEUE = auto()
    DELETE = auto()
    PAUSE = auto()
    STEER_WORKERS = auto()
    ADMINISTER = auto()
    OWN_ACCOUNT = auto()
    SEE_PAYLOADS = auto()
    """What the setting `redact` hides: no operation of its own, but more to be seen in those that read."""


class About(StrEnum):
    """What a call concerns, which decides whether callers that are limited to queues may make it."""

    QUEUE = auto()
    """The queue `mail`, or something in it."""
    EVERYTHING = auto()
    NOTHING = auto()
    """Or what they may read, whatever that is."""


class Try(msgspec.Struct):
    """A call of an operation that changes nothing others rely on, and what answers whoever may make it."""

    act: Act
    status: int
    body: Any = None
    query: str = ""
    about: About = About.QUEUE
    named: str | None = None
    """What fills the path, if not what `NAMED` says."""


ALL, NOTHING = About.EVERYTHING, About.NOTHING

# {done} is a task of the queue `mail` that is completed, {webhook} one of its webhooks, which was given up; {group} is
# a group of errors of that queue, {other_group} another; {workflow} has a task in it, and was cancelled; {bulk_action}
# cancelled some of its tasks; {worker} is one that is alive; {own} is a schedule of that queue which nobody else calls
# for, and `nightly` one for all.
NAMED = {
    "/api/v1/tasks/": "{done}",
    "/api/v1/queues/": QUEUE,
    "/api/v1/limits/": "unknown",
    "/api/v1/breakers/": "unknown",
    "/api/v1/schedules/": "nightly",
    "/api/v1/workers/": "{worker}",
    "/api/v1/errors/": "{group}",
    "/api/v1/webhooks/": "{webhook}",
    "/api/v1/workflows/": "{workflow}",
    "/api/v1/bulk-actions/": "{bulk_action}",
    "/api/v1/notify/rules/": "999999",
    "/api/v1/keys/": "999999",
    "/api/v1/views/": "0",
    "/admin/users/": "999999",
    "/account/sessions/": NIL,
}

TRIES = {
    "POST /api/v1/enqueue": Try(Act.ENQUEUE, 201, TASK),
    "POST /api/v1/enqueue/batch": Try(Act.ENQUEUE, 201, [TASK]),
    "GET /api/v1/tasks": Try(Act.READ, 200, query="queue=mail&limit=1"),
    "GET /api/v1/tasks/failed": Try(Act.READ, 200, query="queue=mail&limit=1"),
    "DELETE /api/v1/tasks": Try(Act.DELETE, 200, query="queue=mail&dry_run=true"),
    "POST /api/v1/tasks/requeue": Try(Act.REQUEUE, 200, query="queue=mail&dry_run=true"),
    "POST /api/v1/tasks/run": Try(Act.REQUEUE, 200, query="queue=mail&dry_run=true"),
    "POST /api/v1/tasks/cancel": Try(Act.CANCEL, 200, query="queue=mail&dry_run=true"),
    "GET /api/v1/bulk-actions": Try(Act.READ, 200, query="limit=1", about=NOTHING),
    "GET /api/v1/bulk-actions/{id}": Try(Act.READ, 200),
    "POST /api/v1/bulk-actions/{id}/stop": Try(Act.CANCEL, 200),
    "GET /api/v1/tasks/{id}": Try(Act.READ, 200),
    "DELETE /api/v1/tasks/{id}": Try(Act.CANCEL, 404),
    "GET /api/v1/tasks/{id}/attempts": Try(Act.READ, 200),
    "GET /api/v1/tasks/{id}/attempts/{started_at}/log": Try(Act.READ, 404),
    "GET /api/v1/tasks/{id}/attempts/{started_at}/profile": Try(Act.READ, 404),
    "GET /api/v1/tasks/{id}/why": Try(Act.READ, 200),
    "GET /api/v1/tasks/{id}/result": Try(Act.READ, 200),
    "GET /api/v1/tasks/{id}/steps": Try(Act.READ, 200),
    "POST /api/v1/tasks/{id}/signals/{name:path}": Try(Act.DECIDE, 409, "packed"),
    "GET /api/v1/waits": Try(Act.READ, 200, query="queue=mail&limit=1"),
    "PATCH /api/v1/tasks/{id}/progress": Try(Act.ENQUEUE, 409, {"progress": 1}),
    "POST /api/v1/tasks/{id}/requeue": Try(Act.REQUEUE, 404),
    "POST /api/v1/tasks/{id}/rerun": Try(Act.RERUN, 201),
    "POST /api/v1/tasks/{id}/run": Try(Act.REQUEUE, 404),
    "GET /api/v1/queues": Try(Act.READ, 200, about=NOTHING),
    "GET /api/v1/queues/{name:path}": Try(Act.READ, 200),
    # It takes the permission to pause all queues, as workers do.
    "PATCH /api/v1/queues/{name:path}": Try(Act.STEER_WORKERS, 200, {"max_running": None}),
    "GET /api/v1/queues/{name:path}/keys": Try(Act.READ, 200),
    "GET /api/v1/task-keys": Try(Act.READ, 200, query="key=a", about=NOTHING),
    "POST /api/v1/queues/{name:path}/keys": Try(Act.REQUEUE, 409, {"action": "skip"}),
    "POST /api/v1/queues/{name:path}/skip": Try(Act.REQUEUE, 409, {"key": "a"}),
    "POST /api/v1/queues/{name:path}/pause": Try(Act.PAUSE, 200),
    "POST /api/v1/queues/{name:path}/resume": Try(Act.PAUSE, 200),
    "POST /api/v1/queues/{name:path}/close-breaker": Try(Act.PAUSE, 200),
    "GET /api/v1/limits": Try(Act.READ, 200, about=ALL),
    "POST /api/v1/limits/{name}/open": Try(Act.STEER_WORKERS, 404, about=ALL),
    "GET /api/v1/limits/{name}": Try(Act.READ, 404, about=ALL),
    "PUT /api/v1/limits/{name}": Try(Act.STEER_WORKERS, 400, {}, about=ALL),
    "DELETE /api/v1/limits/{name}": Try(Act.STEER_WORKERS, 404, about=ALL),
    "GET /api/v1/breakers": Try(Act.READ, 200, about=ALL),
    "POST /api/v1/breakers/{name:path}/close": Try(Act.STEER_WORKERS, 404, about=ALL),
    "GET /api/v1/breakers/{name:path}": Try(Act.READ, 404, about=ALL),
    "PUT /api/v1/breakers/{name:path}": Try(Act.STEER_WORKERS, 400, {}, about=ALL),
    "DELETE /api/v1/breakers/{name:path}": Try(Act.STEER_WORKERS, 404, about=ALL),
    "POST /api/v1/workflows": Try(Act.ENQUEUE, 201, WORKFLOW),
    "GET /api/v1/workflows": Try(Act.READ, 200, query="limit=1", about=ALL),
    "GET /api/v1/workflows/{id}": Try(Act.READ, 200, about=ALL),
    "POST /api/v1/workflows/{id}/tasks": Try(Act.ENQUEUE, 409, {"tasks": WORKFLOW["tasks"]}),
    "POST /api/v1/workflows/{id}/close": Try(Act.ENQUEUE, 200),
    "DELETE /api/v1/workflows/{id}": Try(Act.CANCEL, 200),
    "POST /api/v1/workflows/{id}/retry": Try(Act.REQUEUE, 409),
    "GET /api/v1/schedules": Try(Act.READ, 200, query="queue=mail&limit=1"),
    "POST /api/v1/schedules": Try(Act.SCHEDULE, 409, SCHEDULE),
    "GET /api/v1/schedules/preview": Try(Act.READ, 200, query="cron=@daily", about=NOTHING),
    "GET /api/v1/schedules/{name}": Try(Act.READ, 200),
    "PATCH /api/v1/schedules/{name}": Try(Act.SCHEDULE, 409, {"version": 999_999, "priority": 1}),
    "DELETE /api/v1/schedules/{name}": Try(Act.SCHEDULE, 200, named="{own}"),
    "POST /api/v1/schedules/{name}/pause": Try(Act.PAUSE_SCHEDULE, 200),
    "POST /api/v1/schedules/{name}/resume": Try(Act.PAUSE_SCHEDULE, 200),
    "POST /api/v1/schedules/{name}/run": Try(Act.SCHEDULE, 201),
    "GET /api/v1/schedules/{name}/ticks": Try(Act.READ, 200, query="limit=1"),
    "GET /api/v1/overview": Try(Act.READ, 200, query="minutes=1", about=NOTHING),
    "GET /api/v1/functions": Try(Act.READ, 200, query="limit=1", about=NOTHING),
    "GET /api/v1/registered": Try(Act.READ, 200, about=NOTHING),
    "GET /api/v1/workers": Try(Act.READ, 200, about=ALL),
    "GET /api/v1/workers/{id}": Try(Act.READ, 200, about=ALL),
    "POST /api/v1/workers/{id}/quiet": Try(Act.STEER_WORKERS, 200, about=ALL),
    "POST /api/v1/workers/{id}/resume": Try(Act.STEER_WORKERS, 200, about=ALL),
    "POST /api/v1/workers/{id}/stop": Try(Act.STEER_WORKERS, 404, about=ALL, named=NIL),
    "GET /api/v1/doctor": Try(Act.STEER_WORKERS, 200, about=ALL),
    "GET /api/v1/errors": Try(Act.READ, 200, query="queue=mail&limit=1"),
    "GET /api/v1/errors/{id}": Try(Act.READ, 200),
    "GET /api/v1/errors/{id}/merged": Try(Act.READ, 200),
    "POST /api/v1/errors/{id}/merge": Try(Act.REQUEUE, 400, {"into": 999999}),
    "POST /api/v1/errors/{id}/split": Try(Act.REQUEUE, 404, {"fingerprint": "0" * 32}),
    "POST /api/v1/errors/{id}/resolve": Try(Act.REQUEUE, 200),
    "POST /api/v1/errors/{id}/mute": Try(Act.REQUEUE, 200, {"seconds": 60}),
    "POST /api/v1/errors/{id}/reopen": Try(Act.REQUEUE, 200),
    "GET /api/v1/webhooks": Try(Act.READ, 200, query="queue=mail&limit=1"),
    "GET /api/v1/webhooks/{id}": Try(Act.READ, 200),
    "POST /api/v1/webhooks/{id}/resend": Try(Act.REQUEUE, 200),
    "GET /api/v1/notify/rules": Try(Act.ADMINISTER, 200),
    "POST /api/v1/notify/rules": Try(Act.ADMINISTER, 400, {}),
    "GET /api/v1/notify/rules/{id}": Try(Act.ADMINISTER, 404),
    "PATCH /api/v1/notify/rules/{id}": Try(Act.ADMINISTER, 404, {}),
    "DELETE /api/v1/notify/rules/{id}": Try(Act.ADMINISTER, 404),
    "POST /api/v1/notify/rules/{id}/test": Try(Act.ADMINISTER, 404),
    "GET /api/v1/keys": Try(Act.ADMINISTER, 200),
    "POST /api/v1/keys": Try(Act.ADMINISTER, 400, {}),
    "DELETE /api/v1/keys/{id}": Try(Act.ADMINISTER, 404),
    "GET /api/v1/audit": Try(Act.ADMINISTER, 200, query="limit=1"),
    "GET /api/v1/users": Try(Act.ADMINISTER, 200),
    "GET /admin/users": Try(Act.ADMINISTER, 200),
    "POST /admin/users": Try(Act.ADMINISTER, 400, {}),
    "POST /admin/users/{id}/link": Try(Act.ADMINISTER, 404),
    "POST /admin/users/{id}/role": Try(Act.ADMINISTER, 404, {"role": "user"}),
    "POST /admin/users/{id}/permissions": Try(Act.ADMINISTER, 404, {"queues": {}}),
    "POST /admin/users/{id}/reads": Try(Act.ADMINISTER, 404, {"queues": None}),
    "DELETE /admin/users/{id}": Try(Act.ADMINISTER, 404),
    "DELETE /admin/users/{id}/sessions": Try(Act.ADMINISTER, 404),
    "GET /me": Try(Act.OWN_ACCOUNT, 200),
    "POST /account/password": Try(Act.OWN_ACCOUNT, 400, {}),
    "GET /account/sessions": Try(Act.OWN_ACCOUNT, 200),
    "DELETE /account/sessions": Try(Act.OWN_ACCOUNT, 200),
    "GET /api/v1/views": Try(Act.OWN_ACCOUNT, 200),
    "POST /api/v1/views": Try(Act.OWN_ACCOUNT, 400, {}),
    "PATCH /api/v1/views/{id}": Try(Act.OWN_ACCOUNT, 400, {}),
    "DELETE /api/v1/views/{id}": Try(Act.OWN_ACCOUNT, 404),
    "DELETE /account/sessions/{id}": Try(Act.OWN_ACCOUNT, 404),
    "GET /health": Try(Act.LOOK_AT_THE_SERVER, 200),
    "GET /livez": Try(Act.LOOK_AT_THE_SERVER, 200),
    "GET /readyz": Try(Act.LOOK_AT_THE_SERVER, 200),
    "GET /metrics": Try(Act.LOOK_AT_THE_SERVER, 200),
    "GET /openapi.json": Try(Act.LOOK_AT_THE_SERVER, 200),
    "GET /docs": Try(Act.LOOK_AT_THE_SERVER, 200),
}

_QUEUE, _LIMIT, _BREAKER = {"queue_name", "paused_at"}, {"name", "closed_until"}, {"name", "state"}
_SCHEDULE, _WORKER, _OTHER = {"name", "state", "version"}, {"id", "state", "asked_to"}, {"id", "state"}

# What a key without the scope `read` is told of what it changes: what fills the path, the body, and the fields of the
# answer. In this order each call is possible.
BRIEFLY: dict[str, tuple[str, Any, set[str]]] = {
    "PATCH /api/v1/queues/{name:path}": ("mail", {"max_running": None}, _QUEUE),
    "POST /api/v1/queues/{name:path}/pause": ("mail", None, _QUEUE),
    "POST /api/v1/queues/{name:path}/resume": ("mail", None, _QUEUE),
    "POST /api/v1/queues/{name:path}/close-breaker": ("mail", None, _QUEUE),
    "PUT /api/v1/limits/{name}": ("gpu", {"max_running": 1}, _LIMIT),
    "POST /api/v1/limits/{name}/open": ("gpu", None, _LIMIT),
    "PUT /api/v1/breakers/{name:path}": ("send", {"failures_in_row": 5}, _BREAKER),
    "POST /api/v1/breakers/{name:path}/close": ("send", None, _BREAKER),
    "POST /api/v1/schedules": ("", {**SCHEDULE, "name": "unread"}, _SCHEDULE),
    "PATCH /api/v1/schedules/{name}": ("unread", {"version": 1, "priority": 1}, _SCHEDULE),
    "POST /api/v1/schedules/{name}/pause": ("unread", None, _SCHEDULE),
    "POST /api/v1/schedules/{name}/resume": ("unread", None, _SCHEDULE),
    "POST /api/v1/workers/{id}/quiet": ("{worker}", None, _WORKER),
    "POST /api/v1/workers/{id}/resume": ("{worker}", None, _WORKER),
    "POST /api/v1/workers/{id}/stop": ("{leaving}", None, _WORKER),
    "POST /api/v1/errors/{id}/resolve": ("{group}", None, _OTHER),
    "POST /api/v1/errors/{id}/mute": ("{group}", {"seconds": 60}, _OTHER),
    "POST /api/v1/errors/{id}/reopen": ("{group}", None, _OTHER),
    "POST /api/v1/errors/{id}/merge": ("{other_group}", {"into": "{group}"}, _OTHER),
    "POST /api/v1/errors/{id}/split": ("{group}", {"fingerprint": "1" * 32}, _OTHER),
    "POST /api/v1/webhooks/{id}/resend": ("{webhook}", None, _OTHER),
    "POST /api/v1/bulk-actions/{id}/stop": ("{bulk_action}", None, _OTHER),
}


def path_of(operation: str, named: str | None = None) -> str:
    """The path of `operation`, with `named` in the place of its parameter."""
    path = operation.partition(" ")[2].replace("{started_at}", "2026-01-31T12:00:00Z")
    if named is None:
        named = next((one for beginning, one in NAMED.items() if path.startswith(beginning)), "")
    return re.sub(r"\{(id|name)(:path)?\}", named, path)


PAUSES = {Act.PAUSE, Act.PAUSE_SCHEDULE}
BY_SCOPE = {
    Scope.ENQUEUE: {Act.ENQUEUE, Act.DECIDE, Act.SEE_PAYLOADS},
    Scope.READ: {Act.READ},
    Scope.MANAGE: {Act.CANCEL, Act.REQUEUE, Act.DELETE, *PAUSES, Act.STEER_WORKERS, Act.SEE_PAYLOADS},
    Scope.SCHEDULE: {Act.SCHEDULE, Act.PAUSE_SCHEDULE, Act.SEE_PAYLOADS},
}
BY_PERMISSION = {
    Permission.ENQUEUE: {Act.ENQUEUE, Act.DECIDE, Act.SCHEDULE},
    Permission.DECIDE: {Act.DECIDE},
    Permission.CANCEL: {Act.CANCEL},
    Permission.REQUEUE: {Act.REQUEUE},
    Permission.DELETE: {Act.DELETE},
    Permission.PAUSE: PAUSES,
    Permission.PAYLOAD: {Act.SEE_PAYLOADS},
}
EVERYTHING = set(Act)
OPEN_TO_ALL = EVERYTHING - {Act.DELETE, Act.ADMINISTER, Act.OWN_ACCOUNT, Act.LOOK_AT_THE_SERVER}
SCOPES = [*((scope,) for scope in Scope), (Scope.READ, Scope.ENQUEUE), tuple(Scope)]


class Caller(msgspec.Struct):
    """Somebody who calls: with which key or which permissions, what they may, and what they hear where they may not."""

    may: set[Act]
    refusal: int = 403
    is_open: bool = False
    master: bool = False
    scopes: tuple[Scope, ...] = ()
    queues: list[str] | None = None
    """To which a key is limited, or that a user may read besides those of their permissions."""
    role: str | None = None
    permissions: dict[str, list[Permission]] = {}


def callers() -> Iterator[tuple[str, Caller]]:
    for name, caller in _callers():
        if {Act.READ, Act.ENQUEUE} <= caller.may:
            caller.may.add(Act.RERUN)
        yield name, caller


def _callers() -> Iterator[tuple[str, Caller]]:
    yield "anybody, open API", Caller(set(OPEN_TO_ALL), 401, is_open=True)
    yield "anybody, closed API", Caller(set(), 401)
    yield "LAPINQ_API_KEY", Caller(EVERYTHING - {Act.OWN_ACCOUNT}, master=True)
    for scopes in SCOPES:
        may = set[Act]().union(*(BY_SCOPE[scope] for scope in scopes))
        yield f"key with {', '.join(scopes)}", Caller(may, scopes=scopes)
    all_scopes = set[Act]().union(*BY_SCOPE.values())
    for where, queue in (("here", QUEUE), ("elsewhere", OTHER_QUEUE)):
        yield f"key for all {where}", Caller(set(all_scopes), scopes=tuple(Scope), queues=[queue])
    own = {Act.READ, Act.OWN_ACCOUNT}
    yield "user without permissions", Caller(set(own), role="user")
    for permission, acts in BY_PERMISSION.items():
        here, there = {QUEUE: [permission]}, {OTHER_QUEUE: [permission]}
        yield f"user who may {permission} here", Caller(own | acts, role="user", permissions=here)
        yield f"user who may {permission} elsewhere", Caller(set(own), role="user", permissions=there)
    for where, queue in (("here", QUEUE), ("elsewhere", OTHER_QUEUE)):
        yield f"user who may read {where} only", Caller(set(own), role="user", queues=[queue])
    elsewhere = {OTHER_QUEUE: list(Permission)}
    yield "user for all elsewhere", Caller(set(own), role="user", queues=[OTHER_QUEUE], permissions=elsewhere)
    acts = BY_PERMISSION[Permission.PAUSE]
    paused = {QUEUE: [Permission.PAUSE]}
    yield (
        "user who may pause here and else read elsewhere",
        Caller(own | acts, role="user", queues=[OTHER_QUEUE], permissions=paused),
    )
    yield "admin", Caller(EVERYTHING, role="admin", queues=None)


CALLERS = dict(callers())
KINDS = ("anybody, closed API", "LAPINQ_API_KEY", "key with read", "user without permissions")


class Stage(msgspec.Struct):
    """What there is in the queue `mail`."""

    made: dict[Status, str]
    webhook: str
    group: int
    other_group: int
    workflow: str
    bulk_action: str
    worker: str

    def path(self, operation: str, own: str) -> str:
        """The path of a try, with the query; `own` is the schedule that nobody else calls for."""
        tried = TRIES[operation]
        path = self.fill_in(path_of(operation, tried.named), own=quote(own))
        return f"{path}?{tried.query}" if tried.query else path

    def fill_in(self, path: str, **more: str) -> str:
        done = self.made[Status.COMPLETED]
        return path.format(
            done=done,
            webhook=self.webhook,
            group=self.group,
            other_group=self.other_group,
            workflow=self.workflow,
            bulk_action=self.bulk_action,
            worker=self.worker,
            **more,
        )


class Servers(msgspec.Struct):
    """Two servers on one database, the headers of each caller, and what there is to be called for."""

    open: InProcess
    closed: InProcess
    headers: dict[str, dict[str, str]]
    stage: Stage

    def call(self, name: str, method: str, path: str, body: Any = None) -> httpx.Response:
        server = self.open if CALLERS[name].is_open else self.closed
        headers = {"Accept": "application/json", **self.headers[name]}
        return server.request(method, path, body, headers)

    def refuse(self, name: str, method: str, path: str, body: Any = None) -> str:
        """Why the caller may not."""
        answer = self.call(name, method, path, body)
        assert answer.status_code == 403, (name, method, path)
        error: str = answer.json()["error"]
        return error


async def set_stage(conn: Conn, schedules: tuple[str, ...] = ("nightly",)) -> Stage:
    made = await one_of_each(conn, queue=QUEUE)
    for name in schedules:
        await add_schedule(conn, **{**SCHEDULE, "name": name})
    webhook = await one_row(
        conn,
        "INSERT INTO lapinq_webhooks (task_id, queue_name, task_name, url, status, attempt, finished_at, state,"
        " retry_since, due_at) VALUES (%s, %s, 'add', 'https://example.org/', 'completed', 1, lapinq_now(), 'given_up',"
        " lapinq_now(), lapinq_now()) RETURNING id::text",
        (made[Status.COMPLETED], QUEUE),
    )
    group, other = [
        await one_row(
            conn,
            "INSERT INTO lapinq_error_groups (fingerprint, queue_name, task_name, kind, first_at, last_at)"
            " VALUES (%s, %s, 'add', 'KeyError: *', lapinq_now(), lapinq_now()) RETURNING id",
            (fingerprint, QUEUE),
        )
        for fingerprint in (b"x", b"y")
    ]
    await conn.execute(
        "INSERT INTO lapinq_error_merges (fingerprint, group_id, kind, merged_at)"
        " VALUES (decode(%s, 'hex'), %s, 'KeyError: *', lapinq_now())",
        ("1" * 32, group[0]),
    )
    workflow = read_workflow(msgspec.json.encode(WORKFLOW))
    await store(conn, workflow)
    await cancel(conn, workflow.id)
    bulk_action = await one_row(
        conn,
        "INSERT INTO lapinq_bulk_actions (id, verb, filters, queues, actor_kind, actor, entry_id, created_at, free_at,"
        " ended_at, outcome) VALUES (gen_random_uuid(), 'cancel', '{}', ARRAY[%s], 'user', 'ana', 1, lapinq_now(),"
        " lapinq_now(), lapinq_now(), 'completed') RETURNING id::text",
        (QUEUE,),
    )
    return Stage(made, webhook[0], group[0], other[0], workflow.id, bulk_action[0], await add_worker(conn))


@pytest.fixture(scope="module")
def servers(api_database: str) -> Iterator[Servers]:
    # So many that a list of them is masked in a thread.
    spare = (f"spare {number}" for number in range(20))
    schedules = ("nightly", *(f"of {caller}" for caller in CALLERS), *spare)
    stage = on_connections(api_database, partial(set_stage, schedules=schedules))
    open_to_all = Settings(database_url=api_database, session_secret=SECRET, redact=("args",))
    closed = msgspec.structs.replace(open_to_all, api_key="master")
    with (
        in_process(build_app(open_to_all)) as open_server,
        in_process(build_app(closed)) as closed_server,
        psycopg.connect(api_database, autocommit=True) as conn,
    ):
        headers = {name: headers_of(conn, closed_server, name, caller) for name, caller in CALLERS.items()}
        yield Servers(open_server, closed_server, headers, stage)


def headers_of(conn: psycopg.Connection, server: InProcess, name: str, caller: Caller) -> dict[str, str]:
    master = {"X-API-Key": "master"}
    if caller.master:
        return master
    if caller.scopes:
        wanted = {"name": name, "scopes": caller.scopes, "queues": caller.queues}
        return {"X-API-Key": server.request("POST", "/api/v1/keys", wanted, master).json()["key"]}
    if caller.role:
        return {"Cookie": f"lapinq_session={logged_in(conn, name, caller)}"}
    return {}


def logged_in(conn: psycopg.Connection, name: str, caller: Caller) -> str:
    """The token of a session of a new user; in SQL, for a dozen slow hashes of passwords would be made otherwise."""
    token = new_token()
    permissions = msgspec.json.encode(caller.permissions).decode()
    conn.execute(
        "WITH made AS (INSERT INTO lapinq_users (username, password_hash, role, permissions, reads, created_at)"
        " VALUES (%s, 'none', %s, %s, %s, lapinq_now()) RETURNING id)"
        " INSERT INTO lapinq_sessions (token_hash, user_id, created_at, seen_at)"
        " SELECT %s, id, lapinq_now(), lapinq_now() FROM made",
        (
            name,
            caller.role,
            permissions,
            caller.queues,
            hmac.digest(SECRET.encode(), token.encode(), "sha256"),
        ),
    )
    return token


def test_every_operation_permission_and_scope_has_its_expectation() -> None:
    assert {f"{operation.method} {operation.path}" for operation in OPERATIONS} == set(TRIES)
    assert (set(BY_PERMISSION), set(BY_SCOPE)) == (set(Permission), set(Scope))


@pytest.mark.parametrize("operation", TRIES)
def test_who_may_call_it(servers: Servers, operation: str) -> None:
    tried, (method, _, path) = TRIES[operation], operation.partition(" ")
    # A page that is open to all is shown to one of each kind.
    names = KINDS if tried.act is Act.LOOK_AT_THE_SERVER else CALLERS
    for name in names:
        caller = CALLERS[name]
        is_covered = covers(caller, tried.about) or tried.act is Act.OWN_ACCOUNT
        allowed = tried.act in caller.may and is_covered
        allowed |= tried.act is Act.LOOK_AT_THE_SERVER
        # Outside of the API a named key is not even looked at.
        refusal = 401 if caller.scopes and not path.startswith("/api/") else caller.refusal
        if not is_covered and is_named_by_itself(operation):
            refusal = 404  # to them, it does not exist
        answer = servers.call(name, method, servers.stage.path(operation, f"of {name}"), tried.body)
        assert answer.status_code == (tried.status if allowed else refusal), name
        if answer.status_code in {401, 403}:
            # A person who may not see a page is told so by a page.
            is_page = operation == "GET /admin/users" and answer.status_code == 403
            assert is_page or set(answer.json()) == {"error"}, name
            assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)


def test_every_time_in_an_answer_is_in_utc(servers: Servers) -> None:
    answers = [
        servers.call("admin", "GET", servers.stage.path(operation, "of admin"))
        for operation in TRIES
        if operation.startswith("GET ")
    ]
    times = [
        time
        for answer in answers
        if answer.is_success and answer.headers["content-type"] == "application/json"
        for time in times_in(answer.json())
    ]
    assert len(times) > 20
    assert [time for time in times if not time.endswith("+00:00")] == []


def times_in(value: Any) -> Iterator[str]:
    """What stands under the name of a time, wherever in `value`."""
    if isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from times_in(one)
    elif isinstance(value, dict):
        for name, one in cast("dict[str, Any]", value).items():
            if isinstance(one, str) and (name.endswith("_at") or name in {"at", "since", "until"}):
                yield one
            else:
                yield from times_in(one)


def is_named_by_itself(operation: str) -> bool:
    """Whether its path names something in a queue, and not the queue. A workflow is shown to nobody who is limited."""
    return (
        re.search(
            r"/(tasks|bulk-actions|schedules|errors|webhooks)/\{|(POST|DELETE) .*/workflows/\{", operation
        )
        is not None
    )


def covers(caller: Caller, about: About) -> bool:
    """Whether a call about this is not beyond what the caller is limited to."""
    if caller.queues is None or about is About.NOTHING:
        return True
    return about is About.QUEUE and QUEUE in {*caller.queues, *caller.permissions}


def test_a_key_that_is_limited_to_a_queue_reaches_no_other_by_a_list_or_a_copy(servers: Servers) -> None:
    here, elsewhere = "key for all here", "key for all elsewhere"
    for path in ("tasks", "tasks/failed", "schedules", "webhooks", "errors"):
        for query in (f"?queue={OTHER_QUEUE}", *(["?queues=mail,video"] if "tasks" in path else [])):
            assert "they are limited to others" in servers.refuse(here, "GET", f"/api/v1/{path}{query}")
    for name in (here, "user who may read here only"):
        told = servers.refuse(name, "GET", "/api/v1/workers")
        assert (
            told
            == f"{name} may not see this: it concerns all queues, and only those who may read all of them may see it"
        )
    told = servers.refuse(here, "DELETE", "/api/v1/tasks?dry_run=true")
    assert told.endswith("Where there is a parameter queue, name one of these")
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/api/v1/tasks/{done}/rerun", {"queue_name": OTHER_QUEUE}),
        ("POST", "/api/v1/enqueue/batch", [TASK, {**TASK, "queue_name": OTHER_QUEUE}]),
        ("PATCH", "/api/v1/schedules/nightly", {"version": 1, "queue_name": OTHER_QUEUE}),
        ("DELETE", "/api/v1/tasks?dry_run=true", None),
        ("DELETE", "/api/v1/tasks?queues=mail,video&dry_run=true", None),
    ]
    for method, path, body in calls:
        servers.refuse(here, method, servers.stage.fill_in(path), body)
        answer = servers.call(elsewhere, method, servers.stage.fill_in(path), body)
        assert answer.status_code == (404 if is_named_by_itself(path.replace("nightly", "{")) else 403), path


def test_who_is_shown_what_is_hidden_and_may_search_it(servers: Servers) -> None:
    readers = [name for name, one in CALLERS.items() if Act.READ in one.may and covers(one, About.QUEUE)]
    assert len(readers) > 10
    for name in readers:
        sees = Act.SEE_PAYLOADS in CALLERS[name].may
        task = servers.call(name, "GET", servers.stage.fill_in("/api/v1/tasks/{done}")).json()
        assert task["args"] == ([1, 1] if sees else ["[hidden]", "[hidden]"]), name
        schedule = servers.call(name, "GET", "/api/v1/schedules/nightly").json()
        assert schedule["kwargs"] == {"args": "hidden" if sees else "[hidden]"}, name
        listed = servers.call(name, "GET", f"/api/v1/schedules?queue={QUEUE}").json()
        assert {one["kwargs"]["args"] for one in listed} == set(schedule["kwargs"].values()), name
        # For all queues at once a user would have to be an admin; for a key these are the queues it is limited to.
        is_limited = CALLERS[name].role == "user"
        for query, may in ((f"queue={QUEUE}&", sees), ("", sees and not is_limited)):
            searched = servers.call(name, "GET", f"/api/v1/tasks?{query}args=1&limit=1")
            assert searched.status_code == (200 if may else 403), name
    searched = servers.call("key for all here", "GET", f"/api/v1/tasks?queues={QUEUE}&args=1&limit=1")
    assert searched.status_code == 200


def test_no_answer_to_a_change_shows_what_a_key_may_not_read(servers: Servers, api_database: str) -> None:
    readable = set[type]().union(*(shown_by(one) for one in OPERATIONS if one.method == "GET"))
    changes = [one for one in OPERATIONS if one.method != "GET" and one.needs is Needs.PERMISSION]
    assert set(BRIEFLY) == {f"{one.method} {one.path}" for one in changes if readable & shown_by(one)}
    leaving = on_connections(api_database, add_worker)
    for operation, (named, body, fields) in BRIEFLY.items():
        path = servers.stage.fill_in(path_of(operation, named), leaving=leaving)
        if body == {"into": "{group}"}:
            body = {"into": servers.stage.group}
        for name in ("key with schedule", "key with manage"):
            answer = servers.call(name, operation.partition(" ")[0], path, body)
            if TRIES[operation].act in CALLERS[name].may:
                assert answer.status_code in {200, 201}, (operation, answer.text)
                assert set(answer.json()) == fields, (name, operation)
            else:
                assert answer.status_code == 403, (name, operation)


def shown_by(operation: Operation) -> set[type]:
    """The structs of its answers, alone, in a union or in a list."""
    bodies = [answer.body for answer in operation.answers.values()]
    parts = [part for body in bodies for part in get_args(body) or (body,)]
    return {part for part in parts if isinstance(part, type) and issubclass(part, msgspec.Struct)}


def test_a_refusal_comes_before_any_change(servers: Servers) -> None:
    pending, failed = servers.stage.made[Status.PENDING], servers.stage.made[Status.FAILED]
    some_change = {Act.CANCEL, Act.REQUEUE, *PAUSES}
    refused = [
        name for name, one in CALLERS.items() if not covers(one, About.QUEUE) or not one.may & some_change
    ]
    assert len(refused) > 8
    for name in refused:
        for method, path in (
            ("DELETE", f"tasks/{pending}"),
            ("POST", f"tasks/{failed}/requeue"),
            ("POST", f"tasks/{pending}/run"),
            ("POST", "queues/untouched/pause"),
            ("POST", f"workers/{servers.stage.worker}/stop"),
            ("POST", "schedules/nightly/pause"),
        ):
            answer = servers.call(name, method, f"/api/v1/{path}")
            assert answer.status_code in ({403, 404} if CALLERS[name].queues else {401, 403}), (
                name,
                method,
                path,
            )

    def shown(path: str) -> Any:
        return servers.call("admin", "GET", f"/api/v1/{path}").json()

    for task_id, status in ((pending, "pending"), (failed, "failed")):
        assert shown(f"tasks/{task_id}")["status"] == status
    assert servers.call("admin", "GET", "/api/v1/queues/untouched").status_code == 404
    assert shown(f"workers/{servers.stage.worker}")["asked_to"] != "stop"
    assert shown("schedules/nightly")["state"] == "active"


def test_a_user_learns_that_a_task_is_unknown_and_a_key_that_may_not_learns_nothing(servers: Servers) -> None:
    for method, path in (
        ("DELETE", ""),
        ("POST", "/requeue"),
        ("POST", "/run"),
        ("POST", "/rerun"),
        ("PATCH", "/progress"),
    ):
        body = {"progress": 1} if method == "PATCH" else None
        for name, status in (
            ("user without permissions", 404),
            ("key with read", 403),
            ("anybody, closed API", 401),
        ):
            answer = servers.call(name, method, f"/api/v1/tasks/{NIL}{path}", body)
            assert answer.status_code == status, (name, method, path)


def test_a_permission_on_a_queue_is_none_on_all_of_them_nor_on_workers(servers: Servers) -> None:
    for verb, method, path in (
        ("delete", "DELETE", "/api/v1/tasks"),
        ("requeue", "POST", "/api/v1/tasks/requeue"),
        ("cancel", "POST", "/api/v1/tasks/cancel"),
    ):
        name = f"user who may {verb} here"
        for query, where in (("", "all queues"), ("&queue=video", "the queue video")):
            told = servers.refuse(name, method, f"{path}?dry_run=true{query}")
            assert told == f"{name} may not {verb} on {where}"
    batch = [TASK, {**TASK, "queue_name": OTHER_QUEUE}]
    told = servers.refuse("user who may enqueue here", "POST", "/api/v1/enqueue/batch", batch)
    assert told == "user who may enqueue here may not enqueue on the queue video"
    for name in ("user who may pause here", "key with read"):
        told = servers.refuse(name, "POST", f"/api/v1/workers/{servers.stage.worker}/quiet")
        assert told.startswith(f"{name} may not quiet, resume or stop workers: that requires ")
