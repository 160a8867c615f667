"""Hostile requests to every operation: a plain answer to each, soon, and nothing is stored that was refused."""

import itertools
import time
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import psycopg
import pytest
from psycopg import sql

from lapinq_api.operations.endpoint import Needs, Operation
from lapinq_api.routes import OPERATIONS
from lapinq_api.serving.protocol import MAX_REFUSED_BYTES
from lapinq_core.domain.tasks.state import Status
from tests.integration.lapinq_api.routes.test_permissions import Stage, set_stage
from tests.support.database.running import on_connections
from tests.support.http.hostile import NIL, Case, cases_of, struct_of, takes_any_json
from tests.support.http.people import add_user

MIN_CASES = 25
"""That an operation without parameters or body gets; any other gets more."""
MIN_TOTAL = 1000
MAX_SECONDS = 5.0
SHARED_BY = 8
_numbers = itertools.count()

MEMBER = {"ref": "a", "task_name": "send", "module_path": "app.mail", "queue_name": "hostile"}

# A body for each operation that takes one, by its struct. A new operation with a body needs one here.
BODIES: dict[str, dict[str, Any]] = {
    "EnqueueRequest": {"task_name": "send", "module_path": "app.mail", "queue_name": "hostile"},
    "RerunRequest": {"task_name": "send", "module_path": "app.mail", "queue_name": "hostile"},
    "ProgressRequest": {"progress": 50},
    "RunRequest": {"args": [1], "kwargs": {"a": 1}},
    "PolicyChange": {"rate": {"limit": 5, "period_seconds": 60}, "order": "fair", "weights": {"gold": 3}},
    "SkipRequest": {"key": "hostile"},
    "UnblockRequest": {"action": "skip", "keys": ["hostile"], "prefix": "host"},
    "LimitRequest": {"max_running": 5},
    "BreakerRequest": {"failures_in_row": 5},
    "PauseRequest": {"reason": "hostile"},
    "MuteRequest": {"seconds": 60},
    "MergeRequest": {"into": 1},
    "SplitRequest": {"fingerprint": "0" * 32},
    "RuleRequest": {
        "name": "hostile",
        "kind": "webhook",
        "events": ["backlog"],
        "url": "https://example.org/",
    },
    "RuleChange": {"is_enabled": False},
    "ScheduleRequest": {"name": "hostile", "task_name": "send", "module_path": "app.mail", "cron": "@daily"},
    "ScheduleChange": {"version": 1, "priority": 1},
    "KeyRequest": {"name": "hostile", "scopes": ["read"]},
    "NewUser": {"username": "hostile", "password": "correct horse", "role": "user"},
    "ViewRequest": {"name": "hostile", "query": "queue=hostile"},
    "Sharing": {"is_shared": True},
    "RoleChange": {"role": "user"},
    "PermissionsChange": {"queues": {"a": ["cancel"]}},
    "ReadsChange": {"queues": ["a"]},
    # Refused for the new one: a wrong current one counts as a guess, and after ten nothing is looked at any more.
    "WorkflowRequest": {"name": "hostile", "tasks": [MEMBER]},
    "AddedTasksRequest": {"tasks": [MEMBER]},
    "PasswordChange": {"current_password": "wrong", "new_password": "short"},
}

WRONG_ANYWAY = "new_password"

ANY = {"id": "1", "name": "1"}

# Tables whose rows change by themselves, or by whoever is refused: tries are counted, and refusals noted.
RESTLESS = {
    "lapinq_audit",
    "lapinq_login_tries",
    "lapinq_sessions",
    "lapinq_workers",
    "lapinq_schema_version",
}


@pytest.fixture(scope="module")
def stage(api_database: str) -> Stage:
    """What there is before anything hostile comes."""
    return on_connections(api_database, set_stage)


