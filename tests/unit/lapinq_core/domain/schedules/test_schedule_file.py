"""Files of schedules: what they say, and everything that is wrong with them."""

import json
import pickle
from datetime import UTC, datetime

import pytest

from lapinq_core.domain.schedules.definition import WrongSchedules
from lapinq_core.domain.schedules.schedule import Definition
from lapinq_core.domain.schedules.schedule_file import Entry, read_file

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)

GOOD = """
source = "jobs"

[[schedules]]
name = "nightly report"
task_name = "report"
module_path = "app.tasks"
cron = "0 3 * * *"
timezone = "Europe/Madrid"
kwargs = { since = 2026-01-01, deep = [1, 2.5] }
starts_at = 2026-04-01T00:00:00
jitter = 30
overlap = "skip"
enabled = false

[[schedules]]
name = "tick"
task_name = "tick"
module_path = "app.tasks"
every = "90s"
ends_at = 2026-01-01T00:00:00+02:00
"""


def wrong(text: str, form: str = "toml") -> list[str]:
    with pytest.raises(WrongSchedules) as caught:
        read_file(text, form, NOW)  # pyright: ignore[reportArgumentType]
    assert str(caught.value).splitlines() == [str(problem) for problem in caught.value.problems]
    return str(caught.value).splitlines()


def test_a_file_is_read_into_the_form_in_which_it_is_stored() -> None:
    file = read_file(GOOD, "toml", NOW)
    assert file.source == "jobs"
    assert file.entries == [
        Entry(
            Definition(
                name="nightly report",
                task_name="report",
                module_path="app.tasks",
                cron="0 3 * * *",
                timezone="Europe/Madrid",
                kwargs={"since": "2026-01-01", "deep": [1, 2.5]},
                starts_at=datetime(2026, 4, 1, tzinfo=UTC),
                jitter=30,
                overlap="skip",  # pyright: ignore[reportArgumentType]
            ),
            False,
        ),
        Entry(
            Definition(
                name="tick",
                task_name="tick",
                module_path="app.tasks",
                every="1m30s",
                ends_at=datetime(2025, 12, 31, 22, tzinfo=UTC),
            ),
            None,
        ),
    ]


def test_json_says_the_same_as_toml() -> None:
    fields = {
        "name": "x",
        "task_name": "t",
        "module_path": "m",
        "every": "1h",
        "starts_at": "2026-04-01T00:00:00Z",
    }
    file = read_file(json.dumps({"schedules": [fields]}), "json", NOW)
    assert file.source is None
    assert file.entries[0].definition.starts_at == datetime(2026, 4, 1, tzinfo=UTC)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    text = """
    colour = "red"
    source = "module:x"
    [[schedules]]
    name = "one"
    task_name = "t"
    module_path = "no module"
    cron = "61 * * * *"
    timezone = "Mars"
    jitter = "much"
    priority = 1.5
    prioritty = 2
    enabled = "yes"
    [[schedules]]
    name = "one"
    task_name = "t"
    module_path = "m"
    cron = "@daily"
    every = "1h"
    [[schedules]]
    module_path = "m"
    every = "never"
    kwargs = { a = nan }
    misfire_limit = 0
    """
    found = wrong(text)
    assert {": ".join(line.split(": ")[:2]) for line in found} == {
        "colour: is unknown; allowed are schedules and source",
        "source: must not start with module:, which is reserved for modules",
        *(
            f"one: {field}"
            for field in ("module_path", "cron", "timezone", "jitter", "priority", "prioritty")
        ),
        *(f"one: {field}" for field in ("enabled", "name", "every")),
        *(f"schedule 3: {field}" for field in ("name", "task_name", "every", "kwargs.a", "misfire_limit")),
    }
    assert "one: jitter: expected `float`, got `str`" in found
    assert "one: name: is used by two schedules of the file" in found
    assert "one: every: must not be given together with cron" in found
    assert "schedule 3: task_name: must be given" in found


@pytest.mark.parametrize(
    ("text", "form", "said"),
    [
        ("[[schedules", "toml", "invalid TOML: "),
        ("{", "json", "invalid JSON: "),
        ("[" * 100_000, "json", "invalid JSON: "),
        ("[]", "json", "it must be an object with a list of schedules"),
        ("", "toml", "schedules: must be a list of schedules"),
        ("schedules = [1]", "toml", "schedule 1: must be a table"),
        ("source = 5\nschedules = []", "toml", "source: must be a string"),
        ('source = ""\nschedules = []', "toml", "source: must have 1 to 255 characters"),
    ],
)
def test_what_is_no_file_of_schedules_is_told(text: str, form: str, said: str) -> None:
    [line] = wrong(text, form)
    assert line.startswith(said)


@pytest.mark.parametrize("ends_at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00"])
def test_an_end_that_cannot_be_told_in_utc_is_refused(ends_at: str) -> None:
    fields = {"name": "x", "task_name": "t", "module_path": "m", "every": "1h", "ends_at": ends_at}
    assert wrong(json.dumps({"schedules": [fields]}), "json") == [
        "x: ends_at: must be a time that can be converted to UTC"
    ]


def test_the_error_can_be_pickled() -> None:
    with pytest.raises(WrongSchedules) as caught:
        read_file("", "toml", NOW)
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems
