import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from lapinq import TaskQueue
from lapinq._client.entries.entry import encode_entry, with_defaults
from tests.unit.lapinq.conftest import Script


def test_an_entry_keeps_its_own_queue_and_ttl() -> None:
    queue = TaskQueue(queue_name="video", default_ttl_seconds=60)
    entry = {"queue_name": "mail", "ttl_seconds": 0}
    assert with_defaults(queue, entry) == entry


@pytest.mark.parametrize("default", [0, 60, 0.5])
def test_the_defaults_of_the_queue_replace_what_is_missing(default: float) -> None:
    queue = TaskQueue(queue_name="video", default_ttl_seconds=default)
    complete = {"queue_name": "video", "ttl_seconds": default}
    assert with_defaults(queue, {}) == complete
    assert with_defaults(queue, {"queue_name": None, "ttl_seconds": None}) == complete


def test_a_batch_completes_each_entry_and_leaves_the_given_ones_alone(server: Script) -> None:
    entries: list[dict[str, Any]] = [{"task_name": "a"}, {"task_name": "b", "queue_name": "mail"}]
    with TaskQueue(server.url, default_ttl_seconds=9) as queue:
        queue.batch_enqueue(entries)
    [request] = server.requests
    assert request.path == "/api/v1/enqueue/batch"
    assert request.json == [
        {"task_name": "a", "queue_name": "default", "ttl_seconds": 9},
        {"task_name": "b", "queue_name": "mail", "ttl_seconds": 9},
    ]
    assert entries == [{"task_name": "a"}, {"task_name": "b", "queue_name": "mail"}]


def test_a_batch_error_names_the_entry(nobody: str) -> None:
    with TaskQueue(nobody) as queue, pytest.raises(ValueError, match=r"^tasks\[1\]\.args\[0\] "):
        queue.batch_enqueue([{"args": [1]}, {"args": [float("nan")]}])


def test_times_are_sent_as_iso_text() -> None:
    aware = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    for moment, text in (
        (aware, "2026-01-02T03:04:05Z"),
        (aware.replace(tzinfo=None), "2026-01-02T03:04:05"),
    ):
        assert json.loads(msgspec.json.encode(encode_entry({"scheduled_at": moment}))) == {
            "scheduled_at": text
        }


def test_an_entry_names_the_value_that_is_to_blame() -> None:
    with pytest.raises(TypeError, match=r"^tasks\[3\]\.args\[1\] "):
        encode_entry({"args": [1, object()]}, "tasks[3].")
    with pytest.raises(ValueError, match=r"^kwargs\['size'\] "):
        encode_entry({"kwargs": {"size": float("nan")}})
    with pytest.raises(TypeError, match=r"^metadata "):
        encode_entry({"metadata": {"who": object()}})


def test_an_entry_keeps_every_field_but_those_that_are_none() -> None:
    entry = {"task_name": "add", "args": (1, None), "max_retries": 0, "ttl_seconds": None, "priority": 0}
    assert json.loads(msgspec.json.encode(encode_entry(entry))) == {
        "task_name": "add",
        "args": [1, None],
        "max_retries": 0,
        "priority": 0,
    }


def test_args_that_are_no_list_go_to_the_server_as_they_are() -> None:
    assert json.loads(msgspec.json.encode(encode_entry({"args": "ab", "kwargs": [1]}))) == {
        "args": "ab",
        "kwargs": [1],
    }