def _id(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


@pytest.mark.parametrize("rest", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("operation", OPERATIONS, ids=_id)
def test_an_operation_survives_whatever_is_sent(
    operation: Operation, rest: bool, signed_in: httpx.Client, db: psycopg.Connection, stage: Stage
) -> None:
    cases = _cases(operation, _names(operation, signed_in, stage))
    assert len(cases) >= MIN_CASES
    by_default = _chosen()[_id(operation)]
    cases = [case for case in cases if (case.name in by_default) is not rest]
    wrong: list[str] = []
    before, written = _stored(db), _written(db)
    for number, case in enumerate(cases):
        started = time.monotonic()
        answer = _send(signed_in, case)
        took = time.monotonic() - started
        if problem := _problem(case, answer, took):
            wrong.append(f"{case.name}: {problem}\n    {answer.status_code} {answer.text[:300]}")
        if case.method == "GET" and number + 1 < len(cases):
            continue  # what it changes shows after the next one
        if (now := _written(db)) == written:
            continue
        written, after = now, _stored(db)
        if after != before and (answer.status_code >= 400 or case.method == "GET"):
            changed = [name for name in after if after[name] != before[name]]
            wrong.append(f"{case.name}, or a GET before it: it changed {changed}")
        before = after
    assert not wrong, "\n".join([f"{len(wrong)} of {len(cases)}", *wrong])
    assert signed_in.get("/health").status_code == 200
    assert signed_in.get("/me").status_code == 200, "the session did not last to the end"


def test_a_stranger_gets_no_further_by_it(
    serve: Callable[..., httpx.Client], db: psycopg.Connection, stage: Stage
) -> None:
    client = serve(api_key="secret")
    guarded = [one for one in OPERATIONS if one.needs is not Needs.NOBODY]
    before = _stored(db)
    for index, operation in enumerate(guarded):
        for case in _cases(operation, {"id": stage.made[Status.PENDING], "name": "default"})[
            index % 53 :: 53
        ]:
            answer = _send(client, case)
            is_led_to_login = answer.status_code == 303 and answer.headers["location"] == "/login"
            is_of_no_host = answer.status_code == 400 and "LAPINQ_ALLOWED_HOSTS" in answer.text
            assert is_led_to_login or is_of_no_host or answer.status_code in {401, 404, 405}, (
                case.name,
                answer.text,
            )
    assert _stored(db) == before


def test_there_are_many_and_by_default_each_kind_is_tried_somewhere() -> None:
    cases = {_id(operation): _cases(operation, ANY) for operation in OPERATIONS}
    assert sum(map(len, cases.values())) >= MIN_TOTAL
    tried = {_kind(case) for name, own in cases.items() for case in own if case.name in _chosen()[name]}
    assert tried == {_kind(case) for own in cases.values() for case in own}


def test_quotes_and_backslashes_stand_for_themselves(signed_in: httpx.Client) -> None:
    task = {**BODIES["EnqueueRequest"], "task_name": "plain", "args": ["plain"], "queue_name": "literal"}
    for name in ("task_name", "args"):
        assert signed_in.post("/api/v1/enqueue", json=task).status_code == 201
        for text in ("\\", "\\%", "\\_", "' OR 1=1 --", "'", "*", ".*", "$$", "LAI"):
            query, found = {"queue": "literal", name: text}, int(text == "LAI")
            assert len(signed_in.get("/api/v1/tasks", params=query).json()) == found, text
            assert signed_in.delete("/api/v1/tasks", params=query).json()["deleted"] == found, text


def test_what_stands_in_no_refusal_is_stored_as_it_is(signed_in: httpx.Client) -> None:
    """Duplicate keys are no error: the last counts, as in most readers of JSON. Odd strings are kept exactly."""
    text = "'; DROP TABLE lapinq_tasks; -- %s \\ \u202e \U0001f407 <script>"
    body = msgspec.json.encode({"task_name": "send", "module_path": "app.mail", "args": [text, -0.0, 1e-400]})
    body = body.replace(b'{"task_name":"send"', b'{"task_name":"first","task_name":"send"', 1)
    answer = signed_in.post("/api/v1/enqueue", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201
    stored = signed_in.get(f"/api/v1/tasks/{answer.json()['task_id']}").json()
    assert stored["task_name"] == "send"
    assert stored["args"] == [text, 0, 0]


def _cases(operation: Operation, names: dict[str, str]) -> list[Case]:
    methods = {one.method for one in OPERATIONS if one.path == operation.path}
    return cases_of(operation, methods, {"started_at": "2026-01-01T00:00:00Z", **names}, _body(operation))


@cache
def _chosen() -> dict[str, set[str]]:
    """The cases that are tried by default, by operation. One that several operations share, as one value that several
    fields do, is tried at every eighth of them, or at one of fewer: not at the same ones as the next case."""
    shared: dict[str, dict[tuple[str, str], None]] = {}
    for operation in OPERATIONS:
        for case in _cases(operation, ANY):
            shared.setdefault(_kind(case), {})[_id(operation), case.name] = None
    chosen: dict[str, set[str]] = {_id(operation): set() for operation in OPERATIONS}
    for number, places in enumerate(shared.values()):
        step = min(SHARED_BY, len(places))
        for operation, name in list(places)[number % step :: step]:
            chosen[operation].add(name)
    return chosen


def _kind(case: Case) -> str:
    """What is sent, wherever it is sent."""
    return case.name.partition(": ")[2] if case.field else case.name


def _body(operation: Operation) -> bytes | None:
    if operation.body is None or takes_any_json(operation):
        return None
    struct, is_list = struct_of(operation.body)
    assert struct.__name__ in BODIES, f"{_id(operation)} takes a {struct.__name__}: give it a body in BODIES"
    body = BODIES[struct.__name__]
    return msgspec.json.encode([body] if is_list else body)


def _names(operation: Operation, admin: httpx.Client, stage: Stage) -> dict[str, str]:
    """What fills the parameters of the path: something that is there, as far as this knows of it."""
    path = operation.path
    for beginning, one in (
        ("/api/v1/tasks/", stage.made[Status.RUNNING]),
        ("/api/v1/webhooks/", stage.webhook),
        ("/api/v1/errors/", str(stage.group)),
        ("/api/v1/workers/", stage.worker),
        ("/api/v1/workflows/", stage.workflow),
    ):
        if path.startswith(beginning):
            return {"id": one, "name": "hostile"}
    name = f"hostile {next(_numbers)}"
    if "/users/" in path:
        return {"id": str(add_user(admin)["id"])}
    if path.startswith("/api/v1/keys/"):
        return {"id": str(admin.post("/api/v1/keys", json={"name": name, "scopes": ["read"]}).json()["id"])}
    if "/schedules/" in path:
        made = admin.post("/api/v1/schedules", json={**BODIES["ScheduleRequest"], "name": name})
        assert made.status_code == 201, made.text
        return {"name": quote(name)}
    for where, struct in (("limits", "LimitRequest"), ("breakers", "BreakerRequest")):
        if f"/{where}/" in path:
            assert admin.put(f"/api/v1/{where}/hostile", json=BODIES[struct]).is_success
    is_uuid = any(one.name == "id" and one.schema.get("format") == "uuid" for one in operation.parameters)
    return {"id": NIL if is_uuid else "1", "name": "hostile"}


def _send(client: httpx.Client, case: Case) -> httpx.Response:
    body = case.body
    # A generator is sent in chunks.
    content = (
        (body[at : at + 65_536] for at in range(0, len(body), 65_536)) if case.chunked and body else body
    )
    request = client.build_request(case.method, case.target, content=content)
    given = [
        (name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in case.headers
    ]
    names = {name.lower() for name, _ in given}
    request.headers = httpx.Headers(
        [pair for pair in request.headers.raw if pair[0].lower() not in names] + given
    )
    if (
        len(body or b"") > MAX_REFUSED_BYTES
    ):  # after which the server may leave, if it refused the request early
        request.headers["Connection"] = "close"
    return client.send(request)


def _problem(case: Case, answer: httpx.Response, took: float) -> str | None:
    """What is wrong with `answer`, if anything."""
    if took > MAX_SECONDS:
        return f"it took {took:.1f} seconds"
    if case.statuses and answer.status_code not in case.statuses:
        return f"it should be one of {case.statuses}"
    if answer.status_code >= 500:
        return "it failed"
    if not answer.headers.get("x-request-id", "").isascii() or len(answer.headers["x-request-id"]) > 128:
        return "its id is not sane"
    if "x-evil" in answer.headers:
        return "it let a header in"
    if answer.status_code < 400 or case.method == "HEAD":
        return None
    return _unplain(case, answer)


def _unplain(case: Case, answer: httpx.Response) -> str | None:
    if answer.headers["content-type"].startswith("text/html") and not case.target.startswith("/api/"):
        return None
    if answer.headers["content-type"] != "application/json":
        return "it is no JSON"
    body = answer.json()
    if not body.get("error"):
        return "it says nothing"
    locs = [detail["loc"] for detail in body.get("details", [])]
    if case.loc is not None and answer.status_code == 400 and locs != [case.loc[:200]]:
        return f"it should name {case.loc!r}"
    if case.field is not None and answer.status_code == 400:
        is_no_json = "is not valid JSON" in body["error"] or "levels deep" in body["error"]
        if not is_no_json and not (locs and locs[0].startswith((case.field, WRONG_ANYWAY))):
            return f"it should name {case.field!r}"
    return None


def _written(db: psycopg.Connection) -> str:
    """Something that is another after every transaction that wrote, be it of another database."""
    found = db.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
    assert found is not None
    return found[0]


def _stored(db: psycopg.Connection) -> dict[str, str]:
    """A digest of the versions of every table's rows: what is written is a new one."""
    tables = db.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'lapinq%'"
    ).fetchall()
    versions = "string_agg(one.ctid::text || one.xmin::text, ',' ORDER BY one.ctid)"
    parts = [
        sql.SQL(f"SELECT {{}}, md5(coalesce({versions}, '')) FROM {{}} AS one").format(
            name, sql.Identifier(name)
        )
        for (name,) in tables
        if name not in RESTLESS
    ]
    return dict(db.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall())
