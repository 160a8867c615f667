"""Who may do what: every kind of caller at every operation there is.

A new operation has no expectation here and fails the first test until it gets one.
"""

import hmac
import itertools
from collections.abc import Iterator
from enum import StrEnum, auto
from functools import partial
from typing import Any, get_args
from urllib.parse import quote

import httpx
import msgspec
import psycopg
import pytest

from lapinq_api.app import build_app
from lapinq_api.auth.sessions import new_token
from lapinq_api.operations.endpoint import Needs, Operation
from lapinq_api.routes import OPERATIONS
from lapinq_core.domain.accounts.account import Permission, Scope
from lapinq_core.domain.tasks.state import Status
from lapinq_core.runtime.settings import Settings
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.database.running import on_connections
from tests.support.http.serving import serving
from tests.support.rows.factories import add_worker

SECRET = "the secret of the sessions"
QUEUE, OTHER_QUEUE = "mail", "video"
NIL = "00000000-0000-0000-0000-000000000000"
SCHEDULE = {
    "name": "nightly",
    "task_name": "send",
    "module_path": "app.mail",
    "queue_name": QUEUE,
    "cron": "0 3 * * *",
    "kwargs": {"args": "hidden"},
}
TASK = {"task_name": "send", "module_path": "app.mail", "queue_name": QUEUE}


class Act(StrEnum):
    """What an operation does, as far as permissions go."""

    LOOK_AT_THE_SERVER = auto()
    READ = auto()
    ENQUEUE = auto()
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
    """What a call concerns, which decides whether a key that is limited to queues may make it."""

    QUEUE = auto()
    """The queue `mail`."""
    EVERYTHING = auto()
    NOTHING = auto()


class Try(msgspec.Struct):
    """A call of an operation that changes nothing others rely on, and what answers whoever may make it."""

    act: Act
    path: str
    status: int
    body: Any = None
    about: About = About.QUEUE


ALL = About.EVERYTHING

