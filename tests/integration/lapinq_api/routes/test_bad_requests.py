"""Whatever is sent, the answer is a plain sentence with a fitting status, and nothing is stored."""

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

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


# The value, the place that is named, and a part of the sentence.
WRONG_VALUES: list[tuple[dict[str, Any], str, str]] = [
    ({"task_name": 1}, "task_name", "must be a string, not an integer"),
    ({"task_name": None}, "task_name", "must be a string, not null"),
    ({"task_name": ""}, "task_name", "1 to 255 characters"),
    ({"task_name": "x" * 256}, "task_name", "1 to 255 characters"),
    ({"task_name": "a\nb"}, "task_name", "printable"),
    ({"task_name": "a\x00b"}, "task_name", "printable"),
    ({"task_name": " "}, "task_name", "printable"),
    ({"queue_name": ["a"]}, "queue_name", "must be a string, not a list"),
    ({"queue_name": "\u202e"}, "queue_name", "printable"),
    ({"queue_name": ""}, "queue_name", "1 to 255 characters"),
    ({"module_path": "os; import sys"}, "module_path", "dotted Python module name"),
    ({"module_path": "app..mail"}, "module_path", "dotted Python module name"),
    ({"module_path": "../etc"}, "module_path", "dotted Python module name"),
    ({"module_path": "1app"}, "module_path", "dotted Python module name"),
    ({"module_path": ""}, "module_path", "dotted Python module name"),
    ({"args": {"a": 1}}, "args", "must be a list, not an object"),
    ({"args": "abc"}, "args", "must be a list, not a string"),
    ({"args": ["ok", ["\x00"]]}, "args[1][0]", "NUL"),
    ({"kwargs": [1]}, "kwargs", "must be an object, not a list"),
    ({"kwargs": {"a": {"b": "\x00"}}}, "kwargs.a.b", "NUL"),
    ({"kwargs": {"\x00": 1}}, "kwargs", "NUL"),
    ({"metadata": [1]}, "metadata", "must be an object, not a list"),
    ({"metadata": 5}, "metadata", "must be an object, not an integer"),
    ({"metadata": {"a": "\x00"}}, "metadata.a", "NUL"),
    ({"max_retries": -1}, "max_retries", "between 0 and 100"),
    ({"max_retries": 101}, "max_retries", "between 0 and 100"),
    ({"max_retries": "3"}, "max_retries", "must be an integer, not a string"),
    ({"max_retries": True}, "max_retries", "must be an integer, not a boolean"),
    ({"max_retries": 1.0}, "max_retries", "must be an integer, not a decimal fraction"),
    ({"max_retries": 2**70}, "max_retries", "between 0 and 100"),
    ({"priority": 2**31}, "priority", "between -2147483648 and 2147483647"),
    ({"priority": -(2**31) - 1}, "priority", "between -2147483648 and 2147483647"),
    ({"priority": 0.5}, "priority", "must be an integer"),
    ({"priority": False}, "priority", "must be an integer"),
    ({"ttl_seconds": -1}, "ttl_seconds", "between 0 and 315576000"),
    ({"ttl_seconds": -0.001}, "ttl_seconds", "between 0 and 315576000"),
    ({"ttl_seconds": 315_576_001}, "ttl_seconds", "between 0 and 315576000"),
    ({"ttl_seconds": 2**70}, "ttl_seconds", "between 0 and 315576000"),
    ({"ttl_seconds": "60"}, "ttl_seconds", "must be a number, not a string"),
    ({"ttl_seconds": True}, "ttl_seconds", "must be a number, not a boolean"),
    ({"retry_delay": -5}, "retry_delay", "between 0 and 315576000"),
    ({"retry_delay": 1e300}, "retry_delay", "between 0 and 315576000"),
    ({"retry_delay": []}, "retry_delay", "must be a number, not a list"),
    ({"timeout_seconds": 0}, "timeout_seconds", "must be more than 0"),
    ({"timeout_seconds": -0.0}, "timeout_seconds", "must be more than 0"),
    ({"timeout_seconds": -1}, "timeout_seconds", "between 0 and 315576000"),
    ({"timeout_seconds": 315_576_001}, "timeout_seconds", "between 0 and 315576000"),
    ({"timeout_seconds": "60"}, "timeout_seconds", "must be a number, not a string"),
    ({"timeout_seconds": False}, "timeout_seconds", "must be a number, not a boolean"),
    ({"timeout": 5}, "timeout", "not a known field"),
    ({"retry_backoff": 1}, "retry_backoff", "must be true or false, not an integer"),
    ({"retry_backoff": "true"}, "retry_backoff", "must be true or false, not a string"),
    ({"webhook_url": "ftp://example.org"}, "webhook_url", "http or https URL"),
    ({"webhook_url": "http://"}, "webhook_url", "http or https URL"),
    ({"webhook_url": "https://a b"}, "webhook_url", "http or https URL"),
    ({"webhook_url": "http://[::1"}, "webhook_url", "http or https URL"),
    ({"webhook_url": "http://x:99999/"}, "webhook_url", "http or https URL"),
    ({"webhook_url": "http://x/" + "y" * 2000}, "webhook_url", "at most 2000 characters"),
    ({"webhook_url": 1}, "webhook_url", "must be a string"),
    ({"scheduled_at": "tomorrow"}, "scheduled_at", "ISO 8601"),
    ({"scheduled_at": "2031-02-30T00:00:00Z"}, "scheduled_at", "ISO 8601"),
    ({"scheduled_at": "2031-01-01T25:00:00Z"}, "scheduled_at", "ISO 8601"),
    ({"scheduled_at": ""}, "scheduled_at", "ISO 8601"),
    ({"scheduled_at": "0001-01-01T00:00:00+23:59"}, "scheduled_at", "hundred years"),
    ({"scheduled_at": "9999-12-31T23:59:59-23:59"}, "scheduled_at", "hundred years"),
    ({"scheduled_at": 1900000000}, "scheduled_at", "must be a string, not an integer"),
    ({"max_retry": 3}, "max_retry", "not a known field"),
    ({"id": NIL}, "id", "not a known field"),
    ({"": 1}, "", "not a known field"),
    ({"x" * 5000: 1}, "x" * 200 + "…", "not a known field"),
]


