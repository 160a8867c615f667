"""What is no proper HTTP, or comes byte by byte, or never ends: answered or cut off, in time and in little memory."""

import socket
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress

import httpx
import psycopg
import pytest

from lapinq_api.operations import body
from lapinq_api.serving import connection_limits, protocol
from tests.support.eventually import eventually

pytestmark = pytest.mark.http

Serve = Callable[..., httpx.Client]

END = b"Connection: close\r\n\r\n"
LOCAL = b" HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /api/v1/enqueue" + LOCAL + b"Content-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /api/v1/queues" + LOCAL
SOCKET = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
UPGRADE = b"GET /ws" + LOCAL + SOCKET + b"dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

MAX_TAKEN = 24 * 1024 * 1024
"""Of a body without end: what the server takes, and what lies in the buffers of both kernels."""

# What is sent, and the statuses that may come back, each of the whole conversation in order.
CONVERSATIONS: dict[str, tuple[bytes, list[int]]] = {
    "no http at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", [400]),
    "a line of text": (b"hello\r\n\r\n", [400]),
    "an unknown method": (b"BREW /" + LOCAL + END, [400]),
    "connect": (b"CONNECT example.org:443" + LOCAL + b"\r\n", [400]),
    "options of the server": (b"OPTIONS *" + LOCAL + END, [404]),
    "an absolute target": (b"GET http://elsewhere.example/api/v1/queues" + LOCAL + END, [200]),
    "http 1.0": (b"GET /api/v1/queues HTTP/1.0\r\n\r\n", [200]),
    "the preface of http 2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]),
    "a long target": (b"GET /api/v1/tasks?queue=" + b"x" * 70_000 + LOCAL + b"\r\n", [400]),
    "a target of 60 KiB": (b"GET /" + b"x" * 60_000 + LOCAL + END, [404]),
    "three hundred headers": (GET + b"A:b\r\n" * 300 + b"\r\n", [431]),
    "headers of 90 KiB": (GET + (b"X-A: " + b"x" * 600 + b"\r\n") * 150 + b"\r\n", [431]),
    "a hundred headers": (GET + b"A: b\r\n" * 100 + END, [200]),
    "an endless header": (GET + b"X-A: " + b"x" * 3_000_000, [431]),
    "an endless target": (b"GET /" + b"x" * 3_000_000, [431]),
    "a header without a colon": (GET + b"nonsense\r\n\r\n", [400]),
    "a header with a space in its name": (GET + b"A : b\r\n\r\n", [400]),
    "a folded header": (GET + b"A: b\r\n c\r\n\r\n", [400]),
    "nul in a header": (GET + b"A: b\x00\r\n\r\n", [400]),
    "lines that end in a newline alone": (GET.replace(b"\r\n", b"\n") + b"\n", [400]),
    "a target that is not ascii": (b"GET /\xff" + LOCAL + b"\r\n", [400]),
    "two lengths": (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n[]   ", [400]),
    "a length and chunks": (
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        [400],
    ),
    "chunks and a length": (
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        [400],
    ),
    "an encoding that looks chunked": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", [400]),
    "chunked twice": (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", [400]),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n", [400]),
    "a length with a sign": (POST + b"Content-Length: +5\r\n\r\n", [400]),
    "a length beyond all numbers": (POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", [400]),
    "a chunk beyond all numbers": (CHUNKED + b"f" * 40 + b"\r\n", [400]),
    "a chunk longer than it says": (CHUNKED + b"2\r\n{}}\r\n0\r\n\r\n", [400]),
    "an endless extension of a chunk": (CHUNKED + b"2;" + b"x" * 3_000_000, [431]),
    "endless trailers": (CHUNKED + b"2\r\n{}\r\n0\r\nX-A: " + b"x" * 3_000_000, [431]),
    "many trailers": (CHUNKED + b"2\r\n{}\r\n0\r\n" + b"X-A: b\r\n" * 100_000, [431]),
    "a request behind a refused body": (POST + b"Content-Length: 2\r\n\r\n[]" + GET + END, [400, 200]),
    "a long pipeline": ((GET + b"\r\n") * 50 + GET + END, [200] * 51),
    "nonsense behind a request": (GET + b"\r\n" + b"\x00\x00\x00\r\n\r\n", [200, 400]),
    "an upgrade to http 2": (GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + GET + END, [200]),
    "a websocket where there is none": (GET + SOCKET + b"x\r\n\r\n", [200, 400, 403, 404]),
    "empty lines first": (b"\r\n" * 20 + GET + END, [200]),
    "a trailer that is a length": (CHUNKED + b"2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n" + GET + END, [400]),
    "a trailer that is a key": (
        CHUNKED + b"2\r\n{}\r\n0\r\nX-API-Key: secret\r\n\r\n" + GET + END,
        [400, 200],
    ),
}


def test_a_conversation_ends_in_time_without_a_500(api: httpx.Client, db: psycopg.Connection) -> None:
    for name, (sent, expected) in CONVERSATIONS.items():
        answered = _statuses(_converse(api, sent))
        if len(answered) == 1 and len(expected) > 1 and max(expected) > 400:
            assert answered[0] in expected, name
        elif name == "nonsense behind a request":
            assert answered in ([200, 400], [200], [400], [])  # as much as was there when the nonsense came
        else:
            # Whoever still sends when the connection is closed may not get to see the answer.
            assert answered == expected or (not answered and len(sent) > 60_000), name
        assert api.get("/health").status_code == 200, name
    assert db.execute("SELECT count(*) FROM lapinq_tasks").fetchone() == (0,)


def test_what_the_parser_refuses_is_said_as_everything_else(api: httpx.Client) -> None:
    answer = _converse(api, GET + b"nonsense\r\n\r\n")
    assert b'{"error":"this is not a valid HTTP request"}' in answer
    assert b"x-request-id: " in answer
    assert b"connection: close" in answer
    answer = _converse(api, GET + b"A:b\r\n" * 300 + b"\r\n")
    assert b"or 200 headers" in answer


def test_a_body_that_waits_to_be_asked_for(api: httpx.Client) -> None:
    with _connected(api) as connection:
        connection.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(b"[]")
        assert _statuses(_rest(connection)) == [400]
    with _connected(api) as connection:
        # Refused at once, and closed: nobody knows whether the body comes.
        connection.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n")
        assert _statuses(_rest(connection)) == [413]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 0.3)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    "beginning", [b"Content-Length: 100\r\n\r\n", b'Transfer-Encoding: chunked\r\n\r\nd\r\n{"task_name":\r\n']
)
def test_a_body_that_does_not_come_is_a_408(api: httpx.Client, beginning: bytes) -> None:
    with _connected(api) as connection:
        connection.sendall(POST + beginning)
        answer = _rest(connection)
    assert _statuses(answer) == [408]
    assert b"connection: close" in answer
    assert b'{"error":"the body did not arrive within 0.3 seconds"}' in answer