# {done} is a task of the queue `mail` that is completed, {webhook} one of its webhooks, which was given up; {group} is
# a group of errors of that queue; {worker} is one that is alive; {own} is a schedule of that queue which nobody else
# calls for, and `nightly` one for all.
TRIES = {
    "POST /api/v1/enqueue": Try(Act.ENQUEUE, "/api/v1/enqueue", 201, TASK),
    "POST /api/v1/enqueue/batch": Try(Act.ENQUEUE, "/api/v1/enqueue/batch", 201, [TASK]),
    "GET /api/v1/tasks": Try(Act.READ, "/api/v1/tasks?queue=mail&limit=1", 200),
    "GET /api/v1/tasks/failed": Try(Act.READ, "/api/v1/tasks/failed?queue=mail&limit=1", 200),
    "DELETE /api/v1/tasks": Try(Act.DELETE, "/api/v1/tasks?queue=mail&dry_run=true", 200),
    "POST /api/v1/tasks/requeue": Try(Act.REQUEUE, "/api/v1/tasks/requeue?queue=mail&dry_run=true", 200),
    "POST /api/v1/tasks/run": Try(Act.REQUEUE, "/api/v1/tasks/run?queue=mail&dry_run=true", 200),
    "POST /api/v1/tasks/cancel": Try(Act.CANCEL, "/api/v1/tasks/cancel?queue=mail&dry_run=true", 200),
    "GET /api/v1/tasks/{id}": Try(Act.READ, "/api/v1/tasks/{done}", 200),
    "DELETE /api/v1/tasks/{id}": Try(Act.CANCEL, "/api/v1/tasks/{done}", 404),
    "GET /api/v1/tasks/{id}/attempts": Try(Act.READ, "/api/v1/tasks/{done}/attempts", 200),
    "GET /api/v1/tasks/{id}/attempts/{started_at}/log": Try(
        Act.READ, "/api/v1/tasks/{done}/attempts/2026-01-31T12:00:00Z/log", 404
    ),
    "GET /api/v1/tasks/{id}/attempts/{started_at}/profile": Try(
        Act.READ, "/api/v1/tasks/{done}/attempts/2026-01-31T12:00:00Z/profile", 404
    ),
    "GET /api/v1/tasks/{id}/why": Try(Act.READ, "/api/v1/tasks/{done}/why", 200),
    "GET /api/v1/tasks/{id}/result": Try(Act.READ, "/api/v1/tasks/{done}/result", 200),
    "PATCH /api/v1/tasks/{id}/progress": Try(
        Act.ENQUEUE, "/api/v1/tasks/{done}/progress", 409, {"progress": 1}
    ),
    "POST /api/v1/tasks/{id}/requeue": Try(Act.REQUEUE, "/api/v1/tasks/{done}/requeue", 404),
    "POST /api/v1/tasks/{id}/rerun": Try(Act.RERUN, "/api/v1/tasks/{done}/rerun", 201),
    "POST /api/v1/tasks/{id}/run": Try(Act.REQUEUE, "/api/v1/tasks/{done}/run", 404),
    "GET /api/v1/queues": Try(Act.READ, "/api/v1/queues", 200, about=ALL),
    "GET /api/v1/queues/{name:path}": Try(Act.READ, "/api/v1/queues/mail", 200),
    # It takes the permission to pause all queues, as workers do.
    "PATCH /api/v1/queues/{name:path}": Try(
        Act.STEER_WORKERS, "/api/v1/queues/mail", 200, {"max_running": None}
    ),
    "GET /api/v1/queues/{name:path}/keys": Try(Act.READ, "/api/v1/queues/mail/keys", 200),
    "POST /api/v1/queues/{name:path}/skip": Try(Act.REQUEUE, "/api/v1/queues/mail/skip", 409, {"key": "a"}),
    "POST /api/v1/queues/{name:path}/pause": Try(Act.PAUSE, "/api/v1/queues/mail/pause", 200),
    "POST /api/v1/queues/{name:path}/resume": Try(Act.PAUSE, "/api/v1/queues/mail/resume", 200),
    "POST /api/v1/queues/{name:path}/close-breaker": Try(Act.PAUSE, "/api/v1/queues/mail/close-breaker", 200),
    "GET /api/v1/limits": Try(Act.READ, "/api/v1/limits", 200, about=ALL),
    "POST /api/v1/limits/{name}/open": Try(Act.STEER_WORKERS, "/api/v1/limits/unknown/open", 404, about=ALL),
    "GET /api/v1/limits/{name}": Try(Act.READ, "/api/v1/limits/unknown", 404, about=ALL),
    "PUT /api/v1/limits/{name}": Try(Act.STEER_WORKERS, "/api/v1/limits/unknown", 400, {}, about=ALL),
    "DELETE /api/v1/limits/{name}": Try(Act.STEER_WORKERS, "/api/v1/limits/unknown", 404, about=ALL),
    "GET /api/v1/breakers": Try(Act.READ, "/api/v1/breakers", 200, about=ALL),
    "POST /api/v1/breakers/{name:path}/close": Try(
        Act.STEER_WORKERS, "/api/v1/breakers/unknown/close", 404, about=ALL
    ),
    "GET /api/v1/breakers/{name:path}": Try(Act.READ, "/api/v1/breakers/unknown", 404, about=ALL),
    "PUT /api/v1/breakers/{name:path}": Try(
        Act.STEER_WORKERS, "/api/v1/breakers/unknown", 400, {}, about=ALL
    ),
    "DELETE /api/v1/breakers/{name:path}": Try(Act.STEER_WORKERS, "/api/v1/breakers/unknown", 404, about=ALL),
    "GET /api/v1/schedules": Try(Act.READ, "/api/v1/schedules?queue=mail&limit=1", 200),
    "POST /api/v1/schedules": Try(Act.SCHEDULE, "/api/v1/schedules", 409, SCHEDULE),
    "GET /api/v1/schedules/preview": Try(
        Act.READ, "/api/v1/schedules/preview?cron=@daily", 200, about=About.NOTHING
    ),
    "GET /api/v1/schedules/{name}": Try(Act.READ, "/api/v1/schedules/nightly", 200),
    "PATCH /api/v1/schedules/{name}": Try(
        Act.SCHEDULE, "/api/v1/schedules/nightly", 409, {"version": 999_999, "priority": 1}
    ),
    "DELETE /api/v1/schedules/{name}": Try(Act.SCHEDULE, "/api/v1/schedules/{own}", 200),
    "POST /api/v1/schedules/{name}/pause": Try(Act.PAUSE_SCHEDULE, "/api/v1/schedules/nightly/pause", 200),
    "POST /api/v1/schedules/{name}/resume": Try(Act.PAUSE_SCHEDULE, "/api/v1/schedules/nightly/resume", 200),
    "POST /api/v1/schedules/{name}/run": Try(Act.SCHEDULE, "/api/v1/schedules/nightly/run", 201),
    "GET /api/v1/schedules/{name}/ticks": Try(Act.READ, "/api/v1/schedules/nightly/ticks?limit=1", 200),
    "GET /api/v1/overview": Try(Act.READ, "/api/v1/overview?minutes=1", 200, about=ALL),
    "GET /api/v1/registered": Try(Act.READ, "/api/v1/registered", 200, about=ALL),
    "GET /api/v1/workers": Try(Act.READ, "/api/v1/workers", 200, about=ALL),
    "GET /api/v1/workers/{id}": Try(Act.READ, "/api/v1/workers/{worker}", 200, about=ALL),
    "POST /api/v1/workers/{id}/quiet": Try(
        Act.STEER_WORKERS, "/api/v1/workers/{worker}/quiet", 200, about=ALL
    ),
    "POST /api/v1/workers/{id}/resume": Try(
        Act.STEER_WORKERS, "/api/v1/workers/{worker}/resume", 200, about=ALL
    ),
    "POST /api/v1/workers/{id}/stop": Try(Act.STEER_WORKERS, f"/api/v1/workers/{NIL}/stop", 404, about=ALL),
    "GET /api/v1/doctor": Try(Act.STEER_WORKERS, "/api/v1/doctor", 200, about=ALL),
    "GET /api/v1/errors": Try(Act.READ, "/api/v1/errors?queue=mail&limit=1", 200),
    "GET /api/v1/errors/{id}": Try(Act.READ, "/api/v1/errors/{group}", 200),
    "POST /api/v1/errors/{id}/resolve": Try(Act.REQUEUE, "/api/v1/errors/{group}/resolve", 200),
    "POST /api/v1/errors/{id}/mute": Try(Act.REQUEUE, "/api/v1/errors/{group}/mute", 200, {"seconds": 60}),
    "POST /api/v1/errors/{id}/reopen": Try(Act.REQUEUE, "/api/v1/errors/{group}/reopen", 200),
    "GET /api/v1/webhooks": Try(Act.READ, "/api/v1/webhooks?queue=mail&limit=1", 200),
    "GET /api/v1/webhooks/{id}": Try(Act.READ, "/api/v1/webhooks/{webhook}", 200),
    "POST /api/v1/webhooks/{id}/resend": Try(Act.REQUEUE, "/api/v1/webhooks/{webhook}/resend", 200),
    "GET /api/v1/notify/rules": Try(Act.ADMINISTER, "/api/v1/notify/rules", 200),
    "POST /api/v1/notify/rules": Try(Act.ADMINISTER, "/api/v1/notify/rules", 400, {}),
    "GET /api/v1/notify/rules/{id}": Try(Act.ADMINISTER, "/api/v1/notify/rules/999999", 404),
    "PATCH /api/v1/notify/rules/{id}": Try(Act.ADMINISTER, "/api/v1/notify/rules/999999", 404, {}),
    "DELETE /api/v1/notify/rules/{id}": Try(Act.ADMINISTER, "/api/v1/notify/rules/999999", 404),
    "POST /api/v1/notify/rules/{id}/test": Try(Act.ADMINISTER, "/api/v1/notify/rules/999999/test", 404),
    "GET /api/v1/keys": Try(Act.ADMINISTER, "/api/v1/keys", 200),
    "POST /api/v1/keys": Try(Act.ADMINISTER, "/api/v1/keys", 400, {}),
    "DELETE /api/v1/keys/{id}": Try(Act.ADMINISTER, "/api/v1/keys/999999", 404),
    "GET /api/v1/audit": Try(Act.ADMINISTER, "/api/v1/audit?limit=1", 200),
    "GET /api/v1/users": Try(Act.ADMINISTER, "/api/v1/users", 200),
    "GET /admin/users": Try(Act.ADMINISTER, "/admin/users", 200),
    "POST /admin/users": Try(Act.ADMINISTER, "/admin/users", 400, {}),
    "POST /admin/users/{id}/link": Try(Act.ADMINISTER, "/admin/users/999999/link", 404),
    "POST /admin/users/{id}/role": Try(Act.ADMINISTER, "/admin/users/999999/role", 404, {"role": "user"}),
    "POST /admin/users/{id}/permissions": Try(
        Act.ADMINISTER, "/admin/users/999999/permissions", 404, {"queues": {}}
    ),
    "DELETE /admin/users/{id}": Try(Act.ADMINISTER, "/admin/users/999999", 404),
    "DELETE /admin/users/{id}/sessions": Try(Act.ADMINISTER, "/admin/users/999999/sessions", 404),
    "GET /me": Try(Act.OWN_ACCOUNT, "/me", 200),
    "POST /account/password": Try(Act.OWN_ACCOUNT, "/account/password", 400, {}),
    "GET /account/sessions": Try(Act.OWN_ACCOUNT, "/account/sessions", 200),
    "DELETE /account/sessions": Try(Act.OWN_ACCOUNT, "/account/sessions", 200),
    "GET /api/v1/views": Try(Act.OWN_ACCOUNT, "/api/v1/views", 200),
    "POST /api/v1/views": Try(Act.OWN_ACCOUNT, "/api/v1/views", 400, {}),
    "PATCH /api/v1/views/{id}": Try(Act.OWN_ACCOUNT, "/api/v1/views/0", 400, {}),
    "DELETE /api/v1/views/{id}": Try(Act.OWN_ACCOUNT, "/api/v1/views/0", 404),
    "DELETE /account/sessions/{id}": Try(Act.OWN_ACCOUNT, f"/account/sessions/{NIL}", 404),
    "GET /health": Try(Act.LOOK_AT_THE_SERVER, "/health", 200),
    "GET /livez": Try(Act.LOOK_AT_THE_SERVER, "/livez", 200),
    "GET /readyz": Try(Act.LOOK_AT_THE_SERVER, "/readyz", 200),
    "GET /metrics": Try(Act.LOOK_AT_THE_SERVER, "/metrics", 200),
    "GET /openapi.json": Try(Act.LOOK_AT_THE_SERVER, "/openapi.json", 200),
    "GET /docs": Try(Act.LOOK_AT_THE_SERVER, "/docs", 200),
}

