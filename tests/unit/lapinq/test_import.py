import subprocess
import sys

import pytest

HEAVY = ["asyncio", "click", "httpx", "logging", "psycopg", "sqlalchemy", "ssl", "starlette", "uvicorn"]


def test_importing_the_client_loads_nothing_heavy() -> None:
    code = f"import sys, lapinq; print([name for name in {HEAVY} if name in sys.modules])"
    # -I -S would leave out the installed package; a plain start shows what a worker child pays.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_exports_the_published_names() -> None:
    import lapinq

    for name in ("TaskQueue", "AsyncTaskQueue", "TaskRef", "RetryError"):
        assert name in lapinq.__all__
    assert lapinq.RetryError().countdown == 10
    assert lapinq.__version__


def test_every_published_name_is_there() -> None:
    import lapinq

    assert set(lapinq.__all__) <= set(dir(lapinq))
    for name in lapinq.__all__:
        assert getattr(lapinq, name) is not None
    with pytest.raises(AttributeError, match="module 'lapinq' has no attribute 'nonsense'"):
        _ = lapinq.nonsense  # pyright: ignore[reportAttributeAccessIssue]


def test_what_is_loaded_when_asked_for_is_the_same_object() -> None:
    import lapinq
    from lapinq_core.domain.tasks import context, middleware

    assert lapinq.current_task is context.current_task
    assert lapinq.CurrentTask is context.CurrentTask
    assert lapinq.Middleware is middleware.Middleware


def test_declaring_tasks_loads_nothing_heavy_either() -> None:
    code = (
        "import sys, lapinq\nqueue = lapinq.TaskQueue()\n@queue.task(timeout=5)\ndef f(): ...\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
