"""The addresses of all pages on a database that `world` has filled, by name."""

import re
from typing import LiteralString
from urllib.parse import quote

import psycopg

from lapinq_api.dashboard.views import VIEWS

_FIXED = {
    "overview": "/",
    "overview-15m": "/?window=15m",
    "overview-24h": "/?window=24h",
    "overview-7d": "/?window=7d",
    "tasks": "/tasks",
    "tasks-failed": "/tasks?status=failed",
    "tasks-waiting": "/tasks?status=pending",
    "tasks-of-a-queue": "/tasks?queue=billing-1&status=failed",
    "tasks-by-argument": "/tasks?arguments=customer-04711",
    "tasks-by-error": "/tasks?error=MailboxFull",
    "tasks-by-key": "/tasks?key=acme",
    "tasks-that-nothing-matches": "/tasks?error=no-such-error",
    "queues": "/queues",
    "queues-by-backlog": "/queues?order=pending",
    "queue": "/queue?name=billing-0",
    "queue-7d": "/queue?name=billing-0&window=7d",
    "queue-of-a-tenant": "/queue?name=tenant-0001",
    "queue-with-a-breaker": "/queue?name=pictures-0",
    "queue-with-blocked-keys": "/queue?name=shipments",
    "queue-with-10000-blocked-keys": "/queue?name=statements",
    "limits": "/limits",
    "waits": "/waits",
    "workflows": "/workflows",
    "function": "/function?name=billing_settle",
    "function-7d": "/function?name=billing_settle&window=7d",
    "function-with-a-breaker": "/function?name=search_load",
    "schedules": "/schedules",
    "schedule-form": "/schedules/new",
    "workers": "/workers",
    "errors": "/errors",
    "errors-resolved": "/errors?state=resolved",
    "webhooks": "/webhooks",
    "task-form": "/tasks/new",
    "task-form-of-a-function": "/tasks/new?module=app.billing&task=billing_load",
    "key": "/key?name=acme",
    "key-that-is-blocked": "/key?name=blocked-00100",
    "blocked-keys": "/queue/keys?name=statements",
    "errors-by-type": "/errors?by=type",
    "account": "/account",
    "users": "/admin/users",
    "notifications": "/admin/notifications",
    "audit": "/admin/audit",
    "search": "/search?text=acme",
    "docs": "/docs",
    "login": "/login",
}
_SOME: dict[str, tuple[str, LiteralString]] = {
    "task-completed": (
        "/tasks/{}",
        "SELECT task_id FROM lapinq_attempts WHERE final AND outcome = 'completed' ORDER BY task_id DESC LIMIT 1",
    ),
    "task-failed": (
        "/tasks/{}",
        "SELECT task_id FROM lapinq_attempts WHERE final AND outcome = 'failed' ORDER BY task_id DESC LIMIT 1",
    ),
    "task-running": ("/tasks/{}", "SELECT id FROM lapinq_running ORDER BY claimed_at LIMIT 1"),
    "task-waiting": (
        "/tasks/{}",
        "SELECT id FROM lapinq_ready WHERE queue_name = 'mail-0' ORDER BY id LIMIT 1",
    ),
    "task-of-a-blocked-key": (
        "/tasks/{}",
        "SELECT id FROM lapinq_ready WHERE queue_name = 'statements' ORDER BY id DESC LIMIT 1",
    ),
    "task-behind-a-limit": (
        "/tasks/{}",
        "SELECT id FROM lapinq_ready WHERE units IS NOT NULL ORDER BY id DESC LIMIT 1",
    ),
    "task-of-a-workflow": (
        "/tasks/{}",
        "SELECT task_id FROM lapinq_workflow_tasks ORDER BY task_id DESC LIMIT 1",
    ),
    "task-that-asks": ("/tasks/{}", "SELECT task_id FROM lapinq_steps ORDER BY task_id LIMIT 1"),
    "task-again": (
        "/tasks/{}/again",
        "SELECT task_id FROM lapinq_attempts WHERE final AND outcome = 'failed' ORDER BY task_id DESC LIMIT 1",
    ),
    "signal": ("/tasks/{}/signal?name=approve", "SELECT task_id FROM lapinq_steps ORDER BY task_id LIMIT 1"),
    "workflow": ("/workflows/{}", "SELECT id FROM lapinq_workflows ORDER BY id DESC LIMIT 1"),
    "schedule": ("/schedules/{}", "SELECT name FROM lapinq_schedules ORDER BY name LIMIT 1"),
    "schedule-edit": ("/schedules/{}/edit", "SELECT name FROM lapinq_schedules ORDER BY name LIMIT 1"),
    "schedule-run": ("/schedules/{}/run", "SELECT name FROM lapinq_schedules ORDER BY name LIMIT 1"),
    "worker": ("/workers/{}", "SELECT id FROM lapinq_workers ORDER BY id LIMIT 1"),
    "error-largest": ("/errors/{}", "SELECT id FROM lapinq_error_groups ORDER BY failed DESC LIMIT 1"),
    "error-smallest": ("/errors/{}", "SELECT id FROM lapinq_error_groups ORDER BY failed, id LIMIT 1"),
}
_NO_VIEWS = {"account", "search", "docs", "login"}
_NOT_HERE = {"/tasks/{id}/profile"}
"""Nothing in the database has such a page."""


def addresses(database: str) -> dict[str, str]:
    """Those of the pages that this release has, and of each page at least one."""
    paths = {view.path for view in VIEWS}
    shapes = {_shape(path): path for path in paths}
    found = {
        name: address
        for name, address in _FIXED.items()
        if name in _NO_VIEWS or address.partition("?")[0] in paths
    }
    with psycopg.connect(database) as conn:
        for name, (pattern, query) in _SOME.items():
            if _shape(pattern) not in shapes:
                continue
            row = conn.execute(query).fetchone()
            if row is None:
                raise ValueError(f"the database has nothing for {pattern}")
            found[name] = pattern.format(quote(str(row[0]), safe=""))
    named = {_shape(pattern) for pattern, _ in _SOME.values()}
    for path in sorted(paths - {address.partition("?")[0] for address in found.values()} - _NOT_HERE):
        if "{" not in path:
            found[path.strip("/").replace("/", "-")] = path
        elif _shape(path) not in named:
            raise ValueError(f"nothing says which {path} to look at")
    return found


def _shape(path: str) -> str:
    """A path without its parameters."""
    return re.sub(r"{\w*}", "{}", path.partition("?")[0])