@pytest.mark.usefixtures("hurried")
def test_who_may_not_enqueue_is_told_so_before_the_body_comes(keyed: httpx.Client) -> None:
    key = keyed.post("/api/v1/keys", json={"name": "a reader", "scopes": ["read"]}).json()["key"]
    for path in (b"enqueue", b"enqueue/batch"):
        head = POST.replace(b"enqueue", path) + f"X-API-Key: {key}\r\nContent-Length: 100\r\n\r\n".encode()
        with _connected(keyed) as connection:
            connection.sendall(head)
            assert connection.recv(10_000).startswith(b"HTTP/1.1 403 ")


@pytest.mark.usefixtures("hurried")
def test_a_body_that_trickles_is_a_408(api: httpx.Client) -> None:
    with _connected(api) as connection:
        connection.sendall(POST + b"Content-Length: 100000\r\n\r\n")
        _trickle(connection, b" ")
        assert _statuses(_rest(connection)) == [408]


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("beginning", [b"", b"\r\n", GET + b"X-A: ", GET + b"\r\n" + GET])
def test_a_head_that_trickles_or_does_not_come_ends_the_connection(
    api: httpx.Client, beginning: bytes
) -> None:
    with _connected(api) as connection:
        connection.sendall(beginning)
        _trickle(connection, b"\r\n" if beginning in {b"", b"\r\n"} else b"G")
        assert _statuses(_rest(connection)) in ([], [200], [400], [200, 400])


@pytest.mark.usefixtures("hurried")
def test_a_refused_body_is_not_taken_for_ever(api: httpx.Client) -> None:
    with _connected(api) as connection:
        connection.sendall(POST + b"Content-Length: 1000000000\r\n\r\n")
        _trickle(connection, b"x" * 1000)
        assert _statuses(_rest(connection)) in ([413], [])


