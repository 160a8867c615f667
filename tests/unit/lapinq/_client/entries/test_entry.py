import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from lapinq import TaskQueue
from lapinq._client.entries.entry import encode_entry, with_defaults
from lapinq.errors import InvalidValue
from tests.unit.lapinq.conftest import Script


def encoded(entry: dict[str, Any]) -> Any:
    return json.loads(msgspec.json.encode(encode_entry(entry)))


def test_the_defaults_of_the_queue_replace_what_is_missing() -> None:
    for default in (0, 60, 0.5):
        queue = TaskQueue(queue_name="video", default_ttl_seconds=default)
        complete = {"queue_name": "video", "ttl_seconds": default}
        assert with_defaults(queue, {}) == complete
        assert with_defaults(queue, {"queue_name": None, "ttl_seconds": None}) == complete
        own = {"queue_name": "mail", "ttl_seconds": 0}
        assert with_defaults(queue, own) == own


def test_a_batch_completes_each_entry_and_leaves_the_given_ones_alone(server: Script) -> None:
    entries: list[dict[str, Any]] = [{"task_name": "a"}, {"task_name": "b", "queue_name": "mail"}]
    with TaskQueue(server.url, default_ttl_seconds=9) as queue:
        queue.batch_enqueue(entries)
    [request] = server.requests
    assert request.json == [
        {"task_name": "a", "queue_name": "default", "ttl_seconds": 9},
        {"task_name": "b", "queue_name": "mail", "ttl_seconds": 9},
    ]
    assert entries == [{"task_name": "a"}, {"task_name": "b", "queue_name": "mail"}]


def test_the_value_that_is_to_blame_is_named(nobody: str) -> None:
    with TaskQueue(nobody) as queue, pytest.raises(ValueError, match=r"^tasks\[1\]\.args\[0\] "):
        queue.batch_enqueue([{"args": [1]}, {"args": [float("nan")]}])
    with pytest.raises(TypeError, match=r"^args\[1\] "):
        encode_entry({"args": [1, object()]})
    with pytest.raises(ValueError, match=r"^kwargs\['size'\] "):
        encode_entry({"kwargs": {"size": float("nan")}})
    with pytest.raises(TypeError, match=r"^metadata "):
        encode_entry({"metadata": {"who": object()}})
    with pytest.raises(
        InvalidValue, match=r"^scheduled_at: 2026-01-02 03:04 has no time zone: write at\.astimezone"
    ):
        encode_entry({"scheduled_at": datetime(2026, 1, 2, 3, 4, 5)})  # noqa: DTZ001


def test_an_entry_keeps_every_field_but_those_that_are_none() -> None:
    aware = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    for entry, sent in (
        ({"args": (1, None), "priority": 0, "ttl_seconds": None}, {"args": [1, None], "priority": 0}),
        ({"scheduled_at": aware}, {"scheduled_at": "2026-01-02T03:04:05Z"}),
        ({"scheduled_at": "2026-01-02T03:04:05"}, {"scheduled_at": "2026-01-02T03:04:05"}),  # as over HTTP
        ({"args": "ab", "kwargs": [1]}, {"args": "ab", "kwargs": [1]}),  # for the server to refuse
    ):
        assert encoded(entry) == sent