_QUEUE, _LIMIT, _BREAKER = {"queue_name", "paused_at"}, {"name", "closed_until"}, {"name", "state"}
_SCHEDULE, _WORKER, _OTHER = {"name", "state", "version"}, {"id", "state", "asked_to"}, {"id", "state"}

# What a key without the scope `read` is told of what it changes: the act, path, body, and the fields of the answer. In
# this order each call is possible.
BRIEFLY: dict[str, tuple[Act, str, Any, set[str]]] = {
    "PATCH /api/v1/queues/{name:path}": (
        Act.STEER_WORKERS,
        "/api/v1/queues/mail",
        {"max_running": None},
        _QUEUE,
    ),
    "POST /api/v1/queues/{name:path}/pause": (Act.PAUSE, "/api/v1/queues/mail/pause", None, _QUEUE),
    "POST /api/v1/queues/{name:path}/resume": (Act.PAUSE, "/api/v1/queues/mail/resume", None, _QUEUE),
    "POST /api/v1/queues/{name:path}/close-breaker": (
        Act.PAUSE,
        "/api/v1/queues/mail/close-breaker",
        None,
        _QUEUE,
    ),
    "PUT /api/v1/limits/{name}": (Act.STEER_WORKERS, "/api/v1/limits/gpu", {"max_running": 1}, _LIMIT),
    "POST /api/v1/limits/{name}/open": (Act.STEER_WORKERS, "/api/v1/limits/gpu/open", None, _LIMIT),
    "PUT /api/v1/breakers/{name:path}": (
        Act.STEER_WORKERS,
        "/api/v1/breakers/send",
        {"failures_in_row": 5},
        _BREAKER,
    ),
    "POST /api/v1/breakers/{name:path}/close": (
        Act.STEER_WORKERS,
        "/api/v1/breakers/send/close",
        None,
        _BREAKER,
    ),
    "POST /api/v1/schedules": (Act.SCHEDULE, "/api/v1/schedules", {**SCHEDULE, "name": "unread"}, _SCHEDULE),
    "PATCH /api/v1/schedules/{name}": (
        Act.SCHEDULE,
        "/api/v1/schedules/unread",
        {"version": 1, "priority": 1},
        _SCHEDULE,
    ),
    "POST /api/v1/schedules/{name}/pause": (
        Act.PAUSE_SCHEDULE,
        "/api/v1/schedules/unread/pause",
        None,
        _SCHEDULE,
    ),
    "POST /api/v1/schedules/{name}/resume": (
        Act.PAUSE_SCHEDULE,
        "/api/v1/schedules/unread/resume",
        None,
        _SCHEDULE,
    ),
    "POST /api/v1/workers/{id}/quiet": (
        Act.STEER_WORKERS,
        "/api/v1/workers/{worker}/quiet",
        None,
        _WORKER,
    ),
    "POST /api/v1/workers/{id}/resume": (
        Act.STEER_WORKERS,
        "/api/v1/workers/{worker}/resume",
        None,
        _WORKER,
    ),
    "POST /api/v1/workers/{id}/stop": (Act.STEER_WORKERS, "/api/v1/workers/{leaving}/stop", None, _WORKER),
    "POST /api/v1/errors/{id}/resolve": (Act.REQUEUE, "/api/v1/errors/{group}/resolve", None, _OTHER),
    "POST /api/v1/errors/{id}/mute": (Act.REQUEUE, "/api/v1/errors/{group}/mute", {"seconds": 60}, _OTHER),
    "POST /api/v1/errors/{id}/reopen": (Act.REQUEUE, "/api/v1/errors/{group}/reopen", None, _OTHER),
    "POST /api/v1/webhooks/{id}/resend": (
        Act.REQUEUE,
        "/api/v1/webhooks/{webhook}/resend",
        None,
        _OTHER,
    ),
}