@pytest.mark.parametrize(
    ("server", "status"), [("api", 413), ("keyed", 401)], ids=["too large", "of a stranger"]
)
def test_a_body_without_end_is_cut_off_at_once_though_nobody_reads_the_answer(
    request: pytest.FixtureRequest, server: str, status: int
) -> None:
    chunk = b"10000\r\n%s\r\n" % bytes(0x10000)
    with _connected(request.getfixturevalue(server)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        connection.sendall(CHUNKED)
        taken = 0
        with suppress(ConnectionError):
            while taken < MAX_TAKEN:
                connection.sendall(chunk)
                taken += len(chunk)
        assert taken < MAX_TAKEN
        assert _statuses(_rest(connection)) == [status]


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("taken", [0, 1000], ids=["nothing", "too little"])
def test_a_client_that_takes_nothing_is_cut_off(serve: Serve, db: psycopg.Connection, taken: int) -> None:
    client = serve()
    task = {"task_name": "send", "module_path": "app.mail", "args": ["x" * 900_000]}
    try:
        task_id = client.post("/api/v1/enqueue", json=task).json()["task_id"]
        asked = b"GET /api/v1/tasks/%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % task_id.encode()
        with _connected(client, small=True) as connection:
            connection.sendall(asked * 20)
            eventually(lambda: _is_cut_off(connection, taken), timeout=20)
    finally:
        db.execute("TRUNCATE lapinq_tasks, lapinq_ready, lapinq_counts CASCADE")


def test_beyond_the_bound_of_connections_requests_are_told_so(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_limits, "MAX_CONNECTIONS", 2)
    client = serve(trusted_proxies=("127.0.0.1",))  # whose connections are not one caller's
    with _connected(client) as one, _connected(client) as two:
        for connection in (one, two):
            connection.sendall(GET + b"\r\n")
            assert connection.recv(10_000).startswith(b"HTTP/1.1 200 ")
        answer = _converse(client, GET + END)
        assert _statuses(answer) == [503]
        assert b"retry-after: 1" in answer
        assert b'{"error":"too many connections are open"}' in answer
    eventually(lambda: client.get("/health").status_code == 200)


def test_one_address_leaves_connections_to_others(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_limits, "MAX_CONNECTIONS", 4)
    client = serve()
    with ExitStack() as opened:
        for _ in range(3):
            connection = opened.enter_context(_connected(client))
            connection.sendall(GET + b"\r\n")
            assert connection.recv(10_000).startswith(b"HTTP/1.1 200 ")
        for request in (GET + END, UPGRADE):
            answer = _converse(client, request)
            assert _statuses(answer) == [429]
            assert b"retry-after: 1" in answer
            assert b"LAPINQ_CALLER_SHARE" in answer
        assert _statuses(_converse(client, GET + END, "127.0.0.2")) == [200]
    eventually(lambda: _statuses(_converse(client, GET + END)) == [200])


def test_who_does_not_read_gets_no_more_and_others_do(serve: Serve, db: psycopg.Connection) -> None:
    client = serve(max_unread_size=1_000_000, api_key="secret")
    client.headers["X-API-Key"] = "secret"
    key = client.post("/api/v1/keys", json={"name": "another", "scopes": ["read"]}).json()["key"]
    task = {"task_name": "send", "module_path": "app.mail", "args": ["x" * 900_000]}
    try:
        path = f"/api/v1/tasks/{client.post('/api/v1/enqueue', json=task).json()['task_id']}"
        with _connected(client, small=True) as connection:
            connection.sendall(
                f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: secret\r\n\r\n".encode()
            )
            assert connection.recv(17) == b"HTTP/1.1 200 OK\r\n"  # what follows is counted
            refused = client.get(path)
            assert refused.status_code == 503
            assert refused.json() == {"error": "too many responses are unread (LAPINQ_MAX_UNREAD_SIZE)"}
            assert refused.headers["retry-after"]
            assert refused.headers["x-request-id"]
            assert client.get("/health").status_code == 200
            assert client.post("/api/v1/enqueue", json=task).status_code == 201
            assert client.get(path, headers={"X-API-Key": key}).json()["args"] == task["args"]
        eventually(lambda: client.get(path).status_code == 200)
    finally:
        db.execute("TRUNCATE lapinq_tasks, lapinq_ready, lapinq_counts CASCADE")


def test_far_beyond_the_bound_nobody_is_heard(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_limits, "MAX_CONNECTIONS", 1)
    monkeypatch.setattr(protocol, "_SPARE", 0)
    client = serve()
    with _connected(client) as one:
        one.sendall(GET + b"\r\n")
        assert one.recv(10_000).startswith(b"HTTP/1.1 200 ")
        assert _converse(client, GET + END) == b""
    eventually(lambda: _statuses(_converse(client, GET + END)) == [200])


@contextmanager
def _connected(
    client: httpx.Client, address: str = "127.0.0.1", *, small: bool = False
) -> Generator[socket.socket]:
    """A connection from `address`, `small` if its kernel takes almost nothing that the client doesn't read."""
    assert client.base_url.port is not None
    with socket.socket() as connection:
        connection.settimeout(10)
        if small:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.bind((address, 0))
        connection.connect((client.base_url.host, client.base_url.port))
        yield connection


def _converse(client: httpx.Client, sent: bytes, address: str = "127.0.0.1") -> bytes:
    """What comes back for `sent` until the server closes."""
    with _connected(client, address) as connection:
        with suppress(ConnectionError):  # closed before all was sent
            connection.sendall(sent)
        return _rest(connection)


def _rest(connection: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionError):  # reset, for something of ours was not read
        while part := connection.recv(65_536):
            received += part
    return received


def _trickle(connection: socket.socket, part: bytes) -> None:
    """Sends `part` again and again until the server has enough of it."""
    ends = time.monotonic() + 10
    try:
        while time.monotonic() < ends:
            connection.sendall(part)
            connection.settimeout(0.02)
            try:
                if not connection.recv(1, socket.MSG_PEEK):
                    break
                if b"408" in connection.recv(100, socket.MSG_PEEK):
                    break
            except TimeoutError:
                pass
    except OSError:
        pass
    else:
        assert time.monotonic() < ends, "the server goes on taking it"
    finally:
        connection.settimeout(10)


def _is_cut_off(connection: socket.socket, taken: int) -> bool:
    try:
        connection.recv(taken)
        connection.sendall(b"\r\n")
    except OSError:
        return True
    return False


def _statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:] if not part.startswith(b"100")]