@pytest.mark.parametrize(("fields", "loc", "part"), WRONG_VALUES)
def test_a_wrong_value_is_refused_by_its_place(
    api: httpx.Client, fields: dict[str, Any], loc: str, part: str
) -> None:
    response = api.post("/api/v1/enqueue", json=_task(**fields))
    _assert_refused(response, loc, part)
    batch = api.post("/api/v1/enqueue/batch", json=[_task(), _task(**fields)])
    _assert_refused(batch, f"[1].{loc}"[:200], part)


def _assert_refused(response: httpx.Response, loc: str, part: str) -> None:
    assert response.status_code == 400
    body = response.json()
    assert list(body) == ["error", "details"]
    assert [list(detail) for detail in body["details"]] == [["loc", "msg"]]
    assert body["details"][0]["loc"].startswith(loc)
    assert part in body["details"][0]["msg"]
    assert part in body["error"]
    assert response.headers["x-request-id"]


@pytest.mark.parametrize("missing", ["task_name", "module_path"])
def test_a_missing_field_is_named(api: httpx.Client, missing: str) -> None:
    fields = _task()
    del fields[missing]
    _assert_refused(api.post("/api/v1/enqueue", json=fields), missing, "is required")
    _assert_refused(api.post("/api/v1/enqueue/batch", json=[fields]), f"[0].{missing}", "is required")


