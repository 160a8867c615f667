"""The table from errors to answers."""

import msgspec
import pytest
from starlette.exceptions import HTTPException

from lapinq_api.wire.errors import Refused, answer
from lapinq_core.batching.database import Overloaded
from lapinq_core.db.errors import DatabaseUnavailable, ValueRefused
from lapinq_core.domain.errors import InvalidValue


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (InvalidValue("args[1]", "must be a finite number"), 400, "args[1] must be a finite number"),
        (InvalidValue("", "must be a list"), 400, "the body must be a list"),
        (ValueRefused("out of range"), 400, "the database cannot store a value: out of range"),
        (Refused(404, "there is no task with this id"), 404, "there is no task with this id"),
        (HTTPException(404), 404, "there is nothing at this path"),
        (HTTPException(405), 405, "this path does not take this method"),
        (HTTPException(418, "teapot"), 418, "teapot"),
        (DatabaseUnavailable("secret host"), 503, "the database is unavailable or did not answer in time"),
        (Overloaded(), 503, "the server is overloaded"),
    ],
)
def test_each_error_has_its_status_and_a_plain_sentence(error: Exception, status: int, sentence: str) -> None:
    response = answer(error)
    assert response is not None
    assert response.status_code == status
    body = msgspec.json.decode(response.body)
    assert body["error"] == sentence
    assert ("details" in body) == isinstance(error, InvalidValue)
    assert (response.headers.get("retry-after") == "1") == (status == 503)


def test_what_nobody_foresaw_has_no_answer() -> None:
    assert answer(KeyError("x")) is None


def test_a_place_as_long_as_the_body_is_cut_short() -> None:
    response = answer(InvalidValue("k" * 1_000_000, "is not a known field"))
    assert response is not None
    assert len(response.body) < 600
