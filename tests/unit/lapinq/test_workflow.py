"""What a workflow sends, and when."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from lapinq import AsyncTaskQueue, Middleware, TaskQueue, TaskRef, WorkflowRef
from lapinq._client import workflows
from lapinq.errors import InvalidValue, NotEnqueued, RequestRefused, ResultTimeout, TypeMismatch
from tests.unit.lapinq.conftest import Script

ID = "0198f3c2-7a10-7000-8000-00000000000f"


@dataclass
class Report:
    total: int
    notes: list[str]


def fetch(page: int) -> int:
    return page


def total(numbers: list[int], *, weight: dict[str, int] | None = None) -> Report:
    return Report(sum(numbers), [])


def publish(report: Report, outcome: dict[str, Any] | None = None) -> None: ...


def accept(server: Script, *refs: str) -> None:
    server.answer(201, {"workflow_id": ID, "task_ids": {ref: f"id of {ref}" for ref in refs}})


def test_a_block_sends_its_graph_at_its_end(server: Script) -> None:
    queue = TaskQueue(server.url, "reports", default_ttl_seconds=60)
    get = queue.task(priority=5)(fetch)
    add, tell = queue.task(total), queue.task(publish)
    accept(server, "fetch", "fetch-2", "total", "publish")
    with queue.workflow("report", metadata={"day": "Monday"}) as flow:
        first, second = flow.map(get, [1, 2])
        added = flow.add(add.options(ref="sum"), [first, 7], weight={"x": second})
        flow.add(tell.options(after=[second, "fetch"], after_failure="run"), added, flow.outcome(first))
        flow.add(tell.options(timeout=5), Report(first, [second]))
        assert server.requests == []
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/api/v1/workflows")
    assert request.headers["idempotency-key"].startswith("workflow-")
    shared = {"queue_name": "reports", "ttl_seconds": 60, "module_path": __name__, "priority": 0}
    assert request.json == {
        "name": "report",
        "open": False,
        "metadata": {"day": "Monday"},
        "tasks": [
            {
                **shared,
                "task_name": "fetch",
                "priority": 5,
                "args": [1],
                "kwargs": {},
                "ref": "fetch",
                "after": [],
            },
            {
                **shared,
                "task_name": "fetch",
                "priority": 5,
                "args": [2],
                "kwargs": {},
                "ref": "fetch-2",
                "after": [],
            },
            {
                **shared,
                "task_name": "total",
                "args": [[{"$result": "fetch"}, 7]],
                "kwargs": {"weight": {"x": {"$result": "fetch-2"}}},
                "ref": "sum",
                "after": ["fetch", "fetch-2"],
            },
            {
                **shared,
                "task_name": "publish",
                "args": [{"$result": "sum"}, {"$outcome": "fetch"}],
                "kwargs": {},
                "ref": "publish",
                "after": ["sum", "fetch", "fetch-2"],
                "after_failure": "run",
            },
            {
                **shared,
                "task_name": "publish",
                "args": [{"total": {"$result": "fetch"}, "notes": [{"$result": "fetch-2"}]}],
                "kwargs": {},
                "timeout_seconds": 5,
                "ref": "publish-2",
                "after": ["fetch", "fetch-2"],
            },
        ],
    }
    assert (flow.id, flow.ref.workflow_id) == (ID, ID)
    assert first.ref.task_id == "id of fetch"


def test_the_ref_of_a_node_reads_its_result_as_annotated(server: Script) -> None:
    queue = TaskQueue(server.url)
    accept(server, "total")
    with queue.workflow("report") as flow:
        node = flow.add(queue.task(total), [1])
    server.answer_result('{"total": 1, "notes": []}')
    assert node.ref.result() == Report(1, [])


def test_a_block_that_raises_sends_nothing(server: Script) -> None:
    queue = TaskQueue(server.url)
    flow = queue.workflow("report")
    with suppress(KeyError), flow:
        flow.add(queue.task(fetch), 1)
        raise KeyError
    assert server.requests == []
    with pytest.raises(NotEnqueued, match="its block raised"):
        flow.ref  # noqa: B018
    with pytest.raises(TypeError, match="make another one"), flow:
        pass


async def test_coroutines_send_with_async_with(server: Script) -> None:
    queue = AsyncTaskQueue(server.url)
    accept(server, "fetch")
    async with queue, queue.workflow("report") as flow:
        node = flow.add(queue.task(fetch), 1)
    assert [one.path for one in server.requests] == ["/api/v1/workflows"]
    assert node.ref.task_id == "id of fetch"


def test_what_is_refused_is_raised_at_the_end_of_the_block(server: Script) -> None:
    queue = TaskQueue(server.url)
    server.answer(409, {"error": "the task x has this unique key", "task_id": "x"})
    refused = pytest.raises(RequestRefused, match="the workflow was not enqueued: 409: the task x")
    with refused, queue.workflow("report") as flow:
        flow.add(queue.task(fetch), 1)
    with pytest.raises(NotEnqueued):
        flow.id  # noqa: B018


def test_a_workflow_beyond_one_request_is_open_until_its_last_one(
    server: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflows, "MAX_TASKS", 2)
    queue = TaskQueue(server.url)
    for refs in (["fetch", "fetch-2"], ["fetch-3", "fetch-4"], ["total"]):
        accept(server, *refs)
    server.answer(200, {"id": ID})
    with queue.workflow("report") as flow:
        pages = flow.map(queue.task(fetch), [1, 2, 3, 4])
        flow.add(queue.task(total), pages)
    assert [f"{one.method} {one.path}" for one in server.requests] == [
        "POST /api/v1/workflows",
        f"POST /api/v1/workflows/{ID}/tasks",
        f"POST /api/v1/workflows/{ID}/tasks",
        f"POST /api/v1/workflows/{ID}/close",
    ]
    assert [len(one.json["tasks"]) for one in server.requests[:3]] == [2, 2, 1]
    assert server.requests[0].json["open"] is True
    assert len({one.headers["idempotency-key"] for one in server.requests[:3]}) == 3
    assert pages[3].ref.task_id == "id of fetch-4"


def test_a_refusal_half_way_cancels_what_is_there(server: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflows, "MAX_EDGES", 1)
    queue = TaskQueue(server.url)
    accept(server, "fetch")
    server.answer(400, {"error": "no"})
    refused = pytest.raises(RequestRefused, match="not enqueued: 400: no")
    with refused, queue.workflow("report") as flow:
        one = flow.add(queue.task(fetch), 1)
        flow.add(queue.task(total), [one, flow.add(queue.task(fetch), 2)])
    assert [(one.method, one.path) for one in server.requests[2:]] == [("DELETE", f"/api/v1/workflows/{ID}")]


def test_middleware_gets_the_tasks_with_references_and_may_change_them(server: Script) -> None:
    class Tagging(Middleware):
        def enqueue(self, entries: list[dict[str, Any]], send: Callable[[list[dict[str, Any]]], Any]) -> Any:
            assert [entry["args"] for entry in entries] == [[1], [{"$result": "fetch"}]]
            for entry in entries:
                entry["metadata"] = {"by": "me"}
            return send(entries)

    queue = TaskQueue(server.url, middleware=[Tagging()])
    get = queue.task(fetch)
    accept(server, "fetch", "fetch-2")
    with queue.workflow("report") as flow:
        flow.add(get, flow.add(get, 1))
    assert [one["metadata"] for one in server.requests[0].json["tasks"]] == [{"by": "me"}] * 2


def test_a_task_keeps_the_defaults_of_its_own_queue(server: Script) -> None:
    other = TaskQueue(server.url, "mail", default_ttl_seconds=5)
    accept(server, "fetch")
    with TaskQueue(server.url, "reports").workflow("report") as flow:
        flow.add(other.task(fetch), 1)
    [task] = server.requests[0].json["tasks"]
    assert (task["queue_name"], task["ttl_seconds"]) == ("mail", 5)


def test_the_keys_of_a_call_are_computed_from_arguments_that_are_known(server: Script) -> None:
    queue = TaskQueue(server.url)
    keyed = queue.task(key=lambda page: f"page:{page}")(fetch)
    accept(server, "fetch", "fetch-2")
    with queue.workflow("report") as flow:
        first = flow.add(keyed, 1)
        functions: list[tuple[str, Callable[[Any], Any]]] = [
            ("key", lambda page: f"page:{page}"),
            ("key", lambda page: page),
            ("limits", lambda page: {"pages": page + 1}),
            ("unique", lambda page: page.url),
        ]
        for option, function in functions:
            options: dict[str, Any] = {option: function}
            told = rf"the function of {option} needs <the result of 'fetch'>, .* fetch.options\({option}="
            with pytest.raises(TypeError, match=told):
                flow.add(queue.task(**options)(fetch), first)
        flow.add(keyed.options(key="fixed"), first)
    assert [one["key"] for one in server.requests[0].json["tasks"]] == ["page:1", "fixed"]


async def test_a_node_cannot_be_awaited(server: Script) -> None:
    queue = AsyncTaskQueue(server.url)
    with suppress(KeyError):
        async with queue.workflow("report") as flow:
            with pytest.raises(TypeError, match=r"before the task has run: below the block, await \.ref"):
                await flow.add(queue.task(fetch), 1)
            raise KeyError


def test_a_wrong_call_adds_nothing_and_says_what_to_do(server: Script) -> None:
    queue = TaskQueue(server.url)
    get, add, tell = queue.task(fetch), queue.task(total), queue.task(publish)
    node: Any = None
    wrong: list[str] = []
    flow: Any = queue.workflow("report")
    nodes: list[Any] = []
    ref: Any = TaskRef("id", server.url)
    later: Any = AsyncTaskQueue(server.url).workflow("report")
    unknown: Any = queue.task
    with suppress(KeyError), queue.workflow("other") as other:
        nodes.append(other.add(get, 1))
        raise KeyError
    [stranger] = nodes

    def check(kind: type[Exception], message: str, call: Callable[[], object]) -> None:
        try:
            told: object = call()
        except Exception as error:  # noqa: BLE001  # of any kind, to name the row
            if isinstance(error, kind) and message in str(error):
                return
            told = error
        wrong.append(f"{message}: {told!r}")

    with suppress(KeyError), flow:
        node = flow.add(get, 1)
        before = flow.__repr__()
        # Libraries ask for such attributes to find out what kind of object it is.
        assert (repr(node), hasattr(node, "__dataclass_fields__")) == ("<the result of 'fetch'>", False)
        assert (node in [node, 1], node == node, {node: 1}[node]) == (True, True, 1)
        check(TypeError, "and in that task format it", lambda: f"page {node}")
        check(TypeError, "and in that task format it", lambda: f"page {node:>5}")
        check(TypeError, "and in that task take its length", lambda: len(node))
        check(TypeError, "and in that task search it", lambda: 1 in node)
        check(TypeError, "and in that task compare it", lambda: node == 5)
        check(TypeError, "the arguments of a call belong in add(task, 1, 2)", lambda: node(1))
        check(AttributeError, "and in that task take .total", lambda: node.total)
        check(TypeError, "and in that task take [0]", lambda: node[0])
        check(TypeError, "and in that task test it", lambda: 1 if node else 2)
        check(TypeError, "and in that task calculate with it", lambda: 1 + node)
        check(TypeError, "and in that task calculate with it", lambda: range(node))
        check(TypeError, "below the block, wait for .ref.result()", lambda: node < 2)
        check(TypeError, "current_task().workflow.add(...) for each item", lambda: flow.map(get, node))
        check(NotEnqueued, "use ids and refs below the block", lambda: node.ref)
        check(NotEnqueued, "use ids and refs below the block", lambda: flow.id)
        check(NotEnqueued, "use ids and refs below the block", lambda: flow.ref)
        check(TypeError, "add takes a task and the arguments of its call, not 1", lambda: flow.add(get(1)))
        check(TypeError, "with @queue.task", lambda: flow.add(fetch, 1))
        check(TypeError, "is added already, and an argument of another task", lambda: flow.add(node))
        check(TypeError, "fetch(): argument 'page' cannot be sent as JSON", lambda: flow.add(get, ref))
        check(
            TypeError, "of a task that is enqueued, pass .result() or .task_id;", lambda: flow.add(get, ref)
        )
        check(TypeError, "in a workflow that is what flow.add(...) returns", lambda: flow.add(get, get))
        check(TypeError, "'weight' cannot be sent as JSON: <the", lambda: flow.add(add, [], weight={node: 1}))
        check(TypeError, "is a key of a dict, which takes its value only", lambda: flow.add(get, [{node: 1}]))
        check(TypeError, "or the refs of its tasks, not <TaskRef id>", lambda: get.options(after=[ref]))
        check(TypeError, "fetch(): missing a required argument", lambda: flow.add(get))
        check(TypeMismatch, "publish(): argument 'report'", lambda: flow.add(tell, 5))
        check(ValueError, "argument 'numbers' cannot be sent", lambda: flow.add(add, [stranger]))
        check(ValueError, "belongs to another workflow", lambda: flow.add(get, stranger))
        check(ValueError, "belongs to another workflow", lambda: flow.outcome(stranger))
        check(ValueError, "belongs to another workflow", lambda: flow.add(get.options(after=[stranger]), 1))
        check(InvalidValue, "(did you mean 'fetch'?)", lambda: flow.add(get.options(after=["fetc"]), 1))
        check(InvalidValue, "'fetch' is that of another task", lambda: flow.add(get.options(ref="fetch"), 1))
        check(TypeError, "has no idempotency_key", lambda: flow.add(get.options(idempotency_key="k"), 1))
        check(TypeError, "outcome takes what add(...) returned", lambda: flow.outcome(get))
        check(TypeError, "fetch(): argument 'page' cannot be sent as JSON: <the", lambda: get.queue(node))
        check(TypeError, "add this task to the same workflow, flow.add(task, node)", lambda: get.queue(node))
        check(TypeError, "add this task to the same workflow", lambda: add.options(key="k").queue([node]))
        check(
            TypeError,
            "tasks[0].args[0] cannot",
            lambda: queue.batch_enqueue([{**get.entry(1), "args": [node]}]),
        )
        check(TypeError, "tasks[0] must come from task.entry(...)", lambda: queue.batch_enqueue([node]))
        check(TypeError, "takes a list of entries", lambda: queue.batch_enqueue(node))
        check(TypeError, "key must be a str, or a function that returns one", lambda: get.options(key=node))
        check(TypeError, "unique must be a key, a function", lambda: get.options(unique=node))
        check(TypeError, "after orders tasks of a workflow", lambda: get.options(after=[node]).queue(1))
        check(TypeError, "ref orders tasks of a workflow", lambda: get.options(ref="x").entry(1))
        check(TypeError, "after=[a, b], not <", lambda: get.options(after=node))
        check(TypeError, "or the refs of its tasks, not 1", lambda: get.options(after=[1]))
        check(InvalidValue, "(did you mean 'run'?)", lambda: get.options(after_failure="runs"))  # pyright: ignore[reportArgumentType]
        check(TypeError, "ref must be a str, not 1", lambda: get.options(ref=1))  # pyright: ignore[reportArgumentType]
        check(TypeError, "after belongs in options()", lambda: unknown(after=[node]))
        assert repr(flow) == before
        raise KeyError
    check(TypeError, "with queue.workflow(...) as flow", lambda: queue.workflow("report").add(get, 1))
    check(TypeError, "the name of a workflow must be a str", lambda: queue.workflow(get))  # pyright: ignore[reportArgumentType]
    check(InvalidValue, "name", lambda: queue.workflow(""))
    check(TypeError, "metadata must be a dict", lambda: queue.workflow("report", metadata=[1]))  # pyright: ignore[reportArgumentType]
    check(TypeError, "write `async with`", lambda: later.__enter__())
    check(TypeError, "below the block, wait for .ref.result()", lambda: str(node))
    check(TypeError, "below the block, pass .ref.result()", lambda: get.queue(node))
    assert wrong == []
    assert server.requests == []


def test_a_closed_workflow_takes_no_more(server: Script) -> None:
    queue = TaskQueue(server.url)
    accept(server)
    with queue.workflow("report") as flow:
        pass
    with pytest.raises(TypeError, match=r"current_task\(\)\.workflow\.add"):
        flow.add(queue.task(fetch), 1)


def test_a_ref_asks_for_the_workflow(server: Script) -> None:
    ref = WorkflowRef(ID, queue=TaskQueue(server.url, timeout=1))
    for status, body in (
        (200, {"id": ID, "status": "failed"}),
        (404, {"error": "there is no workflow with this id"}),
    ):
        server.answer(status, body)
        server.answer(status, body)
        assert (ref.get(), ref.status()) == ((body, "failed") if status == 200 else (None, None))
    server.answer(200, {"id": ID, "status": "cancelled"})
    server.answer(404, {"error": "there is no workflow with this id"})
    assert (ref.cancel(), ref.cancel()) == (True, False)
    server.answer(409, {"error": "no task of it failed"})
    with pytest.raises(RequestRefused, match=f"workflow {ID} was not retried: 409: no task of it failed"):
        ref.retry()
    assert [f"{one.method} {one.path.removeprefix('/api/v1/workflows/')}" for one in server.requests] == [
        f"GET {ID}",
        f"GET {ID}?tasks=false",
        f"GET {ID}",
        f"GET {ID}?tasks=false",
        f"DELETE {ID}",
        f"DELETE {ID}",
        f"POST {ID}/retry",
    ]


def test_all_tasks_of_a_large_workflow_are_read(server: Script) -> None:
    ref = WorkflowRef(ID, queue=TaskQueue(server.url))
    for number, headers in enumerate(({"X-Next-Cursor": "a b"}, {"X-Next-Cursor": "c"}, {})):
        body = {"id": ID, "counts": number, "tasks": [{"ref": number}], "edges": [number]}
        server.answer(200, body, headers)
    whole = {"id": ID, "counts": 0, "tasks": [{"ref": 0}, {"ref": 1}, {"ref": 2}], "edges": [0, 1, 2]}
    assert ref.get() == whole
    paths = [one.path.removeprefix(f"/api/v1/workflows/{ID}") for one in server.requests]
    assert paths == ["", "?cursor=a%20b", "?cursor=c"]


def test_waiting_ends_with_the_workflow_or_the_timeout(server: Script) -> None:
    ref = WorkflowRef(ID, queue=TaskQueue(server.url))
    server.answer(200, {"id": ID, "status": "running"})
    server.answer(503, {"error": "the database is down"})
    server.answer(200, {"id": ID, "status": "failed"})
    assert ref.wait(poll_interval=0.01)["status"] == "failed"
    for _ in range(9):
        server.answer(200, {"id": ID, "status": "running"})
    with pytest.raises(
        ResultTimeout, match=f"workflow {ID} had not finished after 0 s .last seen as running"
    ):
        ref.wait(timeout=0)