MALFORMED: list[tuple[bytes, str]] = [
    (b"", "is not valid JSON: it ends too early"),
    (b"{", "is not valid JSON: it ends too early"),
    (b"{'task_name': 1}", "is not valid JSON"),
    (b'{"task_name":"send",}', "is not valid JSON"),
    (_raw(b'"args":[]') + b" trailing", "is not valid JSON"),
    (b"\xef\xbb\xbf{}", "is not valid JSON"),
    ('{"task_name":"send"}'.encode("utf-16"), "is not valid JSON"),
    (_raw(b'"args":["\xff"]'), "not encoded in UTF-8"),
    (_raw(b'"args":["\xed\xa0\x80"]'), "not encoded in UTF-8"),
    (_raw(b'"args":["\\ud800"]'), "is not valid JSON"),
    (_raw(b'"args":["\\udc00 x"]'), "is not valid JSON"),
    (_raw(b'"args":["\\ud83dxxxxxx"]'), "is not valid JSON"),
    (_raw(b'"args":["a\x00"]'), "is not valid JSON"),
    (_raw(b'"args":[NaN]'), "is not valid JSON"),
    (_raw(b'"args":[-Infinity]'), "is not valid JSON"),
    (_raw(b'"args":[1e400]'), "args[0] must be a number within range"),
    (_raw(b'"ttl_seconds":1e400'), "ttl_seconds must be a number within range"),
    (_raw(b'"args":[' + b"9" * 5000 + b"]"), "args[0] must be a number within range"),
    (_raw(b'"args":[01]'), "is not valid JSON"),
    (_raw(b'"args":' + b"[" * 5000 + b"]" * 5000), "nested more than 100 levels deep"),
    (_raw(b'"args":' + b"[" * 500_000 + b"]" * 500_000), "nested more than 100 levels deep"),
    (_raw(b'"args":' + b"[" * 102 + b"]" * 102), "nested more than 100 levels deep"),
    (_raw(b'"metadata":' + b'{"a":' * 101 + b"{}" + b"}" * 101), "nested more than 100 levels deep"),
    (_raw(b'"args":' + b'[{"a":' * 2500 + b"1" + b"}]" * 2500), "nested more than 100 levels deep"),
    (b"[" * 100_000, "nested more than 100 levels deep"),
    (b"null", "the body must be an object, not null"),
    (b"[]", "the body must be an object, not a list"),
    (b'"task"', "the body must be an object, not a string"),
    (b"12", "the body must be an object, not an integer"),
]


@pytest.mark.parametrize(("body", "part"), MALFORMED)
def test_a_malformed_body_is_a_400(api: httpx.Client, body: bytes, part: str) -> None:
    response = api.post("/api/v1/enqueue", content=body, headers=JSON)
    assert response.status_code == 400
    assert part in response.json()["error"]


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"{}", "the body must be a list, not an object"),
        (b"[1]", "[0] must be an object, not an integer"),
        (b"[[]]", "[0] must be an object, not a list"),
        (b"[null]", "[0] must be an object, not null"),
        (b"[" + _raw(b'"args":[]') + b",", "it ends too early"),
        (b"[" + b",".join([_raw(b'"args":[]')] * 1001) + b"]", "at most 1000 tasks, not 1001"),
        (b"[" * 5000 + b"]" * 5000, "must be an object"),
    ],
)
def test_a_malformed_batch_is_a_400(api: httpx.Client, body: bytes, part: str) -> None:
    response = api.post("/api/v1/enqueue/batch", content=body, headers=JSON)
    assert response.status_code == 400
    assert part in response.json()["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_another_type_of_body_is_a_415(api: httpx.Client, headers: dict[str, str]) -> None:
    response = api.post("/api/v1/enqueue", content=_raw(b'"args":[]'), headers=headers)
    assert response.status_code == 415
    assert "the body must" in response.json()["error"]


def test_a_body_over_the_limit_is_a_413_before_it_is_sent(api: httpx.Client) -> None:
    head = b"POST /api/v1/enqueue HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    answer = _exchange(api, head + b"Content-Length: 1048577\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'{"error":"the body must not be larger than 1048576 bytes"}' in answer


@pytest.mark.parametrize(
    ("path", "limit"), [("/api/v1/enqueue", 2**20), ("/api/v1/enqueue/batch", 16 * 2**20)]
)
def test_a_chunked_body_over_the_limit_is_a_413(api: httpx.Client, path: str, limit: int) -> None:
    chunk = b" " * 65_536

    def endless() -> Iterator[bytes]:
        for _ in range(limit // len(chunk) + 1):
            yield chunk

    response = api.post(path, content=endless(), headers=JSON)
    assert response.status_code == 413
    assert response.json() == {"error": f"the body must not be larger than {limit} bytes"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/v1/enqueue", {"POST"}),
        ("PUT", "/api/v1/enqueue", {"POST"}),
        ("GET", "/api/v1/enqueue/batch", {"POST"}),
        ("POST", "/api/v1/queues", {"GET", "HEAD"}),
        ("POST", "/health", {"GET", "HEAD"}),
        ("TRACE", "/api/v1/tasks", {"GET", "HEAD", "DELETE"}),
        ("POST", f"/api/v1/tasks/{NIL}/result", {"GET", "HEAD"}),
        ("OPTIONS", "/api/v1/enqueue", {"POST"}),
    ],
)
def test_a_wrong_method_is_a_405(api: httpx.Client, method: str, path: str, allowed: set[str]) -> None:
    response = api.request(method, path)
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == allowed
    assert response.json() == {"error": "this path does not take this method"}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1",
        "/api/v1/enqueue/",
        "/api/v2/tasks",
        "//api/v1/tasks",
        "/static/../app.py",
        "/static/none.js",
    ],
)
def test_an_unknown_path_is_a_404(api: httpx.Client, path: str) -> None:
    response = api.get(path)
    assert response.status_code == 404
    assert response.json() == {"error": "there is nothing at this path"}


