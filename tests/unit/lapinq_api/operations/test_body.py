"""Reading bodies: what counts as none where none is taken, what is refused, and what is waited for."""

import asyncio
from collections.abc import Sequence

import pytest
from starlette.types import Message, Scope

from lapinq_api.operations.body import WHOLE_KEY, read_json, read_no_fields
from lapinq_api.overload.admission import Admission
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.errors import InvalidValue

FORM = (b"content-type", b"application/x-www-form-urlencoded")


def _read(body: bytes | None, *headers: tuple[bytes, bytes]) -> None:
    """None for a body that must not be asked for."""

    async def receive() -> Message:
        assert body is not None, "there is no body to wait for"
        return {"type": "http.request", "body": body}

    scope: Scope = {"headers": headers}
    asyncio.run(read_no_fields(scope, receive, 100, Admission()))


@pytest.mark.parametrize(
    "headers", [[], [FORM], [(b"content-length", b"0")], [(b"content-length", b"0"), FORM]]
)
def test_without_a_body_its_type_does_not_matter_and_nothing_is_waited_for(
    headers: Sequence[tuple[bytes, bytes]],
) -> None:
    _read(None, *headers)


@pytest.mark.parametrize("body", [b"", b"{}", b" { } "])
@pytest.mark.parametrize("header", [(b"content-length", b"5"), (b"transfer-encoding", b"chunked")])
def test_an_object_without_fields_asks_for_nothing(body: bytes, header: tuple[bytes, bytes]) -> None:
    _read(body, header)


@pytest.mark.parametrize(
    ("body", "loc"), [(b'{"a":1}', "a"), (b"[]", ""), (b"null", ""), (b" ", ""), (b"{", ""), (b"\xff", "")]
)
def test_anything_else_is_refused(body: bytes, loc: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        _read(body, (b"content-length", b"5"))
    assert refused.value.loc == loc


def test_a_body_of_another_type_or_a_large_one_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        _read(b"a=1", (b"content-length", b"3"), FORM)
    assert refused.value.status == 415
    with pytest.raises(Refused) as refused:
        _read(b"{}" + b" " * 100, (b"transfer-encoding", b"chunked"))
    assert refused.value.status == 413


def test_a_body_whose_end_has_arrived_is_read_without_a_timer() -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"{}"}

    reading = read_json({"headers": [], WHOLE_KEY: True}, receive, 100, Admission())
    with pytest.raises(StopIteration) as read:
        reading.send(None)  # outside of an event loop, where there are no timers
    assert read.value.value == b"{}"
