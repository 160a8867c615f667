"""The reference of the client names all of it."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import lapinq
from lapinq import errors
from lapinq._client.declaring.schedules import ScheduleOptions
from lapinq.task import TaskOptions

DOCS = Path(__file__).parents[3] / "docs"
REFERENCE = (DOCS / "reference" / "client.md").read_text()


def public_names(kind: type[Any]) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}


@pytest.mark.parametrize(
    "kind",
    [lapinq.TaskQueue, lapinq.AsyncTaskQueue, lapinq.Task, lapinq.TaskRef],
    ids=lambda kind: kind.__name__,
)
def test_the_reference_names_every_class_and_member(kind: type[Any]) -> None:
    missing = {
        name
        for name in {kind.__name__, *public_names(kind)}
        if not re.search(rf"`[^`]*\b{name}\b[^`]*`", REFERENCE)
    }
    assert missing == set()


def test_the_reference_names_every_option_and_error() -> None:
    names = [
        *inspect.signature(lapinq.TaskQueue.task).parameters,
        *TaskOptions.__annotations__,
        *errors.__all__,
    ]
    missing = {
        name
        for name in names
        if name not in ("self", "unknown") and f"`{name}" not in REFERENCE.replace("lapinq.", "")
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


def test_the_reference_names_everything_that_can_be_imported() -> None:
    missing = {
        name
        for name in lapinq.__all__
        if not name.startswith("__") and not re.search(rf"`[^`]*\b{name}\b[^`]*`", REFERENCE)
    }
    assert missing == set()