@pytest.mark.parametrize(
    ("query", "loc", "part"),
    [
        ("limit=-1", "limit", "between 1 and 1000"),
        ("limit=0", "limit", "between 1 and 1000"),
        ("limit=1001", "limit", "between 1 and 1000"),
        ("limit=1000000000000", "limit", "between 1 and 1000"),
        ("limit=" + "9" * 5000, "limit", "between 1 and 1000"),
        ("limit=abc", "limit", "a whole number"),
        ("limit=1.0", "limit", "a whole number"),
        ("limit=%201", "limit", "a whole number"),
        ("limit=1_0", "limit", "a whole number"),
        ("limit=%D9%A3", "limit", "a whole number"),
        ("limit=", "limit", "a whole number"),
        ("limit=1&limit=2", "limit", "given once"),
        ("status=done", "status", "pending, running, completed, failed, cancelled, expired"),
        ("status=", "status", "must be one of"),
        ("status=Pending", "status", "must be one of"),
        ("queue=", "queue", "1 to 255 characters"),
        ("queue=%00", "queue", "printable"),
        ("queue=" + "x" * 256, "queue", "1 to 255 characters"),
        ("task_name=%00", "task_name", "printable"),
        ("task_name=", "task_name", "1 to 255 characters"),
        ("queue=%ff", "the query", "UTF-8"),
        ("cursor=", "cursor", "X-Next-Cursor"),
        ("cursor=abc", "cursor", "X-Next-Cursor"),
        ("cursor=" + "%2B" * 22, "cursor", "X-Next-Cursor"),
        ("cursor=" + "A" * 23, "cursor", "X-Next-Cursor"),
        ("queu=default", "queu", "not a known parameter"),
        ("offset=10", "offset", "not a known parameter"),
        ("&".join("queue=a" for _ in range(200)), "the query", "at most 100"),
    ],
)
def test_a_wrong_query_of_the_list_is_refused_by_its_parameter(
    api: httpx.Client, query: str, loc: str, part: str
) -> None:
    response = api.get(f"/api/v1/tasks?{query}")
    assert response.status_code == 400
    body = response.json()
    assert body["details"][0]["loc"] == loc
    assert part in body["error"]


@pytest.mark.parametrize(
    "task_id",
    ["1", "abc", NIL[:-1], NIL + "0", NIL.replace("-", ""), f"{{{NIL}}}", f"urn:uuid:{NIL}", "%ff", "x" * 5000,
     "g" + NIL[1:], "%D9%A3" * 36],
)  # fmt: skip
def test_a_malformed_id_is_a_400_and_an_unknown_one_a_404(api: httpx.Client, task_id: str) -> None:
    for path in (f"/api/v1/tasks/{task_id}", f"/api/v1/tasks/{task_id}/result"):
        response = api.get(path)
        assert response.status_code == 400
        assert response.json()["details"][0]["loc"] == "id"
    for path in (f"/api/v1/tasks/{NIL}", f"/api/v1/tasks/{NIL.upper()}/result"):
        assert api.get(path).status_code == 404
        assert api.get(path).json() == {"error": "there is no task with this id"}


def test_a_client_that_leaves_in_the_middle_of_its_body_disturbs_nobody(api: httpx.Client) -> None:
    head = b"POST /api/v1/enqueue HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: 100\r\n\r\n{"
    for _ in range(3):
        with _connect(api) as connection:
            connection.sendall(head)
    assert api.get("/health").status_code == 200


@pytest.mark.parametrize("host", [b"[", b"", b"a b", b"\xff", b"x" * 5000, b'"><script>'])
def test_a_strange_host_header_is_no_failure_of_the_dashboard(
    api: httpx.Client, signed_in: httpx.Client, host: bytes
) -> None:
    cookie = b"Cookie: lapinq_session=" + signed_in.cookies["lapinq_session"].encode() + b"\r\n"
    answer = _exchange(
        api, b"GET / HTTP/1.1\r\nConnection: close\r\n" + cookie + b"Host: " + host + b"\r\n\r\n"
    )
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