BY_SCOPE = {
    Scope.ENQUEUE: {Act.ENQUEUE, Act.SEE_PAYLOADS},
    Scope.READ: {Act.READ},
    Scope.MANAGE: {
        Act.CANCEL,
        Act.REQUEUE,
        Act.DELETE,
        Act.PAUSE,
        Act.PAUSE_SCHEDULE,
        Act.STEER_WORKERS,
        Act.SEE_PAYLOADS,
    },
    Scope.SCHEDULE: {Act.SCHEDULE, Act.PAUSE_SCHEDULE, Act.SEE_PAYLOADS},
}
BY_PERMISSION = {
    Permission.ENQUEUE: {Act.ENQUEUE, Act.SCHEDULE},
    Permission.CANCEL: {Act.CANCEL},
    Permission.REQUEUE: {Act.REQUEUE},
    Permission.DELETE: {Act.DELETE},
    Permission.PAUSE: {Act.PAUSE, Act.PAUSE_SCHEDULE},
    Permission.PAYLOAD: {Act.SEE_PAYLOADS},
}
EVERYTHING = set(Act)


class Caller(msgspec.Struct):
    """Somebody who calls: with which key or which permissions, what they may, and what they hear where they may not."""

    may: set[Act]
    refusal: int
    is_open: bool = False
    master: bool = False
    scopes: tuple[Scope, ...] = ()
    queues: list[str] | None = None
    """To which a key is limited."""
    role: str | None = None
    permissions: dict[str, list[Permission]] = {}


