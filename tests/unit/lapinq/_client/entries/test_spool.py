"""Entries that are kept for a repetition."""

from typing import Any

import msgspec
import pytest

from lapinq._client.entries import spool
from lapinq._client.entries.entry import encode_entry
from lapinq._client.entries.spool import Spool


@pytest.mark.parametrize("in_memory", [100, 10_000_000])
def test_they_can_be_read_again_and_are_what_they_were(
    monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    monkeypatch.setattr(spool, "MAX_BYTES_IN_MEMORY", in_memory)
    entries: list[dict[str, Any]] = [
        {"task_name": "add", "args": [n, 1.0, "line\nbreak ü"], "kwargs": {"at": None}} for n in range(20)
    ]
    kept = Spool(encode_entry(entry) for entry in entries)
    written = [msgspec.json.encode(encode_entry(entry)) for entry in entries]
    assert [msgspec.json.encode(entry) for entry in kept] == written
    assert [msgspec.json.encode(entry) for entry in kept] == written
