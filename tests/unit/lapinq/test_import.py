import subprocess
import sys

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
