"""Encoding gives compact JSON with fixed headers."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from lapinq_api.wire.codec import Json


def test_an_answer_is_json_that_is_not_kept() -> None:
    response = Json({"a": [1]}, 201, {"Retry-After": "1"})
    assert (response.body, response.status_code) == (b'{"a":[1]}', 201)
    assert dict(response.raw_headers) == {
        b"content-length": b"9",
        b"content-type": b"application/json",
        b"cache-control": b"no-store",
        b"x-content-type-options": b"nosniff",
        b"retry-after": b"1",
    }
    assert Json(b'{"as": "is"}').body == b'{"as": "is"}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2030, 1, 31, 12, 0, 0, 125000, tzinfo=UTC), '"2030-01-31T12:00:00.125000+00:00"'),
        (datetime(2030, 1, 31, 12, tzinfo=UTC), '"2030-01-31T12:00:00+00:00"'),
        (datetime(2030, 1, 31, 12, tzinfo=timezone(timedelta(0))), '"2030-01-31T12:00:00+00:00"'),
        ([{"at": datetime(2030, 1, 31, tzinfo=UTC), "n": 1}], '[{"at":"2030-01-31T00:00:00+00:00","n":1}]'),
        # Text stays as it is, whatever it looks like.
        ({"text": "2030-01-31T12:00:00Z"}, '{"text":"2030-01-31T12:00:00Z"}'),
        ((None, "Z", 1.5, True), '[null,"Z",1.5,true]'),
    ],
)
def test_times_have_their_offset_written_out(value: Any, text: str) -> None:
    assert bytes(Json(value).body).decode() == text
