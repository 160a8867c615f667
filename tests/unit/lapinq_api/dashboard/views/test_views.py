"""Which page an address leads to, whatever stands in it."""

import re

import pytest

from lapinq_api.dashboard.page.view import MAX_ADDRESS, MAX_PARAMETERS, PageAddress, View, Views
from lapinq_api.dashboard.views import VIEWS
from lapinq_api.state import State
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.queue_filter import Readable


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, object]:
    raise AssertionError("nothing is loaded to find out")


def view(path: str, *parameters: str) -> View:
    return View(path=path, template="", here="", load=load, parameters=frozenset(parameters))


OVERVIEW, LIST, ONE = view("/"), view("/tasks", "queue", "status"), view("/tasks/{id}")
FOUND = Views((OVERVIEW, LIST, ONE))


@pytest.mark.parametrize(
    ("url", "found", "params", "query"),
    [
        ("/", OVERVIEW, {}, {}),
        ("/?queue=x", OVERVIEW, {}, {}),
        ("/tasks", LIST, {}, {}),
        ("/tasks?queue=video&status=failed", LIST, {}, {"queue": "video", "status": "failed"}),
        ("/tasks?queue=&other=1", LIST, {}, {}),
        ("/tasks?queue=a&queue=b", LIST, {}, {"queue": "b"}),
        ("/tasks?queue=%3C%2Ftd%3E%20%26", LIST, {}, {"queue": "</td> &"}),
        ("/tasks?queue=%ff%00", LIST, {}, {"queue": "\N{REPLACEMENT CHARACTER}\0"}),
        ("/tasks?&&=&;#fragment", LIST, {}, {}),
        ("/tasks/0198", ONE, {"id": "0198"}, {}),
        ("/tasks/..", ONE, {"id": ".."}, {}),
        ("/tasks/a%20b%2541%3Cb%3E", ONE, {"id": "a b%41<b>"}, {}),
    ],
)
def test_an_address_leads_to_a_page(
    url: str, found: View, params: dict[str, str], query: dict[str, str]
) -> None:
    page, address = FOUND.find(url)
    assert page is found
    assert dict(address.params) == params
    assert dict(address.query) == query


@pytest.mark.parametrize(
    "address",
    [
        "", "//", "/nowhere", "/tasks/", "/tasks%0A", "/tasks/a%00", "/tasks/a/b", "tasks",
        "//elsewhere.example/tasks/x/y", "https://elsewhere.example/nowhere", "/\0", "/\ud800", "/tasks/a%2Fb",
        "http://[", "//[::1/", "/tasks?" + "&".join(f"a{n}=1" for n in range(MAX_PARAMETERS + 1)),
        "/tasks?" + "x" * MAX_ADDRESS, "/" * MAX_ADDRESS,
    ],
)  # fmt: skip
def test_any_other_is_refused_by_name(address: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        FOUND.find(address)
    assert refused.value.loc == "page"


def test_the_same_question_has_the_same_key_in_whichever_order() -> None:
    one = FOUND.find("/tasks?queue=a&status=failed&noise=1")[1]
    same = FOUND.find("/tasks?status=failed&queue=a&queue=a")[1]
    assert one.key == same.key
    others = [FOUND.find(f"/tasks{query}")[1] for query in ("", "?queue=a", "?queue=a&status=pending")]
    assert len({one.key, *(other.key for other in others)}) == 4
    assert FOUND.find("/tasks/a")[1].key != FOUND.find("/tasks/b")[1].key


def test_a_page_knows_how_deep_it_lies() -> None:
    depths = {"/": 0, "/tasks": 0, "/tasks/{id}": 1, "/admin/users": 1}
    assert {path: view(path).depth for path in depths} == depths


def test_every_page_is_found_at_its_own_address() -> None:
    # One with a parameter does not stand in front of a fixed one.
    for page in VIEWS:
        address = re.sub(r"\{\w+\}", "0198c0de-0000-7000-8000-000000000000", page.path)
        assert Views(VIEWS).find(address)[0] is page