def callers() -> Iterator[tuple[str, Caller]]:
    for name, caller in _callers():
        if {Act.READ, Act.ENQUEUE} <= caller.may:
            caller.may.add(Act.RERUN)
        yield name, caller


def _callers() -> Iterator[tuple[str, Caller]]:
    open_to_all = {
        Act.READ,
        Act.ENQUEUE,
        Act.SCHEDULE,
        Act.CANCEL,
        Act.REQUEUE,
        Act.PAUSE,
        Act.PAUSE_SCHEDULE,
        Act.STEER_WORKERS,
        Act.SEE_PAYLOADS,
    }
    yield "anybody, open API", Caller(open_to_all, 401, is_open=True)
    yield "anybody, closed API", Caller(set(), 401)
    yield "LAPINQ_API_KEY", Caller(EVERYTHING - {Act.OWN_ACCOUNT}, 403, master=True)
    for count in range(1, len(Scope) + 1):
        for scopes in itertools.combinations(Scope, count):
            may = set[Act]().union(*(BY_SCOPE[scope] for scope in scopes))
            yield f"key with {', '.join(scopes)}", Caller(may, 403, scopes=scopes)
    all_scopes = set[Act]().union(*BY_SCOPE.values())
    for where, queue in (("here", QUEUE), ("elsewhere", OTHER_QUEUE)):
        yield f"key for all {where}", Caller(all_scopes, 403, scopes=tuple(Scope), queues=[queue])
    own = {Act.READ, Act.OWN_ACCOUNT}
    yield "user without permissions", Caller(own, 403, role="user")
    for permission, acts in BY_PERMISSION.items():
        here, there = {QUEUE: [permission]}, {OTHER_QUEUE: [permission]}
        yield f"user who may {permission} here", Caller(own | acts, 403, role="user", permissions=here)
        yield f"user who may {permission} elsewhere", Caller(own, 403, role="user", permissions=there)
    yield "admin", Caller(EVERYTHING, 403, role="admin")


CALLERS = dict(callers())


class Stage(msgspec.Struct):
    """Two servers on one database, the headers of each caller, and what there is in the queue `mail`."""

    open: httpx.Client
    closed: httpx.Client
    headers: dict[str, dict[str, str]]
    made: dict[Status, str]
    webhook: str
    group: int
    worker: str

    def path(self, tried: Try, name: str) -> str:
        """The path that somebody calls."""
        return tried.path.format(
            done=self.made[Status.COMPLETED],
            webhook=self.webhook,
            group=self.group,
            worker=self.worker,
            own=quote(f"of {name}"),
        )

    def call(self, name: str, method: str, path: str, body: Any = None) -> httpx.Response:
        client = self.open if CALLERS[name].is_open else self.closed
        headers = {"Accept": "application/json", **self.headers[name]}
        return client.request(method, path, json=body, headers=headers)


