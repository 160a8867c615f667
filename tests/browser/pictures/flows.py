"""The workflows in the pictures, of three sizes: they run on the worker of the shop."""

from collections.abc import Iterator
from typing import Any

import httpx

from tests.support.eventually import eventually
from tests.support.sample import shop

SHOPS = ("airport", "gold", "harbour", "north", "south", "station")
ITEMS = 30
"""Of each shop."""
PRICES = 9_998


def fill(client: httpx.Client) -> dict[str, str]:
    """Runs them as far as they go; the addresses of their pages by the names of their pictures."""
    found = {
        "workflow-10": _store(client, "monday report", _report()),
        "workflow-200": _store(client, "catalogue", _catalogue()),
        "workflow-10000": _store(client, "prices", _prices()),
    }
    for address in found.values():
        eventually(lambda address=address: not _can_go_on(client, address), 120)
    return {"workflows": "/workflows", **found}


def _store(client: httpx.Client, name: str, tasks: Iterator[dict[str, Any]]) -> str:
    answer = client.post("/api/v1/workflows", json={"name": name, "tasks": list(tasks)})
    assert answer.status_code == 201, answer.text
    return f"/workflows/{answer.json()['workflow_id']}"


def _can_go_on(client: httpx.Client, address: str) -> bool:
    """Whether anything but the video will end soon, or start."""
    tasks = client.get(f"/api/v1{address}").json()["tasks"]
    return any(
        one["status"] == "pending" or (one["status"] == "running" and one["task_name"] != "transcode")
        for one in tasks
    )


def _report() -> Iterator[dict[str, Any]]:
    """10 tasks, of which one runs."""
    for ref in ("orders", "refunds", "stock"):
        yield _task(ref, "nightly_report", "2026-11-20")
    yield _task("sales", "nightly_report", "2026-11-21", after=["orders", "refunds"])
    yield _task("sales chart", "thumbnail", "sales.png", after=["sales"])
    yield _task("stock chart", "thumbnail", "stock.png", after=["stock"])
    yield _task("video", "transcode", "monday", 400.0, after=["sales", "stock"])
    yield _task("report", "nightly_report", "2026-11-22", after=["sales chart", "stock chart", "video"])
    yield _task("mail", "send_receipt", 1, "all@example.com", after=["report"])
    yield _task("archive", "thumbnail", "report.png", after=["report"])


def _catalogue() -> Iterator[dict[str, Any]]:
    """200 tasks: one of a shop failed with those after it, and one price of another."""
    yield _task("import", "nightly_report", "2026-11-20")
    for name in SHOPS:
        day = "2026-11-23" if name == "south" else "2026-11-20"
        yield _task(f"{name} stock", "nightly_report", day, after=["import"])
        prices = [f"{name} price {number}" for number in range(ITEMS)]
        for number, ref in enumerate(prices):
            is_failing = name == "harbour" and number == 0
            yield _task(ref, "price", shop.NO_PRICE if is_failing else 1 + number, after=[f"{name} stock"])
        how = {"after_failure": "run"} if name == "harbour" else {}
        yield _task(f"{name} page", "thumbnail", f"{name}.png", after=prices, **how)
    pages = [f"{name} page" for name in SHOPS]
    for ref in ("index", "search", "sitemap", "feed"):
        yield _task(ref, "thumbnail", f"{ref}.png", after=pages, after_failure="run")
    yield _task("publish", "nightly_report", "2026-11-21", after=["index", "search", "sitemap", "feed"])
    yield _task("mail", "send_receipt", 1, "all@example.com", after=["publish"])
    yield _task("archive", "thumbnail", "catalogue.png", after=["publish"])


def _prices() -> Iterator[dict[str, Any]]:
    """10,000 tasks, of which three fail."""
    yield _task("list", "nightly_report", "2026-11-20")
    items = [f"price {item}" for item in range(1, PRICES + 1)]
    for item, ref in enumerate(items, 1):
        yield _task(ref, "price", item, after=["list"])
    yield _task("sum", "nightly_report", "2026-11-21", after=items, after_failure="run")


def _task(ref: str, task: str, *args: object, **fields: Any) -> dict[str, Any]:
    return {
        "ref": ref,
        "task_name": task,
        "module_path": shop.__name__,
        "queue_name": "catalogue",
        "args": args,
        "max_retries": 0,
        **fields,
    }
