"""The example `shop`, run as its README says: an application with lapinq inside, in one process."""

import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL

from tests.support.database import postgres
from tests.support.eventually import eventually
from tests.support.programs.processes import Program


class Shop(Program):
    """`python -m examples.shop` on a free port; `url` is its address once it answers."""

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "examples.shop", *arguments]

    @property
    def url(self) -> str:
        return self.said(r"http://[\w.]+:\d+").group(0)


@pytest.fixture(scope="module")
def shop(postgres_url: str) -> Iterator[httpx.Client]:
    """A client of the shop, on an empty database."""
    with (
        postgres.private_database(postgres_url) as database,
        Shop(env={"DATABASE_URL": as_url(database), "PORT": "0"}) as running,
        httpx.Client(base_url=running.url, timeout=15, trust_env=False) as client,
    ):
        yield client


def as_url(conninfo: str) -> str:
    parts = conninfo_to_dict(conninfo)
    database = str(parts.pop("dbname"))
    url = URL.create(
        "postgresql+psycopg", database=database, query={name: str(parts[name]) for name in parts}
    )
    return url.render_as_string(hide_password=False)


def order(shop: httpx.Client, *articles: str) -> httpx.Response:
    return shop.post("/orders", json={"email": "me@example.org", "articles": articles})


def tasks(shop: httpx.Client) -> list[dict[str, Any]]:
    return shop.get("/tasks/api/v1/tasks").json()


def test_an_order_is_confirmed_and_packed_while_the_customer_watches(shop: httpx.Client) -> None:
    placed = order(shop, "cup", "cup", "tea pot")
    assert placed.status_code == 201
    assert placed.json()["packed"] == 0
    seen: set[int] = set()

    def look() -> bool:
        state = shop.get(f"/orders/{placed.json()['id']}").json()
        seen.add(state["packed"])
        return state["packed"] == 3 and state["confirmed_at"] is not None

    eventually(look, timeout=30)
    assert seen & {1, 2}
    eventually(lambda: {task["status"] for task in tasks(shop)} == {"completed"})
    by_name = {task["task_name"]: task for task in tasks(shop)}
    assert set(by_name) == {"confirm", "pack"}
    assert by_name["pack"]["progress_message"] == "packed a tea pot"


def test_an_order_that_fails_leaves_no_task(shop: httpx.Client) -> None:
    before, in_stock = len(tasks(shop)), shop.get("/articles").json()
    for articles, status, told in (
        (("samovar", "samovar"), 409, "samovar is sold out"),
        (("cup", "moon"), 404, "there is no moon"),
    ):
        refused = order(shop, *articles)
        assert (refused.status_code, refused.json()) == (status, {"detail": told})
    assert len(tasks(shop)) == before
    assert shop.get("/articles").json() == in_stock


def test_the_page_leads_to_the_dashboard(shop: httpx.Client) -> None:
    assert 'href="tasks/"' in shop.get("/").text
    assert shop.get("/tasks/").headers["location"] == "/tasks/login"
    assert "lapinq" in shop.get("/tasks/login").text
