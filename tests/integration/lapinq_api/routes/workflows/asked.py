"""Requests for workflows."""

from typing import Any

PATH = "/api/v1/workflows"


def task(ref: str, *after: str, **more: object) -> dict[str, Any]:
    return {"ref": ref, "task_name": "send", "module_path": "app.mail", "after": [*after], **more}


def body(*tasks: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"name": "report", "tasks": [*tasks], **more}
