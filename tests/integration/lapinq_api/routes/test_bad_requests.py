"""Whatever is sent, the answer is a plain sentence with a fitting status, and nothing is stored."""

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from tests.support.http.refusals import Row, check_queries_refused, check_refused

JSON = {"Content-Type": "application/json"}
NIL = "00000000-0000-0000-0000-000000000000"


def _task(**fields: Any) -> dict[str, Any]:
    return {"task_name": "send", "module_path": "app.mail", **fields}


def _raw(fields: bytes) -> bytes:
    return b'{"task_name":"send","module_path":"app.mail",' + fields + b"}"


@pytest.fixture(autouse=True)
def _nothing_is_stored(db: psycopg.Connection) -> Iterator[None]:
    yield
    for table in ("lapinq_tasks", "lapinq_ready", "lapinq_delayed", "lapinq_transient", "lapinq_counts"):
        assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table  # pyright: ignore[reportArgumentType]


# Values that are none of a task are in `tests/unit/lapinq_core/domain/tasks/test_task.py`, and what is no JSON or of
# another type in `requests/test_decoding.py` beside it.
WRONG: list[Row] = [
    ({"task_name": "a\x00b"}, "task_name", "printable"),
    ({"module_path": "os; import sys"}, "module_path", "dotted Python module name such as app.tasks"),
    ({"args": {"a": 1}}, "args", "must be a list, not an object"),
    ({"args": ["ok", ["\x00"]]}, "args[1][0]", "NUL"),
    ({"kwargs": {"a": {"b": "\x00"}}}, "kwargs.a.b", "NUL"),
    ({"priority": 2**70}, "priority", "between -2147483648 and 2147483647"),
    ({"webhook_url": "http://[::1"}, "webhook_url", "http or https URL"),
    ({"scheduled_at": "0001-01-01T00:00:00+23:59"}, "scheduled_at", "hundred years"),
    ({"priorty": 1}, "priorty", "is not a known field (did you mean 'priority'?)"),
    ({"": 1}, "", "not a known field"),
]


def test_a_wrong_value_is_refused_by_its_place(api: httpx.Client) -> None:
    check_refused(api, "POST", "/api/v1/enqueue", WRONG, _task())
    in_batch: list[Row] = [([_task(), _task(**sent)], f"[1].{loc}", *said) for sent, loc, *said in WRONG]  # pyright: ignore[reportAssignmentType]
    check_refused(api, "POST", "/api/v1/enqueue/batch", in_batch)
    for missing in _task():
        fields = {name: value for name, value in _task().items() if name != missing}
        check_refused(api, "POST", "/api/v1/enqueue", [(fields, missing, "is required")])
        check_refused(api, "POST", "/api/v1/enqueue/batch", [([fields], f"[0].{missing}", "is required")])
    long = api.post("/api/v1/enqueue", json=_task(**{"x" * 5000: 1}))
    assert list(long.json()) == ["error", "details"]
    [detail] = long.json()["details"]
    assert (detail["loc"], detail["msg"]) == ("x" * 200 + "…", "is not a known field")
    assert long.headers["x-request-id"]


MALFORMED: list[Row] = [
    (b"", "", "is not valid JSON: it ends too early"),
    (b"\xef\xbb\xbf{}", "", "is not valid JSON"),
    ('{"task_name":"send"}'.encode("utf-16"), "", "is not valid JSON"),
    (_raw(b'"args":["\xed\xa0\x80"]'), "", "not encoded in UTF-8"),
    (_raw(b'"args":[NaN]'), "", "is not valid JSON"),
    (_raw(b'"args":[1e400]'), "args[0]", "must be a number within range"),
    (b"[]", "", "must be an object, not a list"),
]
IN_BATCH: list[Row] = [
    (b"{}", "", "must be a list, not an object"),
    (b"[null]", "[0]", "must be an object, not null"),
    (b"[" + _raw(b'"args":[]') + b",", "", "it ends too early"),
    (b"[" + b",".join([_raw(b'"args":[]')] * 1001) + b"]", "", "at most 1000 tasks, not 1001"),
    (b"[" * 5000 + b"]" * 5000, "[0]", "must be an object"),
]


def test_a_malformed_body_is_a_400_and_another_type_a_415(api: httpx.Client) -> None:
    check_refused(api, "POST", "/api/v1/enqueue", MALFORMED)
    check_refused(api, "POST", "/api/v1/enqueue/batch", IN_BATCH)
    nested = api.post("/api/v1/enqueue", content=_raw(b'"args":' + b"[" * 102 + b"]" * 102), headers=JSON)
    assert nested.status_code == 400
    assert "nested more than 100 levels deep" in nested.json()["error"]
    kinds = ("text/plain", "application/json; charset=latin-1", "", "application/jsonx")
    for headers in (*({"Content-Type": kind} for kind in kinds), {**JSON, "Content-Encoding": "gzip"}):
        response = api.post("/api/v1/enqueue", content=_raw(b'"args":[]'), headers=headers)
        assert (response.status_code, "the body must" in response.json()["error"]) == (415, True), headers