@pytest.fixture(scope="module")
def stage(api_database: str) -> Iterator[Stage]:
    made = on_connections(api_database, partial(one_of_each, queue=QUEUE))
    open_to_all = Settings(database_url=api_database, session_secret=SECRET, redact=("args",))
    closed = msgspec.structs.replace(open_to_all, api_key="master")
    with (
        serving(build_app(open_to_all)) as open_client,
        serving(build_app(closed)) as closed_client,
        psycopg.connect(api_database, autocommit=True) as conn,
    ):
        headers = {name: headers_of(conn, closed_client, name, caller) for name, caller in CALLERS.items()}
        webhook = add_webhook(conn, made[Status.COMPLETED])
        worker = on_connections(api_database, add_worker)
        for name in ("nightly", *(f"of {caller}" for caller in CALLERS)):
            created = open_client.post("/api/v1/schedules", json={**SCHEDULE, "name": name})
            assert created.status_code == 201, created.text
        group = add_error_group(conn)
        yield Stage(open_client, closed_client, headers, made, webhook, group, worker)


def headers_of(conn: psycopg.Connection, client: httpx.Client, name: str, caller: Caller) -> dict[str, str]:
    if caller.master:
        return {"X-API-Key": "master"}
    if caller.scopes:
        made = client.post(
            "/api/v1/keys",
            json={"name": name, "scopes": caller.scopes, "queues": caller.queues},
            headers={"X-API-Key": "master"},
        )
        return {"X-API-Key": made.json()["key"]}
    if caller.role:
        return {"Cookie": f"lapinq_session={logged_in(conn, name, caller)}"}
    return {}


def logged_in(conn: psycopg.Connection, name: str, caller: Caller) -> str:
    """The token of a session of a new user; in SQL, for two dozen slow hashes of passwords would be made otherwise."""
    token = new_token()
    conn.execute(
        "WITH made AS (INSERT INTO lapinq_users (username, password_hash, role, permissions, created_at)"
        " VALUES (%s, 'none', %s, %s, lapinq_now()) RETURNING id)"
        " INSERT INTO lapinq_sessions (token_hash, user_id, created_at, seen_at)"
        " SELECT %s, id, lapinq_now(), lapinq_now() FROM made",
        (
            name,
            caller.role,
            msgspec.json.encode(caller.permissions).decode(),
            hmac.digest(SECRET.encode(), token.encode(), "sha256"),
        ),
    )
    return token


def add_webhook(conn: psycopg.Connection, task_id: str) -> str:
    """The id of a webhook that nobody could be told of."""
    row = conn.execute(
        "INSERT INTO lapinq_webhooks (task_id, queue_name, task_name, url, status, attempt, finished_at, state,"
        " retry_since, due_at) VALUES (%s, %s, 'add', 'https://example.org/', 'completed', 1, lapinq_now(), 'given_up',"
        " lapinq_now(), lapinq_now()) RETURNING id::text",
        (task_id, QUEUE),
    ).fetchone()
    assert row is not None
    return row[0]


def add_error_group(conn: psycopg.Connection) -> int:
    """The id of a group of errors of the queue."""
    row = conn.execute(
        "INSERT INTO lapinq_error_groups (fingerprint, queue_name, task_name, kind, first_at, last_at)"
        " VALUES ('x', %s, 'add', 'KeyError: *', lapinq_now(), lapinq_now()) RETURNING id",
        (QUEUE,),
    ).fetchone()
    assert row is not None
    return row[0]


def test_every_operation_has_its_expectation() -> None:
    assert {f"{operation.method} {operation.path}" for operation in OPERATIONS} == set(TRIES)


@pytest.mark.parametrize("operation", TRIES)
def test_who_may_call_it(stage: Stage, operation: str) -> None:
    tried = TRIES[operation]
    method = operation.partition(" ")[0]
    expected: dict[str, int] = {}
    for name, caller in CALLERS.items():
        allowed = tried.act in caller.may and covers(caller, tried.about)
        allowed |= tried.act is Act.LOOK_AT_THE_SERVER
        # Outside of the API a named key is not even looked at.
        refusal = 401 if caller.scopes and not tried.path.startswith("/api/") else caller.refusal
        expected[name] = tried.status if allowed else refusal
    answers = {name: stage.call(name, method, stage.path(tried, name), tried.body) for name in CALLERS}
    assert {name: answer.status_code for name, answer in answers.items()} == expected
    for name, answer in answers.items():
        if answer.status_code in {401, 403}:
            # A person who may not see a page is told so by a page.
            is_page = operation == "GET /admin/users" and answer.status_code == 403
            assert is_page or set(answer.json()) == {"error"}, name
            assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)


