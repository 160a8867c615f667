"""Shared by the programs here: common options, reading results, and readable error messages."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lapinq.errors import LapinqError, ResultTimeout, ServerUnavailable


class Problem(Exception):
    """An error that the user can fix; the message says how."""


class TaskFailed(Problem):
    """A task did not complete; `reason` is its last error."""

    def __init__(self, done: dict[str, Any]) -> None:
        self.reason: str = done["error"] or done["status"]
        super().__init__(f"task {done['id']} {done['status']}: {self.reason}")


class MissingPackage(Problem):
    """The example needs a package that is not installed."""

    def __init__(self, package: str | None) -> None:
        super().__init__(
            f"this example needs {package}, which is not installed: pip install --group examples"
        )


def options(program: str, description: str) -> argparse.ArgumentParser:
    """The options that every example takes: `server_url`, `api_key`, `folder` and `timeout`."""
    parser = argparse.ArgumentParser(prog=f"python -m examples.{program}", description=description)
    parser.add_argument(
        "--server-url", default="http://127.0.0.1:8001", help="the lapinq server [%(default)s]"
    )
    parser.add_argument(
        "--api-key",
        default=os.environ.get("LAPINQ_API_KEY"),
        help="its API key, if it has one [LAPINQ_API_KEY]",
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("output", program), help="the output folder [%(default)s]"
    )
    parser.add_argument(
        "--timeout", type=float, default=60.0, help="maximum seconds to wait for a task [%(default)s]"
    )
    return parser


def value_of(done: dict[str, Any]) -> Any:
    """The return value of the task's function. `done` comes from `wait`. Raises `TaskFailed`."""
    if done["status"] != "completed":
        raise TaskFailed(done)
    return json.loads(done["result"])


def run(main: Callable[[], None]) -> None:
    """Call `main`, and exit with a message instead of a traceback on errors that users can fix."""
    try:
        main()
    except ServerUnavailable as error:
        sys.exit(f"{error}\nIs the server running? Start it with: lapinq server --worker")
    except ResultTimeout as error:
        hint = "\nIs a worker running? Start one in this folder: lapinq worker"
        sys.exit(f"{error}{hint if error.status == 'pending' else ''}")
    except ModuleNotFoundError as error:
        sys.exit(str(MissingPackage(error.name)))
    except (LapinqError, Problem) as error:
        sys.exit(str(error))