def test_a_body_over_the_limit_is_a_413_before_it_is_sent(api: httpx.Client) -> None:
    head = b"POST /api/v1/enqueue HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    answer = _exchange(api, head + b"Content-Length: 1048577\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'{"error":"the body must not be larger than 1048576 bytes"}' in answer
    chunk = b" " * 65_536
    for path, limit in (("/api/v1/enqueue", 2**20), ("/api/v1/enqueue/batch", 16 * 2**20)):
        headers = {**JSON, "Connection": "close"}
        response = api.post(path, content=iter([chunk] * (limit // len(chunk) + 1)), headers=headers)
        told = {"error": f"the body must not be larger than {limit} bytes"}
        assert (response.status_code, response.json()) == (413, told)


def test_a_wrong_method_is_a_405_and_an_unknown_path_a_404(api: httpx.Client) -> None:
    for method, path, allowed in (
        ("GET", "/api/v1/enqueue", {"POST"}),
        ("POST", "/health", {"GET", "HEAD"}),
        ("TRACE", "/api/v1/tasks", {"GET", "HEAD", "DELETE"}),
        ("OPTIONS", "/api/v1/enqueue", {"POST"}),
        ("DELETE", "/api/v1/queues/mail", {"GET", "HEAD", "PATCH"}),
    ):
        response = api.request(method, path)
        told = response.headers["allow"]
        assert (response.status_code, set(told.split(", "))) == (405, allowed), path
        assert response.json() == {"error": f"this path does not take this method: it takes {told}"}
    for path in (
        "/api/v1", "/api/v1/enqueue/", "/api/v2/tasks", "//api/v1/tasks", "/static/../app.py", "/static/none.js",
    ):  # fmt: skip
        response = api.get(path)
        assert (response.status_code, response.json()) == (404, {"error": "there is nothing at this path"})


# What no number, flag or query can be is in `tests/unit/lapinq_api/wire/test_query.py`.
QUERIES: list[Row] = [
    ("limit=0", "limit", "between 1 and 1000"),
    ("limit=%D9%A3", "limit", "a whole number"),
    ("limit=1&limit=2", "limit", "given once"),
    ("status=faild", "status", "pending, running, completed, failed, cancelled, expired"),
    ("queue=%00", "queue", "printable"),
    ("task_name=", "task_name", "1 to 255 characters"),
    ("queue=%ff", "the query", "UTF-8"),
    ("cursor=" + "A" * 23, "cursor", "X-Next-Cursor"),
    ("satus=failed", "satus", "is not a known parameter (did you mean 'status'?)"),
    ("&".join("queue=a" for _ in range(200)), "the query", "at most 100"),
]


def test_a_wrong_query_is_refused_by_its_parameter(api: httpx.Client) -> None:
    check_queries_refused(api, "GET", "/api/v1/tasks", QUERIES)


def test_a_malformed_id_is_a_400_and_an_unknown_one_a_404(api: httpx.Client) -> None:
    for task_id in (NIL[:-1], NIL.replace("-", ""), f"{{{NIL}}}", "%ff", "x" * 5000, "%D9%A3" * 36):
        for path in (f"/api/v1/tasks/{task_id}", f"/api/v1/tasks/{task_id}/result"):
            check_queries_refused(api, "GET", path, [({}, "id", "must be a task id such as")])
    for path in (f"/api/v1/tasks/{NIL}", f"/api/v1/tasks/{NIL.upper()}/result", f"/api/v1/tasks/{NIL}/why"):
        answer = api.get(path)
        assert (answer.status_code, answer.json()) == (404, {"error": "there is no task with this id"})


def test_the_name_that_was_meant_is_told(api: httpx.Client) -> None:
    schedule = {**_task(), "name": "wrong", "cron": "@daily"}
    for path, body, loc, meant in (
        ("enqueue", {"task_nam": "add"}, "task_nam", "task_name"),
        ("enqueue/batch", [_task(), _task(max_retires=1)], "[1].max_retires", "max_retries"),
        ("schedules", {**schedule, "crom": "@daily"}, "crom", "cron"),
        ("queues/mail/pause", {"reson": "x"}, "reson", "reason"),
    ):
        rows: list[Row] = [(body, loc, f"is not a known field (did you mean {meant!r}?)")]
        check_refused(api, "POST", f"/api/v1/{path}", rows)
    zone: list[Row] = [({"timezone": "Europe/Madird"}, "timezone", "such as Europe/Madrid")]
    check_refused(api, "POST", "/api/v1/schedules", zone, schedule)


def test_a_client_that_leaves_in_the_middle_of_its_body_disturbs_nobody(api: httpx.Client) -> None:
    head = b"POST /api/v1/enqueue HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    for _ in range(3):
        with _connect(api) as connection:
            connection.sendall(head + b"Content-Length: 100\r\n\r\n{")
    assert api.get("/health").status_code == 200


def test_a_strange_host_header_is_no_failure_of_the_dashboard(
    api: httpx.Client, signed_in: httpx.Client
) -> None:
    cookie = b"Cookie: lapinq_session=" + signed_in.cookies["lapinq_session"].encode() + b"\r\n"
    for host in (b"[", b"", b"a b", b"\xff", b"x" * 5000, b'"><script>'):
        request = b"GET / HTTP/1.1\r\nConnection: close\r\n" + cookie + b"Host: " + host + b"\r\n\r\n"
        answer = _exchange(api, request)
        assert answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 "))
        assert b"<script>" not in answer


def _connect(api: httpx.Client) -> socket.socket:
    assert api.base_url.port is not None
    return socket.create_connection((api.base_url.host, api.base_url.port), timeout=10)


def _exchange(api: httpx.Client, request: bytes) -> bytes:
    """What comes back until the answer's body is there or the connection ends."""
    received = b""
    with _connect(api) as connection:
        connection.sendall(request)
        while b"}" not in received and (part := connection.recv(65_536)):
            received += part
    return received