def covers(caller: Caller, about: About) -> bool:
    """Whether a call about this is not beyond what the caller's key is limited to."""
    if caller.queues is None or about is About.NOTHING:
        return True
    return about is About.QUEUE and QUEUE in caller.queues


def test_a_key_that_is_limited_to_a_queue_reaches_no_other_by_a_list_or_a_copy(stage: Stage) -> None:
    here, elsewhere = "key for all here", "key for all elsewhere"
    done = stage.made[Status.COMPLETED]
    for path in ("tasks", "tasks/failed", "schedules", "webhooks", "errors"):
        for query in ("", f"?queue={OTHER_QUEUE}", *(["?queues=mail,video"] if "tasks" in path else [])):
            refused = stage.call(here, "GET", f"/api/v1/{path}{query}")
            assert refused.status_code == 403, (path, query)
            assert "this key is limited to" in refused.json()["error"]
    calls: list[tuple[str, str, Any]] = [
        ("POST", f"/api/v1/tasks/{done}/rerun", {"queue_name": OTHER_QUEUE}),
        ("POST", "/api/v1/enqueue/batch", [TASK, {**TASK, "queue_name": OTHER_QUEUE}]),
        ("PATCH", "/api/v1/schedules/nightly", {"version": 1, "queue_name": OTHER_QUEUE}),
        ("DELETE", "/api/v1/tasks?dry_run=true", None),
        ("DELETE", "/api/v1/tasks?queues=mail,video&dry_run=true", None),
    ]
    for method, path, body in calls:
        for name in (here, elsewhere):
            assert stage.call(name, method, path, body).status_code == 403, (name, path)


def test_every_permission_has_its_expectation() -> None:
    assert set(BY_PERMISSION) == set(Permission)
    assert set(BY_SCOPE) == set(Scope)


def test_who_is_shown_what_is_hidden_and_may_search_it(stage: Stage) -> None:
    readers = [
        name for name, caller in CALLERS.items() if Act.READ in caller.may and covers(caller, About.QUEUE)
    ]
    assert len(readers) > 10
    for name in readers:
        sees = Act.SEE_PAYLOADS in CALLERS[name].may
        task = stage.call(name, "GET", f"/api/v1/tasks/{stage.made[Status.COMPLETED]}").json()
        assert task["args"] == ([1, 1] if sees else ["[hidden]", "[hidden]"]), name
        schedule = stage.call(name, "GET", "/api/v1/schedules/nightly").json()
        assert schedule["kwargs"] == {"args": "hidden" if sees else "[hidden]"}, name
        listed = stage.call(name, "GET", f"/api/v1/schedules?queue={QUEUE}").json()
        assert {one["kwargs"]["args"] for one in listed} == set(schedule["kwargs"].values()), name
        searched = stage.call(name, "GET", f"/api/v1/tasks?queue={QUEUE}&args=1&limit=1")
        assert searched.status_code == (200 if sees else 403), name
        # Not even where they may: for all queues at once a user would have to be an admin.
        is_user = CALLERS[name].role == "user" or CALLERS[name].queues is not None
        searched = stage.call(name, "GET", "/api/v1/tasks?args=1&limit=1")
        assert searched.status_code == (200 if sees and not is_user else 403), name
    limited = "key for all here"
    assert stage.call(limited, "GET", f"/api/v1/tasks?queues={QUEUE}&args=1&limit=1").status_code == 200


def test_every_change_that_shows_what_reading_shows_has_its_brief_answer() -> None:
    readable = set[type]().union(*(shown_by(one) for one in OPERATIONS if one.method == "GET"))
    changes = [one for one in OPERATIONS if one.method != "GET" and one.needs is Needs.PERMISSION]
    assert set(BRIEFLY) == {f"{one.method} {one.path}" for one in changes if readable & shown_by(one)}


def shown_by(operation: Operation) -> set[type]:
    """The structs of its answers, alone, in a union or in a list."""
    bodies = [answer.body for answer in operation.answers.values()]
    parts = [part for body in bodies for part in get_args(body) or (body,)]
    return {part for part in parts if isinstance(part, type) and issubclass(part, msgspec.Struct)}


def test_no_answer_to_a_change_shows_what_a_key_may_not_read(stage: Stage, api_database: str) -> None:
    leaving = on_connections(api_database, add_worker)
    for operation, (act, path, body, fields) in BRIEFLY.items():
        url = path.format(webhook=stage.webhook, group=stage.group, worker=stage.worker, leaving=leaving)
        for name in ("key with schedule", "key with manage"):
            answer = stage.call(name, operation.partition(" ")[0], url, body)
            if act in CALLERS[name].may:
                assert answer.status_code in {200, 201}, (operation, answer.text)
                assert set(answer.json()) == fields, (name, operation)
            else:
                assert answer.status_code == 403, (name, operation)


