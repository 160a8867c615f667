"""What may be asked of schedules: as it is described, as `Definition` has it, and as tasks have it."""

from typing import Any

import msgspec
import pytest

from lapinq_api.operations.bodies.schedule_request import (
    ScheduleChange,
    ScheduleRequest,
    read_change,
    read_definition,
)
from lapinq_core.domain.schedules.schedule import Definition
from lapinq_core.domain.schedules.ticks import Misfire
from tests.unit.lapinq_api.openapi.test_openapi import SCHEMAS, VALUES, validator_of


@pytest.mark.parametrize("name", ["ScheduleRequest", "ScheduleChange"])
@pytest.mark.parametrize("field", [field for field in VALUES if field in Definition.__struct_fields__])
def test_a_field_of_a_schedule_has_the_bounds_that_it_has_of_a_task(name: str, field: str) -> None:
    bounds = [SCHEMAS[one]["properties"][field] for one in ("EnqueueRequest", name)]
    if field == "ttl_seconds":  # 0 is fire and forget, which there is no schedule for
        bounds = [
            {**one, "minimum": 0, "exclusiveMinimum": 0} for one in (bound["anyOf"][0] for bound in bounds)
        ]
    words = {"description", "examples", "default"}
    task, schedule = ({key: one[key] for key in one if key not in words} for one in bounds)
    assert task == schedule


def test_a_schedule_is_created_and_changed_by_the_fields_of_its_definition() -> None:
    fields = Definition.__struct_fields__
    assert ScheduleRequest.__struct_fields__ == fields
    assert set(ScheduleChange.__struct_fields__) == {*fields, "version"} - {"name"}
    given = SCHEMAS["ScheduleRequest"]["properties"]
    defaults = {one.name: one.default for one in msgspec.structs.fields(Definition)}
    for name, schema in given.items():
        if "default" in schema and defaults[name] is not msgspec.NODEFAULT:
            assert schema["default"] == defaults[name]


BOUNDED: dict[str, tuple[list[Any], list[Any]]] = {
    "cron": (["@daily", "0 9 * * 1-5", None], ["", "*" * 256, 5]),
    "every": (["1h30m", "1w2d", None], ["", "1m1h", "1.5h", "1 h", 60]),
    "timezone": (["UTC", "Europe/Madrid", "Etc/GMT+3", None], ["", "/etc/passwd", "Europe/", "a b", 1]),
    "jitter": ([0, 1.5, 86_400, None], [-1, 86_401, "1"]),
    "misfire": (["latest", "skip", "all", None], ["ALL", "", 1]),
    "misfire_limit": ([1, 1000, None], [0, 1001, "1"]),
    "overlap": (["allow", "skip", "queue_one", "cancel_previous", None], ["none", True]),
    "ttl_seconds": ([0.5, None], [0, -1]),
    "starts_at": (["2030-01-31T12:00:00Z", None], ["soon", 5]),
}  # fmt: skip


@pytest.mark.parametrize("field", BOUNDED)
def test_the_schema_of_a_schedule_bounds_its_values(field: str) -> None:
    good, bad = BOUNDED[field]
    for name, base in (
        ("ScheduleRequest", {"name": "n", "task_name": "t", "module_path": "m"}),
        ("ScheduleChange", {"version": 1}),
    ):
        fits = validator_of(name).is_valid
        assert [value for value in good if not fits({**base, field: value})] == []
        assert [value for value in bad if fits({**base, field: value})] == []


def test_what_is_left_out_has_the_default_of_the_definition() -> None:
    given: dict[str, Any] = {"name": "n", "task_name": "t", "module_path": "m", "cron": "@daily"}
    assert read_definition(msgspec.json.encode(given), ()) == Definition(**given)


def test_null_in_a_change_is_the_default_of_the_definition() -> None:
    names = set(ScheduleChange.__struct_fields__) - {"version", "task_name", "module_path"}
    version, changes = read_change(msgspec.json.encode({"version": 3, **dict.fromkeys(names)}), ())
    assert version == 3
    assert Definition(name="n", task_name="t", module_path="m", **changes) == Definition(
        name="n", task_name="t", module_path="m"
    )


def test_a_change_has_what_it_names_and_no_more() -> None:
    assert read_change(b'{"version": 1, "misfire": "all", "args": []}', ()) == (
        1,
        {"misfire": Misfire.ALL, "args": []},
    )
