"""The shop in the pictures: real tasks on a real worker, and the pages that show them."""

import random
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg

from tests.browser.pictures import history
from tests.support.eventually import eventually
from tests.support.http import people

MODULE = "tests.support.sample.shop"
SCHEDULES: tuple[dict[str, Any], ...] = (
    {"name": "nightly-report", "task_name": "nightly_report", "queue_name": "reports", "cron": "0 3 * * *"},
    {"name": "prune-pictures", "task_name": "thumbnail", "queue_name": "pictures", "cron": "0 3 * * *"},
    {"name": "refresh-banner", "task_name": "thumbnail", "queue_name": "pictures", "every": "2s"},
    {
        "name": "remind-of-carts",
        "task_name": "send_receipt",
        "queue_name": "mail",
        "cron": "*/15 8-20 * * 1-5",
    },
    {"name": "weekly-video", "task_name": "transcode", "queue_name": "video", "cron": "30 6 * * 1"},
)
POLICY = {
    "max_running": 3,
    "max_running_per_key": 1,
    "rate": {"limit": 60, "period_seconds": 60, "burst": 10},
    "order": "fair",
    "weights": {"gold": 3},
    "breaker": {"failures_in_row": 5},
}
LIMITS: dict[str, dict[str, Any]] = {
    "gpu": {"max_running": 1},
    "openai": {"rate": {"limit": 90_000, "period_seconds": 60}},
}
RULE = {
    "name": "shop on call",
    "kind": "slack",
    "url": "https://hooks.slack.example/services/T0/B0/x",
    "events": ["error.new", "error.regressed", "worker.dead"],
}


def fill(client: httpx.Client, database: str) -> dict[str, str]:
    """Runs the shop; the addresses of the pages by the names of their pictures."""
    with psycopg.connect(database, autocommit=True) as conn:
        history.add_figures(conn)
    _add_schedules(client)
    for _ in range(6):
        _enqueue(client, *_orders(40))
        _until_empty(client)
    failed = _shop("nightly_report", "reports", "2026-11-23", max_retries=2, retry_delay=0.2)
    (failing,) = _enqueue(client, failed)
    eventually(lambda: client.get(f"/api/v1/tasks/{failing}").json()["status"] == "failed", 30)
    client.post("/api/v1/queues/reports/pause", json={"reason": "the warehouse is being moved"})
    profiled, _, running, waiting = _enqueue(
        client,
        _shop("thumbnail", "pictures", "c.png", profile=True),
        _shop("transcode", "video", "keynote", 400.0),
        _shop("transcode", "video", "interview", 240.0),
        _shop("nightly_report", "reports", "2026-11-24", unique={"key": "report:2026-11-24"}),
    )
    _add_limits(client)
    orders = _large_orders(client)
    people.add_user(client, mail=["requeue", "cancel"], video=["pause"])
    client.post("/api/v1/keys", json={"name": "shop backend", "scopes": ["enqueue", "read"]})
    client.post("/api/v1/notify/rules", json=RULE).raise_for_status()
    _enqueue(client, {**_shop("thumbnail", "pictures", "b.png"), "webhook_url": "http://127.0.0.1:9/"})
    _enqueue(client, *_orders(60))
    _until_empty(client)
    eventually(lambda: len(client.get("/api/v1/errors").json()) == 5, 30)
    with psycopg.connect(database, autocommit=True) as conn:
        history.add_runs(conn)
    [worker] = client.get("/api/v1/workers").json()["workers"]
    [timeout] = [one for one in client.get("/api/v1/errors").json() if "Timeout" in one["kind"]]
    return {
        "overview": "/?window=1h",
        "tasks": "/tasks",
        "search": "/tasks?queue=mail&status=failed",
        "task-running": f"/tasks/{running}",
        "task-waiting": f"/tasks/{waiting}",
        "task-failed": f"/tasks/{failing}",
        "task-form": f"/tasks/{failing}/again",
        "profile": f"/tasks/{profiled}/profile",
        "waits": "/waits",
        "task-steps": f"/tasks/{orders[0]}",
        "decide": f"/decide?token={_token(database, orders[0])}",
        "errors": "/errors",
        "error": f"/errors/{timeout['id']}",
        "queues": "/queues",
        "queue": "/queue?name=mail",
        "policy": "/queue?name=imports",
        "limits": "/limits",
        "functions": "/functions?window=24h",
        "function": "/function?name=send_receipt",
        "schedules": "/schedules",
        "schedule": "/schedules/nightly-report",
        "schedule-form": "/schedules/nightly-report/edit",
        "workers": "/workers",
        "worker": f"/workers/{worker['id']}",
        "webhooks": "/webhooks",
        "notifications": "/admin/notifications",
        "users": "/admin/users",
        "audit": "/admin/audit",
        "account": "/account",
    }


def _large_orders(client: httpx.Client) -> list[str]:
    """Durable tasks that wait for somebody's approval."""
    made = _enqueue(
        client,
        *(
            _shop("large_order", "orders", order, name)
            for order, name in ((4711, "Ana"), (4723, "Bo"), (4736, "Eva"))
        ),
    )
    eventually(lambda: client.get("/waits?name=approve").text.count("Approve order") >= len(made), 60)
    return made


def _token(database: str, task: str) -> str:
    """Of the link by which the task asks."""
    with psycopg.connect(database) as conn:
        row = conn.execute(
            "SELECT result::json #>> '{}' FROM lapinq_steps WHERE task_id = %s AND name = 'ask'", (task,)
        ).fetchone()
    assert row is not None
    return row[0].partition("token=")[2]


def _enqueue(client: httpx.Client, *tasks: dict[str, Any]) -> list[str]:
    answer = client.post("/api/v1/enqueue/batch", json=tasks)
    assert answer.status_code == 201, answer.text
    return answer.json()["task_ids"]


def _until_empty(client: httpx.Client) -> None:
    """Until mail and pictures have no task left."""

    def is_empty(queue: str) -> bool:
        counts = client.get(f"/api/v1/queues/{queue}").json()
        return counts["pending"] == counts["running"] == 0

    eventually(lambda: is_empty("mail") and is_empty("pictures"), 60)


def _add_schedules(client: httpx.Client) -> None:
    for one in SCHEDULES:
        body = {
            "module_path": MODULE,
            "timezone": "Europe/Madrid",
            "args": ["yesterday" if one["queue_name"] == "reports" else "banner.png"],
            "overlap": "skip",
            **one,
        }
        assert client.post("/api/v1/schedules", json=body).status_code == 201
    client.post("/api/v1/schedules/weekly-video/pause", json={"reason": "the studio is closed in November"})


def _add_limits(client: httpx.Client) -> None:
    """A queue with a policy, and limits that queues share, with tasks that run and wait."""
    client.patch("/api/v1/queues/imports", json=POLICY).raise_for_status()
    for name, rules in LIMITS.items():
        client.put(f"/api/v1/limits/{name}", json=rules).raise_for_status()
    client.put("/api/v1/breakers/send_receipt", json={"failures_in_row": 5}).raise_for_status()
    shops = ("gold", "north", "south", "harbour")
    _enqueue(
        client,
        *(_shop("transcode", "imports", shop, 400.0, key=shop) for _ in range(9) for shop in shops),
        *(_shop("transcode", "renders", f"scene-{n}", 400.0, limits={"gpu": 1}) for n in range(5)),
        *(_shop("thumbnail", "chat", f"{n}.png", limits={"openai": 30_000}) for n in range(40)),
    )
    eventually(lambda: client.get("/api/v1/limits/gpu").json()["running"] == 1, 30)
    eventually(lambda: client.get("/api/v1/queues/imports").json()["running"] == 3, 30)


def _orders(count: int) -> Iterator[dict[str, Any]]:
    for order in (random.randrange(1000, 9999) for _ in range(count)):
        yield _shop("send_receipt", "mail", order, f"customer{order}@example.com", max_retries=0)
        if order % 3 == 0:
            yield _shop("thumbnail", "pictures", f"order-{order}.png", width=400)


def _shop(task: str, queue: str, *args: object, **fields: Any) -> dict[str, Any]:
    kwargs = {name: fields.pop(name) for name in ("width",) if name in fields}
    return {
        "module_path": MODULE,
        "task_name": task,
        "queue_name": queue,
        "args": args,
        "kwargs": kwargs,
        **fields,
    }