def test_a_refusal_comes_before_any_change(stage: Stage) -> None:
    pending, failed = stage.made[Status.PENDING], stage.made[Status.FAILED]
    refused = [
        name
        for name, caller in CALLERS.items()
        if caller.queues == [OTHER_QUEUE]
        or not caller.may & {Act.CANCEL, Act.REQUEUE, Act.PAUSE, Act.PAUSE_SCHEDULE}
    ]
    assert len(refused) > 10
    for name in refused:
        assert stage.call(name, "DELETE", f"/api/v1/tasks/{pending}").status_code in {401, 403}
        assert stage.call(name, "POST", f"/api/v1/tasks/{failed}/requeue").status_code in {401, 403}
        assert stage.call(name, "POST", f"/api/v1/tasks/{pending}/run").status_code in {401, 403}
        assert stage.call(name, "POST", "/api/v1/queues/untouched/pause").status_code in {401, 403}
        assert stage.call(name, "POST", f"/api/v1/workers/{stage.worker}/stop").status_code in {401, 403}
        assert stage.call(name, "POST", "/api/v1/schedules/nightly/pause").status_code in {401, 403}
    for task_id, status in ((pending, "pending"), (failed, "failed")):
        assert stage.call("admin", "GET", f"/api/v1/tasks/{task_id}").json()["status"] == status
    assert stage.call("admin", "GET", "/api/v1/queues/untouched").status_code == 404
    assert stage.call("admin", "GET", f"/api/v1/workers/{stage.worker}").json()["asked_to"] != "stop"
    assert stage.call("admin", "GET", "/api/v1/schedules/nightly").json()["state"] == "active"


def test_a_user_learns_that_a_task_is_unknown_and_a_key_that_may_not_learns_nothing(stage: Stage) -> None:
    for method, path in (
        ("DELETE", ""),
        ("POST", "/requeue"),
        ("POST", "/run"),
        ("POST", "/rerun"),
        ("PATCH", "/progress"),
    ):
        body = {"progress": 1} if method == "PATCH" else None
        calls = partial(stage.call, method=method, path=f"/api/v1/tasks/{NIL}{path}", body=body)
        assert calls("user without permissions").status_code == 404
        assert calls("key with read").status_code == 403
        assert calls("anybody, closed API").status_code == 401


def test_a_permission_on_a_queue_is_none_on_all_of_them(stage: Stage) -> None:
    for name, method, path in (
        ("user who may delete here", "DELETE", "/api/v1/tasks"),
        ("user who may requeue here", "POST", "/api/v1/tasks/requeue"),
        ("user who may cancel here", "POST", "/api/v1/tasks/cancel"),
    ):
        for query, where in (("", "all queues"), ("&queue=video", "the queue video")):
            refused = stage.call(name, method, f"{path}?dry_run=true{query}")
            assert refused.status_code == 403
            assert refused.json()["error"] == f"{name} may not {name.split()[3]} on {where}"
    batch = [TASK, {**TASK, "queue_name": OTHER_QUEUE}]
    refused = stage.call("user who may enqueue here", "POST", "/api/v1/enqueue/batch", batch)
    assert refused.status_code == 403
    assert refused.json()["error"] == "user who may enqueue here may not enqueue on the queue video"


def test_who_may_pause_a_queue_is_told_that_workers_are_not_theirs(stage: Stage) -> None:
    for name in ("user who may pause here", "key with read"):
        refused = stage.call(name, "POST", f"/api/v1/workers/{stage.worker}/quiet")
        assert refused.status_code == 403
        assert refused.json()["error"].startswith(
            f"{name} may not quiet, resume or stop workers: that requires "
        )


def test_what_a_user_does_is_noted_as_theirs(stage: Stage) -> None:
    name = "user who may pause here"
    stage.call(name, "POST", "/api/v1/queues/mail/resume")
    paused = stage.call(name, "POST", "/api/v1/queues/mail/pause", {"reason": "mine"}).json()
    assert paused["paused_by"] == name
    stage.call(name, "POST", "/api/v1/queues/mail/resume")
    entries = stage.call("admin", "GET", f"/api/v1/audit?actor={name}&action=queue.pause&limit=1").json()
    assert entries[0]["actor"]["kind"] == "user"
    assert entries[0]["actor"]["id"] > 0
    assert entries[0]["details"] == {"reason": "mine"}
