"""`GET /api/v1/workflows`, and one with its graph, page by page."""

from collections.abc import Callable
from functools import partial
from os.path import commonprefix
from typing import Any

import httpx
import pytest

from lapinq_api.routes.workflows import reading
from tests.integration.lapinq_api.routes.workflows.asked import PATH, body, task


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()]


def test_the_newest_come_first_page_by_page(api: httpx.Client, queue: str) -> None:
    made = [
        api.post(PATH, json=body(*tasks, name=queue)).json()["workflow_id"]
        for tasks in ([], [task("a")], [], [task("a")])
    ]
    get = partial(api.get, PATH)
    assert ids(get(params={"name": queue})) == made[::-1]
    assert ids(get(params={"name": queue, "status": "running"})) == [made[3], made[1]]
    first = get(params={"name": queue, "limit": 3})
    assert ids(first) == made[:0:-1]
    last = get(params={"name": queue, "limit": 3, "cursor": first.headers["x-next-cursor"]})
    assert (ids(last), "x-next-cursor" in last.headers) == (made[:1], False)
    assert {"tasks", "edges"} & set(last.json()[0]) == set()


def test_they_are_found_by_the_beginning_of_their_id(api: httpx.Client, queue: str) -> None:
    made = [api.post(PATH, json=body(name=queue)).json()["workflow_id"] for _ in range(3)]

    def get(text: str, **params: str | int) -> httpx.Response:
        return api.get(PATH, params={"name": queue, "id": text, **params})

    shared = commonprefix(made)  # noqa: RUF071  # of ids, not of paths
    for text, found in (
        (made[1], made[1:2]),
        (made[1][:35].upper(), made[1:2]),
        (shared, made[::-1]),
        ("f" * 8, []),
        ("e", []),
    ):
        assert ids(get(text)) == found
    first = get(shared, limit=1)
    assert ids(first) == made[2:]
    cursor = first.headers["x-next-cursor"]
    assert (ids(get(shared, cursor=cursor)), ids(get(made[0], cursor=cursor))) == (made[1::-1], made[:1])
    assert ids(get(made[2], cursor=cursor)) == []
    assert "x-next-cursor" not in get(made[2], limit=1).headers


def test_a_large_graph_comes_page_by_page(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_TASKS", 2)
    made = api.post(PATH, json=body(task("c", "a", "b"), task("b", "a"), task("a"))).json()
    path = f"{PATH}/{made['workflow_id']}"
    pages: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = api.get(path, params={"cursor": cursor} if cursor else None)
        pages.append(answer.json())
        cursor = answer.headers.get("x-next-cursor")
    assert [[one["ref"] for one in page["tasks"]] for page in pages] == [["a", "b"], ["c"]]
    edges = [[(edge["parent"], edge["child"]) for edge in page["edges"]] for page in pages]
    assert edges == [[("a", "b")], [("a", "c"), ("b", "c")]]
    assert "tasks" not in api.get(path, params={"tasks": "false"}).json()


def test_metadata_is_hidden_as_that_of_tasks(serve: Callable[..., httpx.Client]) -> None:
    server = serve(api_key="secret", redact=("password",))
    master = {"X-API-Key": "secret"}
    asked = body(task("a"), metadata={"password": "sesame", "by": "me"})
    path = f"{PATH}/{server.post(PATH, json=asked, headers=master).json()['workflow_id']}"
    key = server.post("/api/v1/keys", json={"name": "reader", "scopes": ["read"]}, headers=master).json()[
        "key"
    ]
    shown = {"password": "[hidden]", "by": "me"}
    for headers, metadata in ((master, asked["metadata"]), ({"X-API-Key": key}, shown)):
        assert server.get(path, headers=headers).json()["metadata"] == metadata
        assert server.get(PATH, headers=headers).json()[0]["metadata"] == metadata
