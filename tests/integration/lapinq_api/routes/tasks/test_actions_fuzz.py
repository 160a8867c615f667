"""Whatever is sent to the routes of one task, the answer is one that was foreseen, and every task stays in order."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lapinq_core.domain.tasks.state import Status
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.database.invariants import check_invariants
from tests.support.database.running import on_connections
from tests.support.tries import tries

# Threads of the server draw random numbers, too.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

FORESEEN = {200, 201, 202, 400, 404, 405, 409, 413, 415}


def _mostly(usual: st.SearchStrategy[Any], strange: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Calls that are strange in every way are all refused at the first one."""
    return st.sampled_from([usual, usual, usual, usual, strange]).flatmap(lambda chosen: chosen)


# Without what httpx itself refuses to send.
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)
_progress = st.fixed_dictionaries(
    {"progress": st.integers(-2, 102)},
    optional={"message": st.text(max_size=5) | st.sampled_from(["x" * 1000, "x" * 1001, "\x00", "\ud800"])},
)
_strange_progress = st.fixed_dictionaries({}, optional={"progress": _json, "message": _json, "more": _json})
_body = st.one_of(
    st.just(b""),
    _mostly(_progress, _strange_progress | _json).map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=60),
)
_query = _mostly(
    st.sampled_from(["", "", "running=true", "running=false"]),
    st.sampled_from(["running", "running=", "&", "=", "running=true&running=true"])
    | st.text("running=true&%0fé+;", max_size=20),
)
_claim = _mostly(st.none(), st.integers(0, 2**64).map(lambda n: str(n).encode()) | st.binary(max_size=12))
_call = st.sampled_from(
    [
        ("DELETE", ""),
        ("POST", "/requeue"),
        ("POST", "/run"),
        ("PATCH", "/progress"),
        ("GET", "/attempts"),
        ("HEAD", "/attempts"),
    ]
)
_type = _mostly(
    st.sampled_from([None, "application/json"]),
    st.sampled_from(["text/plain", "application/json; charset=x", ""]),
)


# The client resolves "." and "..", which leads to another operation.
_strange_id = st.text("0123456789abcdef-%/.", max_size=40).filter(
    lambda text: not {".", ".."} & set(text.split("/"))
)


@pytest.fixture(scope="module")
def made(api_database: str) -> dict[Status, str]:
    """The id of a task of every status."""
    return on_connections(api_database, one_of_each)


@given(
    call=_call,
    which=_mostly(st.sampled_from([*Status, None]), _strange_id),
    query=_query,
    body=_body,
    claim=_claim,
    content_type=_type,
)
@settings(
    max_examples=tries(400),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_call_is_answered_as_foreseen(
    api: httpx.Client,
    made: dict[Status, str],
    call: tuple[str, str],
    which: str | None,
    query: str,
    body: bytes,
    claim: bytes | None,
    content_type: str | None,
) -> None:
    method, path = call
    task_id = made[which] if isinstance(which, Status) else which or "00000000-0000-0000-0000-000000000000"
    headers: dict[str, bytes] = {}
    if claim is not None and not set(claim) & set(b"\r\n\x00"):
        headers["X-Lapinq-Claim"] = claim.strip()
    if content_type is not None:
        headers["Content-Type"] = content_type.encode()
    url = f"/api/v1/tasks/{task_id}{path}{'?' if query else ''}{query}"
    try:
        response = api.request(method, url, content=body, headers=headers)  # pyright: ignore[reportArgumentType]
    except (httpx.InvalidURL, httpx.LocalProtocolError):
        return  # the client sends no such thing
    if response.status_code == 400 and not response.headers.get("x-request-id"):
        return  # the HTTP parser itself refused it
    assert response.status_code in FORESEEN, (url, response.text)
    if response.status_code >= 400 and method != "HEAD":
        assert response.json()["error"]


def test_afterwards_every_task_is_in_order(
    api: httpx.Client, made: dict[Status, str], api_database: str
) -> None:
    for task_id in made.values():
        assert api.get(f"/api/v1/tasks/{task_id}").json()["status"] in set(Status)
    assert api.get("/health").status_code == 200
    check_invariants(api_database, made.values())


@given(timeout=st.floats() | st.integers() | _json)
@settings(max_examples=tries(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_time_limit_is_stored_or_refused_by_its_name(api: httpx.Client, timeout: Any) -> None:
    task = {"task_name": "send", "module_path": "app.mail", "timeout_seconds": timeout}
    headers = {"Content-Type": "application/json"}
    response = api.post("/api/v1/enqueue", content=json.dumps(task), headers=headers)
    if response.status_code == 201:
        stored = api.get(f"/api/v1/tasks/{response.json()['task_id']}").json()["timeout_seconds"]
        assert stored == (None if timeout is None else pytest.approx(timeout, rel=1e-12, abs=0))
    else:
        assert response.status_code == 400
        expected = "timeout_seconds" if "is not valid JSON" not in response.json()["error"] else ""
        assert response.json()["details"][0]["loc"].partition(".")[0].partition("[")[0] == expected
