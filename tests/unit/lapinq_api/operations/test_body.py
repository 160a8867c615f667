"""Reading bodies: what counts as none where none is taken, what is refused, and what is waited for."""

import pytest
from starlette.types import Message, Scope

from lapinq_api.operations.body import WHOLE_KEY, read_json, read_no_fields
from lapinq_api.overload.admission import Admission
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.errors import InvalidValue

FORM = (b"content-type", b"application/x-www-form-urlencoded")
LENGTH, NO_LENGTH = (b"content-length", b"5"), (b"content-length", b"0")
CHUNKED = (b"transfer-encoding", b"chunked")


async def _read(body: bytes | None, *headers: tuple[bytes, bytes]) -> None:
    """None for a body that must not be asked for."""

    async def receive() -> Message:
        assert body is not None, "there is no body to wait for"
        return {"type": "http.request", "body": body}

    scope: Scope = {"headers": headers}
    await read_no_fields(scope, receive, 100, Admission())


async def test_nothing_or_an_object_without_fields_asks_for_nothing() -> None:
    # Without a body its type does not matter and nothing is waited for.
    for headers in ([], [FORM], [NO_LENGTH], [NO_LENGTH, FORM]):
        await _read(None, *headers)
    for header in (LENGTH, CHUNKED):
        for body in (b"", b"{}", b" { } "):
            await _read(body, header)


@pytest.mark.parametrize(
    ("body", "loc"), [(b'{"a":1}', "a"), (b"[]", ""), (b"null", ""), (b" ", ""), (b"{", ""), (b"\xff", "")]
)
async def test_anything_else_is_refused(body: bytes, loc: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        await _read(body, LENGTH)
    assert refused.value.loc == loc


async def test_a_body_of_another_type_or_a_large_one_is_refused() -> None:
    for body, headers, status in ((b"a=1", (LENGTH, FORM), 415), (b"{}" + b" " * 100, (CHUNKED,), 413)):
        with pytest.raises(Refused) as refused:
            await _read(body, *headers)
        assert refused.value.status == status


def test_a_body_whose_end_has_arrived_is_read_without_a_timer() -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"{}"}

    reading = read_json({"headers": [], WHOLE_KEY: True}, receive, 100, Admission())
    with pytest.raises(StopIteration) as read:
        reading.send(None)  # outside of an event loop, where there are no timers
    assert read.value.value == b"{}"
