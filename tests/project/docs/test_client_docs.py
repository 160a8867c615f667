"""The reference of the client names all of it."""

import inspect
import re
from pathlib import Path

import lapinq
from lapinq import errors
from lapinq._client.declaring.schedules import ScheduleOptions
from lapinq.task import TaskOptions

DOCS = Path(__file__).parents[3] / "docs"
REFERENCE = (DOCS / "reference" / "client.md").read_text()


def test_the_reference_names_whatever_can_be_imported_and_every_member_option_and_error() -> None:
    names = [name for name in lapinq.__all__ if not name.startswith("__")]
    kinds = (lapinq.TaskQueue, lapinq.AsyncTaskQueue, lapinq.Task, lapinq.TaskRef)
    for kind in (*kinds, lapinq.Workflow, lapinq.WorkflowRef):
        names += [name for name, _ in inspect.getmembers(kind) if not name.startswith("_")]
    missing = {name for name in names if not re.search(rf"`[^`]*\b{name}\b[^`]*`", REFERENCE)}
    options = {*inspect.signature(lapinq.TaskQueue.task).parameters, *TaskOptions.__annotations__}
    bare = REFERENCE.replace("lapinq.", "")
    missing |= {
        name for name in (options | {*errors.__all__}) - {"self", "unknown"} if f"`{name}" not in bare
    }
    assert missing == set()


def test_the_reference_names_every_option_of_a_schedule() -> None:
    section = REFERENCE.partition("## Schedules")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", "".join(rows))) == {"tz", *ScheduleOptions.__annotations__}


def test_the_reference_shows_the_signatures() -> None:
    shown = " ".join(REFERENCE.split())
    for name, default in inspect.signature(lapinq.TaskQueue).parameters.items():
        assert f"{name}={default.default!r}".replace("'", '"') in shown
